/* SPDX-License-Identifier: MIT */
/*
 * Other libraries start programs at the same time, by fork, posix_spawn and
 * system: nobody's descriptors reach the programs of another, each side waits
 * for its own, and signals are afterwards what they were.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_util.h"

enum {
	ROUNDS = 60,
	SMALL_ROUNDS = 10,
	NR_OF_EACH = 2,
	/* Not close-on-exec: programs of the others see it. */
	COMMON_FD = 500,
	SEES_COMMON = 64,
	SEES_MORE = 127,
	NR_STATUSES = 50,
};

static const int kinds[] = { SIGINT, SIGQUIT, SIGCHLD, SIGALRM };
enum { NR_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static int rounds;

/* ---- The programs ---- */

/* What is open above 2 makes the status. */
static int see_fds(int status)
{
	for (int fd = 3; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		if (fd != COMMON_FD)
			return SEES_MORE;
		status += SEES_COMMON;
	}
	return status;
}

static int ignores_interrupt(void)
{
	struct sigaction action;

	return sigaction(SIGINT, NULL, &action) || action.sa_handler == SIG_IGN;
}

/* ---- What each thread does: the status, or -1 ---- */

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int by_fork(char *number)
{
	char *argv[] = { "spawn", CHILD, "fds", number, NULL };
	pid_t pid = fork();

	if (!pid) {
		execv("/proc/self/exe", argv);
		_exit(SEES_MORE);
	}
	return pid < 0 ? -1 : wait_for(pid);
}

static int by_posix_spawn(char *number)
{
	char *argv[] = { "spawn", CHILD, "fds", number, NULL };
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, check_envp))
		return -1;
	return wait_for(pid);
}

static int by_system(char *number)
{
	char command[40] = "exit ";
	int status;

	strcat(command, number);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) + SEES_COMMON : -1;
}

/* With pipes, which no program of the others must hold open. */
static int by_shim(char *number)
{
	static _Thread_local _Alignas(16) char block[8192];
	const struct shim_timespec minute = { 60, 0 };
	char out[8];
	struct shim_spawn_io io = { .out = out, .out_size = sizeof(out) };
	struct shim_spawn child;
	struct part p;
	int err;

	play(&p, "fds", number, SHIM_SPAWN_IN | SHIM_SPAWN_OUT);
	if (shim_spawn_start(&child, &p.options, block, sizeof(block)))
		return -1;
	err = shim_spawn_capture(&child, &io, &minute);
	return err ? err : end_of(&child);
}

static const struct way {
	int (*run)(char *number);
	int sees;
} ways[] = {
	{ by_fork, SEES_COMMON },
	{ by_posix_spawn, SEES_COMMON },
	{ by_system, SEES_COMMON },
	{ by_shim, 0 },
	{ by_shim, 0 },
};
enum { NR_WAYS = sizeof(ways) / sizeof(ways[0]) };

struct starter {
	pthread_t thread;
	const struct way *way;
	/* The first result that was wrong. */
	int wrong;
};

static void *start_many(void *arg)
{
	struct starter *s = arg;
	uint64_t before, after;
	char number[24];

	shim_rt_sigprocmask(SIG_SETMASK, NULL, &before);
	for (int i = 0; i < rounds && !s->wrong; i++) {
		const int status = i % NR_STATUSES;
		int end;

		put_number(number, (uint64_t)status);
		end = s->way->run(number);
		if (end != status + s->way->sees)
			s->wrong = end ? end : 1;
	}
	shim_rt_sigprocmask(SIG_SETMASK, NULL, &after);
	if (before != after)
		s->wrong = -2;
	return NULL;
}

static void nobody_disturbs_another(void)
{
	struct starter starters[NR_OF_EACH * NR_WAYS] = { 0 };
	struct sigaction before[NR_KINDS], after;
	struct state state;

	rounds = check_small() ? SMALL_ROUNDS : ROUNDS;
	CHECK_EQ(dup3(0, COMMON_FD, 0), COMMON_FD);
	state = state_now();
	for (int i = 0; i < NR_KINDS; i++)
		CHECK_EQ(sigaction(kinds[i], NULL, &before[i]), 0);
	for (int i = 0; i < NR_OF_EACH * NR_WAYS; i++) {
		starters[i].way = &ways[i % NR_WAYS];
		CHECK_FATAL(!pthread_create(&starters[i].thread, NULL,
					    start_many, &starters[i]));
	}
	for (int i = 0; i < NR_OF_EACH * NR_WAYS; i++) {
		CHECK_EQ(pthread_join(starters[i].thread, NULL), 0);
		CHECK_EQ(starters[i].wrong, 0);
	}
	for (int i = 0; i < NR_KINDS; i++) {
		CHECK_EQ(sigaction(kinds[i], NULL, &after), 0);
		CHECK(after.sa_handler == before[i].sa_handler);
		/* libc's own. */
		CHECK_EQ(after.sa_flags & ~SHIM_SA_RESTORER,
			 before[i].sa_flags & ~SHIM_SA_RESTORER);
	}
	/* Stacks of threads stay mapped. */
	state.maps = count_maps();
	check_state(&state);
	close(COMMON_FD);
}

/* ---- Who waits for everybody ---- */

static void a_status_that_another_took_is_told(void)
{
	struct shim_siginfo info;
	struct shim_spawn child;
	struct part p;
	int status;

	play(&p, "fds", "3", 0);
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(waitpid(-1, &status, 0), child.pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
	CHECK_EQ(shim_spawn_wait(&child, NULL, &info), -SHIM_ECHILD);
	CHECK(child.failed && same(child.failed, "waitid"));
	CHECK_EQ(shim_spawn_kill(&child, SIGKILL), -SHIM_ESRCH);
	shim_spawn_close(&child);
}

static int is_over;

static void *wait_for_everybody(void *arg)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE))
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	return arg;
}

static void a_start_tells_its_error_whoever_waits(void)
{
	struct state before = state_now();
	pthread_t thread;
	struct part p;

	CHECK_FATAL(!pthread_create(&thread, NULL, wait_for_everybody, NULL));
	for (int i = 0; i < 2 * ROUNDS; i++) {
		struct shim_spawn child;
		int end;

		play(&p, "fds", "3", 0);
		end = status_of(&p);
		CHECK(end == 3 || end == -SHIM_ECHILD);
		p.options.path = "/does/not/exist";
		CHECK_EQ(start(&child, &p), -SHIM_ENOENT);
		CHECK(child.failed && same(child.failed, "execve"));
	}
	__atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	before.maps = count_maps();
	check_state(&before);
}

/* ---- What system does to others ---- */

/* Shells know no more than ten descriptors. */
static void *read_to_the_end(void *arg)
{
	char command[60] = "cat >/dev/null /proc/self/fd/";

	put_number(command + strlen(command), (uint64_t) * (int *)arg);
	*(int *)arg = system(command);
	return NULL;
}

static void the_signals_that_system_ignores_have_defaults(void)
{
	struct part p;
	pthread_t thread;
	int pipe[2], arg;

	CHECK_EQ(pipe2(pipe, O_CLOEXEC), 0);
	arg = dup(pipe[0]);
	CHECK_FATAL(!pthread_create(&thread, NULL, read_to_the_end, &arg));
	while (!ignores_interrupt())
		sched_yield();
	play(&p, "ignores", "", 0);
	CHECK_EQ(status_of(&p), 1);
	p.options.defaults = 1UL << (SIGINT - 1) | 1UL << (SIGQUIT - 1);
	CHECK_EQ(status_of(&p), 0);
	close(pipe[1]);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(arg, 0);
	CHECK_EQ(ignores_interrupt(), 0);
	close(pipe[0]);
}

static const struct check_test spawn_fork_tests[] = {
	{ "nobody_disturbs_another", nobody_disturbs_another },
	{ "a_status_that_another_took_is_told",
	  a_status_that_another_took_is_told },
	{ "a_start_tells_its_error_whoever_waits",
	  a_start_tells_its_error_whoever_waits },
	{ "the_signals_that_system_ignores_have_defaults",
	  the_signals_that_system_ignores_have_defaults },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 3 && same(argv[1], CHILD))
		return same(argv[2], "fds") ? see_fds((int)to_number(argv[3]))
					    : ignores_interrupt();
	/* What this program has inherited is not for others to see. */
	for (int fd = 3; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* Whoever started it may ignore it. */
	signal(SIGINT, SIG_DFL);
	return check_main("spawn_fork", spawn_fork_tests,
			  sizeof(spawn_fork_tests) /
				  sizeof(spawn_fork_tests[0]),
			  argc, argv, envp);
}
