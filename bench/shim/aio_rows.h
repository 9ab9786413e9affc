/* SPDX-License-Identifier: MIT */
/* The rows on aio, one pair of engines for each work. */
#ifndef BENCH_AIO_ROWS_H
#define BENCH_AIO_ROWS_H

#include "calls.h"

#include "../row.h"

/* Keeps row->depth reads of the test file in flight. */
int run_aio_read(const struct row *row, struct sample *sample);

/* Serves row->conns connections until they have ended. */
int run_aio_echo(const struct row *row, struct sample *sample);

/* clang-format off */
#define AIO_READ_ROW(engine_, cache, direct_, depth_) \
	{ .name = "BenchmarkFileRead/lang=c/impl=aio/engine=" engine_ \
		  "/cache=" cache "/depth=" #depth_ "/size=4096", \
	  .run = run_aio_read, .engine = engine_, .depth = depth_, \
	  .direct = direct_ }

#define AIO_ECHO_ROW(engine_, conns_) \
	{ .name = "BenchmarkEcho/lang=c/impl=aio/engine=" engine_ \
		  "/conns=" #conns_ "/size=128", \
	  .run = run_aio_echo, .engine = engine_, .conns = conns_, \
	  .size = 128 }

#define AIO_ROWS_OF(engine) \
	AIO_READ_ROW(engine, "page", false, 1), \
	AIO_READ_ROW(engine, "page", false, 32), \
	AIO_READ_ROW(engine, "direct", true, 1), \
	AIO_READ_ROW(engine, "direct", true, 32), \
	AIO_ECHO_ROW(engine, 1), \
	AIO_ECHO_ROW(engine, 64)

#define AIO_ROWS AIO_ROWS_OF("io_uring"), AIO_ROWS_OF("epoll")
/* clang-format on */

#endif
