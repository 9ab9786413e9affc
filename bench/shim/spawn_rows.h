/* SPDX-License-Identifier: MIT */
/* The row on spawn; rivals/spawn.c has those that it is compared with. */
#ifndef BENCH_SPAWN_ROWS_H
#define BENCH_SPAWN_ROWS_H

#include "calls.h"

#include "../program.h"

/* Starts the row's program, and waits for its end. */
int run_spawn(const struct row *row, struct sample *sample);

#define SPAWN_ROWS                                                    \
	SPAWN_ROWS_OF("shim", "none", false, .run = run_spawn,        \
		      .calls_unknown = true),                         \
		SPAWN_ROWS_OF("shim", "user", true, .run = run_spawn, \
			      .calls_unknown = true)

#endif
