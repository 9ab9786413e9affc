/* SPDX-License-Identifier: MIT */
/*
 * Every call of a pipeline and of a flow fails once: no program, descriptor or
 * blocked signal is left, and no byte gets lost. This program is the kernel for
 * the parent's calls.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_kernel.h"
#include "spawn_util.h"

enum { NR = 3, SIZE = 5000, TIMEOUT_S = 60 };

static char in[SIZE], out[SIZE], room[700];

/* Of three programs, from start to close. */
static int whole_path(void)
{
	static char *const argv[] = { (char *)"cat", NULL };
	const struct shim_timespec timeout = { TIMEOUT_S, 0 };
	struct shim_spawn_options options[NR];
	struct shim_spawn children[NR];
	struct shim_spawn_io io[NR] = {
		[0] = { .in = in, .in_size = SIZE },
		[NR - 1] = { .out = out, .out_size = SIZE },
	};
	struct shim_siginfo infos[NR];
	struct shim_spawn_pipeline p = {
		.options = options,
		.children = children,
		.io = io,
		.infos = infos,
		.nr = NR,
		.memory = memory,
		.size = sizeof(memory),
		.flags = SHIM_SPAWN_ONE_GROUP,
	};
	int err;

	for (int i = 0; i < NR; i++)
		options[i] = (struct shim_spawn_options){
			.path = "/bin/cat",
			.argv = argv,
			.flags = SHIM_SPAWN_ERR,
		};
	options[0].flags |= SHIM_SPAWN_IN;
	options[NR - 1].flags |= SHIM_SPAWN_OUT;
	err = shim_spawn_pipeline_run(&p, &timeout);
	if (!err && io[NR - 1].out_len != SIZE)
		return -1;
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

static int waits(long nr)
{
	return nr == SHIM_NR_futex || nr == SHIM_NR_ppoll ||
	       nr == SHIM_NR_read || nr == SHIM_NR_write ||
	       nr == SHIM_NR_waitid || nr == SHIM_NR_wait4 ||
	       nr == SHIM_NR_clock_nanosleep;
}

/* Lets call n fail. Returns whether there was one. */
static int fail_once(const struct world *w, int n, int error, int *err,
		     const struct state *before)
{
	world = w;
	fail_call(n, error);
	*err = whole_path();
	fault.at = NEVER;
	world = worlds;
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before->mask, NULL);
	check_state(before);
	if (fault.nr < 0)
		CHECK_EQ(*err, 0);
	return fault.nr >= 0;
}

static void every_call_of_a_pipeline_may_fail(void)
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
		CHECK(failed > 10);
	}
	check_case("");
}

static void a_pipeline_makes_interrupted_calls_again(void)
{
	struct state before = state_now();
	int again = 0, err;

	for (int n = 0; fail_once(worlds, n, -SHIM_EINTR, &err, &before); n++)
		if (waits(fault.nr)) {
			CHECK_EQ(err, 0);
			again++;
		}
	CHECK(again > 10);
}

/* A flow between two pipes, to a third, or to a file, which all take it. */
struct pipes {
	int from[2], to[2], also[2], file;
};

static void open_pipes(struct pipes *p)
{
	CHECK_EQ(shim_spawn_pipe(p->from, 0, 0), 0);
	CHECK_EQ(shim_spawn_pipe(p->to, 0, SHIM_O_NONBLOCK), 0);
	CHECK_EQ(shim_spawn_pipe(p->also, 0, SHIM_O_NONBLOCK), 0);
	p->file = (int)shim_memfd_create("flow", SHIM_MFD_CLOEXEC);
	CHECK_EQ(shim_fcntl(p->file, SHIM_F_SETFL, SHIM_O_APPEND), 0);
	CHECK_EQ(write_all(p->from[1], in, SIZE), 0);
	shim_close(p->from[1]);
}

static void close_pipes(const struct pipes *p)
{
	shim_close(p->from[0]);
	for (int i = 0; i < 2; i++) {
		shim_close(p->to[i]);
		shim_close(p->also[i]);
	}
	shim_close(p->file);
}

/* How much of in there is, or -1 when it is something else. */
static long look(int fd)
{
	long length = 0, n;

	while ((n = shim_read(fd, out, SIZE)) > 0)
		for (long i = 0; i < n; i++, length++)
			if (length >= SIZE || out[i] != in[length])
				return -1;
	return length;
}

/*
 * Lets call n of a flow fail in world w, and repeats the flow. Returns whether
 * there was one.
 */
static int flow_on(const struct world *w, int n, int error, int tees,
		   int to_file)
{
	struct pipes p;
	struct shim_spawn_flow flow = {
		.size = SHIM_SPAWN_ALL,
		.memory = room,
		.memory_size = sizeof(room),
	};
	int err, again;

	open_pipes(&p);
	flow.from = p.from[0];
	flow.to = to_file ? p.file : p.to[1];
	flow.also = p.also[1];
	world = w;
	fail_call(n, error);
	err = tees ? shim_spawn_tee(&flow) : shim_spawn_splice(&flow);
	fault.at = NEVER;
	CHECK_EQ(!err, !flow.failed);
	if (error == -SHIM_EINTR &&
	    (waits(fault.nr) || fault.nr < 0 || fault.nr == SHIM_NR_splice ||
	     fault.nr == SHIM_NR_tee))
		CHECK_EQ(err, 0);
	again = err ? tees ? shim_spawn_tee(&flow) : shim_spawn_splice(&flow)
		    : 0;
	world = worlds;
	CHECK_EQ(again, 0);
	CHECK_EQ(flow.moved, SIZE);
	CHECK_EQ(flow.teed, tees ? SIZE : 0);
	shim_lseek(p.file, 0, SHIM_SEEK_SET);
	CHECK_EQ(look(to_file ? p.file : p.to[0]), SIZE);
	CHECK_EQ(look(p.also[0]), tees ? SIZE : 0);
	close_pipes(&p);
	return fault.nr >= 0;
}

static void no_error_of_a_flow_loses_a_byte(void)
{
	static const struct world without = { "", SPLICE | TEE, -SHIM_ENOSYS },
				  forbidden = { "", SPLICE | TEE, -SHIM_EPERM },
				  only_tee = { "", SPLICE, -SHIM_EINVAL };
	static const struct world *const all[] = { worlds, &without, &forbidden,
						   &only_tee };
	static const int errors[] = { -SHIM_EIO, -SHIM_EINTR, -SHIM_EAGAIN,
				      -SHIM_ENOSYS, -SHIM_EINVAL };
	struct state before = state_now();
	int calls = 0;

	for (int i = 0; i < SIZE; i++)
		in[i] = (char)(i % 251);
	for (int i = 0; i < 4 * 5 * 4 * 2; i++) {
		const struct world *w = all[i % 4];
		const int error = errors[i / 4 % 5], form = i / 20 % 4;
		int n = 0;

		brief = i < 80 ? 0 : 300;
		while (flow_on(w, n, error, form & 1, form & 2))
			n++;
		calls += n;
		shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before.mask, NULL);
		check_state(&before);
	}
	brief = 0;
	CHECK(calls > 1000);
}

static void a_write_of_nothing_is_an_error(void)
{
	static const struct world without = { "", SPLICE | TEE, -SHIM_ENOSYS };
	struct state before = state_now();
	struct pipes p;
	struct shim_spawn_flow flow = {
		.size = SHIM_SPAWN_ALL,
		.memory = room,
		.memory_size = sizeof(room),
	};

	open_pipes(&p);
	flow.from = p.from[0];
	flow.to = p.to[1];
	world = &without;
	stuck = 1;
	CHECK_EQ(shim_spawn_splice(&flow), -SHIM_EIO);
	stuck = 0;
	CHECK(same(flow.failed, "write"));
	CHECK_EQ(flow.moved, 0);
	CHECK_EQ(shim_spawn_splice(&flow), 0);
	world = worlds;
	CHECK_EQ(flow.moved, SIZE);
	CHECK_EQ(look(p.to[0]), SIZE);
	close_pipes(&p);
	check_state(&before);
}

/* What the kernel does not do is asked again: to go on without the memory, to
 * another descriptor or without an end is another thing. */
static void a_flow_that_goes_on_is_asked_anew(void)
{
	static const struct world without = { "", SPLICE | TEE, -SHIM_ENOSYS };
	struct state before = state_now();
	struct pipes p;

	for (int tees = 0; tees < 2; tees++) {
		struct shim_spawn_flow flow = {
			.size = 1000,
			.memory = room,
			.memory_size = sizeof(room),
		};
		int (*go)(struct shim_spawn_flow *) = tees ? shim_spawn_tee
							   : shim_spawn_splice;

		open_pipes(&p);
		flow.from = p.from[0];
		flow.to = p.to[1];
		flow.also = p.also[1];
		world = &without;
		CHECK_EQ(go(&flow), 0);
		flow.size = 3000;
		flow.memory = NULL;
		CHECK_EQ(go(&flow), -SHIM_ENOSYS);
		CHECK(same(flow.failed, tees ? "tee" : "splice"));
		CHECK_EQ(flow.moved, 1000);
		world = worlds;
		flow.size = SHIM_SPAWN_ALL;
		CHECK_EQ(go(&flow), 0);
		CHECK_EQ(flow.moved, SIZE);
		CHECK_EQ(look(p.to[0]), SIZE);
		CHECK_EQ(look(p.also[0]), tees ? SIZE : 0);
		close_pipes(&p);
	}
	check_state(&before);
}

static const struct check_test spawn_pipe_fault_tests[] = {
	{ "every_call_of_a_pipeline_may_fail",
	  every_call_of_a_pipeline_may_fail },
	{ "a_pipeline_makes_interrupted_calls_again",
	  a_pipeline_makes_interrupted_calls_again },
	{ "no_error_of_a_flow_loses_a_byte", no_error_of_a_flow_loses_a_byte },
	{ "a_write_of_nothing_is_an_error", a_write_of_nothing_is_an_error },
	{ "a_flow_that_goes_on_is_asked_anew",
	  a_flow_that_goes_on_is_asked_anew },
};

CHECK_MAIN(spawn_pipe_fault, spawn_pipe_fault_tests)
