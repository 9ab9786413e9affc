/* SPDX-License-Identifier: MIT */
/*
 * The rows on a bare ring, which differ only in the library: libshim or
 * liburing, whose functions have the same names behind a prefix. Include after
 * the program's calls.h; URING_ROWS goes into the array of rows.
 */
#ifndef BENCH_URING_ROWS_H
#define BENCH_URING_ROWS_H

#include "file.h"
#include "row.h"

#define RING_DEPTH_MAX 256

struct ring_reader {
	RING_STRUCT ring;
	struct test_file file;
	unsigned depth;
	/* What the ring knows by an index: the file, and all blocks. */
	bool fixed;
	/* The data of a request is an index of these. */
	int64_t offsets[RING_DEPTH_MAX];
};

struct ring_nops {
	RING_STRUCT ring;
	unsigned batch;
	/* Requests that wait for the one before count with it. */
	bool linked;
};

/* Takes nr completions, which are there. Returns 0 or -errno. */
static inline int take_nops(struct ring_nops *nops, unsigned nr)
{
	RING_CQE *cqes[RING_DEPTH_MAX];

	if (RING_CALL(peek_batch_cqe)(&nops->ring, cqes, nr) != nr)
		return -5;
	for (unsigned i = 0; i < nr; i++)
		if (cqes[i]->res)
			return cqes[i]->res;
	RING_CALL(cq_advance)(&nops->ring, nr);
	return 0;
}

static inline void put_nop(struct ring_nops *nops, unsigned flags)
{
	RING_SQE *sqe = RING_CALL(get_sqe)(&nops->ring);

	RING_CALL(prep_nop)(sqe);
	if (flags)
		RING_CALL(sqe_set_flags)(sqe, flags);
}

static inline int nop_batch(void *arg, uint64_t nr_ops)
{
	struct ring_nops *nops = arg;

	while (nr_ops) {
		unsigned nr = nops->batch < nr_ops ? nops->batch
						   : (unsigned)nr_ops;
		int err;

		nr_ops -= nr;
		for (unsigned i = 0; i < nr; i++) {
			if (nops->linked)
				put_nop(nops, RING_CONST(IOSQE_IO_LINK));
			put_nop(nops, 0);
		}
		nr <<= nops->linked;
		err = wrong_result(RING_CALL(submit_and_wait)(&nops->ring, nr),
				   nr);
		if (!err)
			err = take_nops(nops, nr);
		if (err)
			return err;
	}
	return 0;
}

static inline int run_nops(const struct row *row, struct sample *sample,
			   bool linked)
{
	static struct ring_nops nops;
	int result = RING_CALL(queue_init)(row->depth << linked, &nops.ring, 0);

	if (result)
		return row_unavailable(sample, "io_uring_setup", result);
	nops.batch = row->depth;
	nops.linked = linked;
	result = measure(sample, nop_batch, &nops);
	RING_CALL(queue_exit)(&nops.ring);
	return result;
}

static inline int run_nop(const struct row *row, struct sample *sample)
{
	return run_nops(row, sample, false);
}

static inline int run_pair(const struct row *row, struct sample *sample)
{
	return run_nops(row, sample, true);
}

static inline char *ring_block(uint64_t token)
{
	static _Alignas(FILE_BLOCK) char blocks[RING_DEPTH_MAX][FILE_BLOCK];

	return blocks[token];
}

/* There are as many entries as reads in flight, so one is free. */
static inline void queue_read(struct ring_reader *r, uint64_t token)
{
	RING_SQE *sqe = RING_CALL(get_sqe)(&r->ring);

	r->offsets[token] = test_file_offset(&r->file);
	if (r->fixed) {
		RING_CALL(prep_read_fixed)
		(sqe, 0, ring_block(token), FILE_BLOCK,
		 (uint64_t)r->offsets[token], 0);
		RING_CALL(sqe_set_flags)(sqe, RING_CONST(IOSQE_FIXED_FILE));
	} else {
		RING_CALL(prep_read)
		(sqe, r->file.fd, ring_block(token), FILE_BLOCK,
		 (uint64_t)r->offsets[token]);
	}
	RING_CALL(sqe_set_data64)(sqe, token);
}

static inline int ring_read_batch(void *arg, uint64_t nr_ops)
{
	struct ring_reader *r = arg;
	RING_CQE *cqes[RING_DEPTH_MAX];
	uint64_t nr_begun = 0, nr_ended = 0;

	while (nr_begun < nr_ops && nr_begun < r->depth)
		queue_read(r, nr_begun++);
	while (nr_ended < nr_ops) {
		int err = RING_CALL(submit_and_wait)(&r->ring, 1);
		unsigned nr;

		if (err < 0)
			return err;
		nr = RING_CALL(peek_batch_cqe)(&r->ring, cqes, RING_DEPTH_MAX);
		for (unsigned i = 0; i < nr; i++) {
			uint64_t token = cqes[i]->user_data;

			err = test_file_check(ring_block(token), cqes[i]->res,
					      r->offsets[token]);
			if (err)
				return err;
			if (nr_begun++ < nr_ops)
				queue_read(r, token);
		}
		RING_CALL(cq_advance)(&r->ring, nr);
		nr_ended += nr;
	}
	return 0;
}

/* Tells the ring the file and the blocks. Returns 0 or -errno. */
static inline int fix_reader(struct ring_reader *r)
{
	RING_IOVEC blocks = { ring_block(0), (size_t)r->depth * FILE_BLOCK };
	int err = RING_CALL(register_files)(&r->ring, &r->file.fd, 1);

	return err ? err : RING_CALL(register_buffers)(&r->ring, &blocks, 1);
}

static inline int run_reader(const struct row *row, struct sample *sample,
			     bool fixed)
{
	static struct ring_reader reader;
	int result = test_file_open(&reader.file, row, sample);

	if (result)
		return result;
	reader.depth = row->depth;
	reader.fixed = fixed;
	result = RING_CALL(queue_init)(row->depth, &reader.ring, 0);
	if (result) {
		result = row_unavailable(sample, "io_uring_setup", result);
	} else {
		result = fixed ? fix_reader(&reader) : 0;
		if (result)
			result = row_fail(sample, "io_uring_register", result);
		else
			result = measure(sample, ring_read_batch, &reader);
		RING_CALL(queue_exit)(&reader.ring);
	}
	call_close(reader.file.fd);
	return result;
}

static inline int run_ring_read(const struct row *row, struct sample *sample)
{
	return run_reader(row, sample, false);
}

static inline int run_ring_fixed(const struct row *row, struct sample *sample)
{
	return run_reader(row, sample, true);
}

/* clang-format off */
#define NOP_ROW(batch) \
	{ .name = "BenchmarkRingNop/lang=c/impl=" BENCH_RING \
		  "/batch=" #batch, \
	  .run = run_nop, .depth = batch }

#define PAIR_ROW(batch) \
	{ .name = "BenchmarkRingLink/lang=c/impl=" BENCH_RING \
		  "/batch=" #batch, \
	  .run = run_pair, .depth = batch }

#define READ_ROW(work, run_, cache, direct_, depth_) \
	{ .name = "Benchmark" work "/lang=c/impl=" BENCH_RING "/cache=" cache \
		  "/depth=" #depth_ "/size=4096", \
	  .run = run_, .depth = depth_, .direct = direct_ }

#define READ_ROWS(work, run_) \
	READ_ROW(work, run_, "page", false, 1), \
	READ_ROW(work, run_, "page", false, 32), \
	READ_ROW(work, run_, "page", false, 128), \
	READ_ROW(work, run_, "direct", true, 1), \
	READ_ROW(work, run_, "direct", true, 32), \
	READ_ROW(work, run_, "direct", true, 128)

/* Those that run by default. */
#define URING_ROWS \
	NOP_ROW(1), \
	NOP_ROW(8), \
	NOP_ROW(64), \
	NOP_ROW(256), \
	READ_ROW("FileRead", run_ring_read, "page", false, 1), \
	READ_ROW("FileRead", run_ring_read, "page", false, 32), \
	READ_ROW("FileRead", run_ring_read, "direct", true, 1), \
	READ_ROW("FileRead", run_ring_read, "direct", true, 32)

#define RING_ROWS \
	PAIR_ROW(1), \
	PAIR_ROW(32), \
	READ_ROWS("RingRead", run_ring_read), \
	READ_ROWS("RingFixed", run_ring_fixed)
/* clang-format on */

#endif
