/* SPDX-License-Identifier: MIT */
/*
 * A debugger looks at a program that starts others: as strace does, which stays
 * with every process and stops at each call; as gdb does, which stays with the
 * parent or with the child; and as one that comes in the middle and leaves
 * again. The program notices nothing of it, and the debugger sees each child
 * that begins (an event of fork), and each that becomes a program.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_threads.h"
#include "spawn_util.h"

enum {
	STARTERS = 2,
	ROUNDS = 8,
	STOPS = 100, /* of one that comes and leaves */
	VISITS = 2,
	TRACED_MAX = 256,
	SECONDS_MAX = 100,
	FORKS = SHIM_PTRACE_O_TRACEFORK | SHIM_PTRACE_O_TRACEVFORK |
		SHIM_PTRACE_O_TRACECLONE | SHIM_PTRACE_O_TRACEEXEC,
};

/* ---- The program that is looked at ---- */

static struct starter {
	struct thread thread;
	int wrong;
	_Alignas(16) char memory[8192];
} starters[STARTERS];

/* Whether there is something to read, or nobody to write it. */
static int has_input(int timeout)
{
	struct shim_pollfd fd = { 0, SHIM_POLLIN, 0 };
	const struct shim_timespec t = { timeout, 0 };

	return shim_ppoll(&fd, 1, (struct shim_timespec *)&t, NULL) != 0;
}

static int start_one(struct starter *s, int round)
{
	const char number[] = { (char)('0' + round % 10), '\0' };
	struct shim_spawn child;
	struct part p;
	int err;

	play(&p, "exit", number, 0);
	if (round % 4 == 3)
		p.options.path = "/does/not/exist";
	err = shim_spawn_start(&child, &p.options, s->memory,
			       sizeof(s->memory));
	if (round % 4 == 3)
		return err != -SHIM_ENOENT || !same(child.failed, "execve");
	return err ? err : end_of(&child) != round % 10;
}

static int start_many(void *arg)
{
	struct starter *s = arg;

	for (int i = 0; i < ROUNDS || !has_input(0); i++)
		s->wrong |= start_one(s, i);
	return 0;
}

/* Begins with a byte, and ends, after all rounds, with more input or its end.
 */
static int storm_main(void)
{
	int wrong = has_children();
	char byte;

	shim_read(0, &byte, 1);
	for (int i = 0; i < STARTERS; i++)
		wrong |= !start_thread(&starters[i].thread, start_many,
				       &starters[i]);
	for (int i = 0; i < STARTERS; i++) {
		join_thread(&starters[i].thread);
		wrong |= starters[i].wrong;
	}
	return wrong || has_children();
}

/* ---- The debugger ---- */

/* How it looks. */
struct manner {
	const char *name;
	int resume;   /* SHIM_PTRACE_CONT or SHIM_PTRACE_SYSCALL */
	int children; /* they are not let go */
	int parent;   /* it is let go when it has a child */
};

struct tasks {
	int pids[TRACED_MAX];
	size_t nr;
};

static struct tracer {
	const struct manner *manner;
	struct shim_spawn child;
	struct tasks traced;
	/* New ones that have stopped before their parent has told of them. */
	struct tasks early;
	int stops, forks, vforks, clones, execs;
	int status; /* of the program, or -1 */
	int leaving, is_lost;
} tracer;

static void add(struct tasks *tasks, int pid)
{
	if (tasks->nr < TRACED_MAX)
		tasks->pids[tasks->nr++] = pid;
	else
		tracer.is_lost = 1;
}

/* Returns whether it was there. */
static int take(struct tasks *tasks, int pid)
{
	for (size_t i = 0; i < tasks->nr; i++)
		if (tasks->pids[i] == pid) {
			tasks->pids[i] = tasks->pids[--tasks->nr];
			return 1;
		}
	return 0;
}

static void resume(int pid, int request, int signal)
{
	if (request == SHIM_PTRACE_DETACH)
		take(&tracer.traced, pid);
	/* It may have been killed meanwhile: then the wait tells. */
	shim_ptrace(request, pid, 0, (unsigned long)signal);
}

/* Whether this task is of the program, and no child. */
static int is_thread(int pid)
{
	return shim_tgkill(tracer.child.pid, pid, 0) == 0;
}

static void note_new(int pid, int *count)
{
	unsigned long new_pid = 0;

	(*count)++;
	if (!shim_ptrace(SHIM_PTRACE_GETEVENTMSG, pid, 0,
			 (unsigned long)&new_pid) &&
	    !take(&tracer.early, (int)new_pid))
		add(&tracer.traced, (int)new_pid);
}

/* What stopped it; returns the signal that it is to get. */
static int look_at(int pid, int status)
{
	switch (status >> 16) {
	case SHIM_PTRACE_EVENT_FORK:
		note_new(pid, &tracer.forks);
		return 0;
	case SHIM_PTRACE_EVENT_VFORK:
		note_new(pid, &tracer.vforks);
		return 0;
	case SHIM_PTRACE_EVENT_CLONE:
		note_new(pid, &tracer.clones);
		return 0;
	case SHIM_PTRACE_EVENT_EXEC:
		/* The program itself may just have begun. */
		tracer.execs += pid != tracer.child.pid;
		return 0;
	case 0:
		break;
	default:
		return 0;
	}
	status = status >> 8 & 0xff;
	/* A stop at a call. */
	return status == (SHIM_SIGTRAP | 0x80) ? 0 : status;
}

static void go_on(int pid, int status)
{
	const struct manner *m = tracer.manner;
	const int event = status >> 16;
	const int is_child = !is_thread(pid);
	const int signal = look_at(pid, status);
	int leave = tracer.leaving;

	leave |= is_child && !m->children;
	leave |= m->parent && !is_child && event == SHIM_PTRACE_EVENT_FORK;
	/* Who follows a child leaves all of its parent, one by one. */
	leave |= m->parent && !is_child && tracer.forks > 0;
	tracer.stops++;
	resume(pid, leave ? SHIM_PTRACE_DETACH : m->resume, signal);
}

/* Until nobody is traced, or there were so many stops. */
static void watch(int stops)
{
	const int end = tracer.stops + stops;

	while (tracer.traced.nr && (!stops || tracer.stops < end)) {
		int status = 0;
		int pid = (int)shim_wait4(-1, &status, SHIM___WALL, NULL);

		if (pid == -SHIM_EINTR)
			continue;
		if (pid < 0)
			break;
		if ((status & 0xff) == 0x7f) {
			if (!take(&tracer.traced, pid))
				add(&tracer.early, pid);
			add(&tracer.traced, pid);
			go_on(pid, status);
			continue;
		}
		take(&tracer.traced, pid);
		if (pid == tracer.child.pid)
			tracer.status = status;
	}
}

/* Returns whether nobody forbids it. */
static int seize(int pid)
{
	long err = shim_ptrace(SHIM_PTRACE_SEIZE, pid, 0,
			       FORKS | SHIM_PTRACE_O_TRACESYSGOOD);

	/* A thread may have ended by now. */
	CHECK(!err || err == -SHIM_EPERM || err == -SHIM_ENOSYS ||
	      err == -SHIM_ESRCH);
	if (err)
		return 0;
	add(&tracer.traced, pid);
	return 1;
}

static int begin(const struct manner *manner)
{
	struct part p;

	tracer = (struct tracer){ .manner = manner, .status = -1 };
	play(&p, "storm", NULL, SHIM_SPAWN_IN);
	return start(&tracer.child, &p);
}

/* The program ends, seen or unseen. */
static void end(void)
{
	if (tracer.status < 0) {
		watch(0);
		shim_close(tracer.child.in);
		tracer.child.in = -1;
	}
	if (tracer.status < 0)
		CHECK_EQ(shim_wait4(tracer.child.pid, &tracer.status,
				    SHIM___WALL, NULL),
			 tracer.child.pid);
	CHECK_EQ(tracer.status, 0);
	CHECK_EQ(tracer.is_lost, 0);
	shim_spawn_close(&tracer.child);
}

static void bound(int seconds)
{
	const struct shim_itimerval timer = { { 0, 0 }, { seconds, 0 } };

	CHECK_EQ(shim_setitimer(SHIM_ITIMER_REAL, &timer, NULL), 0);
}

static void a_program_is_looked_at_from_its_beginning(void)
{
	static const struct manner manners[] = {
		{ "events", SHIM_PTRACE_CONT, 1, 0 },
		{ "calls", SHIM_PTRACE_SYSCALL, 1, 0 },
		{ "parent", SHIM_PTRACE_CONT, 0, 0 },
		{ "child", SHIM_PTRACE_CONT, 1, 1 },
	};
	const int starts = STARTERS * ROUNDS, failing = STARTERS * ROUNDS / 4;
	struct state before = state_now();

	bound(SECONDS_MAX);
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
		const struct manner *m = &manners[i];

		check_case(m->name);
		CHECK_FATAL(begin(m) == 0);
		if (!seize(tracer.child.pid)) {
			end();
			bound(0);
			SKIP("nobody may be traced here");
		}
		/* The rounds, and no more. */
		CHECK_EQ(shim_write(tracer.child.in, "go", 2), 2);
		watch(0);
		end();
		CHECK_EQ(tracer.vforks, 0);
		if (m->parent) {
			CHECK(tracer.forks >= 1 && tracer.execs >= 0);
		} else {
			CHECK_EQ(tracer.forks, starts);
			CHECK_EQ(tracer.clones, STARTERS);
			CHECK_EQ(tracer.execs,
				 m->children ? starts - failing : 0);
		}
		check_state(&before);
	}
	check_case("");
	bound(0);
}

/* All threads that there are. Returns whether nobody forbids it. */
static int seize_all(void)
{
	_Alignas(8) char buf[2048];
	char path[40] = "/proc/";
	char *p = put_number(path + 6, (uint64_t)tracer.child.pid);
	int seized = 0, fd;
	long size;

	for (const char *s = "/task"; *s; s++)
		*p++ = *s;
	*p = '\0';
	fd = (int)shim_openat(SHIM_AT_FDCWD, path,
			      SHIM_O_RDONLY | SHIM_O_DIRECTORY | SHIM_O_CLOEXEC,
			      0);
	while ((size = shim_getdents64(fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < size; at += buf[at + 16] & 0xff)
			if (buf[at + 19] != '.')
				seized += seize((int)to_number(buf + at + 19));
	shim_close(fd);
	return seized > 0;
}

/* Each task stops once more, and is let go. */
static void leave(void)
{
	tracer.leaving = 1;
	for (size_t i = 0; i < tracer.traced.nr; i++)
		shim_ptrace(SHIM_PTRACE_INTERRUPT, tracer.traced.pids[i], 0, 0);
	watch(0);
	tracer.leaving = 0;
}

static void a_debugger_comes_and_leaves_in_the_middle(void)
{
	static const struct manner manners[] = {
		{ "events", SHIM_PTRACE_CONT, 1, 0 },
		{ "calls", SHIM_PTRACE_SYSCALL, 1, 0 },
		{ "parent", SHIM_PTRACE_CONT, 0, 0 },
	};
	struct state before = state_now();

	bound(SECONDS_MAX);
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
		check_case(manners[i].name);
		CHECK_FATAL(begin(&manners[i]) == 0);
		CHECK_EQ(shim_write(tracer.child.in, "g", 1), 1);
		for (int visit = 0; visit < VISITS; visit++) {
			const int stops = tracer.stops;

			if (!seize_all()) {
				end();
				bound(0);
				SKIP("nobody may be traced here");
			}
			watch(STOPS);
			CHECK(tracer.stops >= stops + STOPS);
			leave();
			CHECK_EQ(tracer.traced.nr, 0);
			CHECK_EQ(tracer.status, -1);
		}
		CHECK(tracer.forks >= 1);
		CHECK_EQ(tracer.vforks, 0);
		end();
		check_state(&before);
	}
	check_case("");
	bound(0);
}

static const struct check_test spawn_trace_tests[] = {
	{ "a_program_is_looked_at_from_its_beginning",
	  a_program_is_looked_at_from_its_beginning },
	{ "a_debugger_comes_and_leaves_in_the_middle",
	  a_debugger_comes_and_leaves_in_the_middle },
};

int main(int argc, char **argv, char **envp)
{
	check_envp = envp;
	/* At once: LeakSanitizer cannot look at what is traced. */
	if (argc > 2 && same(argv[1], CHILD))
		shim_exit_group(same(argv[2], "storm")
					? storm_main()
					: (int)to_number(argv[3]));
	return check_main("spawn_trace", spawn_trace_tests,
			  sizeof(spawn_trace_tests) /
				  sizeof(spawn_trace_tests[0]),
			  argc, argv, envp);
}
