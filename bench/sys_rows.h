/* SPDX-License-Identifier: MIT */
/*
 * The rows that differ only in who makes the calls: libshim or libc. Include
 * after the program's calls.h; SYS_ROWS goes into the array of rows.
 */
#ifndef BENCH_SYS_ROWS_H
#define BENCH_SYS_ROWS_H

#include "file.h"
#include "row.h"

#define PIPE_SIZE_MAX 4096

struct pipe_arg {
	int fds[2];
	size_t size;
};

static inline int getppid_batch(void *arg, uint64_t nr_ops)
{
	(void)arg;
	while (nr_ops--)
		call_getppid();
	return 0;
}

static inline int run_getppid(const struct row *row, struct sample *sample)
{
	(void)row;
	return measure(sample, getppid_batch, NULL);
}

static inline int clock_gettime_batch(void *arg, uint64_t nr_ops)
{
	while (nr_ops--) {
		long err = call_clock_gettime(arg);

		if (err)
			return (int)err;
	}
	return 0;
}

static inline int run_clock_gettime(const struct row *row,
				    struct sample *sample)
{
	struct call_clock clock;

	(void)row;
	call_clock_init(&clock);
	return measure(sample, clock_gettime_batch, &clock);
}

static inline int pipe2_close_batch(void *arg, uint64_t nr_ops)
{
	(void)arg;
	while (nr_ops--) {
		int fds[2];
		long err = call_pipe2(fds);

		if (err)
			return (int)err;
		call_close(fds[0]);
		call_close(fds[1]);
	}
	return 0;
}

static inline int run_pipe2_close(const struct row *row, struct sample *sample)
{
	(void)row;
	return measure(sample, pipe2_close_batch, NULL);
}

/* An operation is a write and the read of the same bytes. */
static inline int pipe_batch(void *arg, uint64_t nr_ops)
{
	const struct pipe_arg *p = arg;
	static char buf[PIPE_SIZE_MAX];
	long size = (long)p->size;
	int err;

	while (nr_ops--) {
		err = wrong_result(call_write(p->fds[1], buf, p->size), size);
		if (err)
			return err;
		err = wrong_result(call_read(p->fds[0], buf, p->size), size);
		if (err)
			return err;
	}
	return 0;
}

static inline int run_pipe(const struct row *row, struct sample *sample)
{
	struct pipe_arg arg = { .size = row->size };
	long err = call_pipe2(arg.fds);
	int result;

	if (err)
		return row_fail(sample, "pipe2", err);
	result = measure(sample, pipe_batch, &arg);
	call_close(arg.fds[0]);
	call_close(arg.fds[1]);
	return result;
}

static inline int pread_batch(void *arg, uint64_t nr_ops)
{
	struct test_file *file = arg;
	static _Alignas(FILE_BLOCK) char buf[FILE_BLOCK];

	while (nr_ops--) {
		int64_t offset = test_file_offset(file);
		long n = call_pread(file->fd, buf, FILE_BLOCK, offset);
		int err = test_file_check(buf, n, offset);

		if (err)
			return err;
	}
	return 0;
}

static inline int run_pread(const struct row *row, struct sample *sample)
{
	struct test_file file = { .fd = -1 };
	int result = test_file_open(&file, row, sample);

	if (result)
		return result;
	result = measure(sample, pread_batch, &file);
	call_close(file.fd);
	return result;
}

/* clang-format off */
#define SYS_ROWS \
	{ .name = "BenchmarkGetppid/lang=c/impl=" BENCH_IMPL, \
	  .run = run_getppid }, \
	{ .name = "BenchmarkClockGettime/lang=c/impl=" BENCH_IMPL, \
	  .run = run_clock_gettime }, \
	{ .name = "BenchmarkPipe2Close/lang=c/impl=" BENCH_IMPL, \
	  .run = run_pipe2_close }, \
	{ .name = "BenchmarkPipe/lang=c/impl=" BENCH_IMPL "/size=1", \
	  .run = run_pipe, .size = 1 }, \
	{ .name = "BenchmarkPipe/lang=c/impl=" BENCH_IMPL "/size=4096", \
	  .run = run_pipe, .size = 4096 }, \
	{ .name = "BenchmarkFileRead/lang=c/impl=" BENCH_IMPL \
		  "/cache=page/depth=1/size=4096", \
	  .run = run_pread }, \
	{ .name = "BenchmarkFileRead/lang=c/impl=" BENCH_IMPL \
		  "/cache=direct/depth=1/size=4096", \
	  .run = run_pread, .direct = true }
/* clang-format on */

#endif
