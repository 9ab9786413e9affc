/* SPDX-License-Identifier: MIT */
/* The requests of uring_stress.c, what they use, and what may become of them.
 */
#ifndef TESTS_URING_STRESS_H
#define TESTS_URING_STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"

enum {
	NR_SLOTS = 48,
	NR_STREAMS = 4,
	NR_PIPES = 4,
	BUF_SIZE = 64,
	FILE_SIZE = 65536,
	NS_MAX = 300000, /* of a timeout */
};

enum kind {
	NOP,
	READ,
	READ_FIXED,
	WRITE,
	SEND,
	RECV,
	TIMEOUT,
	CANCEL,
	POLL, /* followed by LIMIT */
	LIMIT,
	PUT, /* into a pipe, followed by GET */
	GET,
	NR_KINDS,
};

/* A request in flight. Its number of the slot and turn is its user_data. */
static struct slot {
	enum kind kind;
	bool busy;
	uint32_t turn;
	unsigned place; /* the stream or pipe */
	uint64_t offset;
	unsigned n;
	struct shim_timespec ts;
	unsigned char buf[BUF_SIZE];
} slots[NR_SLOTS];

/* A pair of sockets with a request at each end at most. */
static struct stream {
	int fds[2];
	bool sending, receiving;
	uint64_t sent, received;
} streams[NR_STREAMS];

static struct pipe {
	int fds[2];
	bool busy;
} pipes[NR_PIPES];

static int file, scratch, silent[2];
static uint32_t state;

static inline uint32_t below(uint32_t n)
{
	state = state * 1103515245 + 12345;
	return (state >> 8) % n;
}

/* The byte at that place of a file or stream. */
static inline unsigned char byte_at(unsigned what, uint64_t place)
{
	return (unsigned char)(place * 31 + (place >> 8) + what * 7);
}

static inline bool holds(const struct slot *s, unsigned what, uint64_t at,
			 int n)
{
	for (int i = 0; i < n; i++)
		if (s->buf[i] != byte_at(what, at + (unsigned)i))
			return false;
	return true;
}

static inline void fill(struct slot *s, unsigned what, uint64_t at)
{
	for (unsigned i = 0; i < BUF_SIZE; i++)
		s->buf[i] = byte_at(what, at + i);
}

static inline bool cancelled(int res)
{
	return res == -SHIM_ECANCELED || res == -SHIM_EINTR;
}

static inline void check_result(struct slot *s, int res, bool ok)
{
	static const char *const names[NR_KINDS] = {
		"nop",	   "read",   "read_fixed", "write", "send", "recv",
		"timeout", "cancel", "poll",	   "limit", "put",  "get",
	};

	check_equal(ok ? 0 : res, 0, "result", (int)s->kind, names[s->kind]);
}

/* Whether a file has what was written to it. */
static inline bool is_written(const struct slot *s)
{
	unsigned char back[BUF_SIZE];

	if (shim_pread64(scratch, back, s->n, (int64_t)s->offset) != (long)s->n)
		return false;
	for (unsigned i = 0; i < s->n; i++)
		if (back[i] != s->buf[i])
			return false;
	return true;
}

static inline bool end_stream(struct slot *s, int res)
{
	struct stream *f = &streams[s->place];

	if (s->kind == SEND) {
		f->sending = false;
		f->sent += s->n;
		return res == (int)s->n;
	}
	f->receiving = false;
	if (cancelled(res))
		return true;
	if (res <= 0 || !holds(s, s->place, f->received, res))
		return false;
	f->received += (unsigned)res;
	return true;
}

/* Whether the result is one that the request may have. */
static inline bool may_be(struct slot *s, int res)
{
	switch (s->kind) {
	case NOP:
		return res == 0;
	case READ:
	case READ_FIXED:
		return res == (int)s->n && holds(s, 0, s->offset, res);
	case WRITE:
		return res == (int)s->n && is_written(s);
	case SEND:
	case RECV:
		return end_stream(s, res);
	case TIMEOUT:
		return res == -SHIM_ETIME || cancelled(res);
	case CANCEL:
		return res == 0 || res == -SHIM_ENOENT || res == -SHIM_EALREADY;
	case POLL:
		return cancelled(res);
	case LIMIT:
		return res == -SHIM_ETIME || res == -SHIM_ECANCELED ||
		       res == -SHIM_ENOENT || res == -SHIM_EALREADY;
	case PUT:
		return res == (int)s->n;
	case GET:
		pipes[s->place].busy = false;
		return res == (int)s->n && holds(s, s->place, s->offset, res);
	case NR_KINDS:
		break;
	}
	return false;
}

static inline void open_world(void)
{
	struct slot *s = slots;

	for (int i = 0; i < NR_STREAMS; i++) {
		streams[i] = (struct stream){ .sent = 0 };
		CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
					 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC,
					 0, streams[i].fds),
			 0);
	}
	for (int i = 0; i < NR_PIPES; i++)
		CHECK_EQ(shim_pipe2(pipes[i].fds, SHIM_O_CLOEXEC), 0);
	CHECK_EQ(shim_pipe2(silent, SHIM_O_CLOEXEC), 0);
	file = (int)shim_memfd_create("stress", SHIM_MFD_CLOEXEC);
	scratch = (int)shim_memfd_create("stress", SHIM_MFD_CLOEXEC);
	for (int at = 0; at < FILE_SIZE; at += BUF_SIZE) {
		fill(s, 0, (uint64_t)at);
		CHECK_EQ(shim_pwrite64(file, s->buf, BUF_SIZE, at), BUF_SIZE);
	}
}

static inline void close_world(void)
{
	for (int i = 0; i < NR_STREAMS; i++)
		for (int k = 0; k < 2; k++)
			CHECK_EQ(shim_close(streams[i].fds[k]), 0);
	for (int i = 0; i < NR_PIPES; i++)
		for (int k = 0; k < 2; k++)
			CHECK_EQ(shim_close(pipes[i].fds[k]), 0);
	CHECK_EQ(shim_close(silent[0]), 0);
	CHECK_EQ(shim_close(silent[1]), 0);
	CHECK_EQ(shim_close(file), 0);
	CHECK_EQ(shim_close(scratch), 0);
}

#endif
