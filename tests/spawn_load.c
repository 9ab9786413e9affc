/* SPDX-License-Identifier: MIT */
/*
 * Much at once: 64 MiB on both outputs while as much is fed, and hundreds of
 * programs in a row. The program is this one, in the part that its arguments
 * name.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_util.h"

enum {
	MIB = 1 << 20,
	BLOCK = 1 << 16,
	PERIOD = 251,
	NR_MAX = 300,
	/* What a start has open for a while, and both pipes. */
	SPARE = 8,
	MS = 1000000,
};

/* The input to one output, and its complement to the other. */
static int split(void)
{
	static char block[BLOCK];
	long n;

	while ((n = shim_read(0, block, sizeof(block))) > 0) {
		if (write_all(1, block, (size_t)n))
			return 1;
		for (long i = 0; i < n; i++)
			block[i] = (char)~block[i];
		if (write_all(2, block, (size_t)n))
			return 1;
	}
	return n < 0;
}

static int child_main(char **argv)
{
	return same(argv[0], "split") ? split() : 99;
}

static char *map(size_t size)
{
	void *p = shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			    SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);

	return shim_ptr_err(p) ? NULL : p;
}

static size_t count_wrong(const char *in, const char *out, const char *err,
			  size_t size)
{
	size_t wrong = 0;

	for (size_t i = 0; i < size; i++)
		wrong += out[i] != in[i] || ((err[i] ^ in[i]) & 0xff) != 0xff;
	return wrong;
}

static void much_is_captured_from_both_while_much_is_fed(void)
{
	const size_t size = (check_small() ? 4 : 64) * (size_t)MIB;
	char *in = map(size), *out = map(size), *err = map(size);
	struct shim_spawn_io io = {
		.in = in,
		.in_size = size,
		.out = out,
		.out_size = size,
		.err = err,
		.err_size = size,
		.flags = SHIM_SPAWN_LIMIT,
	};
	struct shim_spawn child;
	struct part p;

	CHECK_FATAL(in && out && err);
	for (size_t i = 0; i < size; i++)
		in[i] = (char)(i % PERIOD + i / PERIOD);
	play(&p, "split", NULL,
	     SHIM_SPAWN_IN | SHIM_SPAWN_OUT | SHIM_SPAWN_ERR);
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 0);
	CHECK_EQ(io.in_len, size);
	CHECK_EQ(io.out_len, size);
	CHECK_EQ(io.err_len, size);
	CHECK_EQ(count_wrong(in, out, err, size), 0);
	shim_munmap(in, size);
	shim_munmap(out, size);
	shim_munmap(err, size);
}

/* A limit that was met may be lifted. */
static void a_capture_goes_on_after_its_limit(void)
{
	static char in[BLOCK], out[100];
	struct shim_spawn_io io = {
		.in = in,
		.in_size = sizeof(in),
		.out = out,
		.out_size = sizeof(out),
		.flags = SHIM_SPAWN_LIMIT,
	};
	struct shim_spawn child;
	struct part p;

	play(&p, "split", NULL,
	     SHIM_SPAWN_IN | SHIM_SPAWN_OUT | SHIM_SPAWN_ERR);
	CHECK_FATAL(start(&child, &p) == 0);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), -SHIM_ENOBUFS);
	CHECK(io.out_len > sizeof(out) || io.err_len > 0);
	CHECK(child.out >= 0);
	io.flags = 0;
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 0);
	CHECK_EQ(io.out_len, sizeof(in));
	CHECK_EQ(io.err_len, sizeof(in));
}

static char *const cat[] = { (char *)"cat", NULL };
static struct shim_spawn_options options[NR_MAX];
static struct shim_spawn children[NR_MAX];
static struct shim_spawn_io ios[NR_MAX];
static struct shim_siginfo infos[NR_MAX];

/* Of so many programs that copy. */
static struct shim_spawn_pipeline make(size_t nr)
{
	struct shim_spawn_pipeline p = {
		.options = options,
		.children = children,
		.io = ios,
		.infos = infos,
		.nr = nr,
		.memory = memory,
		.size = sizeof(memory),
	};

	for (size_t i = 0; i < nr; i++) {
		options[i] = (struct shim_spawn_options){
			.path = "/bin/cat",
			.argv = cat,
		};
		ios[i] = (struct shim_spawn_io){ 0 };
	}
	options[0].flags = SHIM_SPAWN_IN;
	options[nr - 1].flags |= SHIM_SPAWN_OUT;
	return p;
}

static void hundreds_of_programs_take_few_descriptors(void)
{
	static char in[BLOCK * 2], out[BLOCK * 2];
	struct shim_spawn_pipeline p = make(check_small() ? 40 : NR_MAX);
	struct state before = state_now();
	struct shim_rlimit64 old;
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i % PERIOD);
	ios[0].in = in;
	ios[0].in_size = sizeof(in);
	ios[p.nr - 1].out = out;
	ios[p.nr - 1].out_size = sizeof(out);
	limit_fds(p.nr + SPARE, &old);
	CHECK_EQ(shim_spawn_pipeline_run(&p, NULL), 0);
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &old, NULL), 0);
	CHECK_EQ(ios[p.nr - 1].out_len, sizeof(in));
	for (size_t i = 0; i < sizeof(in); i++)
		wrong += out[i] != in[i];
	for (size_t i = 0; i < p.nr; i++)
		wrong += infos[i].status != 0;
	CHECK_EQ(wrong, 0);
	check_state(&before);
}

static void a_pipeline_without_room_leaves_nothing(void)
{
	struct state before = state_now();

	/* From none to all that two programs need. */
	for (size_t room = 0; room < SPARE; room++) {
		struct shim_spawn_pipeline p = make(2);
		struct shim_rlimit64 old;
		int err;

		limit_fds(room, &old);
		err = shim_spawn_pipeline_run(&p, NULL);
		CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &old, NULL), 0);
		/* Where what to close must be listed it is close_range's. */
		if (room < 3)
			CHECK_EQ(err, -SHIM_EMFILE);
		CHECK(!err || children[p.failed].failed);
		check_state(&before);
	}
}

static void a_wait_may_be_repeated_for_all(void)
{
	const struct shim_timespec ms = { 0, MS }, minute = { 60, 0 };
	struct shim_spawn_pipeline p = make(3);

	CHECK_FATAL(shim_spawn_pipeline_start(&p) == 0);
	/* There is no input, which all come to the end of. */
	CHECK_EQ(shim_spawn_pipeline_capture(&p, &minute), 0);
	CHECK_EQ(shim_spawn_pipeline_wait(&p, &minute), 0);
	CHECK_EQ(shim_spawn_pipeline_kill(&p, SHIM_SIGTERM), -SHIM_ESRCH);
	CHECK_EQ(shim_spawn_pipeline_wait(&p, &minute), 0);
	shim_spawn_pipeline_close(&p);
	p = make(3);
	CHECK_FATAL(shim_spawn_pipeline_start(&p) == 0);
	CHECK_EQ(shim_spawn_pipeline_wait(&p, &ms), -SHIM_ETIMEDOUT);
	CHECK_EQ(shim_spawn_pipeline_kill(&p, SHIM_SIGTERM), 0);
	CHECK_EQ(shim_spawn_pipeline_wait(&p, NULL), 0);
	CHECK_EQ(infos[0].status, SHIM_SIGTERM);
	shim_spawn_pipeline_close(&p);
}

static void ignored_children_are_a_clear_error(void)
{
	const struct shim_sigaction ignore = { .handler =
						       (void *)SHIM_SIG_IGN };
	const struct shim_timespec minute = { 60, 0 };
	static char out[8];
	struct state before = state_now();
	struct shim_sigaction old;

	for (int i = 0; i < 2; i++) {
		struct shim_spawn_pipeline p = make(3);

		ios[0].in = "abc";
		ios[0].in_size = 3;
		ios[2].out = out;
		ios[2].out_size = sizeof(out);
		CHECK_EQ(shim_rt_sigaction(SHIM_SIGCHLD, &ignore, &old), 0);
		CHECK_EQ(shim_spawn_pipeline_run(&p, i ? &minute : NULL),
			 -SHIM_ECHILD);
		CHECK_EQ(shim_rt_sigaction(SHIM_SIGCHLD, &old, NULL), 0);
		CHECK_EQ(p.failed, 2);
		CHECK(children[2].failed && same(children[2].failed, "waitid"));
		CHECK_EQ(ios[2].out_len, 3);
		check_state(&before);
	}
}

static int make_file(void)
{
	return (int)shim_memfd_create("load", SHIM_MFD_CLOEXEC);
}

/* Start a program that copies, with a file for one of its descriptors. */
static int start_cat(struct shim_spawn *child, int file, int to, unsigned flags)
{
	const struct shim_spawn_fd fd = { file, to };
	const struct shim_spawn_options o = {
		.path = "/bin/cat",
		.argv = cat,
		.fds = &fd,
		.nr_fds = 1,
		.flags = flags,
	};

	return shim_spawn_start(child, &o, memory, sizeof(memory));
}

/* How many bytes of the pattern a file has, or -1. */
static long length_of(int file)
{
	static char block[BLOCK];
	long length = 0, n;

	shim_lseek(file, 0, SHIM_SEEK_SET);
	while ((n = shim_read(file, block, sizeof(block))) > 0)
		for (long i = 0; i < n; i++, length++)
			if (block[i] != (char)(length % PERIOD))
				return -1;
	return n ? n : length;
}

/* From one program to another, and to a file. */
static void what_a_program_writes_goes_to_two(void)
{
	static char block[PERIOD * 200];
	const int from = make_file(), to = make_file(), other = make_file();
	struct state before = state_now();
	struct shim_spawn writer, reader;
	struct shim_spawn_flow flow = { .to = to, .size = SHIM_SPAWN_ALL };

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i % PERIOD);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(write_all(from, block, sizeof(block)), 0);
	CHECK_EQ(shim_lseek(from, 0, SHIM_SEEK_SET), 0);
	CHECK_FATAL(start_cat(&reader, other, 1, SHIM_SPAWN_IN) == 0);
	CHECK_FATAL(start_cat(&writer, from, 0, SHIM_SPAWN_OUT) == 0);
	flow.from = writer.out;
	flow.also = reader.in;
	CHECK_EQ(shim_spawn_tee(&flow), 0);
	CHECK_EQ(flow.moved, 40 * sizeof(block));
	CHECK_EQ(flow.teed, flow.moved);
	CHECK_EQ(end_of(&writer), 0);
	shim_close(reader.in);
	reader.in = -1;
	CHECK_EQ(end_of(&reader), 0);
	CHECK_EQ(length_of(to), flow.moved);
	CHECK_EQ(length_of(other), flow.moved);
	check_state(&before);
	shim_close(from);
	shim_close(to);
	shim_close(other);
}

static const struct check_test spawn_load_tests[] = {
	{ "much_is_captured_from_both_while_much_is_fed",
	  much_is_captured_from_both_while_much_is_fed },
	{ "a_capture_goes_on_after_its_limit",
	  a_capture_goes_on_after_its_limit },
	{ "hundreds_of_programs_take_few_descriptors",
	  hundreds_of_programs_take_few_descriptors },
	{ "a_pipeline_without_room_leaves_nothing",
	  a_pipeline_without_room_leaves_nothing },
	{ "what_a_program_writes_goes_to_two",
	  what_a_program_writes_goes_to_two },
	{ "a_wait_may_be_repeated_for_all", a_wait_may_be_repeated_for_all },
	{ "ignored_children_are_a_clear_error",
	  ignored_children_are_a_clear_error },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		return child_main(argv + 2);
	return check_main("spawn_load", spawn_load_tests,
			  sizeof(spawn_load_tests) /
				  sizeof(spawn_load_tests[0]),
			  argc, argv, envp);
}
