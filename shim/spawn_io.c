/* SPDX-License-Identifier: MIT */
/* Feeding children and reading all of their outputs at once. */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum {
	/* A blocking pipe that poll calls writable takes as much at once. */
	PIPE_BUF = 4096,
	NS_PER_S = 1000000000,
	/* What is polled: the input of the first, the output of the last, and
	 * the errors of each. */
	IN = 0,
	OUT = 1,
	ERR = 2,
};

static const uint64_t sigpipe = 1UL << (SHIM_SIGPIPE - 1);

/* Errors that mean: later. */
static int passes(long err)
{
	return err == -SHIM_EINTR || err == -SHIM_EAGAIN;
}

/* Write a piece; *broken when nobody reads any more. */
static long feed(struct shim_spawn *child, struct shim_spawn_io *io,
		 int *broken)
{
	size_t left = io->in_size - io->in_len;
	long n;

	n = shim_write(child->in, (const char *)io->in + io->in_len,
		       left < PIPE_BUF ? left : PIPE_BUF);
	if (n == -SHIM_EPIPE) {
		*broken = 1;
		shim_spawn_close_fd(&child->in);
		return 0;
	}
	if (n < 0)
		return passes(n) ? 0 : n;
	io->in_len += (size_t)n;
	return 0;
}

/* Read a piece into what is free of the buffer, or count it only. */
static long drain(int *fd, void *buf, size_t size, size_t *len, unsigned flags)
{
	char lost[PIPE_BUF];
	long n;

	if (*len < size)
		n = shim_read(*fd, (char *)buf + *len, size - *len);
	else
		n = shim_read(*fd, lost, sizeof(lost));
	if (n < 0)
		return passes(n) ? 0 : n;
	if (!n)
		shim_spawn_close_fd(fd);
	*len += (size_t)n;
	return flags & SHIM_SPAWN_LIMIT && *len > size ? -SHIM_ENOBUFS : 0;
}

/* Without a buffer there is room for nothing. */
static long drain_out(struct shim_spawn *child, struct shim_spawn_io *io)
{
	return drain(&child->out, io->out, io->out ? io->out_size : 0,
		     &io->out_len, io->flags);
}

static long drain_err(struct shim_spawn *child, struct shim_spawn_io *io)
{
	return drain(&child->err, io->err, io->err ? io->err_size : 0,
		     &io->err_len, io->flags);
}

static long move(struct shim_spawn_capture *c)
{
	const size_t last = c->nr - 1;
	long err = 0;

	c->at = last;
	if (c->fds[OUT].revents)
		err = drain_out(&c->children[last], &c->io[last]);
	for (size_t i = 0; i < c->nr && !err; i++) {
		c->at = i;
		if (c->fds[ERR + i].revents)
			err = drain_err(&c->children[i], &c->io[i]);
	}
	if (err)
		return err;
	c->at = 0;
	if (c->fds[IN].revents)
		err = feed(c->children, c->io, &c->broken);
	return err;
}

static long now(int64_t *ns)
{
	struct shim_timespec t;
	long err = shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &t);

	if (!err)
		*ns = t.tv_sec * NS_PER_S + t.tv_nsec;
	return err;
}

int shim_spawn_is_time(const struct shim_timespec *timeout)
{
	return timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
	       timeout->tv_nsec < NS_PER_S;
}

long shim_spawn_deadline(const struct shim_timespec *timeout, int64_t *end)
{
	int64_t begin;
	long err;

	*end = SHIM_SPAWN_NEVER;
	if (!timeout)
		return 0;
	if (!shim_spawn_is_time(timeout))
		return -SHIM_EINVAL;
	err = now(&begin);
	if (!err && timeout->tv_sec < (SHIM_SPAWN_NEVER - begin) / NS_PER_S)
		*end = begin + timeout->tv_sec * NS_PER_S + timeout->tv_nsec;
	return err;
}

long shim_spawn_time_until(int64_t end, struct shim_timespec *left)
{
	int64_t t;
	long err = now(&t);

	if (err)
		return err;
	t = end > t ? end - t : 0;
	*left = (struct shim_timespec){ t / NS_PER_S, t % NS_PER_S };
	return 0;
}

/* What to poll, which is -1 when it is closed. Returns whether one is open. */
static int list(struct shim_spawn_capture *c)
{
	const int in = c->children[0].in, out = c->children[c->nr - 1].out;
	int open = in >= 0 || out >= 0;

	c->fds[IN] = (struct shim_pollfd){ in, SHIM_POLLOUT, 0 };
	c->fds[OUT] = (struct shim_pollfd){ out, SHIM_POLLIN, 0 };
	for (size_t i = 0; i < c->nr; i++) {
		const int err = c->children[i].err;

		c->fds[ERR + i] = (struct shim_pollfd){ err, SHIM_POLLIN, 0 };
		open |= err >= 0;
	}
	return open;
}

/*
 * Until all pipes are closed. Poll passes over descriptors that are -1, and
 * never says that the time is over while there is always something to read.
 */
static long move_all(struct shim_spawn_capture *c)
{
	const int ends = c->end != SHIM_SPAWN_NEVER;
	struct shim_timespec left = { 1, 0 };

	for (;;) {
		long n = 0;

		c->at = 0;
		if (c->io[0].in_len >= c->io[0].in_size)
			shim_spawn_close_fd(&c->children[0].in);
		if (!list(c))
			return 0;
		if (!left.tv_sec && !left.tv_nsec)
			return -SHIM_ETIMEDOUT;
		if (ends)
			n = shim_spawn_time_until(c->end, &left);
		if (n >= 0)
			n = shim_ppoll(c->fds, (unsigned)c->nr + 2,
				       ends ? &left : NULL, NULL);
		if (n > 0)
			n = move(c);
		if (n < 0 && n != -SHIM_EINTR)
			return n;
	}
}

long shim_spawn_hush(struct shim_spawn_hush *h)
{
	long err = shim_rt_sigprocmask(SHIM_SIG_BLOCK, &sigpipe, &h->old);

	if (err)
		return err;
	err = shim_rt_sigpending(&h->before);
	if (err)
		shim_rt_sigprocmask(SHIM_SIG_SETMASK, &h->old, NULL);
	return err;
}

void shim_spawn_unhush(const struct shim_spawn_hush *h, int broken)
{
	const struct shim_timespec now = { 0, 0 };
	long n;

	if (broken && !(h->before & sigpipe))
		do
			n = shim_rt_sigtimedwait(&sigpipe, NULL, &now);
		while (n == -SHIM_EINTR);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &h->old, NULL);
}

long shim_spawn_capture_all(struct shim_spawn_capture *c)
{
	struct shim_spawn_hush hush;
	long err;

	if (c->children[0].in < 0)
		return move_all(c);
	err = shim_spawn_hush(&hush);
	if (err)
		return err;
	err = move_all(c);
	shim_spawn_unhush(&hush, c->broken);
	return err;
}

int shim_spawn_capture(struct shim_spawn *child, struct shim_spawn_io *io,
		       const struct shim_timespec *timeout)
{
	struct shim_pollfd fds[3];
	struct shim_spawn_capture c = {
		.children = child,
		.io = io,
		.nr = 1,
		.fds = fds,
	};
	long err = shim_spawn_deadline(timeout, &c.end);

	return (int)(err ? err : shim_spawn_capture_all(&c));
}
