/* SPDX-License-Identifier: MIT */
/*
 * newest: the rows on a ring through the newest liburing that there is, as a
 * co-process of the benchmark driver. It is not installed, but linked in.
 */
#define BENCH_RING "liburing_newest"
#include "../rivals/calls.h"

#include "../coproc.h"
#include "../uring_rows.h"

const struct row bench_rows[] = {
	URING_ROWS,
	RING_ROWS,
};
const size_t bench_nr_rows = sizeof(bench_rows) / sizeof(bench_rows[0]);

int main(void)
{
	serve_driver(NULL);
	return 0;
}
