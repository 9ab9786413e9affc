/* SPDX-License-Identifier: MIT */
/*
 * The life of an operation, on every engine: it takes a slot, is in flight on
 * its descriptor, completes or is stopped, and waits to be reaped.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio_impl.h"

/* When something is stopped again that could not be found before. */
enum { RETRY_NS = 1000000 };

void shim_aio_push(struct aio *a, struct list *l, uint32_t i, int links)
{
	slot_at(a, i)->links[links] = (struct link){ .prev = l->tail };
	if (l->tail)
		slot_at(a, l->tail)->links[links].next = i;
	else
		l->head = i;
	l->tail = i;
}

void shim_aio_remove(struct aio *a, struct list *l, uint32_t i, int links)
{
	struct link at = slot_at(a, i)->links[links];

	if (at.prev)
		slot_at(a, at.prev)->links[links].next = at.next;
	else
		l->head = at.next;
	if (at.next)
		slot_at(a, at.next)->links[links].prev = at.prev;
	else
		l->tail = at.prev;
}

static int departs(const struct slot *s)
{
	return s->op == SHIM_AIO_CLOSE || s->op == SHIM_AIO_FORGET;
}

static int room(struct aio *a)
{
	if (a->free.head)
		return a->ops->room(a);
	return a->done.head ? -SHIM_EBUSY : -SHIM_EAGAIN;
}

/*
 * A slot, of which there is one. What is not set here is 0; the heap's part is
 * not the operation's.
 */
static uint32_t take_slot(struct aio *a)
{
	uint32_t i = a->free.head;
	struct slot *s = slot_at(a, i);

	shim_aio_remove(a, &a->free, i, QUEUE_LINKS);
	*s = (struct slot){
		.gen = s->gen + 1,
		.heap = s->heap,
		.state = ACTIVE,
	};
	a->nr_in_flight++;
	return i;
}

/*
 * Whether the descriptor is about to leave. When its close has ended, though
 * the event waits to be reaped, another one may have the number.
 */
static int leaves(const struct aio *a, struct fd_state *f, int fd)
{
	const struct slot *s;

	if (!f->leaving)
		return 0;
	s = slot_at(a, f->leaving);
	if (s->op != SHIM_AIO_CLOSE || s->state != DONE ||
	    shim_fcntl(fd, SHIM_F_GETFD, 0) < 0)
		return 1;
	f->leaving = 0;
	return 0;
}

/*
 * Whether a submission makes sense. A wild number is answered by the event, as
 * the kernel would; an open descriptor that has no state cannot be used.
 */
static int check_fd(const struct aio *a, enum shim_aio_op op, int fd)
{
	struct fd_state *f = state_of(a, fd);

	if (fd < 0 || (f && leaves(a, f, fd)))
		return -SHIM_EBADF;
	if (!f && op != SHIM_AIO_FORGET && shim_fcntl(fd, SHIM_F_GETFD, 0) >= 0)
		return -SHIM_EINVAL;
	return 0;
}

/* All others on the descriptor of slot i must end first. */
static void depart(struct aio *a, uint32_t i)
{
	slot_at(a, i)->nr_pending = 1;
	shim_aio_stop_all(a, i);
	shim_aio_stopped(a, i, 0);
}

/* End the operations with the token that slot i names. */
static void cancel(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);

	s->res = -SHIM_ENOENT;
	/* One more than are asked for: the answers must not end it early. */
	s->nr_pending = 1;
	for (uint32_t j = 1; j <= a->nr_slots; j++) {
		struct slot *t = slot_at(a, j);

		if (t->token == (uint64_t)s->arg && t->op < SHIM_AIO_CANCEL &&
		    in_flight(t))
			shim_aio_stop(a, j, i);
	}
	shim_aio_stopped(a, i, -SHIM_ENOENT);
}

static void start(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);

	if (s->op == SHIM_AIO_CANCEL) {
		cancel(a, i);
	} else if (s->op == SHIM_AIO_TIMEOUT) {
		shim_aio_timer_add(a, i);
	} else if (!f) {
		shim_aio_complete(a, i,
				  s->op == SHIM_AIO_FORGET ? 0 : -SHIM_EBADF);
	} else if (departs(s)) {
		f->leaving = i;
		depart(a, i);
	} else {
		shim_aio_push(a, &f->ops[direction_of(s)], i, FD_LINKS);
		a->ops->start(a, i);
	}
}

int shim_aio_submit(struct aio *a, enum shim_aio_op op, int fd, void *buf,
		    size_t len, int64_t arg, uint64_t token)
{
	int on_fd = op != SHIM_AIO_TIMEOUT && op != SHIM_AIO_CANCEL;
	int err = on_fd ? check_fd(a, op, fd) : 0;
	struct slot *s;
	uint32_t i;

	if (!err)
		err = room(a);
	if (err)
		return err;
	i = take_slot(a);
	s = slot_at(a, i);
	s->op = (uint8_t)op;
	s->fd = fd;
	s->buf = buf;
	s->len = (uint32_t)(len < TRANSFER_MAX ? len : TRANSFER_MAX);
	s->arg = arg;
	s->token = token;
	start(a, i);
	return 0;
}

/*
 * Tell the cancel that tried to end s that it has: it may have found that the
 * kernel had completed s, and the engine not yet.
 */
static void credit(struct aio *a, const struct slot *s)
{
	struct slot *by;

	if (!s->by)
		return;
	by = slot_at(a, s->by);
	if (by->gen == s->by_gen && by->op == SHIM_AIO_CANCEL &&
	    by->state == ACTIVE)
		by->res = 0;
}

/* Go on with slot i, a close or forget, when all answers are there. */
static void settle(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);

	if (s->nr_pending || s->state != ACTIVE)
		return;
	for (int d = 0; d < NR_DIRECTIONS; d++) {
		if (f->ops[d].head) {
			a->ops->linger(a, i);
			return;
		}
	}
	s->state = LAST;
	a->ops->leave(a, i);
}

void shim_aio_complete(struct aio *a, uint32_t i, long res)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);

	s->res = (int32_t)res;
	s->state = DONE;
	a->nr_in_flight--;
	shim_aio_push(a, &a->done, i, QUEUE_LINKS);
	if (res == -SHIM_ECANCELED)
		credit(a, s);
	if (!f || departs(s))
		return;
	shim_aio_remove(a, &f->ops[direction_of(s)], i, FD_LINKS);
	if (f->leaving)
		settle(a, f->leaving);
}

void shim_aio_stop(struct aio *a, uint32_t i, uint32_t by)
{
	struct slot *s = slot_at(a, i);

	s->cancelled = 1;
	s->by = by;
	if (by) {
		s->by_gen = slot_at(a, by)->gen;
		slot_at(a, by)->nr_pending++;
	}
	if (s->op != SHIM_AIO_TIMEOUT) {
		a->ops->stop(a, i, by);
		return;
	}
	shim_aio_timer_remove(a, i);
	shim_aio_complete(a, i, -SHIM_ECANCELED);
	shim_aio_stopped(a, by, 0);
}

void shim_aio_stop_all(struct aio *a, uint32_t i)
{
	struct fd_state *f = state_of(a, slot_at(a, i)->fd);

	for (int d = 0; d < NR_DIRECTIONS; d++) {
		for (uint32_t j = f->ops[d].head, next; j; j = next) {
			next = slot_at(a, j)->links[FD_LINKS].next;
			shim_aio_stop(a, j, i);
		}
	}
}

void shim_aio_stopped(struct aio *a, uint32_t by, int res)
{
	struct slot *s;

	if (!by)
		return;
	s = slot_at(a, by);
	s->nr_pending--;
	if (s->op != SHIM_AIO_CANCEL) {
		settle(a, by);
		return;
	}
	if (!res || (res == -SHIM_EALREADY && s->res))
		s->res = res;
	if (!s->nr_pending)
		shim_aio_complete(a, by, s->res);
}

/* Forget what has ended. Nobody will close a connection but we. */
static void drop(struct aio *a)
{
	for (uint32_t i; (i = a->done.head);) {
		struct slot *s = slot_at(a, i);

		if (s->op == SHIM_AIO_ACCEPT && s->res >= 0)
			shim_close(s->res);
		s->state = IDLE;
		shim_aio_remove(a, &a->done, i, QUEUE_LINKS);
		shim_aio_push(a, &a->free, i, QUEUE_LINKS);
	}
}

int shim_aio_drain(struct aio *a)
{
	for (drop(a); a->nr_in_flight; drop(a)) {
		uint32_t before = 0;

		for (uint32_t i = 1; i <= a->nr_slots; i++) {
			const struct slot *s = slot_at(a, i);

			if (s->op < SHIM_AIO_CANCEL && in_flight(s))
				shim_aio_stop(a, i, 0);
		}
		/* What was not found at this moment is stopped again. */
		for (drop(a); a->nr_in_flight && a->nr_in_flight != before;
		     drop(a)) {
			int err;

			before = a->nr_in_flight;
			err = a->ops->poll(a, RETRY_NS);
			if (err)
				return err;
		}
	}
	return 0;
}
