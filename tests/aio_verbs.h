/* SPDX-License-Identifier: MIT */
/*
 * The state of a test of aio.tab, and the verbs that make descriptors or call
 * the kernel without the aio. For aio_table.c.
 */
#ifndef TESTS_AIO_VERBS_H
#define TESTS_AIO_VERBS_H

#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "check.h"
#include "text.h"
#include "zaio_tab.h"

enum {
	NR_SLOTS = 8,
	NR_VARIABLES = 8,
	NR_TOKENS = 8,
	NR_BYTES = 65536,
	NR_FDS = 1024,
	NR_STEPS = sizeof(aio_steps) / sizeof(aio_steps[0]),
	/* How many milliseconds something may take that happens at once. */
	PATIENCE = 20000,
};

/* A descriptor. One that is not open keeps its number. */
struct variable {
	int fd, mode, open;
};

/* The state of one test of the table. */
static struct {
	struct shim_aio aio;
	int mode; /* O_NONBLOCK or 0 */
	int ended, broken;
	struct variable vars[NR_VARIABLES + 1];
	struct shim_aio_event kept[2 * NR_SLOTS];
	unsigned nr_kept;
	struct shim_aio_event last[NR_TOKENS];
	int64_t clock;
} script;

static struct shim_aio_slot slots[NR_SLOTS];
static struct shim_aio_fdslot fdslots[NR_FDS];
static unsigned char bufs[NR_TOKENS][NR_BYTES];
static unsigned char scratch[NR_BYTES];

typedef const struct aio_steps *step;

/* A check that the test cannot go on without. */
#define NEED(condition) (script.broken |= !CHECK(condition))

static int64_t now_ns(void)
{
	struct shim_timespec t;

	shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fill_pattern(unsigned char *p, long from, long n)
{
	for (long i = 0; i < n; i++)
		p[i] = (unsigned char)((from + i) % 251);
}

static int fd_of(step s)
{
	return script.vars[s->fd].fd;
}

static int nonblock(int fd)
{
	long flags = shim_fcntl(fd, SHIM_F_GETFL, 0);

	NEED(flags >= 0);
	return (int)flags & SHIM_O_NONBLOCK;
}

/* Gives variable v an open descriptor. */
static long set(long v, long fd, int mode)
{
	NEED(fd >= 0);
	script.vars[v] = (struct variable){ (int)fd, mode, 1 };
	return 0;
}

/* The verbs that make descriptors. */

static long make_pipe(step s)
{
	int fds[2] = { -1, -1 };

	NEED(!shim_pipe2(fds, SHIM_O_CLOEXEC | script.mode));
	set(s->fd, fds[0], script.mode);
	return set(s->fd + 1, fds[1], script.mode);
}

static long make_pair(step s)
{
	int fds[2] = { -1, -1 };

	NEED(!shim_socketpair(SHIM_AF_UNIX,
			      (int)s->arg | SHIM_SOCK_CLOEXEC | script.mode, 0,
			      fds));
	set(s->fd, fds[0], script.mode);
	return set(s->fd + 1, fds[1], script.mode);
}

static int listener(void)
{
	struct shim_sockaddr_in in = {
		.sin_family = SHIM_AF_INET,
		.sin_addr.s_addr = __builtin_bswap32(0x7f000001),
	};
	long fd = shim_socket(
		SHIM_AF_INET,
		SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC | script.mode, 0);

	NEED(fd >= 0);
	NEED(!shim_bind((int)fd, (void *)&in, sizeof(in)));
	NEED(!shim_listen((int)fd, 16));
	return (int)fd;
}

static int connect_to(int to)
{
	struct shim_sockaddr_in in;
	int len = sizeof(in);
	long fd = shim_socket(SHIM_AF_INET,
			      SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	NEED(!shim_getsockname(to, (void *)&in, &len));
	NEED(!shim_connect((int)fd, (void *)&in, len));
	NEED(!shim_fcntl((int)fd, SHIM_F_SETFL,
			 (unsigned long)(SHIM_O_RDWR | script.mode)));
	return (int)fd;
}

static long make_listener(step s)
{
	return set(s->fd, listener(), script.mode);
}

static long make_connection(step s)
{
	return set(s->fd, connect_to(script.vars[s->n].fd), script.mode);
}

static long make_tcp(step s)
{
	int l = listener();

	set(s->fd, connect_to(l), script.mode);
	set(s->fd + 1,
	    shim_accept4(l, NULL, NULL, SHIM_SOCK_CLOEXEC | script.mode),
	    script.mode);
	return shim_close(l);
}

static long make_file(step s)
{
	long fd = shim_openat(SHIM_AT_FDCWD, "/tmp",
			      SHIM_O_TMPFILE | SHIM_O_RDWR | SHIM_O_CLOEXEC |
				      script.mode,
			      0600);

	/* A kernel without that flag, or no /tmp. */
	if (fd < 0) {
		fd = shim_memfd_create("aio", SHIM_MFD_CLOEXEC);
		NEED(!shim_fcntl((int)fd, SHIM_F_SETFL,
				 (unsigned long)(SHIM_O_RDWR | script.mode)));
	}
	fill_pattern(scratch, 0, s->n);
	NEED(shim_pwrite64((int)fd, scratch, (size_t)s->n, 0) == s->n);
	return set(s->fd, fd, script.mode);
}

static long make_directory(step s)
{
	return set(s->fd,
		   shim_openat(SHIM_AT_FDCWD, "/",
			       SHIM_O_RDONLY | SHIM_O_DIRECTORY |
				       SHIM_O_CLOEXEC | script.mode,
			       0),
		   script.mode);
}

static long make_eventfd(step s)
{
	return set(s->fd,
		   shim_eventfd2((unsigned)s->n,
				 SHIM_EFD_CLOEXEC | script.mode),
		   script.mode);
}

/* The verbs that call the kernel without the aio. */

static long move(step s)
{
	struct variable *v = &script.vars[s->fd], *from = &script.vars[s->n];

	/* It may have got the number by itself. */
	if (from->fd != v->fd) {
		NEED(shim_dup3(from->fd, v->fd, SHIM_O_CLOEXEC) == v->fd);
		shim_close(from->fd);
	}
	set(s->fd, v->fd, from->mode);
	*from = (struct variable){ .fd = -1 };
	return 0;
}

static long drop(step s)
{
	script.vars[s->fd].open = 0;
	return shim_close(fd_of(s));
}

static long reset(step s)
{
	const struct shim_linger linger = { 1, 0 };

	NEED(!shim_setsockopt(fd_of(s), SHIM_SOL_SOCKET, SHIM_SO_LINGER,
			      &linger, sizeof(linger)));
	return drop(s);
}

static long shut_down(step s)
{
	return shim_shutdown(fd_of(s), (int)s->arg);
}

static long put(step s)
{
	fill_pattern(scratch, s->arg, s->n);
	return shim_write(fd_of(s), scratch, (size_t)s->n);
}

static int ready(int fd, int16_t events, int seconds)
{
	struct shim_pollfd p = { fd, events, 0 };
	struct shim_timespec t = { seconds, 0 };

	return shim_ppoll(&p, 1, &t, NULL) == 1 && (p.revents & events);
}

static long take(step s)
{
	ready(fd_of(s), SHIM_POLLIN, PATIENCE / 1000);
	return shim_read(fd_of(s), scratch, (size_t)s->n);
}

/* With O_NONBLOCK meanwhile: POLLOUT may go before the room does. */
static long fill(step s)
{
	int fd = fd_of(s);
	long flags = shim_fcntl(fd, SHIM_F_GETFL, 0);

	NEED(!shim_fcntl(fd, SHIM_F_SETFL,
			 (unsigned long)(flags | SHIM_O_NONBLOCK)));
	for (size_t n = NR_BYTES; n; n /= 8)
		while (shim_write(fd, scratch, n) > 0)
			;
	NEED(shim_write(fd, scratch, 1) == -SHIM_EAGAIN);
	NEED(!shim_fcntl(fd, SHIM_F_SETFL, (unsigned long)flags));
	return 0;
}

static long drain(step s)
{
	while (ready(fd_of(s), SHIM_POLLIN, 0))
		if (shim_read(fd_of(s), scratch, NR_BYTES) <= 0)
			break;
	return 0;
}

static long add(step s)
{
	int64_t n = s->n;

	return shim_write(fd_of(s), &n, sizeof(n));
}

static long seek(step s)
{
	return shim_lseek(fd_of(s), s->n, SHIM_SEEK_SET);
}

static long tell(step s)
{
	return shim_lseek(fd_of(s), 0, SHIM_SEEK_CUR);
}

static long is_nonblock(step s)
{
	return nonblock(fd_of(s)) != 0;
}

#endif
