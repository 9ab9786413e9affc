/* SPDX-License-Identifier: MIT */
/*
 * The engine on epoll. An operation is tried when it is submitted. When it
 * would wait it stays in its descriptor's list, and is tried again when epoll
 * reports an edge. A descriptor is registered once, for all edges; what epoll
 * does not take (regular files) does not wait for readiness but for a device,
 * and goes to a helper.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio_impl.h"

enum {
	BATCH = 128, /* How many edges are taken at once. */
	/* How often what ended is returned before the kernel is asked again. */
	BUSY_ROUNDS = 16,
};

/* Stands in an edge for the counter: descriptor -1. */
#define COUNTER_EDGE UINT32_MAX

/* All that a descriptor can report, each time it changes. */
#define EDGES                                                             \
	(SHIM_EPOLLIN | SHIM_EPOLLPRI | SHIM_EPOLLOUT | SHIM_EPOLLRDHUP | \
	 SHIM_EPOLLRDNORM | SHIM_EPOLLRDBAND | SHIM_EPOLLWRNORM |         \
	 SHIM_EPOLLWRBAND | SHIM_EPOLLMSG | SHIM_EPOLLET)

/* The edges that say nothing of the other direction. */
#define INPUT_ONLY                                                           \
	(SHIM_EPOLLIN | SHIM_EPOLLPRI | SHIM_EPOLLRDHUP | SHIM_EPOLLRDNORM | \
	 SHIM_EPOLLRDBAND | SHIM_EPOLLMSG)
#define OUTPUT_ONLY (SHIM_EPOLLOUT | SHIM_EPOLLWRNORM | SHIM_EPOLLWRBAND)

static int pollable(const struct fd_state *f)
{
	return f->kind == SOCKET || f->kind == DEVICE;
}

static int fail(struct aio *a, const char *call, long err)
{
	a->failed = call;
	return (int)err;
}

static int epoll_init(struct aio *a, const struct shim_aio_params *params)
{
	/* Each write is an edge, so that the counter need not be read. */
	struct shim_epoll_event event = {
		.events = SHIM_EPOLLIN | SHIM_EPOLLET,
		.data = COUNTER_EDGE,
	};
	struct epoll *e = &a->epoll;
	long err;
	int fd;

	err = shim_epoll_create1(SHIM_EPOLL_CLOEXEC);
	if (err < 0)
		return fail(a, "epoll_create1", err);
	fd = (int)err;
	*e = (struct epoll){ .fd = fd };
	err = shim_aio_helpers_init(&e->helpers, params->nr_helpers);
	if (err < 0) {
		fail(a, "eventfd2", err);
		goto close_epoll;
	}
	err = shim_epoll_ctl(fd, SHIM_EPOLL_CTL_ADD, e->helpers.counter,
			     &event);
	if (err < 0) {
		fail(a, "epoll_ctl", err);
		goto close_counter;
	}
	return 0;

close_counter:
	shim_close(e->helpers.counter);
close_epoll:
	shim_close(fd);
	return (int)err;
}

static void epoll_exit(struct aio *a)
{
	shim_aio_helpers_end(a, &a->epoll.helpers);
	shim_close(a->epoll.helpers.counter);
	shim_close(a->epoll.fd);
}

static void epoll_abandon(struct aio *a)
{
	shim_aio_helpers_abandon(&a->epoll.helpers);
	shim_close(a->epoll.helpers.counter);
	shim_close(a->epoll.fd);
}

static int epoll_room(struct aio *a)
{
	(void)a;
	return 0;
}

/* Make epoll report all edges of fd, the first for what it is ready for now. */
static long watch(struct aio *a, int op, int fd)
{
	struct shim_epoll_event event = {
		.events = EDGES,
		.data = (uint32_t)fd,
	};

	return shim_epoll_ctl(a->epoll.fd, op, fd, &event);
}

/* Make epoll report edges of fd and find out what fd is. */
static int enrol(struct aio *a, int fd, struct fd_state *f)
{
	long err = watch(a, SHIM_EPOLL_CTL_ADD, fd);

	if (err == -SHIM_EEXIST)
		err = watch(a, SHIM_EPOLL_CTL_MOD, fd);
	if (err == -SHIM_EPERM)
		return shim_aio_classify(fd, f);
	if (err)
		return (int)err;
	f->kind = shim_aio_is_socket(fd, f) ? SOCKET : DEVICE;
	return 0;
}

/* Try the operation of slot i. Returns whether it is over. */
static int advance(struct aio *a, struct fd_state *f, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	enum verdict then;
	int res;

	then = shim_aio_attempt(f, s, &res);
	if (then == BLOCKS) {
		s->no_seek = f->no_seek;
		s->whole = f->kind == REGULAR;
		res = shim_aio_helpers_put(a, &a->epoll.helpers, i);
		if (!res)
			return 0;
		then = FINISHED;
	}
	if (then == FINISHED)
		shim_aio_complete(a, i, res);
	return then == FINISHED;
}

static void epoll_start(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);
	int err;

	if (f->kind == UNKNOWN) {
		err = enrol(a, s->fd, f);
		if (err) {
			shim_aio_complete(a, i, err);
			return;
		}
	}
	/* Those before it wait already. */
	if (!pollable(f) || s->op == SHIM_AIO_POLL ||
	    f->ops[direction_of(s)].head == i)
		advance(a, f, i);
}

/*
 * Try what waits in one direction of a descriptor, in order. One that a helper
 * does keeps back those behind it: what made the descriptor ready may be enough
 * for one only.
 */
static void run(struct aio *a, struct fd_state *f, enum direction d)
{
	for (uint32_t i; (i = f->ops[d].head);)
		if (slot_at(a, i)->state != ACTIVE || !advance(a, f, i))
			return;
}

/* Take the results of the helpers. */
static void take_results(struct aio *a)
{
	for (uint32_t i; (i = shim_aio_helpers_next(a, &a->epoll.helpers));) {
		struct slot *s = slot_at(a, i);
		struct fd_state *f = state_of(a, s->fd);

		shim_aio_complete(a, i, s->res);
		if (s->op != SHIM_AIO_CLOSE && pollable(f))
			run(a, f, direction_of(s));
	}
}

static void take_edge(struct aio *a, const struct shim_epoll_event *event)
{
	uint32_t i, next, fd = (uint32_t)event->data;
	struct fd_state *f;

	if (fd == COUNTER_EDGE) {
		take_results(a);
		return;
	}
	/* When the descriptor has left meanwhile, nothing waits there. */
	f = &a->fds[fd];
	if (event->events & ~(uint32_t)OUTPUT_ONLY)
		run(a, f, INPUT);
	if (event->events & ~(uint32_t)INPUT_ONLY)
		run(a, f, OUTPUT);
	for (i = f->ops[EITHER].head; i; i = next) {
		next = slot_at(a, i)->links[FD_LINKS].next;
		advance(a, f, i);
	}
}

/*
 * What slot i kept back on its descriptor may be able to go on, for which there
 * is no edge. It is asked for: who cancels may cancel that, too.
 */
static void release(struct aio *a, uint32_t i)
{
	const struct slot *s = slot_at(a, i);
	const struct fd_state *f = state_of(a, s->fd);

	if (pollable(f) && !f->leaving && f->ops[direction_of(s)].head)
		watch(a, SHIM_EPOLL_CTL_MOD, s->fd);
}

static void epoll_stop(struct aio *a, uint32_t i, uint32_t by)
{
	struct slot *s = slot_at(a, i);
	int keeps_back = !s->links[FD_LINKS].prev;

	if (s->state == QUEUED &&
	    !shim_aio_helpers_take_back(a, &a->epoll.helpers, i)) {
		shim_aio_stopped(a, by, -SHIM_EALREADY);
		return;
	}
	shim_aio_complete(a, i, result_when_stopped(s));
	shim_aio_stopped(a, by, 0);
	if (keeps_back)
		release(a, i);
}

static void epoll_leave(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	struct fd_state *f = state_of(a, s->fd);
	struct shim_epoll_event unused = { 0 };
	enum kind kind = f->kind;

	if (pollable(f))
		shim_epoll_ctl(a->epoll.fd, SHIM_EPOLL_CTL_DEL, s->fd, &unused);
	*f = (struct fd_state){ .leaving = f->leaving };
	if (s->op == SHIM_AIO_FORGET)
		shim_aio_complete(a, i, 0);
	else if (!shim_aio_close_blocks(s->fd, kind) ||
		 shim_aio_helpers_put(a, &a->epoll.helpers, i))
		/* Without a thread it blocks: it must be closed. */
		shim_aio_complete(a, i, shim_close(s->fd));
}

/* The helpers that hold the descriptor end; their completion goes on. */
static void epoll_linger(struct aio *a, uint32_t i)
{
	(void)a;
	(void)i;
}

/* epoll_pwait2, or rounded up to milliseconds where it is not there. */
static long pwait(struct epoll *e, struct shim_epoll_event *events, int64_t ns)
{
	struct shim_timespec t = { ns / NS_PER_S, ns % NS_PER_S };
	int64_t ms = -1;
	long n;

	if (ns > 0 && !e->no_pwait2) {
		n = shim_epoll_pwait2(e->fd, events, BATCH, &t, NULL);
		/* EPERM comes from a filter that does not know the call. */
		if (n != -SHIM_ENOSYS && n != -SHIM_EPERM)
			return n;
		e->no_pwait2 = 1;
	}
	if (ns >= 0)
		ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0);
	return shim_epoll_pwait(e->fd, events, BATCH,
				ms < INT32_MAX ? (int)ms : INT32_MAX, NULL);
}

static int epoll_poll(struct aio *a, int64_t ns)
{
	struct shim_epoll_event events[BATCH];
	struct epoll *e = &a->epoll;
	long n;

	if (a->done.head) {
		if (++e->rounds < BUSY_ROUNDS)
			return 0;
		ns = 0;
	}
	e->rounds = 0;
	n = pwait(e, events, ns);
	/* Who waits knows how much time is left. */
	if (n == -SHIM_EINTR)
		return 0;
	for (long k = 0; k < n; k++)
		take_edge(a, &events[k]);
	return n < 0 ? (int)n : 0;
}

static int epoll_quiesce(struct aio *a)
{
	shim_aio_helpers_end(a, &a->epoll.helpers);
	return 0;
}

static int epoll_fd(const struct aio *a)
{
	return a->epoll.fd;
}

/* Everything has begun, and the descriptor shows the rest. */
static int64_t epoll_sleep_ns(const struct aio *a)
{
	(void)a;
	return -1;
}

const struct shim_aio_ops shim_aio_epoll = {
	.name = "epoll",
	.init = epoll_init,
	.exit = epoll_exit,
	.abandon = epoll_abandon,
	.room = epoll_room,
	.start = epoll_start,
	.stop = epoll_stop,
	.leave = epoll_leave,
	.linger = epoll_linger,
	.poll = epoll_poll,
	.quiesce = epoll_quiesce,
	.fd = epoll_fd,
	.sleep_ns = epoll_sleep_ns,
};
