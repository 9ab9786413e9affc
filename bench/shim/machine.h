/* SPDX-License-Identifier: MIT */
/* What shim-bench alone needs of its machine, and says about it. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

struct machine {
	/* The CPUs that the process may use. */
	uint64_t cpus[1024 / 64];
	/* Equal when there is only one. */
	unsigned server_cpu, client_cpu;
};

/*
 * Chooses the CPUs, makes the test file as descriptor 3 and the tiny program as
 * descriptor 4, and prints the lines of the header. Returns 0, or -errno after
 * saying what failed.
 */
int machine_init(struct machine *m);

/* Lets the thread run on all CPUs again. */
void machine_unpin(const struct machine *m);

#endif
