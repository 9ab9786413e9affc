/* SPDX-License-Identifier: MIT */
/* shim-bench without its driver: on a machine where only this file is. */
#ifndef BENCH_ALONE_H
#define BENCH_ALONE_H

/* What the environment asks for. */
struct wish {
	/* The time for all rows, and the samples of each. */
	long long budget_ns;
	unsigned nr_runs;
	/* The rows to measure. */
	const char *glob;
};

/* Reads BENCHTIME and BENCH. Returns 0, or says what is wrong on stderr. */
int wish_parse(struct wish *wish, char **envp);

/*
 * Measures all rows that match, interleaved, with lines on stdout and a table
 * on stderr. Returns the exit status.
 */
int run_alone(const struct wish *wish);

#endif
