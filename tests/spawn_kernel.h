/* SPDX-License-Identifier: MIT */
/*
 * The kernel as the fault suite of spawn wishes it: one call of the parent
 * fails, and a world may lack what older kernels and sandboxes lack. The
 * child's own calls do not pass here.
 */
#ifndef TESTS_SPAWN_KERNEL_H
#define TESTS_SPAWN_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "fault.h"
#include "znr.h"

long real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long real_spawn_child(struct shim_clone_args *args, size_t size,
		      struct shim_spawn_program *program);

enum { NEVER = -1 };

/* What a world lacks. */
enum {
	CLONE3 = 0x1,
	PIDFD_FLAG = 0x2, /* CLONE_PIDFD is refused */
	PIDFD = 0x4,	  /* CLONE_PIDFD says nothing; no call knows one */
	PIDFD_WAIT = 0x8, /* waitid does not know them */
	CLOSE_RANGE = 0x10,
	SHARING = 0x20, /* memory is a copy */
	WAITID = 0x40,
	SPLICE = 0x80,
	TEE = 0x100,
	KILL = 0x200, /* the right to it; of groups see group_gets */
};

struct world {
	const char *name;
	unsigned lacks;
	long error;
};

static const struct world worlds[] = {
	{ "all", 0, 0 },
	{ "clone3", CLONE3, -SHIM_ENOSYS },
	{ "clone3 forbidden", CLONE3, -SHIM_EPERM },
	{ "clone3 smaller", CLONE3, -SHIM_E2BIG },
	{ "clone3 with less", CLONE3, -SHIM_EINVAL },
	{ "close_range", CLOSE_RANGE, -SHIM_ENOSYS },
	{ "close_range forbidden", CLOSE_RANGE, -SHIM_EPERM },
	{ "CLONE_PIDFD", CLONE3 | PIDFD_FLAG, -SHIM_ENOSYS },
	{ "P_PIDFD", PIDFD_WAIT, 0 },
	{ "pidfds", CLONE3 | PIDFD, -SHIM_ENOSYS },
	{ "pidfds forbidden", CLONE3 | PIDFD, -SHIM_EPERM },
	{ "waitid", CLONE3 | PIDFD | WAITID, -SHIM_EPERM },
	{ "sharing", CLONE3 | SHARING, -SHIM_ENOSYS },
	{ "everything",
	  CLONE3 | PIDFD | CLOSE_RANGE | SHARING | WAITID | PIDFD_FLAG,
	  -SHIM_ENOSYS },
	{ "everything forbidden",
	  CLONE3 | PIDFD | CLOSE_RANGE | SHARING | WAITID, -SHIM_EPERM },
};

enum { NR_WORLDS = sizeof(worlds) / sizeof(worlds[0]) };

static const struct world *world = worlds;

/* The call that fails, counted from 0; what it was. */
static struct {
	int at, count;
	long error, nr;
} fault = { .at = NEVER };

/* What a signal to a group comes to where there is no right to kill. */
static long group_gets;
/* What happens before it is refused, or NULL. */
static void (*before_refusal)(void);

/* So many more times there is a byte to read at once. */
static int flood;

/* So many more times a write takes nothing. */
static int stuck;

/* How much a write takes at most, and half of what tee does, unless it is 0. */
static long brief;

static inline long read_flood(long nr, long first, long second)
{
	struct shim_pollfd *fds = (void *)first;

	flood--;
	if (nr == SHIM_NR_ppoll)
		for (long i = 0; i < second; i++)
			fds[i].revents = fds[i].fd < 0 ? 0 : fds[i].events;
	return 1;
}

/* Calls that have their effect although they report an error. */
static inline int happens(long nr)
{
	return nr == SHIM_NR_close || nr == SHIM_NR_waitid ||
	       nr == SHIM_NR_wait4 || nr == SHIM_NR_munmap;
}

/* Whether the call sends a signal. */
static inline int signals(long nr)
{
	return nr == SHIM_NR_kill || nr == SHIM_NR_pidfd_send_signal;
}

/* Whether it does to a group. */
static inline int signals_group(long nr, long first, long fourth)
{
	return nr == SHIM_NR_kill ? (int)first < 0
				  : fourth == SHIM_PIDFD_SIGNAL_PROCESS_GROUP;
}

static inline long refuse_signal(int group)
{
	if (before_refusal)
		before_refusal();
	return group ? group_gets : world->error;
}

/* The world's answer, or 0. */
static inline long refusal(long nr, long first)
{
	const unsigned lacks = world->lacks;

	if (nr == SHIM_NR_close_range && lacks & CLOSE_RANGE)
		return world->error;
	if ((nr == SHIM_NR_pidfd_open || nr == SHIM_NR_pidfd_send_signal) &&
	    lacks & PIDFD)
		return world->error;
	if ((nr == SHIM_NR_splice && lacks & SPLICE) ||
	    (nr == SHIM_NR_tee && lacks & TEE))
		return world->error;
	if (nr == SHIM_NR_waitid && lacks & WAITID)
		return world->error;
	if (nr == SHIM_NR_waitid && first == SHIM_P_PIDFD &&
	    lacks & (PIDFD_WAIT | PIDFD))
		return -SHIM_EINVAL;
	return 0;
}

/* Calls that are never interrupted, and all but one of many that are alike. */
static inline int passes(long nr, long first, long second)
{
	if (fault.error == -SHIM_EINTR &&
	    (nr == SHIM_NR_munmap ||
	     (nr == SHIM_NR_futex && second == SHIM_FUTEX_WAKE)))
		return 1;
	return nr == SHIM_NR_rt_sigaction && first != SHIM_SIGUSR1;
}

/* Whether this call is the one that fails. */
static inline int fails(long nr, long first, long second)
{
	if (fault.at == NEVER || passes(nr, first, second) ||
	    fault.count++ != fault.at)
		return 0;
	fault.nr = nr;
	return 1;
}

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	long err;

	if (flood && (nr == SHIM_NR_ppoll || nr == SHIM_NR_read))
		return read_flood(nr, a, b);
	if (stuck && nr == SHIM_NR_write)
		return --stuck, 0;
	if (brief && nr == SHIM_NR_write)
		c = c < brief ? c : brief;
	if (brief && nr == SHIM_NR_tee)
		c = c < 2 * brief ? c : 2 * brief;
	err = refusal(nr, a);
	if (err)
		return err;
	if (world->lacks & KILL && signals(nr))
		return refuse_signal(signals_group(nr, a, d));
	if (is_named_fault(nr))
		return named_fault.error;
	if (!fails(nr, a, b))
		return real_syscall(nr, a, b, c, d, e, f);
	/* An interrupted call has done nothing; close(2) has. */
	if (happens(nr) && (fault.error != -SHIM_EINTR || nr == SHIM_NR_close))
		real_syscall(nr, a, b, c, d, e, f);
	return fault.error;
}

long shim_spawn_child(struct shim_clone_args *args, size_t size,
		      struct shim_spawn_program *program)
{
	if (size && world->lacks & CLONE3)
		return world->error;
	if (args->flags & SHIM_CLONE_VM && world->lacks & SHARING)
		return -SHIM_EINVAL;
	if (args->flags & SHIM_CLONE_PIDFD && world->lacks & PIDFD_FLAG)
		return -SHIM_EINVAL;
	if (world->lacks & PIDFD)
		args->flags &= ~(uint64_t)SHIM_CLONE_PIDFD;
	if (is_named_fault(size ? SHIM_NR_clone3 : SHIM_NR_clone))
		return named_fault.error;
	if (fails(SHIM_NR_clone, 0, 0))
		return fault.error;
	return real_spawn_child(args, size, program);
}

/* Makes the call number at fail with error, none before it and none after. */
static inline void fail_call(int at, int error)
{
	fault.at = at;
	fault.count = 0;
	fault.error = error;
	fault.nr = -1;
}

#endif
