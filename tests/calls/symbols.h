/* SPDX-License-Identifier: MIT */
/* The functions of the files that are mapped into a process. */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdbool.h>

#include "process.h"

struct object {
	bool is_go;
	bool named; /* it has the names of its functions, not only exported */
};

/* The file behind a mapping. Not NULL, even when it cannot be read. */
const struct object *object_of(const struct process *p, struct mapping *m);
/* The function at an address of the mapping, or "". */
const char *function_at(const struct process *p, struct mapping *m,
			uint64_t address);

#endif
