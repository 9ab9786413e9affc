/* SPDX-License-Identifier: MIT */
/*
 * The engine on io_uring. A submission becomes an SQE, which poll hands to the
 * kernel. Its user_data is the slot and which one of its operations it is.
 *
 * Where the kernel's result would depend on O_NONBLOCK, on luck or on the
 * version, the operation goes on: after EAGAIN it waits for readiness, and what
 * is short on a regular file or with MSG_WAITALL is continued.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>
#include <shim/uring.h>

#include "aio_impl.h"

enum {
	BATCH = 64, /* How many completions are taken at once. */
	/* When that is tried again which was in vain before. */
	RETRY_NS = 1000000,
	/* How often that is tried at once which blocks though it is ready. */
	PATIENT_TRIES = 8,
};

/* What a slot is doing: its phase. */
enum {
	AT_WORK,
	AWAITING,  /* Readiness, to be tried again then. */
	AGAIN,	   /* In the list of what is to be tried again. */
	LINGERING, /* Of a close or forget: waits to stop others again. */
};

/* How far it is with stopping a slot: bits. */
enum {
	STOPPING = 1 << 0, /* A request to cancel it is in flight. */
	RESTOP = 1 << 1,   /* In the list of what is to be stopped again. */
	INSISTED = 1 << 2, /* The kernel has said once that it runs. */
};

/*
 * User data. Of an operation: its slot and which one of the slot's. Of a
 * request to cancel one: ANSWER, the slot, who asked, and some bits of which.
 */
#define ANSWER (1U << 31)
#define INDEX_MASK ((1U << 21) - 1)
#define GEN_SHIFT (32 + 21)
_Static_assert(SHIM_AIO_SLOTS_MAX <= INDEX_MASK, "INDEX_MASK");

static uint64_t handle(const struct aio *a, uint32_t i)
{
	return (uint64_t)slot_at(a, i)->gen << 32 | i;
}

static uint64_t answer_handle(const struct aio *a, uint32_t i, uint32_t by)
{
	return (uint64_t)slot_at(a, i)->gen << GEN_SHIFT | (uint64_t)by << 32 |
	       ANSWER | i;
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
	if (shim_uring_sq_space_left(ring))
		return 0;
	return n == -SHIM_EBUSY ? -SHIM_EBUSY : -SHIM_EAGAIN;
}

/* Start slot i again after some time. */
static void start_later(struct aio *a, uint32_t i)
{
	slot_at(a, i)->phase = AGAIN;
	shim_aio_push(a, &a->uring.again, i, QUEUE_LINKS);
}

/*
 * A signal has ended the request. Linux 6.1 lets out an error between 512 and
 * 516 that is meant for itself.
 */
static int interrupted(int res)
{
	return res == -SHIM_EINTR || (res <= -512 && res >= -516);
}

/*
 * A read of no bytes must not wait for some; on a pipe that of a ring does, on
 * Linux 6.1. Returns whether it is over.
 */
static int reads_nothing(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	long res;

	if (s->op != SHIM_AIO_READ || s->len)
		return 0;
	res = shim_read(s->fd, NULL, 0);
	if (res == -SHIM_EAGAIN || res == -SHIM_EINTR)
		return 0;
	shim_aio_complete(a, i, res);
	return 1;
}

/* Put slot i into the queue, now or when there is room. */
static void uring_start(struct aio *a, uint32_t i)
{
	struct shim_io_uring_sqe *sqe;
	struct slot *s = slot_at(a, i);

	if (reads_nothing(a, i))
		return;
	sqe = new_sqe(&a->uring.ring);
	if (!sqe) {
		start_later(a, i);
		return;
	}
	s->phase = AT_WORK;
	shim_aio_uring_prepare(a, s, sqe);
	shim_uring_sqe_set_data64(sqe, handle(a, i));
}

/*
 * The kernel said EAGAIN: wait until slot i can go on. What is ready and yet
 * blocks gets some time.
 */
static void await_readiness(struct aio *a, uint32_t i)
{
	struct shim_io_uring_sqe *sqe = NULL;
	struct slot *s = slot_at(a, i);

	if (s->tries++ < PATIENT_TRIES)
		sqe = new_sqe(&a->uring.ring);
	if (!sqe) {
		s->tries = 0;
		start_later(a, i);
		return;
	}
	s->phase = AWAITING;
	shim_aio_uring_prepare_readiness(s, sqe);
	shim_uring_sqe_set_data64(sqe, handle(a, i));
}

static int something_waits(const struct uring *u)
{
	return u->again.head || u->lingering.head || u->unstopped.head;
}

/* Stop slot i again for by after some time. */
static void stop_later(struct aio *a, uint32_t i, uint32_t by)
{
	struct uring *u = &a->uring;
	struct slot *s = slot_at(a, i);

	if (!something_waits(u))
		u->due = shim_aio_now() + RETRY_NS;
	s->stop |= RESTOP;
	s->owed = by;
	shim_aio_push(a, &u->unstopped, i, QUEUE_LINKS);
}

/* Ask the kernel to end the request of slot i. */
static void request_stop(struct aio *a, uint32_t i, uint32_t by)
{
	struct shim_io_uring_sqe *sqe = new_sqe(&a->uring.ring);

	if (!sqe) {
		stop_later(a, i, by);
		return;
	}
	slot_at(a, i)->stop |= STOPPING;
	shim_uring_prep_cancel64(sqe, handle(a, i), 0);
	shim_uring_sqe_set_data64(sqe, answer_handle(a, i, by));
}

static void uring_stop(struct aio *a, uint32_t i, uint32_t by)
{
	struct slot *s = slot_at(a, i);

	if (s->phase == AGAIN) {
		shim_aio_remove(a, &a->uring.again, i, QUEUE_LINKS);
		shim_aio_complete(a, i, result_when_stopped(s));
		shim_aio_stopped(a, by, 0);
	} else if (s->stop & (STOPPING | RESTOP)) {
		/* It is ending for another. */
		shim_aio_stopped(a, by, -SHIM_ENOENT);
	} else {
		request_stop(a, i, by);
	}
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
	*f = (struct fd_state){ .leaving = f->leaving };
	if (s->op == SHIM_AIO_FORGET)
		shim_aio_complete(a, i, 0);
	else
		uring_start(a, i);
}

/* Whether slot i, of which the kernel says res, is not over yet. */
static int goes_on(struct aio *a, uint32_t i, int res)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);

	if (s->cancelled)
		return 0;
	/* Nobody stopped it: the kernel had no thread for it, or lost one. */
	if (res == -SHIM_ECANCELED) {
		start_later(a, i);
		return 1;
	}
	if (s->op == SHIM_AIO_CLOSE)
		return 0;
	if ((s->phase == AWAITING && res >= 0) || interrupted(res)) {
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
	    shim_aio_uring_wants_all(f, s)) {
		s->nr_moved += (uint32_t)res;
		uring_start(a, i);
		return 1;
	}
	return 0;
}

/* End slot i, and answer who waits for the end of a request of it. */
static void end(struct aio *a, uint32_t i, int res)
{
	struct slot *s = slot_at(a, i);
	int unanswered = s->stop & RESTOP;

	if (unanswered)
		shim_aio_remove(a, &a->uring.unstopped, i, QUEUE_LINKS);
	shim_aio_complete(a, i, res);
	if (unanswered)
		shim_aio_stopped(a, s->owed, -SHIM_ENOENT);
}

/* Slot i has the result res. */
static void finish(struct aio *a, uint32_t i, int res)
{
	struct slot *s = slot_at(a, i);

	/* On Linux 5.10 it may be what woke the poll, not what is. */
	if (s->op == SHIM_AIO_POLL && res > 0 &&
	    shim_aio_readiness(s, (unsigned)s->arg, &res) == WAITS) {
		if (!s->cancelled) {
			uring_start(a, i);
			return;
		}
		res = -SHIM_ECANCELED;
	}
	if (goes_on(a, i, res))
		return;
	/* What would have gone on was stopped before. */
	if (s->cancelled && s->op != SHIM_AIO_CLOSE &&
	    (s->phase == AWAITING || interrupted(res) || res == -SHIM_EAGAIN))
		res = -SHIM_ECANCELED;
	if (s->nr_moved)
		res = (res > 0 ? res : 0) + (int)s->nr_moved;
	end(a, i, res);
}

/* The kernel's answer to a request to cancel. */
static void answer(struct aio *a, uint64_t data, int res)
{
	uint32_t i = (uint32_t)data & INDEX_MASK;
	uint32_t by = (uint32_t)(data >> 32) & INDEX_MASK;
	struct slot *s = slot_at(a, i);
	int again = res == -SHIM_ENOENT;

	if (res != -SHIM_ENOENT && res != -SHIM_EALREADY)
		res = 0;
	if (data != answer_handle(a, i, by) || !in_flight(s) ||
	    !(s->stop & STOPPING)) {
		shim_aio_stopped(a, by, res);
		return;
	}
	s->stop &= (uint8_t)~STOPPING;
	/*
	 * It has completed, and that comes next; or the kernel was about to
	 * move it from one queue to another, or has interrupted it.
	 */
	if (res == -SHIM_EALREADY && !(s->stop & INSISTED)) {
		s->stop |= INSISTED;
		again = 1;
	}
	if (again)
		stop_later(a, i, by);
	else
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
		uint64_t data = c[k].user_data;

		if (data & ANSWER)
			answer(a, data, c[k].res);
		else
			finish(a, (uint32_t)data, c[k].res);
	}
	return n;
}

static void start_again(struct aio *a)
{
	struct list l = a->uring.again;

	a->uring.again = (struct list){ 0 };
	for (uint32_t i; (i = l.head);) {
		shim_aio_remove(a, &l, i, QUEUE_LINKS);
		uring_start(a, i);
	}
}

/* Stop again what could not be, and what still keeps a descriptor. */
static void stop_again(struct aio *a)
{
	struct list l = a->uring.unstopped;
	uint32_t next;

	a->uring.unstopped = (struct list){ 0 };
	for (uint32_t i; (i = l.head);) {
		shim_aio_remove(a, &l, i, QUEUE_LINKS);
		slot_at(a, i)->stop &= (uint8_t)~RESTOP;
		request_stop(a, i, slot_at(a, i)->owed);
	}
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

/* Try again what was in vain, if it is time. Returns how long to wait. */
static int64_t try_again(struct aio *a, int64_t ns)
{
	struct uring *u = &a->uring;
	int64_t now;

	if (!something_waits(u))
		return ns;
	now = shim_aio_now();
	if (now >= u->due) {
		u->due = now + RETRY_NS;
		start_again(a);
		stop_again(a);
	}
	return ns < 0 || ns > u->due - now ? u->due - now : ns;
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

	ns = try_again(a, ns);
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

static int64_t uring_sleep_ns(const struct aio *a)
{
	const struct uring *u = &a->uring;

	if (shim_uring_sq_ready(&u->ring) || shim_uring_cq_ready(&u->ring))
		return 0;
	return something_waits(u) ? RETRY_NS : -1;
}

const struct shim_aio_ops shim_aio_uring = {
	.name = "io_uring",
	.init = shim_aio_uring_init,
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
	.sleep_ns = uring_sleep_ns,
};
