/* SPDX-License-Identifier: MIT */
/* The patterns of BENCH: glob.go has the same, tests/glob.tab shows it. */
#ifndef BENCH_GLOB_H
#define BENCH_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the pattern matches the whole of s: `*` is any text, also with
 * slashes, and `?` is any byte.
 */
static inline bool glob_match(const char *pattern, const char *s)
{
	const char *star = NULL, *after_star = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = pattern++;
			after_star = s;
		} else if (*pattern == *s || *pattern == '?') {
			pattern++;
			s++;
		} else if (star) {
			/* Let the last star take one byte more. */
			pattern = star + 1;
			s = ++after_star;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

#endif
