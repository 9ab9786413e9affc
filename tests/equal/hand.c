/* SPDX-License-Identifier: MIT */
/*
 * Go's functions that are written by hand: how their calls differ from those
 * of the mechanical forms. gobind/internal/equal/hand_linux.go calls them.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "hand.h"

const unsigned char zeros[MEM_SIZE];

void give(struct plan *p, int i, size_t n)
{
	p->args[i].nr_given = n;
	for (size_t j = 0; j < n; j++)
		p->args[i].given[j] = plan_byte(i, j, true);
}

void untouched(struct plan *p, int i)
{
	memcpy(p->after[i], p->frame.mem[i], MEM_SIZE);
}

void own_output(struct plan *p, int i, size_t n)
{
	want_bytes(p, i, zeros, n);
	untouched(p, i);
	if (p->ok)
		give(p, i, n);
}

void returned_output(struct plan *p, int i, size_t n)
{
	own_output(p, i, n);
	if (p->ok)
		memcpy(p->after[i], p->args[i].given, n);
}

void check_strings(struct plan *p)
{
	p->result = 0;
	if (p->variant != INNER_NUL)
		return;
	p->no_call = true;
	p->error = EINVAL;
	memcpy(p->after, p->frame.mem, sizeof(p->after));
}

void error_only(struct plan *p)
{
	p->result = 0;
}

void adapt_nothing(struct plan *p)
{
	(void)p;
}

/* Package syscall restores the limit that it has changed for itself. */
static void adapt_exec(struct plan *p)
{
	static const char argv[] = "A-name\0one";

	p->before = SYS_prlimit64;
	p->args[1] = (struct wanted){ .look = STRINGS, .n = 2 };
	memcpy(p->args[1].bytes, argv, sizeof(argv));
	p->args[2] = (struct wanted){ .look = STRINGS, .n = 1 };
	memcpy(p->args[2].bytes, "TWO=2", 6);
	error_only(p);
}

static void adapt_setrlimit(struct plan *p)
{
	struct wanted limit = p->args[1];

	p->nr = SYS_prlimit64;
	want_value(p, 0, 0);
	want_value(p, 1, p->frame.v[0]);
	p->args[2] = limit;
	want_value(p, 3, 0);
	error_only(p);
}

/* The data are a string, and null when that is empty. */
static void adapt_mount(struct plan *p)
{
	static const char data[] = "E-data";

	if (p->variant == NOTHINGS)
		return;
	p->frame.v[4] = sizeof(data) - 1;
	set_memory(p, 4, data, sizeof(data));
	want_bytes(p, 4, data, sizeof(data));
}

void adapt_vectored(struct plan *p)
{
	p->args[1] = (struct wanted){ .look = BUFFERS };
	want_value(p, 2, 3);
}

void adapt_vectored_read(struct plan *p)
{
	adapt_vectored(p);
	p->args[1].nr_given = 150;
	for (size_t j = 0; j < 100; j++)
		p->after[3][j] = plan_byte(3, j, true);
	for (size_t j = 0; j < 50; j++)
		p->after[4][j] = plan_byte(4, j, true);
}

/* Two descriptors, which Go has as two ints. */
static void adapt_pair(struct plan *p, int kernel, int caller)
{
	static const int32_t fds[2] = { 1234, -7 };
	const int64_t before[2] = { 11, 12 }, after[2] = { fds[0], fds[1] };

	untouched(p, kernel);
	set_memory(p, caller, before, sizeof(before));
	want_bytes(p, kernel, zeros, sizeof(fds));
	if (p->ok) {
		give_bytes(p, kernel, fds, sizeof(fds));
		memcpy(p->after[caller], after, sizeof(after));
	}
}

void adapt_pipe2(struct plan *p)
{
	adapt_pair(p, 0, 0);
}

static void adapt_socketpair(struct plan *p)
{
	adapt_pair(p, 3, 4);
	if (!p->ok)
		memcpy(p->after[4], zeros, 16);
}

static void adapt_epoll_wait(struct plan *p)
{
	want_value(p, 4, 0);
}

static void adapt_wait4(struct plan *p)
{
	untouched(p, 1);
	want_bytes(p, 1, zeros, 4);
	if (p->ok)
		give(p, 1, 4);
	if (!(p->frame.present & 1 << 1))
		return;
	memcpy(p->after[1], p->args[1].given, 4);
}

static void adapt_sigmask(struct plan *p)
{
	enum { KERNEL = 8, GO_HAS = 128 };

	if (p->ok && p->frame.present & 1 << 2)
		memcpy(p->after[2] + KERNEL, zeros, GO_HAS - KERNEL);
}

static void adapt_setaffinity(struct plan *p)
{
	enum { SIZE = 128 };

	p->frame.present |= 1 << 2;
	want_value(p, 1, SIZE);
	want_bytes(p, 2, p->frame.mem[2], SIZE);
}

static void adapt_getaffinity(struct plan *p)
{
	enum { SIZE = 128 };

	p->frame.present |= 1 << 2;
	want_value(p, 1, SIZE);
	want_bytes(p, 2, zeros, SIZE);
	give(p, 2, SIZE);
	untouched(p, 2);
	memcpy(p->after[2], p->args[2].given, SIZE);
	error_only(p);
}

static void adapt_mmap(struct plan *p)
{
	enum { LENGTH = 0x12345 };

	p->frame.v[1] = LENGTH;
	want_value(p, 0, 0);
	want_value(p, 1, LENGTH);
	if (p->ok)
		p->result = p->answer = 0x7f0123456000;
}

static void adapt_munmap(struct plan *p)
{
	p->before = SYS_mmap;
	want_bytes(p, 0, p->frame.mem[0], MEM_SIZE);
	want_value(p, 1, 8192);
}

/* Addresses as the kernel has them, and as the Go caller leaves them. */

#define INET4 "\2\0\x12\x34\12\1\2\3\0\0\0\0\0\0\0"
#define UNIX_PATH "\1\0/a/path"
#define UNIX_ABSTRACT "\1\0\0abstract"

#define GO_INET4 "\2\x34\x12\0\0\12\1\2\3"
#define GO_UNIX_PATH "\1/a/path"

/* The address is argument i, its length the next. */
static void want_address(struct plan *p, int i, const char *address, size_t n)
{
	want_bytes(p, i, address, n);
	want_value(p, i + 1, n);
}

static void adapt_inet4(struct plan *p)
{
	want_address(p, 1, INET4, sizeof(INET4));
}

static void adapt_inet6(struct plan *p)
{
	want_address(p, 1, INET6, sizeof(INET6) - 1);
}

static void adapt_unix_path(struct plan *p)
{
	want_address(p, 1, UNIX_PATH, sizeof(UNIX_PATH));
}

static void adapt_unix_abstract(struct plan *p)
{
	want_address(p, 1, UNIX_ABSTRACT, sizeof(UNIX_ABSTRACT) - 1);
}

static void adapt_sendto(struct plan *p)
{
	want_address(p, 4, INET6, sizeof(INET6) - 1);
	error_only(p);
}

static void adapt_sendto_nil(struct plan *p)
{
	want_value(p, 4, 0);
	want_value(p, 5, 0);
	error_only(p);
}

void take_address(struct plan *p, int i, const char *address, size_t n,
		  const char *go, size_t nr_go)
{
	enum { ROOM = 112 };
	const uint32_t room = ROOM, size = (uint32_t)n;

	want_bytes(p, i, zeros, ROOM);
	want_bytes(p, i + 1, &room, sizeof(room));
	untouched(p, i);
	untouched(p, i + 1);
	if (!p->ok)
		return;
	give_bytes(p, i, address, n);
	give_bytes(p, i + 1, &size, sizeof(size));
	memcpy(p->after[4], go, nr_go);
}

static void adapt_accept4(struct plan *p)
{
	take_address(p, 1, INET6, sizeof(INET6) - 1, GO_INET6,
		     sizeof(GO_INET6) - 1);
}

static void adapt_getsockname(struct plan *p)
{
	take_address(p, 1, UNIX_PATH, sizeof(UNIX_PATH), GO_UNIX_PATH,
		     sizeof(GO_UNIX_PATH) - 1);
}

static void adapt_getpeername(struct plan *p)
{
	take_address(p, 1, INET4, sizeof(INET4), GO_INET4,
		     sizeof(GO_INET4) - 1);
}

static void adapt_recvfrom(struct plan *p)
{
	take_address(p, 4, INET4, sizeof(INET4), GO_INET4,
		     sizeof(GO_INET4) - 1);
}

static void adapt_setsockopt_int(struct plan *p)
{
	int32_t value = -0x12345678;

	p->frame.v[3] = (uint64_t)value;
	want_bytes(p, 3, &value, sizeof(value));
	want_value(p, 4, sizeof(value));
}

static void adapt_getsockopt_int(struct plan *p)
{
	const int32_t size = 4, value = -0x12345678;

	untouched(p, 3);
	untouched(p, 4);
	want_bytes(p, 3, zeros, 4);
	want_bytes(p, 4, &size, sizeof(size));
	p->result = 0;
	if (p->ok) {
		give_bytes(p, 3, &value, sizeof(value));
		p->result = value;
	}
}

static const struct hand hands[] = {
	{ "Exec", "execve", adapt_exec, "it ends the program that calls it" },
	{ "Setrlimit", "setrlimit", adapt_setrlimit, NULL },
	{ "Mount", "mount", adapt_mount, NULL },
	{ "Readv", "readv", adapt_vectored_read, NULL },
	{ "Writev", "writev", adapt_vectored, NULL },
	{ "Preadv2", "preadv2", adapt_vectored_read, NULL },
	{ "Pwritev2", "pwritev2", adapt_vectored, NULL },
	{ "Pipe2", "pipe2", adapt_pipe2, NULL },
	{ "Dup3", "dup3", error_only, NULL },
	{ "FcntlInt", "fcntl", adapt_nothing, NULL },
	{ "EpollWait", "epoll_pwait", adapt_epoll_wait, NULL },
	{ "Wait4", "wait4", adapt_wait4, NULL },
	{ "PthreadSigmask", "rt_sigprocmask", adapt_sigmask, NULL },
	{ "Prctl", "prctl", error_only, NULL },
	{ "SchedSetaffinity", "sched_setaffinity", adapt_setaffinity, NULL },
	{ "SchedGetaffinity", "sched_getaffinity", adapt_getaffinity, NULL },
	{ "Mmap", "mmap", adapt_mmap, NULL },
	{ "Munmap", "munmap", adapt_munmap, NULL },
	{ "Bind", "bind", adapt_inet4, NULL },
	{ "Bind/inet6", "bind", adapt_inet6, NULL },
	{ "Bind/unix", "bind", adapt_unix_path, NULL },
	{ "Bind/abstract", "bind", adapt_unix_abstract, NULL },
	{ "Connect", "connect", adapt_unix_path, NULL },
	{ "Accept4", "accept4", adapt_accept4, NULL },
	{ "Getsockname", "getsockname", adapt_getsockname, NULL },
	{ "Getpeername", "getpeername", adapt_getpeername, NULL },
	{ "Sendto", "sendto", adapt_sendto, NULL },
	{ "Sendto/nil", "sendto", adapt_sendto_nil, NULL },
	{ "Recvfrom", "recvfrom", adapt_recvfrom, NULL },
	{ "Socketpair", "socketpair", adapt_socketpair, NULL },
	{ "SetsockoptInt", "setsockopt", adapt_setsockopt_int, NULL },
	{ "GetsockoptInt", "getsockopt", adapt_getsockopt_int, NULL },
};

enum { NR_HANDS = sizeof(hands) / sizeof(hands[0]) };

const struct hand *hand_at(int i)
{
	if (i < NR_HANDS)
		return &hands[i];
	i -= NR_HANDS;
	if (i < nr_time_hands)
		return &time_hands[i];
	i -= nr_time_hands;
	return i < nr_more_hands ? &more_hands[i] : NULL;
}
