/* SPDX-License-Identifier: MIT */
/*
 * What can be done with a child: by its pidfd, or, where the kernel has none or
 * cannot wait for one, by its number. That is the child's own until its status
 * is taken, which is noted.
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum {
	/* How long a wait without a pidfd pauses, at first and at most. */
	PAUSE_MIN_NS = 100000,
	PAUSE_MAX_NS = 10000000,
	SECOND_NS = 1000000000,
	SIGNAL_MAX = 64,
};

/* The status of wait4(2) as waitid(2) tells it. */
static void tell(struct shim_siginfo *info, int pid, int status)
{
	const int signal = status & 0x7f, dumped = status & 0x80;

	*info = (struct shim_siginfo){
		.si_signo = SHIM_SIGCHLD,
		.si_code = SHIM_CLD_EXITED,
		.pid = pid,
		.status = status >> 8 & 0xff,
	};
	if (signal) {
		info->si_code = dumped ? SHIM_CLD_DUMPED : SHIM_CLD_KILLED;
		info->status = signal;
	}
}

static long wait_by_number(const struct shim_spawn *child,
			   struct shim_siginfo *info, int options)
{
	int status = 0;
	long n = shim_waitid(SHIM_P_PID, child->pid, info,
			     SHIM_WEXITED | options, NULL);

	if (!shim_spawn_unavailable(n))
		return n;
	n = shim_wait4(child->pid, &status, options, NULL);
	if (n > 0)
		tell(info, child->pid, status);
	return n < 0 ? n : 0;
}

/* EINVAL: before 5.4 there are pidfds that cannot be waited for. */
static long wait_once(const struct shim_spawn *child, struct shim_siginfo *info,
		      int options)
{
	long err = -SHIM_ENOSYS;

	if (child->pidfd >= 0)
		err = shim_waitid(SHIM_P_PIDFD, child->pidfd, info,
				  SHIM_WEXITED | options, NULL);
	if (err == -SHIM_EINVAL || shim_spawn_unavailable(err))
		err = wait_by_number(child, info, options);
	return err;
}

/* Take the status. With WNOHANG info->pid is 0 when there is none yet. */
static long take(struct shim_spawn *child, struct shim_siginfo *info,
		 int options)
{
	long err;

	*info = (struct shim_siginfo){ 0 };
	if (child->waited || child->pid <= 0)
		return -SHIM_ECHILD;
	do
		err = wait_once(child, info, options);
	while (err == -SHIM_EINTR);
	if (!err && info->pid)
		child->waited = 1;
	return err;
}

/* Where SIGCHLD is ignored there is nothing to take away. */
void shim_spawn_reap(struct shim_spawn *child)
{
	struct shim_siginfo info;

	take(child, &info, 0);
	shim_spawn_close_fd(&child->pidfd);
	child->pid = -1;
}

int shim_spawn_finish(struct shim_spawn *child, struct shim_siginfo *info)
{
	const int err = shim_spawn_kill(child, SHIM_SIGKILL);
	const int refused = err && err != -SHIM_ESRCH;
	/* Who may not kill it is told so even when it has ended. */
	const long n = take(child, info, refused ? SHIM_WNOHANG : 0);

	return refused && !n && !info->pid ? err : 0;
}

/* Until the kernel says so, which no call waits for here. */
static void await_memory(const struct shim_spawn_program *program)
{
	const struct shim_timespec pause = { 0, PAUSE_MIN_NS };

	while (__atomic_load_n(&program->tid, __ATOMIC_ACQUIRE))
		shim_clock_nanosleep(SHIM_CLOCK_MONOTONIC, 0, &pause, NULL);
}

int shim_spawn_abandon(struct shim_spawn *child,
		       struct shim_spawn_program *program, const char *what,
		       long err)
{
	struct shim_siginfo info;

	if (!shim_spawn_finish(child, &info))
		shim_spawn_reap(child);
	else if (program)
		await_memory(program);
	return shim_spawn_fail(child, what, err);
}

/* Until the pidfd says that the child has ended. Returns 0 after a timeout. */
static long wait_for_pidfd(const struct shim_spawn *child,
			   const struct shim_timespec *timeout)
{
	struct shim_pollfd pidfd = { child->pidfd, SHIM_POLLIN, 0 };
	struct shim_timespec left = *timeout;
	long n;

	/* The kernel writes back what is left when a signal comes. */
	do
		n = shim_ppoll(&pidfd, 1, &left, NULL);
	while (n == -SHIM_EINTR);
	return n;
}

/* Nanoseconds; so many seconds that they do not fit are for ever. */
static int64_t to_ns(const struct shim_timespec *t)
{
	if (t->tv_sec >= INT64_MAX / SECOND_NS)
		return INT64_MAX;
	return t->tv_sec * SECOND_NS + t->tv_nsec;
}

static long now(int64_t *ns)
{
	struct shim_timespec t;
	long err = shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &t);

	*ns = err ? 0 : to_ns(&t);
	return err;
}

/* Look for the end, with pauses. */
static long look(struct shim_spawn *child, const struct shim_timespec *timeout,
		 struct shim_siginfo *info)
{
	int64_t begin, time, left = to_ns(timeout);
	struct shim_timespec pause = { 0, PAUSE_MIN_NS };
	long err = now(&begin);

	while (!err) {
		err = take(child, info, SHIM_WNOHANG);
		if (err || info->pid)
			return err;
		err = now(&time);
		if (err)
			break;
		time = left - (time - begin);
		if (time <= 0)
			return -SHIM_ETIMEDOUT;
		if (pause.tv_nsec > time)
			pause.tv_nsec = time;
		/* A signal only shortens it. */
		shim_clock_nanosleep(SHIM_CLOCK_MONOTONIC, 0, &pause, NULL);
		if (pause.tv_nsec < PAUSE_MAX_NS)
			pause.tv_nsec *= 2;
	}
	return err;
}

int shim_spawn_wait(struct shim_spawn *child,
		    const struct shim_timespec *timeout,
		    struct shim_siginfo *info)
{
	long n;

	child->failed = NULL;
	if (!timeout) {
		n = take(child, info, 0);
		return n ? shim_spawn_fail(child, "waitid", n) : 0;
	}
	if (!shim_spawn_is_time(timeout))
		return shim_spawn_fail(child, "options: timeout", -SHIM_EINVAL);
	if (child->pidfd >= 0) {
		n = wait_for_pidfd(child, timeout);
		if (n < 0)
			return shim_spawn_fail(child, "ppoll", n);
		if (!n)
			return -SHIM_ETIMEDOUT;
	}
	/* Before 5.3 a pidfd is readable at any time. */
	n = look(child, timeout, info);
	return n && n != -SHIM_ETIMEDOUT ? shim_spawn_fail(child, "waitid", n)
					 : (int)n;
}

/* Whether the number is not the child's any more: who ignores SIGCHLD has lost
 * it when it ended. */
static int is_lost(const struct shim_spawn *child)
{
	return shim_waitid(SHIM_P_PID, child->pid, NULL,
			   SHIM_WEXITED | SHIM_WNOHANG | SHIM_WNOWAIT,
			   NULL) == -SHIM_ECHILD;
}

int shim_spawn_kill(const struct shim_spawn *child, int signal)
{
	long err = -SHIM_ENOSYS;

	if (child->waited || child->pid <= 0)
		return -SHIM_ESRCH;
	if (child->pidfd >= 0)
		err = shim_pidfd_send_signal(child->pidfd, signal, NULL, 0);
	/* EPERM may be a filter's, or the real one: then kill has it, too. */
	if (!shim_spawn_unavailable(err))
		return (int)err;
	if (is_lost(child))
		return -SHIM_ESRCH;
	return (int)shim_kill(child->pid, signal);
}

int shim_spawn_kill_group(const struct shim_spawn *child, int signal)
{
	long err = -SHIM_ENOSYS;

	/* kill(2) of no group would be of the caller's. */
	if (child->group <= 1 || signal < 0 || signal > SIGNAL_MAX)
		return -SHIM_EINVAL;
	if (child->pidfd >= 0)
		err = shim_pidfd_send_signal(child->pidfd, signal, NULL,
					     SHIM_PIDFD_SIGNAL_PROCESS_GROUP);
	/* EINVAL: the kernel does not know the flag. */
	if (err != -SHIM_EINVAL && !shim_spawn_unavailable(err))
		return (int)err;
	if (child->waited || is_lost(child))
		return -SHIM_ESRCH;
	return (int)shim_kill(-child->group, signal);
}
