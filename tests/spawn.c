/* SPDX-License-Identifier: MIT */
/*
 * Starting programs and waiting for them, on the real kernel. What is started
 * is mostly this program, which then plays the part that its arguments name.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_util.h"

/* Parts of a child; the result is the exit status. */

static int tell_directory(void)
{
	char path[256];
	long n = shim_readlinkat(SHIM_AT_FDCWD, "/proc/self/cwd", path,
				 sizeof(path));

	return n < 0 || write_all(1, path, (size_t)n);
}

/* The argument is the mask that there must be. */
static int compare_mask(const char *arg)
{
	uint64_t mask = 0;

	shim_rt_sigprocmask(SHIM_SIG_SETMASK, NULL, &mask);
	return mask != to_number(arg);
}

static int child_main(char **argv, char **envp)
{
	if (same(argv[0], "exit"))
		return (int)to_number(argv[1]);
	if (same(argv[0], "env"))
		return write_all(1, envp[0], text_length(envp[0]));
	/* Until there is an end to it. */
	if (same(argv[0], "read"))
		return shim_read(0, (char[1]){ 0 }, 1) != 0;
	if (same(argv[0], "directory"))
		return tell_directory();
	if (same(argv[0], "mask"))
		return compare_mask(argv[1]);
	if (same(argv[0], "session"))
		return shim_getsid(0) != shim_getpid();
	if (same(argv[0], "group"))
		return shim_getpgid(0) != shim_getpid();
	return 99;
}

/* Start it, and compare what it writes to its standard output. */
static int writes(struct part *p, const char *text)
{
	char out[256] = "";
	struct shim_spawn_io io = { .out = out, .out_size = sizeof(out) - 1 };
	struct shim_spawn child;

	p->options.flags |= SHIM_SPAWN_OUT;
	if (start(&child, p) || shim_spawn_capture(&child, &io, NULL) ||
	    end_of(&child))
		return 0;
	out[io.out_len < sizeof(out) ? io.out_len : 0] = '\0';
	return same(out, text);
}

static void a_program_ends_with_its_status(void)
{
	struct state before = state_now();
	struct part p;

	play(&p, "exit", "0", 0);
	CHECK_EQ(status_of(&p), 0);
	play(&p, "exit", "77", 0);
	CHECK_EQ(status_of(&p), 77);
	check_state(&before);
}

static void arguments_and_environment_arrive(void)
{
	char *const argv[] = {
		"sh", "-c", "echo \"$0|$1|$A\"", "x", "y z", NULL
	};
	char *const envp[] = { "A=b c", NULL };
	struct part p;

	play(&p, "env", NULL, 0);
	p.options.envp = envp;
	CHECK(writes(&p, "A=b c"));
	p.options.path = "/bin/sh";
	p.options.argv = argv;
	CHECK(writes(&p, "x|y z|b c\n"));
}

static void the_directory_is_by_path_or_descriptor(void)
{
	struct part p;
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc",
				  SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);

	play(&p, "directory", NULL, 0);
	p.options.cwd = "/";
	CHECK(writes(&p, "/"));
	p.options.cwd = NULL;
	p.options.cwd_fd = fd;
	p.options.flags |= SHIM_SPAWN_FCHDIR;
	CHECK(writes(&p, "/proc"));
	/* A relative path begins there. */
	p.options.path = "self/exe";
	CHECK(writes(&p, "/proc"));
	CHECK_EQ(shim_close(fd), 0);
}

static void a_name_is_searched_as_execvp_does(void)
{
	static const struct {
		const char *path, *search;
		int result;
	} rows[] = {
		{ "exe", "/does/not/exist:/proc/self", 7 },
		{ "exe", "/proc/self:/", 7 },
		{ "exe", ":/", -SHIM_ENOENT },
		{ "self", "/proc/version:/proc:/", -SHIM_EACCES },
		{ "exe", "", -SHIM_ENOENT },
		{ "exe", NULL, -SHIM_ENOENT },
		{ "proc/self/exe", "/", -SHIM_ENOENT },
		{ "proc/self/exe", NULL, -SHIM_ENOENT },
		{ "/proc/self/exe", "/does/not/exist", 7 },
		{ "", "/proc/self", -SHIM_ENOENT },
		{ "x", "/proc/version", -SHIM_ENOTDIR },
	};
	struct state before = state_now();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct part p;

		check_case(rows[i].path);
		play(&p, "exit", "7", 0);
		/* Where no relative path leads to it. */
		p.options.cwd = "/proc";
		p.options.path = rows[i].path;
		p.options.search = rows[i].search;
		CHECK_EQ(status_of(&p), rows[i].result);
	}
	check_case("the working directory");
	for (int i = 0; i < 2; i++) {
		struct part p;

		play(&p, "exit", "7", 0);
		p.options.cwd = "/proc/self";
		p.options.path = "exe";
		p.options.search = i ? "/does/not/exist:" : "";
		CHECK_EQ(status_of(&p), 7);
	}
	check_case("");
	check_state(&before);
}

static void the_mask_is_the_callers_or_the_given_one(void)
{
	const uint64_t usr1 = 1UL << (SHIM_SIGUSR1 - 1);
	const uint64_t usr2 = 1UL << (SHIM_SIGUSR2 - 1);
	char text[24];
	uint64_t old;
	struct part p;

	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_SETMASK, &usr1, &old), 0);
	play(&p, "mask", text, 0);
	put_number(text, usr1);
	CHECK_EQ(status_of(&p), 0);
	p.options.mask = &usr2;
	put_number(text, usr2);
	CHECK_EQ(status_of(&p), 0);
	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_SETMASK, &old, NULL), 0);
}

static void session_and_group_are_its_own(void)
{
	struct part p;

	play(&p, "session", NULL, SHIM_SPAWN_SETSID);
	CHECK_EQ(status_of(&p), 0);
	play(&p, "session", NULL, 0);
	CHECK_EQ(status_of(&p), 1);
	play(&p, "group", NULL, SHIM_SPAWN_SETPGID);
	CHECK_EQ(status_of(&p), 0);
}

static void an_error_names_its_step(void)
{
	static const struct shim_spawn_fd not_open = { 700, 3 };
	static const struct shim_spawn_fd stays = { 700, 700 };
	static const struct {
		const char *name;
		struct shim_spawn_options options;
		int err;
	} rows[] = {
		{ "setpgid",
		  { .flags = SHIM_SPAWN_SETPGID, .pgid = 1 },
		  -SHIM_EPERM },
		{ "setpgid",
		  { .flags = SHIM_SPAWN_SETPGID | SHIM_SPAWN_SETSID },
		  -SHIM_EPERM },
		{ "chdir", { .cwd = "/does/not/exist" }, -SHIM_ENOENT },
		{ "fchdir",
		  { .flags = SHIM_SPAWN_FCHDIR, .cwd_fd = -1 },
		  -SHIM_EBADF },
		{ "dup3", { .fds = &not_open, .nr_fds = 1 }, -SHIM_EBADF },
		{ "fcntl", { .fds = &stays, .nr_fds = 1 }, -SHIM_EBADF },
		{ "execve", { .path = "/does/not/exist" }, -SHIM_ENOENT },
		{ "execve", { .path = "/proc" }, -SHIM_EACCES },
		{ "options: retries", { .retries = 256 }, -SHIM_EINVAL },
		{ "options: fds", { .nr_fds = 1UL << 60 }, -SHIM_EINVAL },
	};
	struct state before = state_now();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shim_spawn_options options = rows[i].options;
		struct shim_spawn child;

		check_case(rows[i].name);
		if (!options.path)
			options.path = "/proc/self/exe";
		options.flags |= SHIM_SPAWN_IN | SHIM_SPAWN_OUT;
		CHECK_EQ(shim_spawn_start(&child, &options, memory,
					  sizeof(memory)),
			 rows[i].err);
		CHECK(child.failed && same(child.failed, rows[i].name));
		CHECK(child.pidfd < 0 && child.in < 0 && child.out < 0);
	}
	check_case("");
	check_state(&before);
}

static void too_little_memory_is_refused(void)
{
	struct shim_spawn child;
	struct part p;
	size_t size;

	play(&p, "exit", "7", SHIM_SPAWN_ERR);
	p.options.search = "/a:/b";
	size = shim_spawn_size(&p.options);
	CHECK(size > 0 && size <= 4096);
	CHECK_EQ(shim_spawn_start(&child, &p.options, memory, size - 1),
		 -SHIM_EINVAL);
	CHECK(same(child.failed, "options: memory"));
	CHECK_EQ(shim_spawn_start(&child, &p.options, memory + 4, 8000),
		 -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_start(&child, &p.options, memory, size), 0);
	CHECK_EQ(child.failed == NULL, 1);
	CHECK_EQ(end_of(&child), 7);
	p.options.path = NULL;
	CHECK_EQ(shim_spawn_start(&child, &p.options, memory, size),
		 -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_size(&p.options), 0);
}

/* Nothing of the block is written to beyond what was asked for. */
static void the_steps_have_room_at_worst(void)
{
	/* Pairs that swap, with gaps between all. */
	static const struct shim_spawn_fd fds[] = { { 4, 6 },	{ 6, 4 },
						    { 8, 10 },	{ 10, 8 },
						    { 12, 14 }, { 14, 12 } };
	const int pipes[3] = { 1, 2, 0 };
	const uint64_t mask = 0;
	struct shim_spawn_options options = {
		.path = "x",
		.search = "/a:/b:",
		.cwd = "/",
		.flags = SHIM_SPAWN_IN | SHIM_SPAWN_OUT | SHIM_SPAWN_ERR |
			 SHIM_SPAWN_SETSID | SHIM_SPAWN_SETPGID |
			 SHIM_SPAWN_FCHDIR,
		.fds = fds,
		.nr_fds = 6,
		.mask = &mask,
	};
	struct shim_spawn_program *program;
	size_t size = shim_spawn_size(&options);
	int written = 0;

	CHECK_FATAL(size < sizeof(memory));
	for (size_t i = size; i < sizeof(memory); i++)
		memory[i] = 0x5a;
	CHECK_EQ(shim_spawn_compile(&options, pipes, memory, size, &program),
		 0);
	/* 4 + (9 and a cycle each) + 7 gaps + mask + 3 places. */
	CHECK_EQ(program->nr_steps, 4 + 9 + 4 + 7 + 1 + 3);
	CHECK(same((char *)(uintptr_t)program->steps[27].args[0], "x"));
	CHECK(same((char *)(uintptr_t)program->steps[26].args[0], "/b/x"));
	for (size_t i = size; i < sizeof(memory); i++)
		written += memory[i] != 0x5a;
	CHECK_EQ(written, 0);
}

static void stop(unsigned flags)
{
	const struct shim_timespec ms = { 0, 1000000 }, long_time = { 60, 0 };
	const struct shim_timespec wrong[] = { { -1, 0 },
					       { 0, -1 },
					       { 0, 1000000000 } };
	struct shim_siginfo info = { 0 };
	struct state before = state_now();
	struct shim_spawn child;
	struct part p;

	play(&p, "read", NULL, SHIM_SPAWN_IN | flags);
	CHECK_FATAL(start(&child, &p) == 0);
	if (flags & SHIM_SPAWN_NO_PIDFD) {
		CHECK_EQ(child.pidfd, -1);
		CHECK_EQ(count_fds(), before.fds + 1);
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(shim_spawn_wait(&child, &wrong[i], &info),
			 -SHIM_EINVAL);
		CHECK(same(child.failed, "options: timeout"));
	}
	CHECK_EQ(shim_spawn_wait(&child, &ms, &info), -SHIM_ETIMEDOUT);
	CHECK(!child.failed);
	CHECK_EQ(shim_spawn_kill(&child, 0), 0);
	CHECK_EQ(shim_spawn_kill(&child, SHIM_SIGTERM), 0);
	CHECK_EQ(shim_spawn_wait(&child, &long_time, &info), 0);
	CHECK_EQ(info.si_code, SHIM_CLD_KILLED);
	CHECK_EQ(info.status, SHIM_SIGTERM);
	CHECK_EQ(info.pid, child.pid);
	CHECK_EQ(shim_spawn_kill(&child, SHIM_SIGTERM), -SHIM_ESRCH);
	CHECK_EQ(shim_spawn_wait(&child, NULL, &info), -SHIM_ECHILD);
	shim_spawn_close(&child);
	shim_spawn_close(&child);
	check_state(&before);
}

static void a_wait_ends_with_its_timeout(void)
{
	stop(0);
}

static void without_a_pidfd_the_number_is_enough(void)
{
	stop(SHIM_SPAWN_NO_PIDFD);
	stop(SHIM_SPAWN_NO_PIDFD | SHIM_SPAWN_COPY);
}

static void ignored_sigchld_is_a_clear_error(void)
{
	const struct shim_sigaction ignore = { .handler =
						       (void *)SHIM_SIG_IGN };
	struct shim_sigaction old;
	struct shim_siginfo info;
	struct shim_spawn child;
	struct part p;

	CHECK_EQ(shim_rt_sigaction(SHIM_SIGCHLD, &ignore, &old), 0);
	play(&p, "exit", "7", 0);
	CHECK_EQ(start(&child, &p), 0);
	CHECK_EQ(shim_spawn_wait(&child, NULL, &info), -SHIM_ECHILD);
	CHECK(same(child.failed, "waitid"));
	shim_spawn_close(&child);
	/* The step's error is told all the same. */
	p.options.cwd = "/does/not/exist";
	CHECK_EQ(start(&child, &p), -SHIM_ENOENT);
	CHECK(same(child.failed, "chdir"));
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGCHLD, &old, NULL), 0);
}

static const struct check_test spawn_tests[] = {
	{ "a_program_ends_with_its_status", a_program_ends_with_its_status },
	{ "arguments_and_environment_arrive",
	  arguments_and_environment_arrive },
	{ "the_directory_is_by_path_or_descriptor",
	  the_directory_is_by_path_or_descriptor },
	{ "a_name_is_searched_as_execvp_does",
	  a_name_is_searched_as_execvp_does },
	{ "the_mask_is_the_callers_or_the_given_one",
	  the_mask_is_the_callers_or_the_given_one },
	{ "session_and_group_are_its_own", session_and_group_are_its_own },
	{ "an_error_names_its_step", an_error_names_its_step },
	{ "too_little_memory_is_refused", too_little_memory_is_refused },
	{ "the_steps_have_room_at_worst", the_steps_have_room_at_worst },
	{ "a_wait_ends_with_its_timeout", a_wait_ends_with_its_timeout },
	{ "without_a_pidfd_the_number_is_enough",
	  without_a_pidfd_the_number_is_enough },
	{ "ignored_sigchld_is_a_clear_error",
	  ignored_sigchld_is_a_clear_error },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		return child_main(argv + 2, envp);
	return check_main("spawn", spawn_tests,
			  sizeof(spawn_tests) / sizeof(spawn_tests[0]), argc,
			  argv, envp);
}
