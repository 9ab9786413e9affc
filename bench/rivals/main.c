/* SPDX-License-Identifier: MIT */
/*
 * rivals: the rows that need libc, as a co-process of the benchmark driver.
 */
#include "calls.h"
#include "spawn.h"

#include "../coproc.h"
#include "../sys_rows.h"
#include "../uring_rows.h"

/* What a ring does at any depth, one call at a time. */
#define PREAD_ROW(cache, direct_, depth)                                  \
	{                                                                 \
		.name = "BenchmarkRingRead/lang=c/impl=libc/cache=" cache \
			"/depth=" depth "/size=4096",                     \
		.run = run_pread, .direct = direct_                       \
	}

const struct row bench_rows[] = {
	SYS_ROWS,
	SPAWN_ROWS,
	URING_ROWS,
	RING_ROWS,
	PREAD_ROW("page", false, "1"),
	PREAD_ROW("page", false, "32"),
	PREAD_ROW("page", false, "128"),
	PREAD_ROW("direct", true, "1"),
};
const size_t bench_nr_rows = sizeof(bench_rows) / sizeof(bench_rows[0]);

int main(void)
{
	serve_driver(NULL);
	return 0;
}
