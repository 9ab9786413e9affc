/* SPDX-License-Identifier: MIT */
/* The functions of aio.h, over the core and the engine that was chosen. */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio_impl.h"

enum { DEFAULT_HELPERS = 4 };

static struct aio *private(struct shim_aio *aio)
{
	return (struct aio *)aio;
}

static const struct aio *look(const struct shim_aio *aio)
{
	return (const struct aio *)aio;
}

static int check_params(const struct shim_aio_params *p)
{
	if (!p->slots || !p->nr_slots || p->nr_slots > SHIM_AIO_SLOTS_MAX ||
	    (!p->fds && p->nr_fds) || p->nr_fds > INT32_MAX ||
	    p->nr_helpers > SHIM_AIO_HELPERS_MAX || p->flags)
		return -SHIM_EINVAL;
	return 0;
}

int shim_aio_init(struct shim_aio *aio, const struct shim_aio_params *params)
{
	struct shim_aio_params p = *params;
	struct aio *a = private(aio);
	int err = check_params(&p);

	*a = (struct aio){ .reason = "parameters that make no sense" };
	if (err)
		return err;
	if (!p.nr_helpers)
		p.nr_helpers = DEFAULT_HELPERS;
	a->pid = (int)shim_getpid();
	a->slots = (struct slot *)p.slots;
	a->nr_slots = p.nr_slots;
	a->fds = (struct fd_state *)p.fds;
	a->nr_fds = p.nr_fds;
	for (uint32_t i = 0; i < p.nr_fds; i++)
		a->fds[i] = (struct fd_state){ .kind = UNKNOWN };
	for (uint32_t i = 1; i <= p.nr_slots; i++) {
		*slot_at(a, i) = (struct slot){ .state = IDLE };
		shim_aio_push(a, &a->free, i, QUEUE_LINKS);
	}
	return shim_aio_choose(a, &p);
}

int shim_aio_exit(struct shim_aio *aio)
{
	struct aio *a = private(aio);
	int err;

	if ((int)shim_getpid() != a->pid) {
		a->ops->abandon(a);
		return 0;
	}
	/* If the kernel may still use the buffers, everything stays. */
	err = shim_aio_drain(a);
	if (!err)
		a->ops->exit(a);
	return err;
}

const char *shim_aio_engine(const struct shim_aio *aio)
{
	return look(aio)->ops->name;
}

const char *shim_aio_reason(const struct shim_aio *aio)
{
	return look(aio)->reason;
}

int shim_aio_fd(const struct shim_aio *aio)
{
	return look(aio)->ops->fd(look(aio));
}

int64_t shim_aio_sleep_ns(const struct shim_aio *aio)
{
	const struct aio *a = look(aio);
	int64_t ns, timer_ns;

	if (a->done.head)
		return 0;
	ns = a->ops->sleep_ns(a);
	timer_ns = shim_aio_timer_next(a);
	return ns < 0 || (timer_ns >= 0 && timer_ns < ns) ? timer_ns : ns;
}

int shim_aio_quiesce(struct shim_aio *aio)
{
	return private(aio)->ops->quiesce(private(aio));
}

static int transfer(struct shim_aio *aio, enum shim_aio_op op, int fd,
		    void *buf, size_t len, int64_t offset, uint64_t token)
{
	if (fd >= 0 && offset < -1)
		return -SHIM_EINVAL;
	return shim_aio_submit(private(aio), op, fd, buf, len, offset, token);
}

int shim_aio_read(struct shim_aio *aio, int fd, void *buf, size_t len,
		  int64_t offset, uint64_t token)
{
	return transfer(aio, SHIM_AIO_READ, fd, buf, len, offset, token);
}

int shim_aio_write(struct shim_aio *aio, int fd, const void *buf, size_t len,
		   int64_t offset, uint64_t token)
{
	return transfer(aio, SHIM_AIO_WRITE, fd, (void *)buf, len, offset,
			token);
}

int shim_aio_accept(struct shim_aio *aio, int fd, unsigned flags,
		    uint64_t token)
{
	if (flags & ~(unsigned)(SHIM_SOCK_NONBLOCK | SHIM_SOCK_CLOEXEC))
		return -SHIM_EINVAL;
	return shim_aio_submit(private(aio), SHIM_AIO_ACCEPT, fd, NULL, 0,
			       flags, token);
}

/*
 * Without flags that mean nothing here: nobody is made to wait, and what is
 * only looked at cannot be collected in parts.
 */
static unsigned message_flags(unsigned flags)
{
	if (flags & SHIM_MSG_PEEK)
		flags &= ~(unsigned)SHIM_MSG_WAITALL;
	return flags & ~(unsigned)SHIM_MSG_DONTWAIT;
}

int shim_aio_recv(struct shim_aio *aio, int fd, void *buf, size_t len,
		  unsigned flags, uint64_t token)
{
	return shim_aio_submit(private(aio), SHIM_AIO_RECV, fd, buf, len,
			       message_flags(flags), token);
}

int shim_aio_send(struct shim_aio *aio, int fd, const void *buf, size_t len,
		  unsigned flags, uint64_t token)
{
	return shim_aio_submit(private(aio), SHIM_AIO_SEND, fd, (void *)buf,
			       len, message_flags(flags), token);
}

int shim_aio_poll(struct shim_aio *aio, int fd, unsigned events, uint64_t token)
{
	return shim_aio_submit(private(aio), SHIM_AIO_POLL, fd, NULL, 0, events,
			       token);
}

int shim_aio_timeout(struct shim_aio *aio, uint64_t duration_ns, uint64_t token)
{
	int64_t ns = duration_ns < INT64_MAX ? (int64_t)duration_ns : INT64_MAX;

	return shim_aio_submit(private(aio), SHIM_AIO_TIMEOUT, -1, NULL, 0, ns,
			       token);
}

int shim_aio_cancel(struct shim_aio *aio, uint64_t target, uint64_t token)
{
	return shim_aio_submit(private(aio), SHIM_AIO_CANCEL, -1, NULL, 0,
			       (int64_t)target, token);
}

int shim_aio_close(struct shim_aio *aio, int fd, uint64_t token)
{
	return shim_aio_submit(private(aio), SHIM_AIO_CLOSE, fd, NULL, 0, 0,
			       token);
}

int shim_aio_forget(struct shim_aio *aio, int fd, uint64_t token)
{
	return shim_aio_submit(private(aio), SHIM_AIO_FORGET, fd, NULL, 0, 0,
			       token);
}

int shim_aio_submit_read(struct shim_aio *aio, int fd, void *buf, size_t len,
			 int64_t offset)
{
	return shim_aio_read(aio, fd, buf, len, offset, 0);
}

int shim_aio_submit_write(struct shim_aio *aio, int fd, const void *buf,
			  size_t len, int64_t offset)
{
	return shim_aio_write(aio, fd, buf, len, offset, 0);
}

/* Return when something has ended, or the time is over. */
static int gather(struct aio *a, int64_t timeout_ns)
{
	int64_t left = timeout_ns, end = 0, next;

	if (timeout_ns > 0)
		end = shim_aio_now() + timeout_ns;
	for (;;) {
		int err;

		next = shim_aio_timer_expire(a);
		if (next < 0 || (left >= 0 && left < next))
			next = left;
		err = a->ops->poll(a, next);
		if (err)
			return err;
		shim_aio_timer_expire(a);
		if (a->done.head || !left)
			return 0;
		if (timeout_ns > 0) {
			left = end - shim_aio_now();
			if (left < 0)
				left = 0;
		}
	}
}

/* Make events of what has ended and free the slots. */
static int reap(struct aio *a, struct shim_aio_event *events, unsigned nr)
{
	unsigned n;

	for (n = 0; n < nr && a->done.head; n++) {
		uint32_t i = a->done.head;
		struct slot *s = slot_at(a, i);
		struct fd_state *f = state_of(a, s->fd);

		events[n] = (struct shim_aio_event){
			.token = s->token,
			.fd = s->fd,
			.op = s->op,
			.result = s->res,
		};
		if (f && f->leaving == i)
			f->leaving = 0;
		s->state = IDLE;
		shim_aio_remove(a, &a->done, i, QUEUE_LINKS);
		shim_aio_push(a, &a->free, i, QUEUE_LINKS);
	}
	return (int)n;
}

int shim_aio_poll_events(struct shim_aio *aio, struct shim_aio_event *events,
			 unsigned nr, int timeout_ms)
{
	struct aio *a = private(aio);
	int err;

	if (!nr)
		return -SHIM_EINVAL;
	err = gather(a, timeout_ms < 0 ? -1 : (int64_t)timeout_ms * NS_PER_MS);
	return err ? err : reap(a, events, nr);
}
