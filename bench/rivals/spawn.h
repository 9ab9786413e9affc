/* SPDX-License-Identifier: MIT */
/* How libc starts a program: the rivals of shim/spawn_rows.c. */
#ifndef BENCH_RIVALS_SPAWN_H
#define BENCH_RIVALS_SPAWN_H

#include "calls.h"

#include "../row.h"

/* Each starts the tiny program, and waits for its end. */
int run_posix_spawn(const struct row *row, struct sample *sample);
int run_vfork(const struct row *row, struct sample *sample);

/* clang-format off */
#define SPAWN_ROWS \
	{ .name = "BenchmarkSpawn/lang=c/impl=posix_spawn", \
	  .run = run_posix_spawn }, \
	{ .name = "BenchmarkSpawn/lang=c/impl=vfork", .run = run_vfork }
/* clang-format on */

#endif
