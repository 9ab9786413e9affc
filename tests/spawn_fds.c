/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of a new program, against a model: the child, which is this
 * program again, is told which file must be behind which number, and that there
 * are no others.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_util.h"

enum { NR_FDS = 40, NR_FILES = 12, NOTHING = -1 };

/* The inode behind fd, or 0. */
static uint64_t file_of(int fd)
{
	struct shim_statx st;

	if (shim_statx(fd, "", SHIM_AT_EMPTY_PATH, SHIM_STATX_INO, &st))
		return 0;
	return st.stx_ino;
}

/* argv: the inode of 0, 1, ... or 0. The exit status is 0 if all is so. */
static int child_main(char **argv)
{
	int fd = 0;

	for (; *argv; argv++, fd++)
		if (file_of(fd) != to_number(*argv))
			return 1;
	for (; fd < 1024; fd++)
		if (shim_fcntl(fd, SHIM_F_GETFD, 0) >= 0)
			return 2;
	return 0;
}

/* The arguments of the child. */
struct expected {
	uint64_t files[NR_FDS];
	char text[NR_FDS][24];
	char *argv[NR_FDS + 3];
};

static char **arguments(struct expected *e)
{
	e->argv[0] = (char *)"spawn_fds";
	e->argv[1] = (char *)CHILD;
	for (int i = 0; i < NR_FDS; i++) {
		put_number(e->text[i], e->files[i]);
		e->argv[i + 2] = e->text[i];
	}
	e->argv[NR_FDS + 2] = NULL;
	return e->argv;
}

/* What the new program must have. */
static void expect(struct expected *e, const struct shim_spawn_fd *fds,
		   size_t nr)
{
	for (int i = 0; i < NR_FDS; i++)
		e->files[i] = i < 3 ? file_of(i) : 0;
	for (size_t i = 0; i < nr; i++)
		e->files[fds[i].to] = fds[i].from < 0 ? 0
						      : file_of(fds[i].from);
}

static int start_with(const struct shim_spawn_fd *fds, size_t nr,
		      struct expected *e, const char **failed)
{
	static _Alignas(16) char memory[16384];
	struct shim_spawn child;
	struct shim_spawn_options options = {
		.path = "/proc/self/exe",
		.argv = arguments(e),
		.envp = check_envp,
		.fds = fds,
		.nr_fds = nr,
	};
	int err;

	if (shim_spawn_size(&options) > sizeof(memory))
		return -1;
	err = shim_spawn_start(&child, &options, memory, sizeof(memory));
	*failed = child.failed;
	return err ? err : end_of(&child);
}

static int start_and_compare(const struct shim_spawn_fd *fds, size_t nr)
{
	struct expected e;
	const char *failed;

	expect(&e, fds, nr);
	return start_with(fds, nr, &e, &failed);
}

/* Files at all sorts of numbers; half of them close-on-exec. */
static const int numbers[NR_FILES] = {
	3, 4, 5, 6, 7, 8, 11, 12, 20, 21, 30, 39
};

static void close_files(int nr)
{
	for (int i = 0; i < nr; i++)
		shim_close(numbers[i]);
}

/* False when they cannot be had, or the files cannot be told apart. */
static int open_files(void)
{
	for (int i = 0; i < NR_FILES; i++) {
		int fd = (int)shim_memfd_create("fd", 0);

		if (fd < 0)
			return 0;
		if (fd != numbers[i]) {
			if (shim_dup3(fd, numbers[i], 0) < 0)
				return 0;
			shim_close(fd);
		}
		if (shim_fcntl(numbers[i], SHIM_F_SETFD,
			       i % 2 ? SHIM_FD_CLOEXEC : 0) < 0)
			return 0;
		if (i && file_of(numbers[i]) == file_of(numbers[i - 1]))
			return 0;
	}
	return 1;
}

static void descriptors_arrive_in_any_permutation(void)
{
	static const struct {
		const char *name;
		size_t nr;
		struct shim_spawn_fd fds[6];
	} rows[] = {
		{ "none", 0, { { 0, 0 } } },
		{ "itself", 1, { { 3, 3 } } },
		{ "itself, close-on-exec", 1, { { 4, 4 } } },
		{ "swap", 2, { { 3, 4 }, { 4, 3 } } },
		{ "swap with stderr", 2, { { 3, 2 }, { 2, 3 } } },
		{ "cycle of 3", 3, { { 3, 4 }, { 4, 5 }, { 5, 3 } } },
		{ "other way", 3, { { 4, 3 }, { 5, 4 }, { 3, 5 } } },
		{ "two cycles",
		  5,
		  { { 3, 4 }, { 5, 6 }, { 4, 3 }, { 6, 7 }, { 7, 5 } } },
		{ "cycle with a tail",
		  4,
		  { { 3, 4 }, { 4, 3 }, { 4, 5 }, { 5, 6 } } },
		{ "chain", 3, { { 3, 4 }, { 4, 5 }, { 5, 9 } } },
		{ "chain, backward", 3, { { 5, 9 }, { 4, 5 }, { 3, 4 } } },
		{ "one to many", 4, { { 3, 0 }, { 3, 1 }, { 3, 2 }, { 3, 9 } } },
		{ "gaps", 3, { { 3, 10 }, { 4, 20 }, { 5, 35 } } },
		{ "neighbours", 3, { { 20, 3 }, { 21, 4 }, { 30, 5 } } },
		{ "absent", 3, { { -1, 0 }, { -1, 3 }, { -1, 38 } } },
		{ "read, then absent", 2, { { -1, 3 }, { 3, 4 } } },
		{ "a free number between", 2, { { 39, 9 }, { 3, 39 } } },
	};
	struct state before = state_now();

	CHECK_FATAL(open_files());
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_case(rows[i].name);
		CHECK_EQ(start_and_compare(rows[i].fds, rows[i].nr), 0);
	}
	check_case("");
	close_files(NR_FILES);
	check_state(&before);
}

static uint32_t random_below(uint32_t n)
{
	static uint64_t state = 88172645463325252UL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % n;
}

/* Distinct ends, any sources. Returns how many. */
static size_t random_map(struct shim_spawn_fd fds[NR_FDS])
{
	size_t nr = random_below(NR_FILES + 4);
	uint64_t taken = 0;

	for (size_t i = 0; i < nr; i++) {
		/* Often a number that is a source, too. */
		int to = random_below(3) ? numbers[random_below(NR_FILES)]
					 : (int)random_below(NR_FDS);

		while (taken & 1UL << to)
			to = (to + 1) % NR_FDS;
		taken |= 1UL << to;
		fds[i].to = to;
		fds[i].from = random_below(12) ? numbers[random_below(NR_FILES)]
					       : NOTHING;
	}
	return nr;
}

static void random_maps_arrive_as_in_the_model(void)
{
	struct shim_spawn_fd fds[NR_FDS];
	struct state before = state_now();
	int rounds = check_small() ? 30 : 300, wrong = 0;

	CHECK_FATAL(open_files());
	for (int i = 0; i < rounds && !wrong; i++) {
		size_t nr = random_map(fds);

		wrong = start_and_compare(fds, nr);
	}
	CHECK_EQ(wrong, 0);
	close_files(NR_FILES);
	check_state(&before);
}

static void a_wrong_map_is_refused_errno(void)
{
	static const struct {
		const char *name;
		size_t nr;
		struct shim_spawn_fd fds[2];
		int err;
		const char *failed;
	} rows[] = {
		{ "an end twice",
		  2,
		  { { 0, 5 }, { 1, 5 } },
		  -SHIM_EINVAL,
		  "options: fds" },
		{ "no end", 1, { { 0, -1 } }, -SHIM_EINVAL, "options: fds" },
		{ "no source", 1, { { -2, 3 } }, -SHIM_EINVAL, "options: fds" },
		{ "not open", 1, { { 700, 3 } }, -SHIM_EBADF, "dup3" },
		{ "not open, stays", 1, { { 700, 700 } }, -SHIM_EBADF, "fcntl" },
		{ "swapped, not open",
		  2,
		  { { 700, 701 }, { 701, 700 } },
		  -SHIM_EBADF,
		  "fcntl" },
		{ "beyond the limit",
		  1,
		  { { 0, INT32_MAX } },
		  -SHIM_EBADF,
		  "dup3" },
	};
	struct expected e = { .files = { 0 } };
	struct state before = state_now();
	const char *failed;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_case(rows[i].name);
		CHECK_EQ(start_with(rows[i].fds, rows[i].nr, &e, &failed),
			 rows[i].err);
		CHECK(same(failed, rows[i].failed));
	}
	check_case("");
	check_state(&before);
}

static void a_large_map_is_fast(void)
{
	enum { NR = 900, ROOM = 1 << 19 };
	static struct shim_spawn_fd fds[NR];
	static _Alignas(16) char memory[ROOM];
	struct shim_spawn_program *program;
	struct shim_spawn_options options = {
		.path = "x",
		.fds = fds,
		.nr_fds = NR,
	};
	const int pipes[3] = { -1, -1, -1 };

	/* One cycle, and chains: every move waits for the one after it. */
	for (int i = 0; i < NR; i++)
		fds[i] = (struct shim_spawn_fd){ i, (i + 1) % NR };
	CHECK_FATAL(shim_spawn_size(&options) <= ROOM);
	CHECK_EQ(shim_spawn_compile(&options, pipes, memory, ROOM, &program),
		 0);
	/* The cycle costs one step more; the rest, mask and exec. */
	CHECK_EQ(program->nr_steps, NR + 1 + 1 + 2);
	fds[NR - 1].to = 1000;
	CHECK_EQ(shim_spawn_compile(&options, pipes, memory, ROOM, &program),
		 0);
	CHECK_EQ(program->nr_steps, NR + 2 + 2);
}

/* The program that is open there, or not. */
static int start_program(struct shim_spawn *child, int fd, unsigned flags)
{
	static _Alignas(16) char memory[8192];
	char *argv[] = { (char *)"true", NULL };
	const struct shim_spawn_options o = {
		.argv = argv,
		.flags = flags | SHIM_SPAWN_EXEC_FD,
		.exec_fd = fd,
	};

	return shim_spawn_start(child, &o, memory, sizeof(memory));
}

/* What a start opens for itself takes the numbers of what is closed. */
static void what_is_closed_is_not_the_librarys(void)
{
	static const unsigned flags[] = {
		SHIM_SPAWN_OUT,
		SHIM_SPAWN_COPY,
		SHIM_SPAWN_IN | SHIM_SPAWN_OUT | SHIM_SPAWN_ERR |
			SHIM_SPAWN_COPY,
	};
	static _Alignas(16) char memory[8192];
	struct state before = state_now();
	struct shim_spawn_fd move = { 0, 50 };
	struct shim_siginfo info;
	struct shim_spawn child;
	struct shim_spawn_options o = { .path = "/bin/true" };

	for (int fd = 3; fd < 12; fd++)
		for (int i = 0; i < 3; i++) {
			move.from = fd;
			o.flags = flags[i];
			o.fds = &move;
			o.nr_fds = 1;
			CHECK_EQ(shim_spawn_start(&child, &o, memory,
						  sizeof(memory)),
				 -SHIM_EBADF);
			CHECK(same(child.failed, "dup3"));
			o.nr_fds = 0;
			o.flags |= SHIM_SPAWN_FCHDIR;
			o.cwd_fd = fd;
			CHECK_EQ(shim_spawn_start(&child, &o, memory,
						  sizeof(memory)),
				 -SHIM_EBADF);
			CHECK(same(child.failed, "fchdir"));
			o.flags = flags[i] | SHIM_SPAWN_FOREGROUND;
			o.foreground_fd = fd;
			CHECK_EQ(shim_spawn_start(&child, &o, memory,
						  sizeof(memory)),
				 -SHIM_EBADF);
			CHECK(same(child.failed, "ioctl TIOCSPGRP"));
			CHECK_EQ(start_program(&child, fd, flags[i]),
				 -SHIM_EBADF);
			/* Nor is it where one arrives. */
			move = (struct shim_spawn_fd){ 0, fd };
			o.flags = flags[i] | SHIM_SPAWN_NO_PIDFD;
			o.nr_fds = 1;
			CHECK_EQ(shim_spawn_start(&child, &o, memory,
						  sizeof(memory)),
				 0);
			shim_spawn_wait(&child, NULL, &info);
			shim_spawn_close(&child);
			move.to = 50;
		}
	check_state(&before);
}

/* With two descriptors free, which the pipe takes. */
static void a_pipe_that_cannot_move_is_an_error(void)
{
	static _Alignas(16) char memory[4096];
	struct state before = state_now();
	struct shim_spawn_fd move = { .to = 0 };
	struct shim_rlimit64 old, few;
	struct shim_spawn child;
	struct shim_spawn_options o = {
		.path = "/bin/true",
		.flags = SHIM_SPAWN_OUT,
		.fds = &move,
		.nr_fds = 1,
	};
	int ends[2];

	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, NULL, &old), 0);
	CHECK_EQ(shim_pipe2(ends, SHIM_O_CLOEXEC), 0);
	shim_close(ends[0]);
	shim_close(ends[1]);
	move.from = ends[0];
	few = old;
	few.rlim_cur = (uint64_t)ends[1] + 1;
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &few, NULL), 0);
	CHECK_EQ(shim_spawn_start(&child, &o, memory, sizeof(memory)),
		 -SHIM_EMFILE);
	CHECK(same(child.failed, "fcntl"));
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &old, NULL), 0);
	check_state(&before);
}

/* The one that is kept above all while others swap is not among them. */
static void descriptors_may_be_kept(void)
{
	static const struct shim_spawn_fd swap[] = { { 3, 4 }, { 4, 3 } };
	static _Alignas(16) char memory[8192];
	struct expected e;
	struct shim_spawn child;
	struct shim_spawn_options options = {
		.path = "/proc/self/exe",
		.envp = check_envp,
		.flags = SHIM_SPAWN_KEEP_FDS,
		.fds = swap,
		.nr_fds = 2,
	};

	CHECK_FATAL(open_files());
	expect(&e, NULL, 0);
	for (int fd = 3; fd < NR_FDS; fd++)
		if (shim_fcntl(fd, SHIM_F_GETFD, 0) == 0)
			e.files[fd] = file_of(fd);
	e.files[3] = file_of(4);
	e.files[4] = file_of(3);
	options.argv = arguments(&e);
	CHECK_EQ(shim_spawn_start(&child, &options, memory, sizeof(memory)), 0);
	CHECK_EQ(end_of(&child), 0);
	close_files(NR_FILES);
}

static const struct check_test spawn_fds_tests[] = {
	{ "descriptors_arrive_in_any_permutation",
	  descriptors_arrive_in_any_permutation },
	{ "random_maps_arrive_as_in_the_model",
	  random_maps_arrive_as_in_the_model },
	{ "a_wrong_map_is_refused_errno", a_wrong_map_is_refused_errno },
	{ "what_is_closed_is_not_the_librarys",
	  what_is_closed_is_not_the_librarys },
	{ "a_pipe_that_cannot_move_is_an_error",
	  a_pipe_that_cannot_move_is_an_error },
	{ "a_large_map_is_fast", a_large_map_is_fast },
	{ "descriptors_may_be_kept", descriptors_may_be_kept },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 1 && same(argv[1], CHILD))
		return child_main(argv + 2);
	/* The tests want to know what there is. */
	for (int fd = 3; fd < 1024; fd++)
		shim_close(fd);
	return check_main("spawn_fds", spawn_fds_tests,
			  sizeof(spawn_fds_tests) / sizeof(spawn_fds_tests[0]),
			  argc, argv, envp);
}
