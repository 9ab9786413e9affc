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

/* Until all pipes are closed. Poll passes over descriptors that are -1. */
static long move_all(struct shim_spawn *child, struct shim_spawn_io *io,
		     struct shim_timespec *left, int *broken)
{
	for (;;) {
		struct shim_pollfd fds[3] = {
			[OUT] = { child->out, SHIM_POLLIN, 0 },
			[ERR] = { child->err, SHIM_POLLIN, 0 },
		};
		long n;

		if (io->in_len >= io->in_size)
			shim_spawn_close_fd(&child->in);
		fds[IN] = (struct shim_pollfd){ child->in, SHIM_POLLOUT, 0 };
		if (child->in < 0 && child->out < 0 && child->err < 0)
			return 0;
		n = shim_ppoll(fds, 3, left, NULL);
		if (!n)
			return -SHIM_ETIMEDOUT;
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
			    struct shim_timespec *left)
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
		err = move_all(child, io, left, &broken);
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
	struct shim_timespec left;
	int broken = 0;

	if (timeout)
		left = *timeout;
	if (child->in >= 0)
		return (int)without_sigpipe(child, io, timeout ? &left : NULL);
	return (int)move_all(child, io, timeout ? &left : NULL, &broken);
}
