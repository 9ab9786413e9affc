/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "bits.h"
#include "zbits.h"

#if defined(__x86_64__)
enum { CPU = 0 };
#elif defined(__aarch64__)
enum { CPU = 1 };
#endif

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* A group tells in a sentence for which calls it is. */
static bool is_for(const char *group, const char *call)
{
	size_t n = strlen(call);

	for (const char *at = group; (at = strstr(at, call)); at += n)
		if (!in_word(at[n]) && at > group && !in_word(at[-1]))
			return true;
	return false;
}

/* NULL when it has none. Of two groups the one of protections is for those. */
static const char *name_of(const char *call, const char *argument, uint64_t bit)
{
	const char *first = strcmp(argument, "prot") == 0 ? "Protection "
							  : "Flags ";
	const char *other = NULL;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		const char *group = bit_groups[bits[i].group];

		if (bits[i].value[CPU] != bit || !is_for(group, call))
			continue;
		if (strncmp(group, first, strlen(first)) == 0)
			return bits[i].name;
		if (!other)
			other = bits[i].name;
	}
	return other;
}

void bits_print(FILE *to, const char *call, const char *argument,
		uint64_t value)
{
	const char *between = "";

	for (uint64_t bit = 1; bit; bit <<= 1) {
		const char *name;

		if (!(value & bit))
			continue;
		name = name_of(call, argument, bit);
		if (name)
			fprintf(to, "%s%s", between, name);
		else
			fprintf(to, "%s0x%" PRIx64, between, bit);
		between = "|";
	}
}
