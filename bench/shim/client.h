/* SPDX-License-Identifier: MIT */
/*
 * The client of every echo server: one thread, epoll, a closed loop on each
 * connection (send, wait for the same bytes, send again).
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "calls.h"

#include "../row.h"

#define CLIENT_CONNS_MAX 1024
#define CLIENT_SIZE_MAX 4096

struct client_job {
	unsigned port;
	unsigned conns;
	/* Bytes of a message, at least 8: it carries a number. */
	unsigned size;
};

/*
 * Measures for sample->budget_ns, or makes sample->nr_ops exchanges. All
 * connections have been closed when it returns 0 or -errno.
 */
int client_run(const struct client_job *job, struct sample *sample);

/* Keeps the calling thread on one CPU. Returns 0 or -errno. */
int pin_to_cpu(unsigned cpu);

#endif
