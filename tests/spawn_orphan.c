/* SPDX-License-Identifier: MIT */
/*
 * A child that waits for its parent does not outlive it. The parent is this
 * program, started by the test; so is the newuidmap(1) that it waits for, which
 * takes its time. Whoever loses the parent comes to the test.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_threads.h"
#include "spawn_user.h"

enum { TIMEOUT_MS = 60000, PAUSE_MS = 5, NOT_STARTED = 127 };

/* In one piece, for several may tell something. */
static int tell(uint64_t number)
{
	char text[24], *end = put_number(text, number);

	*end++ = '\n';
	return write_all(1, text, (size_t)(end - text));
}

static int start_waiting(void *options)
{
	static _Alignas(16) char of_thread[sizeof(memory)];
	struct shim_spawn_options *const o = options;
	struct shim_spawn child;
	/* The thread is the one whose child has a copy of the memory. */
	char *const mine = o->flags & SHIM_SPAWN_COPY ? of_thread : memory;

	if (shim_spawn_start(&child, o, mine, sizeof(memory)))
		return 1;
	return end_of(&child);
}

/* Has a copy of all that is open, and does nothing. */
static int hold(void *arg)
{
	(void)arg;
	for (;;)
		shim_ppoll(NULL, 0, NULL, NULL);
	return 1;
}

/* Starts that when the test says so, and tells its number. */
static int hold_later(void *arg)
{
	static _Alignas(16) char stack[4096];
	char byte;
	long pid;

	shim_read(0, &byte, 1);
	pid = shim_clone(SHIM_SIGCHLD, stack + sizeof(stack), NULL, NULL, NULL,
			 hold, arg);
	if (pid < 0)
		return 1;
	return tell((uint64_t)pid);
}

static int child_main(const char *name)
{
	const struct shim_spawn_map own = { 0, (uint32_t)shim_geteuid(), 1 };
	struct shim_spawn_options o = {
		.path = "/bin/true",
		.namespaces = SHIM_CLONE_NEWUSER,
		.uids = &own,
		.nr_uids = 1,
		.flags = same(name, "copy") ? SHIM_SPAWN_COPY : 0,
	};
	struct shim_spawn_options other = o;
	struct thread thread;

	o.newuidmap = other.newuidmap = "/proc/self/exe";
	other.flags = SHIM_SPAWN_COPY;
	if (same(name, "two") && !start_thread(&thread, start_waiting, &other))
		return 1;
	if (same(name, "held") && !start_thread(&thread, hold_later, NULL))
		return 1;
	return start_waiting(&o);
}

/* As newuidmap: tell the child's number, and wait for the end of the input,
 * which is not read. */
static int helper_main(const char *pid)
{
	struct shim_pollfd in = { .fd = 0 };

	if (tell(to_number(pid)))
		return 1;
	shim_ppoll(&in, 1, NULL, NULL);
	return 1;
}

static int read_number(int fd)
{
	char text[24] = "";
	size_t n = 0;

	while (n < sizeof(text) - 1 && shim_read(fd, &text[n], 1) == 1 &&
	       text[n] != '\n')
		n++;
	return (int)to_number(text);
}

/* The exit status of a process that is a child by now, or -1. It is gone. */
static int end_within_timeout(int pid)
{
	const struct shim_timespec pause = { 0, PAUSE_MS * 1000000 };
	struct shim_siginfo info = { 0 };

	for (int ms = 0; ms < TIMEOUT_MS; ms += PAUSE_MS) {
		if (shim_waitid(SHIM_P_PID, pid, &info,
				SHIM_WEXITED | SHIM_WNOHANG, NULL))
			return -1;
		if (info.pid == pid)
			return info.status;
		shim_clock_nanosleep(SHIM_CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	shim_kill(pid, SHIM_SIGKILL);
	shim_waitid(SHIM_P_PID, pid, &info, SHIM_WEXITED, NULL);
	return -1;
}

/* Kill a parent of children that wait, which has played so. */
static void kill_parent(const char *name, int nr_children)
{
	struct state before = state_now();
	struct shim_spawn parent;
	struct shim_siginfo info = { 0 };
	struct part p;
	int pids[2], holder = 0;

	check_case(name);
	play(&p, name, NULL, SHIM_SPAWN_IN | SHIM_SPAWN_OUT);
	CHECK_FATAL(start(&parent, &p) == 0);
	for (int i = 0; i < nr_children; i++) {
		pids[i] = read_number(parent.out);
		CHECK_FATAL(pids[i] > 0);
	}
	if (same(name, "held")) {
		CHECK_EQ(write_all(parent.in, "!", 1), 0);
		holder = read_number(parent.out);
		CHECK_FATAL(holder > 0);
	}
	CHECK_EQ(shim_kill(parent.pid, SHIM_SIGKILL), 0);
	CHECK_EQ(shim_spawn_wait(&parent, NULL, &info), 0);
	CHECK_EQ(info.status, SHIM_SIGKILL);
	for (int i = 0; i < nr_children; i++)
		CHECK_EQ(end_within_timeout(pids[i]), NOT_STARTED);
	if (holder)
		CHECK_EQ(shim_kill(holder, SHIM_SIGKILL), 0);
	/* The end of the input of newuidmap. */
	shim_spawn_close(&parent);
	while (shim_waitid(SHIM_P_ALL, 0, &info, SHIM_WEXITED, NULL) == 0)
		continue;
	check_state(&before);
	check_case("");
}

static void a_child_that_waits_ends_with_its_parent(void)
{
	if (!can_map_own(SHIM_CLONE_NEWUSER))
		SKIP(NO_NAMESPACES);
	CHECK_EQ(shim_prctl(SHIM_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	kill_parent("share", 1);
	kill_parent("copy", 1);
	CHECK_EQ(shim_prctl(SHIM_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

/* Each of two may have the other's pipe; "held" is a process that has it. */
static void others_do_not_hold_back_its_end(void)
{
	const int pidfd = (int)shim_pidfd_open((int)shim_getpid(), 0);

	if (pidfd < 0)
		SKIP("no pidfds here");
	shim_close(pidfd);
	if (!can_map_own(SHIM_CLONE_NEWUSER))
		SKIP(NO_NAMESPACES);
	CHECK_EQ(shim_prctl(SHIM_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	kill_parent("two", 2);
	kill_parent("held", 1);
	CHECK_EQ(shim_prctl(SHIM_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static const struct check_test spawn_orphan_tests[] = {
	{ "a_child_that_waits_ends_with_its_parent",
	  a_child_that_waits_ends_with_its_parent },
	{ "others_do_not_hold_back_its_end", others_do_not_hold_back_its_end },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		return child_main(argv[2]);
	if (argc > 2 && same(argv[0], "/proc/self/exe"))
		return helper_main(argv[1]);
	return check_main("spawn_orphan", spawn_orphan_tests,
			  sizeof(spawn_orphan_tests) /
				  sizeof(spawn_orphan_tests[0]),
			  argc, argv, envp);
}
