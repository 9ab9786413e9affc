/* SPDX-License-Identifier: MIT */
/*
 * rivals: the rows that need libc, as a co-process of the benchmark driver.
 */
#include "calls.h"
#include "spawn.h"

#include "../coproc.h"
#include "../sys_rows.h"
#include "../uring_rows.h"

const struct row bench_rows[] = {
	SYS_ROWS,
	SPAWN_ROWS,
	URING_ROWS,
};
const size_t bench_nr_rows = sizeof(bench_rows) / sizeof(bench_rows[0]);

int main(void)
{
	serve_driver(NULL);
	return 0;
}
