/* SPDX-License-Identifier: MIT */
/*
 * Programs of steps that are written by hand: what each flag does. The child
 * shares the memory, so what it saved can be read here.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_util.h"
#include "znr.h"

#define IGNORE SHIM_SPAWN_STEP_IGNORE
#define SAVE(r) (SHIM_SPAWN_STEP_SAVE | SHIM_SPAWN_STEP_REG(r))
#define TRY SHIM_SPAWN_STEP_TRY
#define WAIT SHIM_SPAWN_STEP_WAIT
#define PARENT SHIM_SPAWN_STEP_PARENT
#define EACH SHIM_SPAWN_STEP_EACH
#define ARG(i) SHIM_SPAWN_STEP_ARG(i)
#define RETRY(n) SHIM_SPAWN_STEP_RETRY(n)

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

enum { NO_SUCH_CALL = 4095 };

static _Alignas(16) char stack[1024];
static struct shim_spawn_program program;
static struct shim_spawn child;

static void prepare(struct shim_spawn_step *steps, unsigned nr)
{
	shim_spawn_program_init(&program, steps, nr, stack, sizeof(stack));
	shim_spawn_init(&child);
}

/* The error of the program, or its exit status. */
static int run(struct shim_spawn_step *steps, unsigned nr)
{
	int err;

	prepare(steps, nr);
	err = shim_spawn_launch(&child, &program);
	if (!err)
		err = shim_spawn_join(&child, &program);
	return err ? err : end_of(&child);
}

#define RUN(steps) run(steps, sizeof(steps) / sizeof((steps)[0]))

static void steps_run_in_order_until_the_end(void)
{
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_getpid, SAVE(0), { 0 } },
		{ SHIM_NR_getppid, SAVE(7), { 0 } },
		{ SHIM_NR_gettid, SAVE(3), { 0 } },
	};
	struct state before = state_now();

	prepare(steps, 3);
	CHECK_EQ(shim_spawn_launch(&child, &program), 0);
	CHECK_EQ(shim_spawn_join(&child, &program), 0);
	CHECK_EQ(program.regs[0], child.pid);
	CHECK_EQ(program.regs[3], child.pid);
	CHECK_EQ(program.regs[7], shim_getpid());
	CHECK_EQ(program.regs[1], 0);
	CHECK_EQ(end_of(&child), 0);
	prepare(NULL, 0);
	CHECK_EQ(run(NULL, 0), 0);
	check_state(&before);
}

static void the_first_error_ends_the_program(void)
{
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_getpid, SAVE(0), { 0 } },
		{ SHIM_NR_close, 0, { 1000 } },
		{ SHIM_NR_getpid, SAVE(1), { 0 } },
	};
	struct state before = state_now();

	CHECK_EQ(RUN(steps), -SHIM_EBADF);
	CHECK(same(child.failed, "close"));
	CHECK_EQ(program.failed, 1);
	CHECK(program.regs[0] != 0);
	CHECK_EQ(program.regs[1], 0);
	CHECK_EQ(child.pidfd, -1);
	CHECK_EQ(child.pid, -1);
	check_state(&before);
}

static void a_parent_that_is_another_is_an_error(void)
{
	const uint64_t pid = (uint64_t)shim_getpid();
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_getppid, PARENT, { 0, 0, 0, 0, 0, pid } },
		/* Its result is 0. */
		{ SHIM_NR_fcntl, PARENT, { 0, SHIM_F_GETFD, 0, 0, 0, 1 } },
		{ SHIM_NR_getpid, SAVE(1), { 0 } },
	};

	CHECK_EQ(RUN(steps), 0);
	CHECK(program.regs[1] != 0);
	steps[0].args[5]++;
	CHECK_EQ(RUN(steps), -SHIM_ECANCELED);
	CHECK(same(child.failed, "getppid"));
	CHECK_EQ(program.regs[1], 0);
}

static void an_ignored_error_is_a_result(void)
{
	struct shim_spawn_step steps[] = {
		{ NO_SUCH_CALL, IGNORE, { 0 } },
		{ SHIM_NR_close, IGNORE | SAVE(2), { 1000 } },
	};

	CHECK_EQ(RUN(steps), 0);
	CHECK_EQ((int64_t)program.regs[2], -SHIM_EBADF);
	steps[0].flags = 0;
	CHECK_EQ(RUN(steps), -SHIM_ENOSYS);
	CHECK(same(child.failed, "step"));
}

/* All six from registers: the child maps a page where this program sees it. */
static void arguments_come_from_registers(void)
{
	/* No kernel has larger ones. */
	enum { PAGE = 65536 };
	const uint64_t values[6] = {
		0, PAGE, SHIM_PROT_READ, SHIM_MAP_PRIVATE, 0, 2 * PAGE
	};
	struct shim_spawn_step step = { SHIM_NR_mmap, SAVE(7), { 0 } };
	int fd = (int)shim_memfd_create("step", SHIM_MFD_CLOEXEC);

	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_pwrite64(fd, "here", 4, 2 * PAGE), 4);
	for (int from = -1; from < 6; from++) {
		char *page;

		prepare(&step, 1);
		step.flags = SAVE(7);
		for (int i = 0; i < 6; i++) {
			uint64_t value = i == 4 ? (uint64_t)fd : values[i];
			/* One from a register, or, with -1, all of them. */
			int taken = from < 0 || from == i;

			program.regs[(i + 3) & 7] = taken ? value : 12345;
			step.args[i] = taken ? (uint64_t)(i + 3) & 7 : value;
			step.flags |= taken ? (uint32_t)ARG(i) : 0;
		}
		CHECK_EQ(shim_spawn_launch(&child, &program), 0);
		CHECK_EQ(shim_spawn_join(&child, &program), 0);
		CHECK_EQ(end_of(&child), 0);
		page = (char *)(uintptr_t)program.regs[7];
		CHECK_FATAL(!shim_ptr_err(page));
		CHECK(same(page, "here"));
		CHECK_EQ(shim_munmap(page, PAGE), 0);
	}
	CHECK_EQ(shim_close(fd), 0);
}

/* Calls with a result that is known, for the search. */
enum { OK, NOENT, NOTDIR, ACCES, FAULT };

static struct shim_spawn_step attempt(int what)
{
	static const char *const paths[] = {
		[NOENT] = "",
		[NOTDIR] = "/proc/version/x",
		[ACCES] = "/",
		[FAULT] = NULL,
	};
	struct shim_spawn_step step = { SHIM_NR_execve, TRY, { 0 } };

	if (what == OK)
		step.nr = SHIM_NR_getpid;
	else
		step.args[0] = ADDRESS(paths[what]);
	return step;
}

static void a_search_ends_as_execvp_does(void)
{
	static const struct {
		const char *name;
		int what[3];
		int result, failed;
	} rows[] = {
		{ "all missing", { NOENT, NOENT, NOENT }, -SHIM_ENOENT, 2 },
		{ "the last", { NOENT, NOTDIR, NOENT }, -SHIM_ENOENT, 2 },
		{ "no directory", { NOENT, NOENT, NOTDIR }, -SHIM_ENOTDIR, 2 },
		{ "EACCES stays", { NOENT, ACCES, NOENT }, -SHIM_EACCES, 1 },
		{ "the first one", { ACCES, ACCES, NOENT }, -SHIM_EACCES, 0 },
		{ "found late", { NOENT, ACCES, OK }, 0, 0 },
		{ "found first", { OK, FAULT, FAULT }, 0, 0 },
		{ "an error ends", { NOENT, FAULT, OK }, -SHIM_EFAULT, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shim_spawn_step steps[3];

		check_case(rows[i].name);
		for (int j = 0; j < 3; j++)
			steps[j] = attempt(rows[i].what[j]);
		CHECK_EQ(RUN(steps), rows[i].result);
		CHECK_EQ(program.failed, rows[i].failed);
	}
	check_case("");
}

/* A program in memory, and a path to it that the child has too. */
static int program_in_memory(char path[64])
{
	static const char script[] = "#!/bin/sh\nexit 5\n";
	int fd = (int)shim_memfd_create("busy", SHIM_MFD_CLOEXEC);
	char *p = path;

	for (const char *s = "/proc/"; *s; s++)
		*p++ = *s;
	p = put_number(p, (uint64_t)shim_getpid());
	for (const char *s = "/fd/"; *s; s++)
		*p++ = *s;
	put_number(p, (uint64_t)fd);
	return fd < 0 || shim_write(fd, script, 17) != 17 ? -1 : fd;
}

static void a_busy_program_is_tried_again(void)
{
	char path[64];
	char *const argv[] = { path, NULL };
	int fd = program_in_memory(path), writer, err;
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_close, 0, { 0 } },
		{ SHIM_NR_execve, RETRY(3), { ADDRESS(path), ADDRESS(argv) } },
	};

	CHECK_FATAL(fd >= 0);
	writer = (int)shim_openat(SHIM_AT_FDCWD, path,
				  SHIM_O_WRONLY | SHIM_O_CLOEXEC, 0);
	CHECK_FATAL(writer >= 0);
	steps[0].args[0] = (uint64_t)writer;
	err = RUN(steps);
	if (err == 5) {
		shim_close(writer);
		shim_close(fd);
		SKIP("this kernel starts programs that are open for writing");
	}
	CHECK_EQ(err, -SHIM_ETXTBSY);
	CHECK_EQ(program.failed, 1);

	steps[1].flags = RETRY(255);
	prepare(steps, 2);
	program.pause.tv_nsec = 20000000;
	CHECK_EQ(shim_spawn_launch(&child, &program), 0);
	CHECK_EQ(shim_close(writer), 0);
	CHECK_EQ(shim_spawn_join(&child, &program), 0);
	CHECK_EQ(end_of(&child), 5);
	CHECK_EQ(shim_close(fd), 0);
}

static void a_child_waits_for_its_parent(void)
{
	static char byte;
	struct shim_timespec ms = { 0, 1000000 };
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_close, 0, { 0 } },
		{ SHIM_NR_read, WAIT | SAVE(1), { 0, ADDRESS(&byte), 1 } },
		{ SHIM_NR_getpid, SAVE(0), { 0 } },
	};
	int fds[2];

	CHECK_FATAL(shim_pipe2(fds, SHIM_O_CLOEXEC) == 0);
	steps[0].args[0] = (uint64_t)fds[1];
	steps[1].args[0] = (uint64_t)fds[0];
	prepare(steps, 3);
	CHECK_EQ(shim_spawn_launch(&child, &program), 0);
	CHECK_EQ(shim_clock_nanosleep(SHIM_CLOCK_MONOTONIC, 0, &ms, NULL), 0);
	CHECK_EQ(__atomic_load_n(&program.regs[0], __ATOMIC_ACQUIRE), 0);
	CHECK(__atomic_load_n(&program.tid, __ATOMIC_ACQUIRE) != 0);
	CHECK_EQ(shim_write(fds[1], "!", 1), 1);
	CHECK_EQ(shim_spawn_join(&child, &program), 0);
	CHECK_EQ(program.regs[0], child.pid);
	CHECK_EQ(program.regs[1], 1);
	CHECK_EQ(byte, '!');
	CHECK_EQ(end_of(&child), 0);

	/* Whoever would write is gone. */
	prepare(steps, 3);
	CHECK_EQ(shim_spawn_launch(&child, &program), 0);
	CHECK_EQ(shim_close(fds[1]), 0);
	CHECK_EQ(shim_spawn_join(&child, &program), -SHIM_ECANCELED);
	CHECK_EQ(program.failed, 1);
	CHECK_EQ(program.regs[0], 0);
	CHECK(same(child.failed, "read"));
	/* All other errors are errors. */
	steps[0].flags = IGNORE;
	CHECK_EQ(shim_close(fds[0]), 0);
	CHECK_EQ(RUN(steps), -SHIM_EBADF);
	CHECK_EQ(program.failed, 1);
}

static void a_call_is_made_for_each_of_a_range(void)
{
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_close, EACH, { 900, 0, 0, 0, 0, 902 } },
		{ SHIM_NR_close, EACH, { 904, 0, 0, 0, 0, 903 } },
		{ SHIM_NR_fcntl, IGNORE | SAVE(0), { 900, SHIM_F_GETFD } },
		{ SHIM_NR_fcntl, IGNORE | SAVE(1), { 902, SHIM_F_GETFD } },
		{ SHIM_NR_fcntl, IGNORE | SAVE(2), { 903, SHIM_F_GETFD } },
		/* It ends where the numbers end. */
		{ SHIM_NR_close, EACH | IGNORE, { ~1UL, 0, 0, 0, 0, ~0UL } },
		{ SHIM_NR_close, EACH, { 902, 0, 0, 0, 0, 903 } },
	};

	for (int fd = 900; fd < 904; fd++)
		CHECK_EQ(shim_dup3(2, fd, SHIM_O_CLOEXEC), fd);
	CHECK_EQ(RUN(steps), -SHIM_EBADF);
	CHECK_EQ(program.failed, 6);
	CHECK_EQ((int64_t)program.regs[0], -SHIM_EBADF);
	CHECK_EQ((int64_t)program.regs[1], -SHIM_EBADF);
	CHECK_EQ(program.regs[2], SHIM_FD_CLOEXEC);
	for (int fd = 900; fd < 904; fd++)
		CHECK_EQ(shim_close(fd), 0);
	/* A bound may be a register's, which is 0 here: no call at all. */
	steps[0].flags |= ARG(5);
	steps[0].args[5] = 4;
	CHECK_EQ(RUN(steps), -SHIM_EBADF);
	CHECK_EQ(program.failed, 6);
}

static void a_signal_before_exec_takes_its_default_action(void)
{
	const uint64_t none = 0;
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_getpid, SAVE(0), { 0 } },
		{ SHIM_NR_kill, ARG(0), { 0, SHIM_SIGUSR1 } },
		{ SHIM_NR_getpid, SAVE(1), { 0 } },
		{ SHIM_NR_rt_sigprocmask,
		  0,
		  { SHIM_SIG_SETMASK, ADDRESS(&none), 0, 8 } },
		{ SHIM_NR_getpid, SAVE(2), { 0 } },
	};
	/* If the child ran it, both would crash. */
	const struct shim_sigaction handler = { .handler = (void *)1234 };
	struct shim_sigaction old;

	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &handler, &old), 0);
	CHECK_EQ(RUN(steps), 1000 + SHIM_SIGUSR1);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &old, NULL), 0);
	CHECK(program.regs[1] != 0);
	CHECK_EQ(program.regs[2], 0);
}

/* As after exec: what was caught is not, what was ignored still is. */
static void caught_signals_lose_their_handler(void)
{
	static struct shim_sigaction caught, ignored;
	struct shim_spawn_step steps[] = {
		{ SHIM_NR_rt_sigaction,
		  0,
		  { SHIM_SIGUSR1, 0, ADDRESS(&caught), 8 } },
		{ SHIM_NR_rt_sigaction,
		  0,
		  { SHIM_SIGUSR2, 0, ADDRESS(&ignored), 8 } },
	};
	const struct shim_sigaction handler = { .handler = (void *)1234 };
	const struct shim_sigaction ignore = { .handler =
						       (void *)SHIM_SIG_IGN };
	struct shim_sigaction old[2];

	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &handler, &old[0]), 0);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR2, &ignore, &old[1]), 0);
	caught.handler = (void *)5;
	CHECK_EQ(RUN(steps), 0);
	CHECK_EQ((uintptr_t)caught.handler, SHIM_SIG_DFL);
	CHECK_EQ((uintptr_t)ignored.handler, SHIM_SIG_IGN);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &old[0], &caught), 0);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR2, &old[1], NULL), 0);
	/* Nothing has changed for the parent. */
	CHECK_EQ((uintptr_t)caught.handler, 1234);
}

static const struct check_test spawn_step_tests[] = {
	{ "steps_run_in_order_until_the_end",
	  steps_run_in_order_until_the_end },
	{ "the_first_error_ends_the_program",
	  the_first_error_ends_the_program },
	{ "a_parent_that_is_another_is_an_error",
	  a_parent_that_is_another_is_an_error },
	{ "an_ignored_error_is_a_result", an_ignored_error_is_a_result },
	{ "arguments_come_from_registers", arguments_come_from_registers },
	{ "a_search_ends_as_execvp_does", a_search_ends_as_execvp_does },
	{ "a_busy_program_is_tried_again", a_busy_program_is_tried_again },
	{ "a_child_waits_for_its_parent", a_child_waits_for_its_parent },
	{ "a_call_is_made_for_each_of_a_range",
	  a_call_is_made_for_each_of_a_range },
	{ "a_signal_before_exec_takes_its_default_action",
	  a_signal_before_exec_takes_its_default_action },
	{ "caught_signals_lose_their_handler",
	  caught_signals_lose_their_handler },
};

static void programs_of_steps_need_shared_memory(void)
{
	NEEDS_SHARED_MEMORY();
}

static const struct check_test unshared_tests[] = {
	{ "programs_of_steps_need_shared_memory",
	  programs_of_steps_need_shared_memory },
};

int main(int argc, char **argv, char **envp)
{
	if (!shares_memory())
		return check_main("spawn_step", unshared_tests, 1, argc, argv,
				  envp);
	return check_main("spawn_step", spawn_step_tests,
			  sizeof(spawn_step_tests) /
				  sizeof(spawn_step_tests[0]),
			  argc, argv, envp);
}
