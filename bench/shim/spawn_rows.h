/* SPDX-License-Identifier: MIT */
/* The row on spawn; rivals/spawn.c has those that it is compared with. */
#ifndef BENCH_SPAWN_ROWS_H
#define BENCH_SPAWN_ROWS_H

#include "calls.h"

#include "../row.h"

/* Starts the tiny program, and waits for its end. */
int run_spawn(const struct row *row, struct sample *sample);

/* clang-format off */
#define SPAWN_ROWS \
	{ .name = "BenchmarkSpawn/lang=c/impl=shim", .run = run_spawn, \
	  .calls_unknown = true }
/* clang-format on */

#endif
