/* SPDX-License-Identifier: MIT */
/* For tests/calls: the names of the bits of flags. */
#include <string.h>

#include "gen.h"

static bool is_bit(int64_t value)
{
	return value > 0 && !(value & (value - 1));
}

static bool has_bits(const struct group *g)
{
	static const char *const beginnings[] = {
		"Flags of ",
		"Directories and flags of ",
		"Events and flags of ",
		"Options of wait4 ",
		"Protection of ",
	};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (starts_with(g->doc, beginnings[i]))
			return true;
	return false;
}

static void put_bits(struct buf *b, const struct group *g, int number)
{
	for (size_t i = 0; i < g->constants.n; i++) {
		const struct constant *k = &g->constants.v[i];

		if (is_bit(k->value[X86_64]) || is_bit(k->value[AARCH64]))
			put(b, "\t{ %d, \"%s\", { 0x%llx, 0x%llx } },\n",
			    number, k->name,
			    (unsigned long long)k->value[X86_64],
			    (unsigned long long)k->value[AARCH64]);
	}
}

void emit_calls(void)
{
	struct buf *b = output("tests/calls/zbits.h"), bits = { 0 };
	int nr = 0;

	put(b,
	    "/* %s */\n/* SPDX-License-Identifier: MIT */\n"
	    "/* Bits of flags, and the calls that take them; x86_64, aarch64. "
	    "*/\n#ifndef ZBITS_H\n#define ZBITS_H\n\n#include <stdint.h>\n\n"
	    "/* clang-format off */\n"
	    "static const char *const bit_groups[] = {\n",
	    GENERATED);
	for (size_t i = 0; i < model.groups.n; i++) {
		const struct group *g = &model.groups.v[i];

		if (!has_bits(g))
			continue;
		put(b, "\t\"%s\",\n", g->doc);
		put_bits(&bits, g, nr++);
	}
	put(b, "};\n\nstatic const struct {\n\tint group;\n"
	       "\tconst char *name;\n\tuint64_t value[2];\n} bits[] = {\n");
	put_bytes(b, bits.s, bits.len);
	put(b, "};\n/* clang-format on */\n\n#endif\n");
}
