/* SPDX-License-Identifier: MIT */
/*
 * What the engines of aio share. An operation is a slot of the caller's
 * storage, named by its index; 0 is none, so that 0 ends a list.
 */
#ifndef SHIM_AIO_IMPL_H
#define SHIM_AIO_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>
#include <shim/uring.h>

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

/* The most that the kernel moves in one call. */
#define TRANSFER_MAX 0x7ffff000

/* Where an operation is. */
enum state {
	IDLE,	/* The slot is free. */
	ACTIVE, /* In the kernel, or waiting for the descriptor. */
	QUEUED, /* With the helpers, until their result is taken. */
	LAST,	/* Of a close or forget: the last step. */
	DONE,	/* The result waits to be reaped. */
};

/* The lists that a slot can be in. */
enum {
	FD_LINKS,    /* What is in flight on a descriptor. */
	QUEUE_LINKS, /* Free or done slots, or what is with the helpers. */
	NR_LINKS,
};

struct link {
	uint32_t prev, next;
};

/* A list of slots, oldest first. */
struct list {
	uint32_t head, tail;
};

/* An operation. The caller's storage has another type: may_alias. */
struct slot {
	void *buf;
	uint64_t token;
	/* The offset, flags, events, deadline, or the token to cancel. */
	int64_t arg;
	uint32_t len;
	/* What was transferred so far. */
	uint32_t nr_moved;
	/* Who tried last to end this operation, and which one of its slot's. */
	uint32_t by, by_gen;
	/* Counts the operations that this slot had. */
	uint32_t gen;
	int32_t fd;
	int32_t res;
	/* The answers that a cancel, close or forget waits for. */
	int32_t nr_pending;
	/* Of timeouts: the place in the heap; and the heap's slot here. */
	uint32_t heap_at, heap;
	/* Who waits for the answer when this is to be stopped again. */
	uint32_t owed;
	uint8_t op;
	uint8_t state;
	uint8_t cancelled;
	/* The engine's own. */
	uint8_t phase, tries, stop;
	/* For the helpers: see struct fd_state; and that one has begun. */
	uint8_t no_seek, whole, taken;
	struct link links[NR_LINKS];
} __attribute__((may_alias));

/* What an operation waits for on its descriptor. */
enum direction { INPUT, OUTPUT, EITHER, NR_DIRECTIONS };

/* What a descriptor is. */
enum kind {
	UNKNOWN,
	SOCKET,
	DEVICE,	 /* Reports readiness: pipe, terminal, eventfd, ... */
	REGULAR, /* File or block device: a short transfer is continued. */
	PLAIN,	 /* Anything else that is always ready: directory, ... */
};

/* What is known of a descriptor. */
struct fd_state {
	/* What is in flight. */
	struct list ops[NR_DIRECTIONS];
	/* The slot of the close or forget in flight. */
	uint32_t leaving;
	uint8_t kind;
	/* A socket has no messages. */
	uint8_t stream;
	/* There are no offsets. */
	uint8_t no_seek;
	/* RWF_NOWAIT is unknown to the file: for input, for output. */
	uint8_t no_nowait[2];
} __attribute__((may_alias));

/* The threads that make calls that block. */
struct helpers {
	/* Guards all but threads, nr_started and limit, and is guarded by. */
	uint32_t lock;
	/* Changes when the queue grows, and at the end: a futex. */
	uint32_t more;
	struct list queue, finished;
	uint32_t nr_queued, nr_busy, nr_sleeping;
	uint32_t stopping;
	uint32_t nr_started, limit;
	/* An eventfd that ends a wait of the engine. */
	int counter;
	struct helper *threads;
};

struct epoll {
	int fd;
	/* Counts polls that did not ask the kernel. */
	unsigned rounds;
	/* The kernel has no epoll_pwait2. */
	int no_pwait2;
	struct helpers helpers;
};

struct uring {
	struct shim_uring ring;
	/*
	 * What is to be started again, who waits to stop others again, and what
	 * is to be stopped again, all at the time due.
	 */
	struct list again, lingering, unstopped;
	int64_t due;
};

struct aio {
	const struct shim_aio_ops *ops;
	struct slot *slots;
	struct fd_state *fds;
	uint32_t nr_slots, nr_fds;
	struct list free, done;
	/* Of these, the timeouts; their heap lies in the slots. */
	uint32_t nr_in_flight, nr_timers;
	int pid;
	union {
		struct epoll epoll;
		struct uring uring;
	};
	/* The call of a set-up that failed. */
	const char *failed;
	/* When it lacked memory to lock: the limit, else 0; and the need. */
	uint64_t locked_max, locked;
	char reason[192];
} __attribute__((may_alias));

_Static_assert(sizeof(struct aio) <= sizeof(struct shim_aio), "struct aio");
_Static_assert(sizeof(struct slot) <= sizeof(struct shim_aio_slot), "slot");
_Static_assert(sizeof(struct fd_state) <= sizeof(struct shim_aio_fdslot),
	       "fd_state");

/*
 * What differs between the engines. An error is -errno. Timeouts and cancels
 * themselves are the core's and never reach an engine.
 */
struct shim_aio_ops {
	const char *name;
	/* On failure nothing stays, and failed names the call. */
	int (*init)(struct aio *a, const struct shim_aio_params *params);
	/* Gives everything back. Nothing is in flight. */
	void (*exit)(struct aio *a);
	/* The same in a forked child, without a word to the kernel's half. */
	void (*abandon)(struct aio *a);
	/* Whether one more operation can be started, or the submission's error.
	 */
	int (*room)(struct aio *a);
	/* Begins the operation of slot i, which may complete at once. */
	void (*start)(struct aio *a, uint32_t i);
	/* Tries to end slot i and reports to shim_aio_stopped, now or later. */
	void (*stop)(struct aio *a, uint32_t i, uint32_t by);
	/*
	 * Drops what the engine knows of the descriptor of slot i, a close or
	 * forget, on which nothing is in flight; then closes it.
	 */
	void (*leave)(struct aio *a, uint32_t i);
	/* Slot i, a close or forget, could not end all on its descriptor. */
	void (*linger)(struct aio *a, uint32_t i);
	/*
	 * Begins what was queued and takes what the kernel has completed. When
	 * that is nothing, it waits once, up to ns, for ever when that is
	 * negative. It may return early.
	 */
	int (*poll)(struct aio *a, int64_t ns);
	int (*quiesce)(struct aio *a);
	int (*fd)(const struct aio *a);
	/* How long poll has nothing to do unless fd shows it; -1 for ever. */
	int64_t (*sleep_ns)(const struct aio *a);
};

#pragma GCC visibility push(hidden)

extern const struct shim_aio_ops shim_aio_uring;
extern const struct shim_aio_ops shim_aio_epoll;

/* aio_uring_setup.c */

int shim_aio_uring_init(struct aio *a, const struct shim_aio_params *params);

/* aio_uring_request.c */

/* Describes the request of an operation, or of what is left of it. */
void shim_aio_uring_prepare(const struct aio *a, const struct slot *s,
			    struct shim_io_uring_sqe *sqe);
/* The same for a wait for what the operation needs. */
void shim_aio_uring_prepare_readiness(const struct slot *s,
				      struct shim_io_uring_sqe *sqe);
/* Whether a result that is short is to be continued. */
int shim_aio_uring_wants_all(struct fd_state *f, const struct slot *s);

/* aio_core.c */

void shim_aio_push(struct aio *a, struct list *l, uint32_t i, int links);
void shim_aio_remove(struct aio *a, struct list *l, uint32_t i, int links);

int shim_aio_submit(struct aio *a, enum shim_aio_op op, int fd, void *buf,
		    size_t len, int64_t arg, uint64_t token);
/* Ends slot i. Its event comes with the next poll. */
void shim_aio_complete(struct aio *a, uint32_t i, long res);
/* Tries to end slot i on behalf of slot by. */
void shim_aio_stop(struct aio *a, uint32_t i, uint32_t by);
/*
 * The engine's answer to stop: 0, -ENOENT when the operation had ended, or
 * -EALREADY when it is running.
 */
void shim_aio_stopped(struct aio *a, uint32_t by, int res);
/* Stops again what is in flight on the descriptor of slot i, a departure. */
void shim_aio_stop_all(struct aio *a, uint32_t i);
/* Ends all that is in flight and drops the events. */
int shim_aio_drain(struct aio *a);

/* aio_timer.c: the timeouts, on every engine */

int64_t shim_aio_now(void);
void shim_aio_timer_add(struct aio *a, uint32_t i);
void shim_aio_timer_remove(struct aio *a, uint32_t i);
/* Completes what is over; nanoseconds until the next one, -1 if none. */
int64_t shim_aio_timer_expire(struct aio *a);
/* The same without completing anything. */
int64_t shim_aio_timer_next(const struct aio *a);

/* aio_choose.c */

int shim_aio_choose(struct aio *a, const struct shim_aio_params *params);
/*
 * A value of the auxiliary vector. Returns 1, or 0 when nobody tells. The
 * kernel is asked: behind the envp of a caller there need not be a vector.
 * Kernels before 6.4 have it only in /proc.
 */
int shim_aio_auxv(uint64_t type, uint64_t *value);

/* aio_attempt.c */

/* What becomes of an operation that was tried. */
enum verdict {
	FINISHED,
	WAITS,	/* Until the descriptor changes. */
	BLOCKS, /* Only a helper can do it. */
};

enum verdict shim_aio_attempt(struct fd_state *f, struct slot *s, int *res);
/* poll(2) without waiting. */
enum verdict shim_aio_readiness(const struct slot *s, unsigned events,
				int *res);
/* Does an operation, however long it takes. */
int shim_aio_block(struct slot *s);
/* Finds out about a descriptor that epoll does not take. */
int shim_aio_classify(int fd, struct fd_state *f);
int shim_aio_is_socket(int fd, struct fd_state *f);
/* Whether close may wait: for a server, or for data to linger over. */
int shim_aio_close_blocks(int fd, enum kind kind);

/* aio_helper.c */

int shim_aio_helpers_init(struct helpers *h, unsigned limit);
/* Ends the threads, after what was given to them. */
void shim_aio_helpers_end(struct aio *a, struct helpers *h);
/* Gives back what stays behind in a forked child. */
void shim_aio_helpers_abandon(struct helpers *h);
/* Gives slot i to a thread, or returns -errno when there is none. */
int shim_aio_helpers_put(struct aio *a, struct helpers *h, uint32_t i);
/* Takes slot i back; 0 when a thread has begun. */
int shim_aio_helpers_take_back(struct aio *a, struct helpers *h, uint32_t i);
/* A slot whose result has come, or 0. */
uint32_t shim_aio_helpers_next(struct aio *a, struct helpers *h);

#pragma GCC visibility pop

static inline struct slot *slot_at(const struct aio *a, uint32_t i)
{
	return &a->slots[i - 1];
}

/* The state of fd, or NULL for a number beyond the caller's storage. */
static inline struct fd_state *state_of(const struct aio *a, int fd)
{
	return fd >= 0 && (uint32_t)fd < a->nr_fds ? &a->fds[fd] : NULL;
}

static inline enum direction direction_of(const struct slot *s)
{
	switch (s->op) {
	case SHIM_AIO_WRITE:
	case SHIM_AIO_SEND:
		return OUTPUT;
	case SHIM_AIO_POLL:
		return EITHER;
	}
	return INPUT;
}

/* The result of what is stopped: what came before is not lost. */
static inline long result_when_stopped(const struct slot *s)
{
	return s->nr_moved ? (long)s->nr_moved : -SHIM_ECANCELED;
}

static inline int in_flight(const struct slot *s)
{
	return s->state != IDLE && s->state != DONE;
}

#endif
