/* SPDX-License-Identifier: MIT */
/* Strings and numbers for programs of the tests, which may have no libc. */
#ifndef TESTS_TEXT_H
#define TESTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static inline bool contains(const char *text, const char *part)
{
	for (; *text; text++) {
		const char *a = text, *b = part;

		while (*b && *a == *b)
			a++, b++;
		if (!*b)
			return true;
	}
	return !*part;
}

static inline size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline uint64_t to_number(const char *s)
{
	uint64_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	return n;
}

/* A copy; returns where its zero is. */
static inline char *put_string(char *to, const char *s)
{
	while (*s)
		*to++ = *s++;
	*to = '\0';
	return to;
}

/* Decimal digits and a zero; returns where the zero is. */
static inline char *put_number(char *to, uint64_t n)
{
	char digits[20];
	int nr = 0;

	do
		digits[nr++] = (char)('0' + n % 10);
	while (n /= 10);
	while (nr)
		*to++ = digits[--nr];
	*to = '\0';
	return to;
}

#endif
