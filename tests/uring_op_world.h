/* SPDX-License-Identifier: MIT */
/* What the rows of a case of uring_op.tab share, by plain calls. */
#ifndef TESTS_URING_OP_WORLD_H
#define TESTS_URING_OP_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "zuring_op_tab.h"

enum { NR_FDS = 8, NR_REQUESTS = 16, BUF_SIZE = 64, MEMORY_SIZE = 65536 };
enum { NAME_SIZE = 96, LOG_SIZE = 32, ENTRIES = 16 };
enum { NR_SLOTS = 4, STACK_SIZE = 16384 };

/* Neither a result of the kernel. */
enum { NEVER = -4096, NO_TWIN = -4097 };

enum {
	GROUP = 1, /* of the provided buffers */
	FILE_MODE = 0600,
	NR_BYTES = 4, /* in what "make" makes */
	FUTEX = SHIM_FUTEX2_SIZE_U32 | SHIM_FUTEX2_PRIVATE,
	BYTES_TO_READ = 0x541b, /* FIONREAD */
	SYNC_ALL = SHIM_SYNC_FILE_RANGE_WAIT_BEFORE |
		   SHIM_SYNC_FILE_RANGE_WRITE | SHIM_SYNC_FILE_RANGE_WAIT_AFTER,
	TCP_FLAGS = SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC,
};

#define ATTRIBUTE "user.shim"

static const struct shim_timespec deadline = { 60, 0 };

/* What a request points to, until its last completion. */
struct request {
	struct shim_iovec iov[2];
	struct shim_msghdr msg;
	struct shim_timespec ts;
	struct shim_open_how how;
	struct shim_statx stx;
	struct shim_siginfo info;
	struct shim_epoll_event event;
	struct shim_futex_waitv futex;
	int pair[2];
	int number;
	/* Of the completion that was asked for last. */
	uint32_t flags;
	uint64_t extra; /* what a large one has behind */
	char name[NAME_SIZE], name2[NAME_SIZE];
};

static struct world {
	bool plain; /* no ring, but system calls */
	struct shim_uring ring, other;
	bool has_ring, has_other;
	int fds[NR_FDS];
	int dir;
	char path[NAME_SIZE]; /* of dir */
	uint32_t *memory;
	uint32_t *queue; /* of zcrx, or null */
	uint32_t zcrx;
	struct shim_sockaddr_in addr;
	int child;
	long value;
	char bufs[NR_REQUESTS][BUF_SIZE];
	struct request requests[NR_REQUESTS];
	struct shim_io_uring_cqe log[LOG_SIZE]; /* flags ~0: asked for */
	uint64_t extra[LOG_SIZE];
	int logged;
} world;

typedef const struct uring_ops *step;

static inline size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline bool equal(const char *a, const char *b, size_t n)
{
	while (n--)
		if (*a++ != *b++)
			return false;
	return true;
}

static inline bool is(const char *a, const char *b)
{
	return equal(a, b, length(a) + 1);
}

static inline bool how_is(step s, const char *how)
{
	return is(s->how, how);
}

/* Wait for the oldest completion. */
static inline int wait_for_one(struct shim_uring *ring,
			       struct shim_io_uring_cqe **cqe)
{
	return shim_uring_wait_cqe_timeout(ring, cqe, &deadline);
}

/* MEMORY_SIZE bytes of nobody's. */
static inline uint32_t *map_memory(void)
{
	return shim_mmap(NULL, MEMORY_SIZE, SHIM_PROT_READ | SHIM_PROT_WRITE,
			 SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
}

/* to becomes a and b, one after the other. */
static inline void join(char *to, const char *a, const char *b)
{
	char *end = to + NAME_SIZE - 1;

	while (*a && to < end)
		*to++ = *a++;
	while (*b && to < end)
		*to++ = *b++;
	*to = '\0';
}

/* to becomes a and the digits of n. */
static inline void join_number(char *to, const char *a, unsigned long n)
{
	char digits[24], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	join(to, a, p);
}

/* Descriptor a: a number of something else is -1. */
static inline int fd_of(step s)
{
	return s->a < NR_FDS ? world.fds[s->a] : -1;
}

static inline char *buf_of(step s)
{
	return world.bufs[s->ud];
}

static inline struct request *request_of(step s)
{
	return &world.requests[s->ud];
}

/* Put text into the buffer of ud. Returns its length. */
static inline unsigned load(step s)
{
	size_t n = length(s->text);

	for (size_t i = 0; i < n; i++)
		buf_of(s)[i] = s->text[i];
	return (unsigned)n;
}

/* The first n bytes of ud's buffer as two pieces, the first of 3 bytes. */
static inline struct shim_iovec *pieces(step s, size_t n)
{
	struct request *r = request_of(s);

	r->iov[0] = (struct shim_iovec){ buf_of(s), 3 };
	r->iov[1] = (struct shim_iovec){ buf_of(s) + 3, n - 3 };
	return r->iov;
}

static inline struct shim_msghdr *message(step s, size_t n)
{
	struct request *r = request_of(s);

	r->msg = (struct shim_msghdr){ .msg_iov = pieces(s, n),
				       .msg_iovlen = 2 };
	return &r->msg;
}

static inline struct shim_timespec *span(step s, long ns)
{
	struct request *r = request_of(s);

	r->ts = (struct shim_timespec){ ns / 1000000000, ns % 1000000000 };
	return &r->ts;
}

/* text, and text with a 2 behind it. */
static inline const char *name_of(step s)
{
	join(request_of(s)->name, s->text, "");
	return request_of(s)->name;
}

static inline const char *name2_of(step s)
{
	join(request_of(s)->name2, s->text, "2");
	return request_of(s)->name2;
}

/* The path of text in the directory. */
static inline const char *path_of(step s)
{
	struct request *r = request_of(s);

	join(r->name2, world.path, "/");
	join(r->name, r->name2, s->text);
	return r->name;
}

static inline struct shim_open_how *how_of(step s)
{
	struct request *r = request_of(s);

	r->how = (struct shim_open_how){ .flags = (uint64_t)s->n };
	if (how_is(s, "beneath"))
		r->how.resolve = SHIM_RESOLVE_BENEATH;
	return &r->how;
}

static inline struct shim_epoll_event *event_of(step s)
{
	request_of(s)->event =
		(struct shim_epoll_event){ .events = SHIM_EPOLLIN,
					   .data = (uint64_t)s->n };
	return &request_of(s)->event;
}

static inline struct shim_futex_waitv *waiter_of(step s)
{
	request_of(s)->futex = (struct shim_futex_waitv){
		.val = (uint64_t)s->n,
		.uaddr = (uintptr_t)world.memory,
		.flags = FUTEX,
	};
	return &request_of(s)->futex;
}

static inline struct shim_sockaddr *address(void)
{
	return (struct shim_sockaddr *)&world.addr;
}

/* A new address: 127.0.0.1 in network byte order, and any port. */
static inline struct shim_sockaddr *any_port(void)
{
	world.addr = (struct shim_sockaddr_in){
		SHIM_AF_INET, 0, { 0x0100007f }, { 0 }
	};
	return address();
}

/* Whether the result of op is a descriptor. */
static inline bool makes_fd(step s)
{
	switch (s->op) {
	case SHIM_IORING_OP_ACCEPT:
	case SHIM_IORING_OP_OPENAT:
	case SHIM_IORING_OP_OPENAT2:
	case SHIM_IORING_OP_SOCKET:
	case SHIM_IORING_OP_FIXED_FD_INSTALL:
		return !how_is(s, "direct");
	}
	return false;
}

/* Note what an operation that gave res has made or found. Returns res, or 0. */
static inline long keep_result(step s, long res)
{
	struct request *r = request_of(s);

	if (res < 0)
		return res;
	if (makes_fd(s)) {
		world.fds[s->b] = (int)res;
		return 0;
	}
	switch (s->op) {
	case SHIM_IORING_OP_PIPE:
		world.fds[s->a] = r->pair[0];
		world.fds[s->b] = r->pair[1];
		break;
	case SHIM_IORING_OP_CLOSE:
		if (!how_is(s, "direct"))
			world.fds[s->a] = -1;
		break;
	case SHIM_IORING_OP_STATX:
		world.value = (long)r->stx.stx_size;
		break;
	case SHIM_IORING_OP_EPOLL_WAIT:
		world.value = (long)r->event.data;
		break;
	case SHIM_IORING_OP_WAITID:
		world.value = r->info.status;
		break;
	case SHIM_IORING_OP_URING_CMD:
	case SHIM_IORING_OP_URING_CMD128:
		world.value = r->number;
		break;
	}
	return res;
}

#endif
