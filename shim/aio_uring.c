/* SPDX-License-Identifier: MIT */
/*
 * The engine on io_uring. A submission becomes an SQE, which poll hands to the
 * kernel. user_data is the slot and which one of its operations it is; that of
 * a request to cancel has ANSWER in it and names the slot that asked.
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

/* Slots are fewer, so that this bit of the index is free. */
#define ANSWER (1U << 31)
_Static_assert(SHIM_AIO_SLOTS_MAX < ANSWER, "ANSWER");

static uint64_t handle(const struct aio *a, uint32_t i)
{
	return i ? (uint64_t)slot_at(a, i)->gen << 32 | i : 0;
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

static void prepare_transfer(const struct fd_state *f, const struct slot *s,
			     struct shim_io_uring_sqe *sqe)
{
	char *buf = (char *)s->buf + s->nr_moved;
	unsigned len = s->len - s->nr_moved;
	int64_t offset = s->arg;

	/* Sockets do not ignore the offset, but for 0. */
	if (offset >= 0)
		offset = f->no_seek ? 0 : offset + s->nr_moved;
	if (s->op == SHIM_AIO_READ)
		shim_uring_prep_read(sqe, s->fd, buf, len, (uint64_t)offset);
	else
		shim_uring_prep_write(sqe, s->fd, buf, len, (uint64_t)offset);
}

static void prepare(const struct aio *a, const struct slot *s,
		    struct shim_io_uring_sqe *sqe)
{
	char *buf = (char *)s->buf + s->nr_moved;
	unsigned len = s->len - s->nr_moved;

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
		shim_uring_prep_recv(sqe, s->fd, buf, len, (int)s->arg);
		break;
	case SHIM_AIO_SEND:
		shim_uring_prep_send(sqe, s->fd, buf, len,
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

/* Start slot i again after some time. */
static void start_later(struct aio *a, uint32_t i)
{
	slot_at(a, i)->phase = AGAIN;
	shim_aio_push(a, &a->uring.again, i, QUEUE_LINKS);
}

/* Put slot i into the queue, now or when there is room. */
static void uring_start(struct aio *a, uint32_t i)
{
	struct shim_io_uring_sqe *sqe = new_sqe(&a->uring.ring);
	struct slot *s = slot_at(a, i);

	if (!sqe) {
		start_later(a, i);
		return;
	}
	s->phase = AT_WORK;
	prepare(a, s, sqe);
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
	prepare_readiness(s, sqe);
	shim_uring_sqe_set_data64(sqe, handle(a, i));
}

static void uring_stop(struct aio *a, uint32_t i, uint32_t by)
{
	struct slot *s = slot_at(a, i);
	struct shim_io_uring_sqe *sqe;

	if (s->phase == AGAIN) {
		shim_aio_remove(a, &a->uring.again, i, QUEUE_LINKS);
		shim_aio_complete(a, i, result_when_stopped(s));
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
	*f = (struct fd_state){ .leaving = f->leaving };
	if (s->op == SHIM_AIO_FORGET)
		shim_aio_complete(a, i, 0);
	else
		uring_start(a, i);
}

/* Whether a result that is short is to be continued. */
static int wants_all(struct fd_state *f, const struct slot *s)
{
	switch (s->op) {
	case SHIM_AIO_READ:
	case SHIM_AIO_WRITE:
		if (f->kind == UNKNOWN && shim_aio_classify(s->fd, f))
			return 0;
		return f->kind == REGULAR;
	case SHIM_AIO_RECV:
	case SHIM_AIO_SEND:
		return (s->arg & SHIM_MSG_WAITALL) &&
		       shim_aio_is_socket(s->fd, f) && f->stream;
	}
	return 0;
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
	    wants_all(f, s)) {
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

/* Try again what was in vain, if it is time. Returns how long to wait. */
static int64_t try_again(struct aio *a, int64_t ns)
{
	struct uring *u = &a->uring;
	int64_t now;

	if (!u->again.head && !u->lingering.head)
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
	return u->again.head || u->lingering.head ? RETRY_NS : -1;
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
