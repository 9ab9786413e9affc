/* SPDX-License-Identifier: MIT */
/*
 * Every call of the parent fails once, and every step of the child does: the
 * error is told with the name of what failed, and no child, descriptor or
 * blocked signal is left. This program is the kernel for the parent's calls.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_kernel.h"
#include "spawn_util.h"
#include "zspawn_fault_tab.h"

enum { NO_SUCH_CALL = 4095 };

static char in[100000], out[200];

/* Everything there is, from start to close. */
static int whole_path(struct shim_spawn *child)
{
	/* More than a pipe holds; elsewhere the pipes are the same. */
	const size_t size = world == worlds ? sizeof(in) : 5000;
	static char *const argv[] = { (char *)"cat", NULL };
	const struct shim_timespec timeout = { 60, 0 };
	struct shim_spawn_options options = {
		.path = "cat",
		.search = "/does/not/exist:/bin",
		.argv = argv,
		.flags = SHIM_SPAWN_IN | SHIM_SPAWN_OUT | SHIM_SPAWN_ERR,
	};
	struct shim_spawn_io io = {
		.in = in,
		.in_size = size,
		.out = out,
		.out_size = sizeof(out),
	};
	struct shim_siginfo info = { 0 };
	int err = shim_spawn_start(child, &options, memory, sizeof(memory));

	if (err)
		return err;
	err = shim_spawn_capture(child, &io, &timeout);
	if (!err && io.out_len != size)
		err = -1;
	if (err)
		shim_spawn_kill(child, SHIM_SIGKILL);
	if (shim_spawn_wait(child, &timeout, &info) && !err)
		err = -2;
	shim_spawn_close(child);
	return err;
}

/* Calls whose failure is told as the result of another one, or not at all. */
static int is_silent(long nr)
{
	return nr == SHIM_NR_close || nr == SHIM_NR_rt_sigprocmask ||
	       nr == SHIM_NR_rt_sigtimedwait || nr == SHIM_NR_munmap ||
	       nr == SHIM_NR_close_range || nr == SHIM_NR_pidfd_open ||
	       nr == SHIM_NR_clock_nanosleep || nr == SHIM_NR_getpid;
}

/* Only a wait that fails leaves a child: the test's to take away. */
static void take_away(long nr)
{
	if (nr != SHIM_NR_ppoll && nr != SHIM_NR_clock_gettime &&
	    nr != SHIM_NR_waitid && nr != SHIM_NR_wait4)
		return;
	while (real_syscall(SHIM_NR_waitid, SHIM_P_ALL, 0, 0, SHIM_WEXITED, 0,
			    0) == 0)
		continue;
}

/* Lets call n of the whole path fail in world w. Returns whether there was
 * one. */
static int fail_once(const struct world *w, int n, int error, int *err,
		     const struct state *before)
{
	struct shim_spawn child;

	world = w;
	fail_call(n, error);
	*err = whole_path(&child);
	fault.at = NEVER;
	world = worlds;
	if (fault.nr < 0) {
		CHECK_EQ(*err, 0);
		return 0;
	}
	take_away(fault.nr);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before->mask, NULL);
	check_state(before);
	return 1;
}

static void every_call_of_the_parent_may_fail(void)
{
	const int every = check_small() ? NR_WORLDS - 1 : 1;
	struct state before = state_now();

	for (int w = 0; w < NR_WORLDS; w += every) {
		int failed = 0, err;

		check_case(worlds[w].name);
		for (int n = 0;
		     fail_once(&worlds[w], n, -SHIM_EIO, &err, &before); n++)
			if (err >= 0)
				CHECK(is_silent(fault.nr));
			else
				failed++;
		CHECK(failed > 5);
	}
	check_case("");
}

static int waits(long nr)
{
	return nr == SHIM_NR_futex || nr == SHIM_NR_ppoll ||
	       nr == SHIM_NR_read || nr == SHIM_NR_write ||
	       nr == SHIM_NR_waitid || nr == SHIM_NR_wait4 ||
	       nr == SHIM_NR_clock_nanosleep;
}

/* All that waits does so again; the rest tells. */
static void interrupted_calls_are_made_again(void)
{
	const int every = check_small() ? NR_WORLDS - 1 : 1;
	struct state before = state_now();

	for (int w = 0; w < NR_WORLDS; w += every) {
		int again = 0, err;

		check_case(worlds[w].name);
		for (int n = 0;
		     fail_once(&worlds[w], n, -SHIM_EINTR, &err, &before); n++)
			if (waits(fault.nr)) {
				CHECK_EQ(err, 0);
				again++;
			}
		CHECK(again > 5);
	}
	check_case("");
}

/* Makes the first call with this number fail. Returns the error. */
static int start_without(long nr, int error, struct shim_spawn *child)
{
	struct part p;
	uint64_t mask;
	int err = 0;

	shim_rt_sigprocmask(SHIM_SIG_SETMASK, NULL, &mask);
	for (int n = 0; n < 200; n++) {
		play(&p, "", NULL, SHIM_SPAWN_IN | SHIM_SPAWN_OUT);
		p.options.path = "/bin/true";
		fail_call(n, error);
		err = start(child, &p);
		fault.at = NEVER;
		shim_rt_sigprocmask(SHIM_SIG_SETMASK, &mask, NULL);
		if (!err)
			end_of(child);
		if (fault.nr == nr || fault.nr < 0)
			return err;
	}
	return err;
}

static void the_error_names_the_call_of_the_parent(void)
{
	static const struct world usual = { "", 0, 0 },
				  old = { "", CLONE3, -SHIM_ENOSYS },
				  open = { "", CLOSE_RANGE, -SHIM_ENOSYS },
				  copy = { "", CLONE3 | SHARING, -SHIM_EPERM };
	static const struct {
		const char *name;
		long nr;
		const struct world *world;
	} rows[] = {
		{ "pipe2", SHIM_NR_pipe2, &usual },
		{ "rt_sigprocmask", SHIM_NR_rt_sigprocmask, &usual },
		{ "rt_sigaction", SHIM_NR_rt_sigaction, &old },
		{ "clone", SHIM_NR_clone, &old },
		{ "close_range", SHIM_NR_openat, &open },
		{ "close_range", SHIM_NR_getdents64, &open },
		{ "mmap", SHIM_NR_mmap, &copy },
		{ "read", SHIM_NR_read, &copy },
		{ "clone", SHIM_NR_clone, &copy },
	};
	struct state before = state_now();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shim_spawn child;

		check_case(rows[i].name);
		world = rows[i].world;
		CHECK_EQ(start_without(rows[i].nr, -SHIM_ENOSYS, &child),
			 -SHIM_ENOSYS);
		CHECK(child.failed && same(child.failed, rows[i].name));
		world = worlds;
		check_state(&before);
	}
	check_case("");
}

static int lacks_close_range(void)
{
	return shim_close_range(UINT32_MAX, 0, 0) != -SHIM_EINVAL;
}

static void the_start_fails_as_the_table_says(void)
{
	const size_t nr = sizeof(spawn_faults) / sizeof(spawn_faults[0]);
	const int shared = shares_memory();
	struct state before = state_now();

	for (const struct spawn_faults *row = spawn_faults;
	     row < spawn_faults + nr; row++) {
		const int usual = shared && !(same(row->call, "pipe2") &&
					      lacks_close_range());
		const char *step = usual ? row->step : row->copied;
		struct shim_spawn child;
		struct part p;
		int err;

		check_case(row->call);
		play(&p, "", NULL, SHIM_SPAWN_IN | SHIM_SPAWN_OUT);
		p.options.path = "/bin/true";
		fail_named(row->call, row->nth, row->errno);
		err = start(&child, &p);
		CHECK_EQ(err, usual ? row->want : row->copy);
		if (err)
			CHECK(child.failed && same(child.failed, step));
		else
			CHECK_EQ(end_of(&child), 0);
		fail_no_more();
		check_state(&before);
	}
	check_case("");
}

/* The child's calls do not pass here: their steps get another number. */
static void every_step_of_the_child_may_fail(void)
{
	static const struct shim_spawn_fd fds[] = {
		{ 2, 5 }, { 5, 2 }, { 0, 0 }, { -1, 9 }, { 1, 20 },
	};
	static char *const argv[] = { (char *)"true", NULL };
	const int pipes[3] = { -1, -1, -1 };
	struct shim_spawn_options options = {
		.path = "true",
		.argv = argv,
		.search = "/bin:/usr/bin",
		.cwd = "/",
		.flags = SHIM_SPAWN_SETSID,
		.fds = fds,
		.nr_fds = 5,
	};
	/* It is for shim_spawn_start() to do without: here it is a step. */
	const int closes = shim_close_range(UINT32_MAX, 0, 0) == 0;
	struct shim_spawn_program *program;
	struct state before;
	uint32_t nr;

	NEEDS_SHARED_MEMORY();
	if (!closes)
		options.flags |= SHIM_SPAWN_KEEP_FDS;
	CHECK_EQ(shim_dup3(2, 5, SHIM_O_CLOEXEC), 5);
	before = state_now();
	CHECK_FATAL(shim_spawn_compile(&options, pipes, memory, sizeof(memory),
				       &program) == 0);
	nr = program->nr_steps;
	CHECK(nr > (closes ? 12 : 8));
	for (uint32_t i = 0; i <= nr; i++) {
		struct shim_spawn child;
		struct shim_spawn_step *step;
		int err;

		shim_spawn_init(&child);
		shim_spawn_compile(&options, pipes, memory, sizeof(memory),
				   &program);
		step = &program->steps[i];
		if (i < nr)
			step->nr = NO_SUCH_CALL;
		CHECK_EQ(shim_spawn_launch(&child, program), 0);
		err = shim_spawn_join(&child, program);
		/* Only what was ignored, and the search that ends before. */
		if (i == nr || step->flags & SHIM_SPAWN_STEP_IGNORE ||
		    i == nr - 1) {
			CHECK_EQ(err, 0);
			CHECK_EQ(end_of(&child), 0);
		} else {
			CHECK_EQ(err, -SHIM_ENOSYS);
			CHECK_EQ(program->failed, i);
			CHECK(same(child.failed, "step"));
		}
		check_state(&before);
	}
	CHECK_EQ(shim_close(5), 0);
}

/* Its memory is the parent's again only when it is gone. */
static void a_child_that_cannot_be_waited_for_is_killed(void)
{
	static uint32_t word = 5;
	struct shim_spawn_step step = {
		SHIM_NR_futex,
		0,
		{ (uint64_t)(uintptr_t)&word, SHIM_FUTEX_WAIT, 5 },
	};
	struct state before = state_now();
	struct shim_spawn_program program;
	struct shim_spawn child;

	NEEDS_SHARED_MEMORY();
	shim_spawn_init(&child);
	shim_spawn_program_init(&program, &step, 1, memory, 1024);
	CHECK_FATAL(shim_spawn_launch(&child, &program) == 0);
	fail_call(0, -SHIM_ENOSYS);
	CHECK_EQ(shim_spawn_join(&child, &program), -SHIM_ENOSYS);
	fault.at = NEVER;
	CHECK_EQ(fault.nr, SHIM_NR_futex);
	CHECK(same(child.failed, "futex"));
	CHECK_EQ(child.pid, -1);
	CHECK_EQ(program.tid, 0);
	check_state(&before);
}

/* In a copy of this program, where the kernel lacks a call from now on. */
static long forbid(long nr, int error)
{
	enum { LOAD = 0x20, JUMP_IF_EQUAL = 0x15, RETURN = 0x06 };
	struct shim_sock_filter code[] = {
		{ LOAD, 0, 0, offsetof(struct shim_seccomp_data, nr) },
		{ JUMP_IF_EQUAL, 0, 1, (uint32_t)nr },
		{ RETURN, 0, 0, SHIM_SECCOMP_RET_ERRNO | (uint32_t)error },
		{ RETURN, 0, 0, SHIM_SECCOMP_RET_ALLOW },
	};
	struct shim_sock_fprog filter = { 4, code };
	long err = shim_prctl(SHIM_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	return err ? err
		   : shim_seccomp(SHIM_SECCOMP_SET_MODE_FILTER, 0, &filter);
}

struct missing {
	const char *name;
	long nr;
	int error;
};

/* 0 when the start fails with this error and name, and leaves nothing. */
static int start_in_copy(void *arg)
{
	const struct missing *m = arg;
	static const struct shim_spawn_fd fds[] = { { 2, 5 }, { 1, 1 } };
	struct shim_spawn child;
	struct part p;
	int before = count_fds();

	play(&p, "", NULL, SHIM_SPAWN_SETSID | SHIM_SPAWN_IN);
	p.options.cwd = "/";
	p.options.fds = fds;
	p.options.nr_fds = 2;
	p.options.path = "/bin/true";
	if (forbid(m->nr, m->error))
		return 1;
	if (start(&child, &p) != -m->error)
		return 2;
	if (!child.failed || !same(child.failed, m->name))
		return 3;
	return count_fds() != before || has_children() ? 4 : 0;
}

static void a_missing_call_is_told_by_its_name(void)
{
	struct missing rows[] = {
		{ "setsid", SHIM_NR_setsid, 0 },
		{ "chdir", SHIM_NR_chdir, 0 },
		{ "dup3", SHIM_NR_dup3, 0 },
		{ "execve", SHIM_NR_execve, 0 },
		{ "rt_sigprocmask", SHIM_NR_rt_sigprocmask, 0 },
		{ "pipe2", SHIM_NR_pipe2, 0 },
	};
	static const int errors[] = { SHIM_ENOSYS, SHIM_EPERM };

	NEEDS_SHARED_MEMORY();
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		rows[i / 2].error = errors[i % 2];
		check_case(rows[i / 2].name);
		CHECK_EQ(result_in_copy(start_in_copy, &rows[i / 2]), 0);
	}
	check_case("");
}

static void a_child_needs_a_stack(void)
{
	struct state before = state_now();
	struct shim_spawn_program program;
	struct shim_spawn child;

	shim_spawn_init(&child);
	shim_spawn_program_init(&program, NULL, 0, memory, 0);
	CHECK_EQ(shim_spawn_launch(&child, &program), -SHIM_EINVAL);
	CHECK(child.failed && same(child.failed, "options: stack"));
	CHECK_EQ(child.pidfd, -1);
	CHECK_EQ(child.pid, -1);
	check_state(&before);
}

static void output_without_end_does_not_put_off_a_timeout(void)
{
	const struct shim_timespec ms = { 0, 1000000 }, none = { 0, 0 };
	const struct shim_timespec wrong = { 0, 1000000000 };
	struct shim_spawn_io io = { .out = NULL };
	struct shim_spawn child;
	struct part p;

	play(&p, "", NULL, SHIM_SPAWN_OUT);
	p.options.path = "/bin/true";
	CHECK_FATAL(start(&child, &p) == 0);
	flood = 10000000;
	CHECK_EQ(shim_spawn_capture(&child, &io, &ms), -SHIM_ETIMEDOUT);
	CHECK(flood > 0);
	/* Without time, what is there is moved once. */
	io.out_len = 0;
	CHECK_EQ(shim_spawn_capture(&child, &io, &none), -SHIM_ETIMEDOUT);
	CHECK_EQ(io.out_len, 1);
	flood = 0;
	CHECK_EQ(shim_spawn_capture(&child, &io, &wrong), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	end_of(&child);
}

static void half_a_pipe_is_none(void)
{
	struct state before = state_now();
	int fds[2];

	for (int n = 0; n < 2; n++) {
		fail_call(n, -SHIM_EPERM);
		CHECK_EQ(shim_spawn_pipe(fds, 4096, 0), -SHIM_EPERM);
		fault.at = NEVER;
		check_state(&before);
	}
}

static const struct check_test spawn_fault_tests[] = {
	{ "every_call_of_the_parent_may_fail",
	  every_call_of_the_parent_may_fail },
	{ "interrupted_calls_are_made_again",
	  interrupted_calls_are_made_again },
	{ "the_error_names_the_call_of_the_parent",
	  the_error_names_the_call_of_the_parent },
	{ "the_start_fails_as_the_table_says",
	  the_start_fails_as_the_table_says },
	{ "every_step_of_the_child_may_fail",
	  every_step_of_the_child_may_fail },
	{ "a_child_that_cannot_be_waited_for_is_killed",
	  a_child_that_cannot_be_waited_for_is_killed },
	{ "a_missing_call_is_told_by_its_name",
	  a_missing_call_is_told_by_its_name },
	{ "a_child_needs_a_stack", a_child_needs_a_stack },
	{ "output_without_end_does_not_put_off_a_timeout",
	  output_without_end_does_not_put_off_a_timeout },
	{ "half_a_pipe_is_none", half_a_pipe_is_none },
};

CHECK_MAIN(spawn_fault, spawn_fault_tests)
