/* SPDX-License-Identifier: MIT */
/* Feeding a child and reading both of its outputs at once. */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum {
	/* A blocking pipe that poll calls writable takes as much at once. */
	PIPE_BUF = 4096,
	IN = 0,
	OUT = 1,
	ERR = 2,
};

enum { NS_PER_S = 1000000000 };

#define NEVER INT64_MAX

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
static long drain(int *fd, void *buf, size_t size, size_t *len)
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
	return 0;
}

static long move(struct shim_spawn *child, struct shim_spawn_io *io,
		 const struct shim_pollfd fds[3], int *broken)
{
	long err = 0;

	/* Without a buffer there is room for nothing. */
	if (fds[OUT].revents)
		err = drain(&child->out, io->out, io->out ? io->out_size : 0,
			    &io->out_len);
	if (!err && fds[ERR].revents)
		err = drain(&child->err, io->err, io->err ? io->err_size : 0,
			    &io->err_len);
	if (!err && fds[IN].revents)
		err = feed(child, io, broken);
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

/* When the time that begins now is over. */
static long end_of(const struct shim_timespec *timeout, int64_t *end)
{
	int64_t begin;
	long err = now(&begin);

	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
	    timeout->tv_nsec >= NS_PER_S)
		return -SHIM_EINVAL;
	if (!err && timeout->tv_sec < (NEVER - begin) / NS_PER_S)
		*end = begin + timeout->tv_sec * NS_PER_S + timeout->tv_nsec;
	return err;
}

/* Nanoseconds until end. */
static long time_until(int64_t end, int64_t *left)
{
	int64_t t;
	long err = now(&t);

	if (!err)
		*left = end > t ? end - t : 0;
	return err;
}

static int is_open(const struct shim_spawn *child)
{
	return child->in >= 0 || child->out >= 0 || child->err >= 0;
}

/*
 * Until all pipes are closed. Poll passes over descriptors that are -1, and
 * never says that the time is over while there is always something to read.
 */
static long move_all(struct shim_spawn *child, struct shim_spawn_io *io,
		     int64_t end, int *broken)
{
	int64_t left = 1;

	for (;;) {
		struct shim_pollfd fds[3] = {
			[OUT] = { child->out, SHIM_POLLIN, 0 },
			[ERR] = { child->err, SHIM_POLLIN, 0 },
		};
		struct shim_timespec t;
		long n = 0;

		if (io->in_len >= io->in_size)
			shim_spawn_close_fd(&child->in);
		fds[IN] = (struct shim_pollfd){ child->in, SHIM_POLLOUT, 0 };
		if (!is_open(child))
			return 0;
		if (!left)
			return -SHIM_ETIMEDOUT;
		if (end != NEVER)
			n = time_until(end, &left);
		t = (struct shim_timespec){ left / NS_PER_S, left % NS_PER_S };
		if (n >= 0)
			n = shim_ppoll(fds, 3, end != NEVER ? &t : NULL, NULL);
		if (n > 0)
			n = move(child, io, fds, broken);
		if (n < 0 && n != -SHIM_EINTR)
			return n;
	}
}

/*
 * A write to a pipe that nobody reads sends SIGPIPE to the writing thread; so
 * that is blocked, and what came of it is taken. One that waited before is not
 * ours.
 */
static long without_sigpipe(struct shim_spawn *child, struct shim_spawn_io *io,
			    int64_t end)
{
	const struct shim_timespec now = { 0, 0 };
	uint64_t old, before = 0;
	int broken = 0;
	long err, n;

	err = shim_rt_sigprocmask(SHIM_SIG_BLOCK, &sigpipe, &old);
	if (err)
		return err;
	err = shim_rt_sigpending(&before);
	if (!err)
		err = move_all(child, io, end, &broken);
	if (broken && !(before & sigpipe))
		do
			n = shim_rt_sigtimedwait(&sigpipe, NULL, &now);
		while (n == -SHIM_EINTR);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &old, NULL);
	return err;
}

int shim_spawn_capture(struct shim_spawn *child, struct shim_spawn_io *io,
		       const struct shim_timespec *timeout)
{
	int64_t end = NEVER;
	int broken = 0;
	long err = 0;

	if (timeout)
		err = end_of(timeout, &end);
	if (err)
		return (int)err;
	if (child->in >= 0)
		return (int)without_sigpipe(child, io, end);
	return (int)move_all(child, io, end, &broken);
}
