/* SPDX-License-Identifier: MIT */
/*
 * A row is a work done by one rival; a sample is one measurement of it.
 *
 * A program has one array of rows, bench_rows, where each row stands once.
 * Include after the program's calls.h.
 */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What row->run returns when the row cannot run here; reason says why. */
#define ROW_SKIP 1

struct sample {
	/* Wanted: a time to measure, or, when it is 0, exactly nr_ops. */
	int64_t budget_ns;
	/* Wanted and got. */
	uint64_t nr_ops;
	/* Got; cpu_ns is what a server used, 0 for other rows. */
	int64_t elapsed_ns;
	int64_t cpu_ns;
	/* Latencies, which a client measures; 0 elsewhere. */
	uint64_t p50_ns, p99_ns;
	/* System calls, where the build counts them; 0 elsewhere. */
	uint64_t nr_calls;
	/* A server calls it once it listens. Returns 0 or -errno. */
	int (*announce)(struct sample *sample, unsigned port);
	/* Becomes readable when the server's clients have ended; 0: none. */
	int clients_fd;
	/* What went wrong: static text, and an errno or 0. */
	const char *reason;
	long err;
};

struct row {
	const char *name;
	/* Returns 0, ROW_SKIP, or -errno. */
	int (*run)(const struct row *row, struct sample *sample);
	const char *engine;
	unsigned depth;
	unsigned conns;
	unsigned size;
	bool direct;
	/* Of Spawn: the program's path, NULL for the tiny one; whether it gets
	 * a user namespace; MiB of memory that its parent has touched. */
	const char *program;
	bool new_user;
	unsigned parent_mib;
	/* Not all its calls pass by shim_syscall. */
	bool calls_unknown;
};

extern const struct row bench_rows[];
extern const size_t bench_nr_rows;

/* Notes what failed, and returns the error: -EIO when err is none. */
static inline int row_fail(struct sample *sample, const char *what, long err)
{
	if (err >= 0)
		err = -5;
	sample->reason = what;
	sample->err = -err;
	return (int)err;
}

static inline int row_skip(struct sample *sample, const char *why, long err)
{
	row_fail(sample, why, err);
	return ROW_SKIP;
}

/* Errors that say "not on this kernel" are a reason to skip the row. */
static inline int row_unavailable(struct sample *sample, const char *what,
				  long err)
{
	enum {
		NOT_PERMITTED = -1,
		NO_ACCESS = -13,
		NO_CALL = -38,
		NOT_SUPPORTED = -95
	};

	if (err == NOT_PERMITTED || err == NO_ACCESS || err == NO_CALL ||
	    err == NOT_SUPPORTED)
		return row_skip(sample, what, err);
	return row_fail(sample, what, err);
}

/* 0 when a call gave what was wanted, else its error, or -EIO. */
static inline int wrong_result(long got, long want)
{
	if (got == want)
		return 0;
	return got < 0 ? (int)got : -5;
}

/* Runs batches until left_ns have passed, but at least one. */
static inline int measure_batches(struct sample *sample,
				  int (*batch)(void *arg, uint64_t nr_ops),
				  void *arg, uint64_t nr_ops, int64_t left_ns)
{
	int64_t start, took;
	int err;

	sample->nr_ops = 0;
	sample->elapsed_ns = 0;
	do {
		start = call_now_ns();
		err = batch(arg, nr_ops);
		took = call_now_ns() - start;
		sample->nr_ops += nr_ops;
		sample->elapsed_ns += took;
	} while (!err && sample->elapsed_ns + took / 2 < left_ns);
	return err ? row_fail(sample, "the work failed", err) : 0;
}

/*
 * Measures a batch function, which makes so many operations. It warms up
 * first, doubling the batch until it lasts a 32nd of the budget, so that the
 * clock is read outside the loop and rarely. Returns 0 or -errno.
 */
static inline int measure(struct sample *sample,
			  int (*batch)(void *arg, uint64_t nr_ops), void *arg)
{
	int64_t begin = call_now_ns();
	int64_t start, took;
	uint64_t nr_ops = 1;
	int err;

	if (!sample->budget_ns)
		return measure_batches(sample, batch, arg, sample->nr_ops, 0);
	for (;;) {
		start = call_now_ns();
		err = batch(arg, nr_ops);
		took = call_now_ns() - start;
		if (err)
			return row_fail(sample, "the work failed", err);
		if (took >= sample->budget_ns / 32)
			break;
		nr_ops *= 2;
	}
	return measure_batches(sample, batch, arg, nr_ops,
			       sample->budget_ns - (call_now_ns() - begin));
}

#endif
