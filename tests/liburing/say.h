/* SPDX-License-Identifier: MIT */
/*
 * For programs that are written for liburing, and run once with it and once
 * with ours: what they print must be the same. They print what functions
 * return and completions hold, never an address, a descriptor or a time.
 */
#ifndef TESTS_LIBURING_SAY_H
#define TESTS_LIBURING_SAY_H

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* liburing 2.3 does not say what it is. */
#ifndef IO_URING_VERSION_MAJOR
#define IO_URING_VERSION_MAJOR 2
#define IO_URING_VERSION_MINOR 3
#endif
#define LIBURING (100 * IO_URING_VERSION_MAJOR + IO_URING_VERSION_MINOR)

#define SAY(call) say(#call, call)

static inline long say(const char *what, long result)
{
	printf("%s: %ld\n", what, result);
	return result;
}

/* A ring, or the end: no line is printed then but the error. */
static inline void open_ring(struct io_uring *ring, unsigned entries,
			     unsigned flags)
{
	int err = io_uring_queue_init(entries, ring, flags);

	if (err) {
		say("io_uring_queue_init", err);
		exit(0);
	}
}

static inline struct io_uring_sqe *next_sqe(struct io_uring *ring,
					    unsigned long data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		puts("no SQE");
		exit(1);
	}
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, data);
	return sqe;
}

/*
 * A prep function clears the user_data in some versions of liburing, and none
 * sets it.
 */
#define PREP(ring, data, name, ...)                               \
	({                                                        \
		struct io_uring_sqe *sqe_ = next_sqe(ring, data); \
		io_uring_prep_##name(sqe_, ##__VA_ARGS__);        \
		io_uring_sqe_set_data64(sqe_, data);              \
		sqe_;                                             \
	})

/* Print nr completions, waiting for each. */
static inline void say_cqes(struct io_uring *ring, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct io_uring_cqe *cqe = NULL;
		int err = io_uring_wait_cqe(ring, &cqe);

		if (err) {
			say("io_uring_wait_cqe", err);
			return;
		}
		printf("cqe %llu: %d, flags %x\n",
		       (unsigned long long)io_uring_cqe_get_data64(cqe),
		       cqe->res, cqe->flags);
		io_uring_cqe_seen(ring, cqe);
	}
}

static inline int new_file(const char *text)
{
	int fd = memfd_create("liburing", MFD_CLOEXEC);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(1);
	return fd;
}

#endif
