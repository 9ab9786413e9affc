/* SPDX-License-Identifier: MIT */
/*
 * What the supervisor and a caller share. A caller makes the call MARK with
 * MAGIC, the address of its frame, and the result and errno of its last case.
 * The supervisor writes the next case to the frame and answers 1; or 0, when
 * there is no more. Go has the same structure in gobind/internal/equal.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

enum {
	MARK = 0x7e57, /* no CPU has so many calls */
	MAGIC = 0x5ca1ab1e,
	/* In place of an errno: there is no such case. */
	NO_CASE = 1 << 20,
	MAX_ARGS = 6,
	MEM_SIZE = 512,
};

struct frame {
	char name[40];
	/* Each argument, or the length of a string of Go's. */
	uint64_t v[MAX_ARGS];
	uint32_t present; /* bit i: argument i is mem[i], otherwise null */
	uint32_t hold;	  /* let a goroutine set ticked during the call */
	uint64_t ticked;
	unsigned char mem[MAX_ARGS][MEM_SIZE];
};

#endif
