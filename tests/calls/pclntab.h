/* SPDX-License-Identifier: MIT */
/*
 * The table by which Go's runtime names its functions. Every Go program has it,
 * also one that was linked with -s.
 */
#ifndef PCLNTAB_H
#define PCLNTAB_H

#include <stddef.h>
#include <stdint.h>

struct function {
	uint64_t address;
	const char *name; /* "" begins what has no names */
};

/*
 * All functions by address, from the start of the text. Names stay in the
 * table. Returns NULL when it is not the table of Go 1.20 and later.
 */
struct function *pclntab_read(const unsigned char *table, size_t size,
			      size_t *nr);

#endif
