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

#define RING_DEPTH_MAX 64

struct ring_reader {
	RING_STRUCT ring;
	struct test_file file;
	unsigned depth;
	/* The data of a request is an index of these. */
	int64_t offsets[RING_DEPTH_MAX];
};

struct ring_nops {
	RING_STRUCT ring;
	unsigned batch;
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

static inline int nop_batch(void *arg, uint64_t nr_ops)
{
	struct ring_nops *nops = arg;

	while (nr_ops) {
		unsigned nr = nops->batch < nr_ops ? nops->batch
						   : (unsigned)nr_ops;
		int err;

		for (unsigned i = 0; i < nr; i++)
			RING_CALL(prep_nop)(RING_CALL(get_sqe)(&nops->ring));
		err = wrong_result(RING_CALL(submit_and_wait)(&nops->ring, nr),
				   nr);
		if (!err)
			err = take_nops(nops, nr);
		if (err)
			return err;
		nr_ops -= nr;
	}
	return 0;
}

static inline int run_nop(const struct row *row, struct sample *sample)
{
	static struct ring_nops nops;
	int result = RING_CALL(queue_init)(row->depth, &nops.ring, 0);

	if (result)
		return row_unavailable(sample, "io_uring_setup", result);
	nops.batch = row->depth;
	result = measure(sample, nop_batch, &nops);
	RING_CALL(queue_exit)(&nops.ring);
	return result;
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
	RING_CALL(prep_read)
	(sqe, r->file.fd, ring_block(token), FILE_BLOCK,
	 (uint64_t)r->offsets[token]);
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

static inline int run_ring_read(const struct row *row, struct sample *sample)
{
	static struct ring_reader reader;
	int result = test_file_open(&reader.file, row, sample);

	if (result)
		return result;
	reader.depth = row->depth;
	result = RING_CALL(queue_init)(row->depth, &reader.ring, 0);
	if (result) {
		result = row_unavailable(sample, "io_uring_setup", result);
	} else {
		result = measure(sample, ring_read_batch, &reader);
		RING_CALL(queue_exit)(&reader.ring);
	}
	call_close(reader.file.fd);
	return result;
}

/* clang-format off */
#define NOP_ROW(batch) \
	{ .name = "BenchmarkNop/lang=c/impl=" BENCH_RING "/batch=" #batch, \
	  .run = run_nop, .depth = batch }

#define RING_READ_ROW(cache, direct_, depth_) \
	{ .name = "BenchmarkFileRead/lang=c/impl=" BENCH_RING "/cache=" cache \
		  "/depth=" #depth_ "/size=4096", \
	  .run = run_ring_read, .depth = depth_, .direct = direct_ }

#define URING_ROWS \
	NOP_ROW(1), \
	NOP_ROW(32), \
	RING_READ_ROW("page", false, 1), \
	RING_READ_ROW("page", false, 32), \
	RING_READ_ROW("direct", true, 1), \
	RING_READ_ROW("direct", true, 32)
/* clang-format on */

#endif
