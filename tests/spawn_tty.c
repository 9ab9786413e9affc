/* SPDX-License-Identifier: MIT */
/*
 * Terminals and tracers: a program that begins a session gets its terminal,
 * one of a session its group into the foreground, and one of a tracer stops.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_util.h"

/* The group in the foreground of the terminal, or -errno. */
static int foreground_of(int fd)
{
	int group = 0;
	long err = shim_ioctl(fd, SHIM_TIOCGPGRP,
			      (unsigned long)(uintptr_t)&group);

	return err ? (int)err : group;
}

/* Parts of the child; 0: it is as it should be. */

/* Descriptor 0 is the terminal, its session and group are the program's. */
static int has_terminal(void)
{
	int fd = open_file("/dev/tty", SHIM_O_RDWR | SHIM_O_NOCTTY);

	if (fd < 0)
		return 1;
	if (foreground_of(fd) != shim_getpid())
		return 2;
	return shim_getsid(0) != shim_getpid();
}

/* The terminal of the session, which is at 0, has this one in front. */
static int is_in_front(void)
{
	return foreground_of(0) != shim_getpid() ||
	       shim_getpgid(0) != shim_getpid();
}

static int has_no_terminal(void)
{
	return open_file("/dev/tty", SHIM_O_RDWR | SHIM_O_NOCTTY) >= 0;
}

/* Of a session with a terminal at 0: start others in it. argv: which part. */
static int begin_others(char **argv)
{
	struct shim_spawn child;
	struct part p;
	int err, group;

	play(&p, argv[0], NULL, 0);
	if (same(argv[0], "front")) {
		p.options.flags = SHIM_SPAWN_FOREGROUND;
		p.options.foreground_fd = 0;
	} else {
		p.options.flags = SHIM_SPAWN_NOCTTY;
	}
	err = start(&child, &p);
	if (err)
		return err;
	/* The group in front is the program's own. */
	group = same(argv[0], "front") ? child.pid : 0;
	if (child.group != group) {
		end_of(&child);
		return 1;
	}
	return end_of(&child);
}

static int child_main(char **argv)
{
	if (same(argv[0], "terminal"))
		return has_terminal();
	if (same(argv[0], "front"))
		return is_in_front();
	if (same(argv[0], "none"))
		return has_no_terminal();
	if (same(argv[0], "begin"))
		return begin_others(argv + 1);
	if (same(argv[0], "exit"))
		return (int)to_number(argv[1]);
	return 99;
}

/* Both ends of a new terminal. Returns 0, or -errno. */
static int open_terminal(int ends[2])
{
	int unlock = 0;
	long err;

	ends[0] = open_file("/dev/ptmx", SHIM_O_RDWR | SHIM_O_NOCTTY);
	if (ends[0] < 0)
		return ends[0];
	err = shim_ioctl(ends[0], SHIM_TIOCSPTLCK,
			 (unsigned long)(uintptr_t)&unlock);
	if (!err)
		err = shim_ioctl(ends[0], SHIM_TIOCGPTPEER,
				 SHIM_O_RDWR | SHIM_O_NOCTTY | SHIM_O_CLOEXEC);
	if (err < 0) {
		shim_close(ends[0]);
		return (int)err;
	}
	ends[1] = (int)err;
	return 0;
}

/* Begin a session at this terminal, which also is descriptor 0. */
static void play_at(struct part *p, struct shim_spawn_fd *fd, int terminal,
		    const char *name, const char *arg)
{
	play(p, name, arg, SHIM_SPAWN_SETSID | SHIM_SPAWN_SETCTTY);
	*fd = (struct shim_spawn_fd){ terminal, 0 };
	p->options.fds = fd;
	p->options.nr_fds = 1;
	p->options.ctty_fd = 0;
}

static void a_session_gets_its_terminal(void)
{
	struct state before = state_now();
	struct shim_spawn_fd fd;
	struct shim_spawn child;
	struct part p;
	int ends[2];

	if (open_terminal(ends))
		SKIP("there are no terminals here");
	play_at(&p, &fd, ends[1], "terminal", NULL);
	CHECK_EQ(status_of(&p), 0);
	/* What is no terminal is told. */
	p.options.ctty_fd = 9;
	CHECK_EQ(start(&child, &p), -SHIM_EBADF);
	CHECK(child.failed && same(child.failed, "ioctl TIOCSCTTY"));
	shim_close(ends[0]);
	shim_close(ends[1]);
	check_state(&before);
}

static void programs_of_a_session_come_to_the_front_or_leave(void)
{
	struct state before = state_now();
	struct shim_spawn_fd fd;
	struct shim_spawn child;
	struct part p;
	int ends[2];

	if (open_terminal(ends))
		SKIP("there are no terminals here");
	play_at(&p, &fd, ends[1], "begin", "front");
	CHECK_EQ(status_of(&p), 0);
	play_at(&p, &fd, ends[1], "begin", "none");
	CHECK_EQ(status_of(&p), 0);
	/* Not the caller's. */
	play(&p, "front", NULL, SHIM_SPAWN_FOREGROUND);
	p.options.foreground_fd = ends[1];
	CHECK_EQ(start(&child, &p), -SHIM_ENOTTY);
	CHECK(child.failed && same(child.failed, "ioctl TIOCSPGRP"));
	shim_close(ends[0]);
	shim_close(ends[1]);
	check_state(&before);
}

/* It stops before its first instruction. */
static void a_traced_program_stops_at_exec(void)
{
	struct state before = state_now();
	struct shim_siginfo info = { 0 };
	struct shim_spawn child;
	struct part p;

	play(&p, "exit", "7", SHIM_SPAWN_TRACEME);
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(shim_waitid(SHIM_P_PID, child.pid, &info, SHIM_WSTOPPED, NULL),
		 0);
	CHECK_EQ(info.si_code, SHIM_CLD_TRAPPED);
	CHECK_EQ(info.status, SHIM_SIGTRAP);
	CHECK_EQ(shim_ptrace(SHIM_PTRACE_CONT, child.pid, 0, 0), 0);
	CHECK_EQ(end_of(&child), 7);
	check_state(&before);
}

static const struct check_test spawn_tty_tests[] = {
	{ "a_session_gets_its_terminal", a_session_gets_its_terminal },
	{ "programs_of_a_session_come_to_the_front_or_leave",
	  programs_of_a_session_come_to_the_front_or_leave },
	{ "a_traced_program_stops_at_exec", a_traced_program_stops_at_exec },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		shim_exit_group(child_main(argv + 2));
	return check_main("spawn_tty", spawn_tty_tests,
			  sizeof(spawn_tty_tests) / sizeof(spawn_tty_tests[0]),
			  argc, argv, envp);
}
