/* SPDX-License-Identifier: MIT */
/* For zcases.h: the cases of the C caller. */
#ifndef CALLER_H
#define CALLER_H

#include <stddef.h>

#include "frame.h"

struct c_case {
	const char *name;
	long (*call)(struct frame *f);
};

static inline void *ptr(struct frame *f, int i)
{
	return f->present & 1U << i ? f->mem[i] : NULL;
}

#endif
