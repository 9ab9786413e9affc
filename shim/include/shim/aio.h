/* SPDX-License-Identifier: MIT */
/*
 * Reads, writes, accepts and waits without blocking, on io_uring or, where the
 * kernel forbids or lacks it, on epoll: the same operations, the same results.
 *
 *	shim_aio_read(&aio, fd, buf, sizeof(buf), 0, 42);
 *	nr = shim_aio_poll_events(&aio, events, 16, -1);
 *	... events[0].token is 42, events[0].result the count or -errno.
 *
 * Operations. One is submitted with a token, any number, which comes back in
 * its event; tokens need not be unique. Every accepted submission gives exactly
 * one event; a submission that returns an error leaves no trace. Submitting
 * never waits. It may be shim_aio_poll_events() that hands the operation to the
 * kernel. An operation occupies a slot until its event is returned. When all
 * slots are occupied, a submission fails with -EBUSY if events wait to be
 * reaped, else with -EAGAIN.
 *
 * Results are those of the system call: a count, a descriptor (accept, always
 * close-on-exec), a mask (poll), 0 or -errno. Short counts are usual on
 * streams; a regular file gives all that was asked for unless it ends. A
 * descriptor may be blocking or not, which changes no result and is not
 * changed. Offset -1 is the position of the file; what cannot seek ignores the
 * offset. Like write(2), a write to a pipe or socket without a reader may
 * raise SIGPIPE, which programs ignore for that reason; a send does not.
 *
 * Cancelling. shim_aio_cancel() ends every operation that carries a token;
 * their results are -ECANCELED, or the count of what was moved before. Its own
 * result is 0 when there was at least one, -ENOENT when there was none, and
 * -EALREADY when all were running and could not be stopped: they end with a
 * result of their own.
 *
 * Descriptors. One that was given to an aio leaves it by shim_aio_close() or
 * shim_aio_forget(), never by a plain close. Both end what is in flight on the
 * descriptor, and their event comes after the events of these operations. From
 * the submission until that event the descriptor takes no other operation
 * (-EBADF). Afterwards the number may be used again; before it, too, when the
 * close has ended and the kernel has given the number to another descriptor.
 *
 * Memory. The caller owns all of it: the object, the slots, the states of
 * descriptors, until shim_aio_exit() has returned 0. A buffer belongs to the
 * kernel from the submission to the event. The library maps the pages of the
 * ring and the stacks of its threads, nothing else.
 *
 * Threads. All calls are made by the thread that called shim_aio_init(). After
 * fork the child may only call shim_aio_exit(), which leaves the parent's
 * operations alone. On epoll, what can only block (files that are not cached,
 * blocking terminals, on old kernels blocking pipes) is done by a few
 * threads with all signals blocked. Such a call cannot be interrupted: close,
 * forget and exit wait for its end. When all threads are in one, others wait
 * for their turn, even if their own descriptor is ready.
 */
#ifndef SHIM_AIO_H
#define SHIM_AIO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An asynchronous I/O object. What is in it is private. */
struct shim_aio {
	uint64_t words[128];
};

/* Room for one operation that is in flight or waits to be reaped. */
struct shim_aio_slot {
	uint64_t words[16];
};

/* Room for the state of one descriptor. */
struct shim_aio_fdslot {
	uint64_t words[6];
};

enum shim_aio_op {
	SHIM_AIO_READ = 1,
	SHIM_AIO_WRITE,
	SHIM_AIO_ACCEPT,
	SHIM_AIO_RECV,
	SHIM_AIO_SEND,
	SHIM_AIO_POLL,
	SHIM_AIO_TIMEOUT,
	SHIM_AIO_CANCEL,
	SHIM_AIO_CLOSE,
	SHIM_AIO_FORGET,
};

/* The end of an operation. */
struct shim_aio_event {
	uint64_t token;
	int32_t fd;	/* what was given; -1 for a timeout or a cancel */
	uint32_t op;	/* enum shim_aio_op */
	int32_t result; /* not negative, or -errno */
	uint32_t flags; /* 0 so far */
};

#define SHIM_AIO_SLOTS_MAX (1U << 20)
#define SHIM_AIO_HELPERS_MAX (1U << 10)

/* What init needs. What is 0 has a default, except for the storage. */
struct shim_aio_params {
	/* The storage; its contents do not matter. */
	struct shim_aio_slot *slots;
	unsigned nr_slots;
	/* One for each descriptor number: fds[5] is descriptor 5's. */
	unsigned nr_fds;
	struct shim_aio_fdslot *fds;
	/* "io_uring" or "epoll": this engine or none. NULL: the best. */
	const char *engine;
	/*
	 * The environment, where SHIM_AIO_ENGINE forces an engine if the above
	 * is NULL; NULL: none. It is ignored in a program that runs with the
	 * rights of its file (AT_SECURE).
	 */
	char **envp;
	/* The most threads for what can only block, on epoll. 0: 4. */
	unsigned nr_helpers;
	unsigned flags; /* 0 */
};

/*
 * Make an object on the engine that is forced, or else on the first of
 * io_uring and epoll that the kernel offers. Returns 0 or -errno: -EINVAL for
 * parameters that make no sense or an unknown engine, else what the engine's
 * set-up failed with; shim_aio_reason() tells more, then too.
 */
int shim_aio_init(struct shim_aio *aio, const struct shim_aio_params *params);

/*
 * End everything in flight, wait until the kernel and the threads are done with
 * the buffers, and give back what the object holds. Events that were not reaped
 * are dropped, a connection among them is closed. Descriptors that were given
 * to the aio stay open, except for those that shim_aio_close() was called for.
 * Returns 0, or -errno when the kernel may still use the memory; then nothing
 * is given back.
 */
int shim_aio_exit(struct shim_aio *aio);

/* The name of the engine: "io_uring" or "epoll". */
const char *shim_aio_engine(const struct shim_aio *aio);

/* Why this engine was chosen, in words; after a failed init, what failed. */
const char *shim_aio_reason(const struct shim_aio *aio);

/*
 * For a life inside another event loop: a descriptor that becomes readable when
 * shim_aio_poll_events() has something to do, and how many nanoseconds to wait
 * for it at most, -1 for ever. Before waiting, call shim_aio_poll_events() with
 * a timeout of 0 until it returns no event. The descriptor is not to be read
 * from.
 */
int shim_aio_fd(const struct shim_aio *aio);
int64_t shim_aio_sleep_ns(const struct shim_aio *aio);

/*
 * End the threads of the library, after what they have been given, so that the
 * program can change its credentials or namespaces; they would keep the old
 * ones. Operations that need a thread later start new ones. Returns 0 or
 * -errno.
 */
int shim_aio_quiesce(struct shim_aio *aio);

/*
 * The submissions. Each returns 0 and gives one event later, or -errno and
 * gives none: -EAGAIN or -EBUSY as above, -EBADF for a negative descriptor or
 * one that is leaving, -EINVAL for an open one that has no room in fds.
 */

/* preadv2(2) and pwritev2(2) with one buffer. */
int shim_aio_read(struct shim_aio *aio, int fd, void *buf, size_t len,
		  int64_t offset, uint64_t token);
int shim_aio_write(struct shim_aio *aio, int fd, const void *buf, size_t len,
		   int64_t offset, uint64_t token);

/*
 * Take the next connection of a listening socket; flags is 0 or SOCK_NONBLOCK,
 * else -EINVAL.
 */
int shim_aio_accept(struct shim_aio *aio, int fd, unsigned flags,
		    uint64_t token);

/*
 * recv(2), and send(2) with MSG_NOSIGNAL. MSG_DONTWAIT means nothing here, nor
 * does MSG_WAITALL with MSG_PEEK.
 */
int shim_aio_recv(struct shim_aio *aio, int fd, void *buf, size_t len,
		  unsigned flags, uint64_t token);
int shim_aio_send(struct shim_aio *aio, int fd, const void *buf, size_t len,
		  unsigned flags, uint64_t token);

/*
 * Wait, once, until fd has one of events (POLLIN, POLLOUT, ...); the result is
 * the mask of what it has.
 */
int shim_aio_poll(struct shim_aio *aio, int fd, unsigned events,
		  uint64_t token);

/* End after duration_ns, with result 0. */
int shim_aio_timeout(struct shim_aio *aio, uint64_t duration_ns,
		     uint64_t token);

/* End the operations whose token is target, as said above. */
int shim_aio_cancel(struct shim_aio *aio, uint64_t target, uint64_t token);

/* End the operations on fd, then close it. */
int shim_aio_close(struct shim_aio *aio, int fd, uint64_t token);

/*
 * End the operations on fd and leave it open. Succeeds for a descriptor that
 * the aio never saw, too.
 */
int shim_aio_forget(struct shim_aio *aio, int fd, uint64_t token);

/*
 * The least that every engine offers: read, write, poll events. The token is 0.
 */
int shim_aio_submit_read(struct shim_aio *aio, int fd, void *buf, size_t len,
			 int64_t offset);
int shim_aio_submit_write(struct shim_aio *aio, int fd, const void *buf,
			  size_t len, int64_t offset);

/*
 * Wait until operations have ended and store up to nr of their events, oldest
 * first. Waits timeout_ms milliseconds, for ever when that is negative. Returns
 * the number of events, 0 when the time is over, or -errno. A signal does not
 * end the wait.
 */
int shim_aio_poll_events(struct shim_aio *aio, struct shim_aio_event *events,
			 unsigned nr, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
