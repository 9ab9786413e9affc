/* SPDX-License-Identifier: MIT */
/*
 * Moving data to and from a program, on the real kernel. The program is this
 * one, in the part that its arguments name.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_util.h"

/* More than a pipe holds. */
enum { LOUD = 300000 };

/* On both outputs: first all to one, then all to the other. */
static int be_loud(void)
{
	static char block[10000];
	int err = 0;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = 'o';
	for (int i = 0; i < LOUD / 10000; i++)
		err |= write_all(2, block, sizeof(block));
	for (int i = 0; i < LOUD / 10000; i++)
		err |= write_all(1, block, sizeof(block));
	return err;
}

static int copy_input(void)
{
	static char block[10000];
	long n;

	while ((n = shim_read(0, block, sizeof(block))) > 0)
		if (write_all(1, block, (size_t)n))
			return 1;
	return n < 0;
}

static int child_main(char **argv)
{
	if (same(argv[0], "exit"))
		return (int)to_number(argv[1]);
	if (same(argv[0], "loud"))
		return be_loud();
	if (same(argv[0], "copy"))
		return copy_input();
	return 99;
}

static char big[LOUD], more[LOUD];

static void both_outputs_are_captured_at_once(void)
{
	struct shim_spawn_io io = {
		.out = big,
		.out_size = sizeof(big),
		.err = more,
		.err_size = sizeof(more),
	};
	struct state before = state_now();
	struct shim_spawn child;
	struct part p;
	int wrong = 0;

	play(&p, "loud", NULL, SHIM_SPAWN_OUT | SHIM_SPAWN_ERR);
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 0);
	CHECK_EQ(io.out_len, LOUD);
	CHECK_EQ(io.err_len, LOUD);
	for (int i = 0; i < LOUD; i++)
		wrong += big[i] != 'o' || more[i] != 'o';
	CHECK_EQ(wrong, 0);
	/* Buffers that are too small or not there lose the rest. */
	io = (struct shim_spawn_io){ .out = big, .out_size = 10 };
	big[10] = 'x';
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 0);
	CHECK_EQ(io.out_len, LOUD);
	CHECK_EQ(io.err_len, LOUD);
	CHECK_EQ(big[10], 'x');
	check_state(&before);
}

static void a_program_is_fed_while_it_writes(void)
{
	struct shim_spawn_io io = {
		.in = big,
		.in_size = sizeof(big),
		.out = more,
		.out_size = sizeof(more),
	};
	struct shim_spawn child;
	struct part p;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 256);
	play(&p, "copy", NULL, SHIM_SPAWN_IN | SHIM_SPAWN_OUT);
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 0);
	CHECK_EQ(io.in_len, sizeof(big));
	CHECK_EQ(io.out_len, sizeof(big));
	for (size_t i = 0; i < sizeof(big); i++)
		wrong += big[i] != more[i];
	CHECK_EQ(wrong, 0);
}

static void input_that_nobody_reads_is_no_error(void)
{
	const uint64_t sigpipe = 1UL << (SHIM_SIGPIPE - 1);
	struct shim_spawn_io io = { .in = big, .in_size = sizeof(big) };
	struct state before = state_now();
	struct shim_spawn child;
	uint64_t pending = 0;
	struct part p;

	play(&p, "exit", "3", SHIM_SPAWN_IN);
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 3);
	CHECK(io.in_len < sizeof(big));
	CHECK_EQ(shim_rt_sigpending(&pending), 0);
	CHECK_EQ(pending & sigpipe, 0);
	check_state(&before);
}

static void a_capture_goes_on_after_a_timeout(void)
{
	const struct shim_timespec ms = { 0, 1000000 };
	char out[4] = "";
	struct shim_spawn_io io = { .out = out, .out_size = sizeof(out) };
	struct shim_spawn child;
	struct part p;
	int in;

	play(&p, "copy", NULL, SHIM_SPAWN_IN | SHIM_SPAWN_OUT);
	CHECK_FATAL(start(&child, &p) == 0);
	/* The end to write to is this test's for now. */
	in = child.in;
	child.in = -1;
	CHECK_EQ(shim_spawn_capture(&child, &io, &ms), -SHIM_ETIMEDOUT);
	CHECK_EQ(shim_write(in, "a", 1), 1);
	CHECK_EQ(shim_spawn_capture(&child, &io, &ms), -SHIM_ETIMEDOUT);
	child.in = in;
	io.in = "b";
	io.in_size = 1;
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 0);
	CHECK(same(out, "ab"));
}

static void a_pipe_has_the_size_that_was_wanted(void)
{
	struct state before = state_now();
	int fds[2];

	CHECK_EQ(shim_spawn_pipe(fds, 0, 0), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(shim_fcntl(fds[i], SHIM_F_GETFD, 0), SHIM_FD_CLOEXEC);
		CHECK_EQ(shim_close(fds[i]), 0);
	}
	CHECK_EQ(shim_spawn_pipe(fds, 8192, 0), 0);
	CHECK(shim_fcntl(fds[1], SHIM_F_GETPIPE_SZ, 0) >= 8192);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(shim_close(fds[i]), 0);
	CHECK_EQ(shim_spawn_pipe(fds, -1, 0), -SHIM_EINVAL);
	check_state(&before);
}

static const struct check_test spawn_io_tests[] = {
	{ "both_outputs_are_captured_at_once",
	  both_outputs_are_captured_at_once },
	{ "a_program_is_fed_while_it_writes",
	  a_program_is_fed_while_it_writes },
	{ "input_that_nobody_reads_is_no_error",
	  input_that_nobody_reads_is_no_error },
	{ "a_capture_goes_on_after_a_timeout",
	  a_capture_goes_on_after_a_timeout },
	{ "a_pipe_has_the_size_that_was_wanted",
	  a_pipe_has_the_size_that_was_wanted },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		return child_main(argv + 2);
	return check_main("spawn_io", spawn_io_tests,
			  sizeof(spawn_io_tests) / sizeof(spawn_io_tests[0]),
			  argc, argv, envp);
}
