/* SPDX-License-Identifier: MIT */
/*
 * The engine on io_uring. A submission becomes an SQE, which poll hands to the
 * kernel. user_data is the slot and which one of its operations it is; that of
 * a request to cancel has ANSWER in it and names the slot that asked.
 *
 * Where the kernel's result would depend on O_NONBLOCK or on luck, the
 * operation goes on: after EAGAIN it waits for readiness, and what is short on
 * a regular file is continued.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>
#include <shim/uring.h>

#include "aio_impl.h"

enum {
	ENTRIES_MAX = 256,
	ENTRIES_MIN = 8,
	BATCH = 64, /* How many completions are taken at once. */
	/* When something is stopped again that could not be stopped before. */
	RETRY_NS = 1000000,
};

/* What a slot is doing: its phase. */
enum {
	AT_WORK,
	AWAITING,  /* Readiness, to be tried again then. */
	AGAIN,	   /* In the list of what is to be tried again. */
	LINGERING, /* Of a close or forget: waits to stop others again. */
};

/* Slots are fewer, so that this bit of the index is free. */
#define ANSWER (1U << 31)
_Static_assert(SHIM_AIO_SLOTS_MAX < ANSWER, "ANSWER");

/* Best first: completions are posted when we ask for them, by one thread. */
static const unsigned setup_flags[] = {
	SHIM_IORING_SETUP_SUBMIT_ALL | SHIM_IORING_SETUP_SINGLE_ISSUER |
		SHIM_IORING_SETUP_DEFER_TASKRUN |
		SHIM_IORING_SETUP_TASKRUN_FLAG,
	SHIM_IORING_SETUP_SUBMIT_ALL | SHIM_IORING_SETUP_COOP_TASKRUN |
		SHIM_IORING_SETUP_TASKRUN_FLAG,
	0,
};

enum { NR_SETUP_FLAGS = sizeof(setup_flags) / sizeof(setup_flags[0]) };

static uint64_t handle(const struct aio *a, uint32_t i)
{
	return i ? (uint64_t)slot_at(a, i)->gen << 32 | i : 0;
}

/* A ring of entries with all the flags that the kernel knows. */
static int set_up(struct shim_uring *ring, unsigned entries, unsigned nr_slots)
{
	int err = -SHIM_EINVAL;

	for (int i = 0; i < NR_SETUP_FLAGS && err == -SHIM_EINVAL; i++) {
		struct shim_io_uring_params p = {
			.flags = setup_flags[i] | SHIM_IORING_SETUP_CQSIZE |
				 SHIM_IORING_SETUP_CLAMP,
			/* For each slot a result and an answer. */
			.cq_entries = 2 * nr_slots,
		};

		if (p.cq_entries < entries)
			p.cq_entries = entries;
		err = shim_uring_queue_init_params(entries, ring, &p);
	}
	return err;
}

/* The limit for memory that is locked, 0 for none. */
static uint64_t locked_max(void)
{
	struct shim_rlimit64 limit;

	if (shim_prlimit64(0, SHIM_RLIMIT_MEMLOCK, NULL, &limit) ||
	    limit.rlim_cur == UINT64_MAX)
		return 0;
	return limit.rlim_cur;
}

/* About what the kernel counts for a ring, in whole pages. */
static uint64_t locked(unsigned entries)
{
	uint64_t sqes = entries * sizeof(struct shim_io_uring_sqe);
	uint64_t rings = 320 + entries * sizeof(uint32_t) +
			 2 * entries * sizeof(struct shim_io_uring_cqe);

	return ((sqes + 4095) & ~4095ULL) + ((rings + 4095) & ~4095ULL);
}

static int uring_init(struct aio *a, const struct shim_aio_params *params)
{
	unsigned nr_slots = params->nr_slots, entries = ENTRIES_MIN;
	uint64_t limit;
	int err;

	while (entries < nr_slots && entries < ENTRIES_MAX)
		entries *= 2;
	a->uring = (struct uring){ .again = { 0 } };
	a->failed = "io_uring_setup";
	err = set_up(&a->uring.ring, entries, nr_slots);
	if (err != -SHIM_ENOMEM)
		return err;
	/* Kernels before 5.12 count rings as locked memory. */
	limit = locked_max();
	while (limit && err == -SHIM_ENOMEM && entries > ENTRIES_MIN) {
		entries /= 2;
		/* What does not fit the kernel keeps until there is room. */
		err = set_up(&a->uring.ring, entries, entries);
	}
	if (err == -SHIM_ENOMEM) {
		a->locked_max = limit;
		a->locked = locked(entries);
	}
	return err;
}

static void uring_exit(struct aio *a)
{
	shim_uring_queue_exit(&a->uring.ring);
}

/* An SQE, or NULL when the kernel takes none of those that fill the queue. */
static struct shim_io_uring_sqe *new_sqe(struct shim_uring *ring)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

	if (sqe || shim_uring_submit(ring) < 0)
		return sqe;
	return shim_uring_get_sqe(ring);
}

static int uring_room(struct aio *a)
{
	struct shim_uring *ring = &a->uring.ring;
	int n;

	if (shim_uring_sq_space_left(ring))
		return 0;
	n = shim_uring_submit(ring);
	if (n < 0)
		return n;
	return shim_uring_sq_space_left(ring) ? 0 : -SHIM_EAGAIN;
}

static void prepare_transfer(const struct fd_state *f, const struct slot *s,
			     struct shim_io_uring_sqe *sqe)
{
	char *buf = (char *)s->buf + s->nr_moved;
	unsigned len = s->len - s->nr_moved;
	int64_t offset = f->no_seek ? -1 : s->arg;

	if (offset >= 0)
		offset += s->nr_moved;
	if (s->op == SHIM_AIO_READ)
		shim_uring_prep_read(sqe, s->fd, buf, len, (uint64_t)offset);
	else
		shim_uring_prep_write(sqe, s->fd, buf, len, (uint64_t)offset);
}

static void prepare(const struct aio *a, const struct slot *s,
		    struct shim_io_uring_sqe *sqe)
{
	switch (s->op) {
	case SHIM_AIO_READ:
	case SHIM_AIO_WRITE:
		prepare_transfer(state_of(a, s->fd), s, sqe);
		break;
	case SHIM_AIO_ACCEPT:
		shim_uring_prep_accept(sqe, s->fd, NULL, NULL,
				       (int)s->arg | SHIM_SOCK_CLOEXEC);
		break;
	case SHIM_AIO_RECV:
		shim_uring_prep_recv(sqe, s->fd, s->buf, s->len, (int)s->arg);
		break;
	case SHIM_AIO_SEND:
		shim_uring_prep_send(sqe, s->fd, s->buf, s->len,
				     (int)s->arg | SHIM_MSG_NOSIGNAL);
		break;
	case SHIM_AIO_POLL:
		shim_uring_prep_poll_add(sqe, s->fd, (uint16_t)s->arg);
		break;
	case SHIM_AIO_CLOSE:
		shim_uring_prep_close(sqe, s->fd);
		/* Lingering must not hold up the thread that submits. */
		if (shim_aio_close_blocks(s->fd, SOCKET))
			sqe->flags |= SHIM_IOSQE_ASYNC;
		break;
	}
}

/* Wait for what the operation needs, without doing it. */
static void prepare_readiness(const struct slot *s,
			      struct shim_io_uring_sqe *sqe)
{
	shim_uring_prep_poll_add(sqe, s->fd,
				 direction_of(s) == OUTPUT ? SHIM_POLLOUT
							   : SHIM_POLLIN);
}

/* Put slot i into the queue, now or when there is room. */
static void uring_start(struct aio *a, uint32_t i)
{
	struct shim_io_uring_sqe *sqe = new_sqe(&a->uring.ring);
	struct slot *s = slot_at(a, i);

	if (!sqe) {
		s->phase = AGAIN;
		shim_aio_push(a, &a->uring.again, i, QUEUE_LINKS);
		return;
	}
	s->phase = AT_WORK;
	prepare(a, s, sqe);
	shim_uring_sqe_set_data64(sqe, handle(a, i));
}

/* Wait until slot i can go on; the kernel said EAGAIN. */
static void await_readiness(struct aio *a, uint32_t i)
{
	struct shim_io_uring_sqe *sqe = new_sqe(&a->uring.ring);
	struct slot *s = slot_at(a, i);

	if (!sqe) {
		/* It will be told so once more. */
		uring_start(a, i);
		return;
	}
	s->phase = AWAITING;
	prepare_readiness(s, sqe);
	shim_uring_sqe_set_data64(sqe, handle(a, i));
}

static void uring_stop(struct aio *a, uint32_t i, uint32_t by)
{
	struct slot *s = slot_at(a, i);
	struct shim_io_uring_sqe *sqe;

	if (s->phase == AGAIN) {
		shim_aio_remove(a, &a->uring.again, i, QUEUE_LINKS);
		shim_aio_complete(a, i, -SHIM_ECANCELED);
		shim_aio_stopped(a, by, 0);
		return;
	}
	sqe = new_sqe(&a->uring.ring);
	if (!sqe) {
		shim_aio_stopped(a, by, -SHIM_EALREADY);
		return;
	}
	shim_uring_prep_cancel64(sqe, handle(a, i), 0);
	shim_uring_sqe_set_data64(sqe, handle(a, by) | ANSWER);
}

static void uring_linger(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);

	if (s->phase == LINGERING)
		return;
	s->phase = LINGERING;
	shim_aio_push(a, &a->uring.lingering, i, QUEUE_LINKS);
}

static void uring_leave(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);

	if (s->phase == LINGERING)
		shim_aio_remove(a, &a->uring.lingering, i, QUEUE_LINKS);
	*f = (struct fd_state){ .leaving = f->leaving, .gen = f->gen + 1 };
	if (s->op == SHIM_AIO_FORGET)
		shim_aio_complete(a, i, 0);
	else
		uring_start(a, i);
}

/* Whether a result that is short is to be continued. */
static int is_regular(struct fd_state *f, const struct slot *s)
{
	if (s->op != SHIM_AIO_READ && s->op != SHIM_AIO_WRITE)
		return 0;
	if (f->kind == UNKNOWN && shim_aio_classify(s->fd, f))
		return 0;
	return f->kind == REGULAR;
}

/* Whether slot i, of which the kernel says res, is not over yet. */
static int goes_on(struct aio *a, uint32_t i, int res)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);

	if (s->op == SHIM_AIO_CLOSE || s->cancelled)
		return 0;
	if ((s->phase == AWAITING && res >= 0) || res == -SHIM_EINTR) {
		uring_start(a, i);
		return 1;
	}
	if (res == -SHIM_EAGAIN) {
		await_readiness(a, i);
		return 1;
	}
	if (res == -SHIM_ESPIPE && s->arg >= 0 && !f->no_seek &&
	    s->op <= SHIM_AIO_WRITE) {
		f->no_seek = 1;
		uring_start(a, i);
		return 1;
	}
	if (res > 0 && (uint32_t)res < s->len - s->nr_moved &&
	    is_regular(f, s)) {
		s->nr_moved += (uint32_t)res;
		uring_start(a, i);
		return 1;
	}
	return 0;
}

/* Slot i has the result res. */
static void finish(struct aio *a, uint32_t i, int res)
{
	struct slot *s = slot_at(a, i);

	if (goes_on(a, i, res))
		return;
	/* What would have gone on was stopped before. */
	if (s->cancelled && s->op != SHIM_AIO_CLOSE &&
	    (s->phase == AWAITING || res == -SHIM_EINTR || res == -SHIM_EAGAIN))
		res = -SHIM_ECANCELED;
	if (s->nr_moved)
		res = (res > 0 ? res : 0) + (int)s->nr_moved;
	shim_aio_complete(a, i, res);
}

/* The kernel's answer to a request of slot by to cancel. */
static void answer(struct aio *a, uint32_t by, int res)
{
	if (res != -SHIM_ENOENT && res != -SHIM_EALREADY)
		res = 0;
	shim_aio_stopped(a, by, res);
}

struct completion {
	uint64_t user_data;
	int res;
};

/* Take the completions that are ready, at most BATCH. */
static unsigned take(struct shim_uring *ring, struct completion *c)
{
	struct shim_io_uring_cqe *cqes[BATCH];
	unsigned n = shim_uring_peek_batch_cqe(ring, cqes, BATCH);

	for (unsigned k = 0; k < n; k++)
		c[k] = (struct completion){ cqes[k]->user_data, cqes[k]->res };
	shim_uring_cq_advance(ring, n);
	return n;
}

static unsigned reap(struct aio *a)
{
	struct completion c[BATCH];
	unsigned n = take(&a->uring.ring, c);

	for (unsigned k = 0; k < n; k++) {
		uint32_t i = (uint32_t)c[k].user_data;

		if (i & ANSWER)
			answer(a, i & ~ANSWER, c[k].res);
		else
			finish(a, i, c[k].res);
	}
	return n;
}

/* Put into the queue what did not fit before. */
static void start_again(struct aio *a)
{
	struct list l = a->uring.again;

	a->uring.again = (struct list){ 0 };
	for (uint32_t i; (i = l.head);) {
		shim_aio_remove(a, &l, i, QUEUE_LINKS);
		uring_start(a, i);
	}
}

/* Stop again what still keeps a descriptor from leaving. */
static void stop_again(struct aio *a)
{
	uint32_t next;

	for (uint32_t i = a->uring.lingering.head; i; i = next) {
		next = slot_at(a, i)->links[QUEUE_LINKS].next;
		if (slot_at(a, i)->nr_pending)
			continue;
		/* One more, so that the answers cannot end it here. */
		slot_at(a, i)->nr_pending = 1;
		shim_aio_stop_all(a, i);
		shim_aio_stopped(a, i, 0);
	}
}

/* Submit, and wait up to ns for a completion. */
static int enter(struct shim_uring *ring, int64_t ns)
{
	struct shim_timespec t = { ns / NS_PER_S, ns % NS_PER_S };
	struct shim_io_uring_cqe *cqe;

	if (!ns)
		return shim_uring_sq_ready(ring)
			       ? shim_uring_submit_and_get_events(ring)
			       : 0;
	return shim_uring_submit_and_wait_timeout(ring, &cqe, 1,
						  ns < 0 ? NULL : &t, NULL);
}

static int uring_poll(struct aio *a, int64_t ns)
{
	struct shim_uring *ring = &a->uring.ring;
	int err;

	start_again(a);
	stop_again(a);
	if ((a->uring.lingering.head || a->uring.again.head) &&
	    (ns < 0 || ns > RETRY_NS))
		ns = RETRY_NS;
	if (a->done.head || shim_uring_cq_ready(ring))
		ns = 0;
	err = enter(ring, ns);
	/* EBUSY: the kernel keeps completions until these are taken. */
	if (reap(a) || err >= 0 || err == -SHIM_ETIME || err == -SHIM_EINTR ||
	    err == -SHIM_EBUSY)
		return 0;
	return err;
}

/* The kernel's threads have the credentials of the submission. */
static int uring_quiesce(struct aio *a)
{
	int n = shim_uring_submit(&a->uring.ring);

	return n < 0 ? n : 0;
}

static int uring_fd(const struct aio *a)
{
	return a->uring.ring.ring_fd;
}

static int uring_ready(const struct aio *a)
{
	const struct uring *u = &a->uring;

	return u->again.head || u->lingering.head ||
	       shim_uring_sq_ready(&u->ring) || shim_uring_cq_ready(&u->ring);
}

const struct shim_aio_ops shim_aio_uring = {
	.name = "io_uring",
	.init = uring_init,
	.exit = uring_exit,
	.abandon = uring_exit,
	.room = uring_room,
	.start = uring_start,
	.stop = uring_stop,
	.leave = uring_leave,
	.linger = uring_linger,
	.poll = uring_poll,
	.quiesce = uring_quiesce,
	.fd = uring_fd,
	.ready = uring_ready,
};
