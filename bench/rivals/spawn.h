/* SPDX-License-Identifier: MIT */
/* How libc starts a program: the rivals of shim/spawn_rows.c. */
#ifndef BENCH_RIVALS_SPAWN_H
#define BENCH_RIVALS_SPAWN_H

#include "calls.h"

#include "../program.h"

/* Each starts the row's program, and waits for its end. */
int run_posix_spawn(const struct row *row, struct sample *sample);
int run_vfork(const struct row *row, struct sample *sample);
int run_fork(const struct row *row, struct sample *sample);

/* posix_spawn knows no namespaces. */
#define SPAWN_ROWS                                                           \
	SPAWN_ROWS_OF("posix_spawn", "none", false, .run = run_posix_spawn), \
		SPAWN_ROWS_OF("vfork", "none", false, .run = run_vfork),     \
		SPAWN_ROWS_OF("fork", "none", false, .run = run_fork),       \
		SPAWN_ROWS_OF("vfork", "user", true, .run = run_vfork),      \
		SPAWN_ROWS_OF("fork", "user", true, .run = run_fork)

#endif
