/* SPDX-License-Identifier: MIT */
/* Names for the bits of flags. */
#ifndef BITS_H
#define BITS_H

#include <stdint.h>
#include <stdio.h>

/* As "O_APPEND|0x10": what the specification has no name for is a number. */
void bits_print(FILE *to, const char *call, const char *argument,
		uint64_t value);

#endif
