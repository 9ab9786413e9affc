/* SPDX-License-Identifier: MIT */
/* The examples as a user runs them: what they write, and how they end. */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>
#include <shim/uring.h>

#include "check.h"
#include "uring_util.h"

enum { PATH_SIZE = 512, SIZE = 300000, NOT_FOUND = 127 };

static char content[SIZE], copied[SIZE];

static size_t append(char *path, size_t at, const char *s)
{
	while ((path[at] = *s++))
		at++;
	return at;
}

/* Put up/examples/name next to our own program's directory into path. */
static void find(char *path, const char *up, const char *name)
{
	long n = shim_readlinkat(SHIM_AT_FDCWD, "/proc/self/exe", path,
				 PATH_SIZE - 64);

	CHECK(n > 0);
	while (n > 0 && path[n - 1] != '/')
		n--;
	append(path, append(path, (size_t)n, up), name);
}

/* In the child: never returns. */
static void become(const int fds[3], const char *const args[4])
{
	char *const argv[4] = { (char *)(uintptr_t)args[0],
				(char *)(uintptr_t)args[1],
				(char *)(uintptr_t)args[2], NULL };
	char path[PATH_SIZE];

	for (int i = 0; i < 3; i++)
		shim_dup3(fds[i], i, 0);
	/* A build with sanitizers is one deeper, without examples. */
	find(path, "../examples/", args[0]);
	shim_execve(path, argv, check_envp);
	find(path, "../../examples/", args[0]);
	shim_execve(path, argv, check_envp);
	shim_exit_group(NOT_FOUND);
}

/* Run it with two arguments or fewer on the descriptors; its exit status. */
static int run(const char *name, const int fds[3], const char *a, const char *b)
{
	const char *const args[4] = { name, a, b };
	struct shim_clone_args clone = { .exit_signal = SHIM_SIGCHLD };
	int status = -1;
	long pid = shim_clone3(&clone, sizeof(clone));

	if (!pid)
		become(fds, args);
	CHECK(pid > 0);
	CHECK_EQ(shim_wait4((int)pid, &status, 0, NULL), pid);
	CHECK_EQ(status & 0x7f, 0);
	return status >> 8 & 0xff;
}

static int run_cat(int in, int out, int err, const char *a, const char *b)
{
	/* Above 2 or in place: no dup3 overwrites what a later one needs. */
	const int fds[3] = { in, out, err };

	return run("cat", fds, a, b);
}

static int new_file(void)
{
	return (int)shim_memfd_create("cat", SHIM_MFD_CLOEXEC);
}

static void fill_content(void)
{
	for (int i = 0; i < SIZE; i++)
		content[i] = (char)(i * 7 ^ i >> 9);
}

/* The file has the text, again and again, and ends at size. */
static bool file_is(int fd, const char *text, long size)
{
	for (long off = 0;; off += SIZE) {
		long n = shim_pread64(fd, copied, SIZE, off);

		if (n != (size - off < SIZE ? size - off : SIZE))
			return false;
		for (long i = 0; i < n; i++)
			if (copied[i] != text[i])
				return false;
		if (n < SIZE)
			return true;
	}
}

static void cat_copies_many_blocks_in_order(void)
{
	int in = new_file(), out = new_file();

	if (!has_io_uring())
		SKIP(NONE);
	CHECK_FATAL(in > 2 && out > 2);
	fill_content();
	CHECK_EQ(shim_write(in, content, SIZE), SIZE);
	CHECK_EQ(shim_lseek(in, 0, SHIM_SEEK_SET), 0);
	CHECK_EQ(run_cat(in, out, 2, NULL, NULL), 0);
	CHECK(file_is(out, content, SIZE));
	/* By name it begins at 0 again; the standard input is at its end. */
	CHECK_EQ(run_cat(in, out, 2, "-", "/proc/self/fd/0"), 0);
	CHECK(file_is(out, content, 2 * SIZE));
	CHECK_EQ(shim_close(in), 0);
	CHECK_EQ(shim_close(out), 0);
}

static void cat_names_what_failed(void)
{
	static const char missing[] =
		"cat: /missing/x: No such file or directory\n";
	static const char full[] =
		"cat: standard output: No space left on device\n";
	int in = new_file(), err = new_file(), out;

	if (!has_io_uring())
		SKIP(NONE);
	out = (int)shim_openat(SHIM_AT_FDCWD, "/dev/full",
			       SHIM_O_WRONLY | SHIM_O_CLOEXEC, 0);
	CHECK_FATAL(in > 2 && err > 2 && out > 2);
	CHECK_EQ(run_cat(in, out, err, "/missing/x", "-"), 1);
	CHECK(file_is(err, missing, sizeof(missing) - 1));
	CHECK_EQ(shim_write(in, "x", 1), 1);
	CHECK_EQ(shim_ftruncate(err, 0), 0);
	CHECK_EQ(shim_lseek(err, 0, SHIM_SEEK_SET), 0);
	CHECK_EQ(run_cat(in, out, err, "/proc/self/fd/0", NULL), 1);
	CHECK(file_is(err, full, sizeof(full) - 1));
	CHECK_EQ(shim_close(in), 0);
	CHECK_EQ(shim_close(out), 0);
	CHECK_EQ(shim_close(err), 0);
}

/* More blocks than there are at once, and one that is not full. */
static void copy_copies_a_large_file(void)
{
	int in = new_file(), out = new_file(), err = new_file();
	const int fds[3] = { in, out, err };
	const long size = 12 * SIZE + 12345;

	if (!has_io_uring())
		SKIP(NONE);
	CHECK_FATAL(in > 2 && out > 2 && err > 2);
	fill_content();
	for (int i = 0; i < 13; i++)
		CHECK_EQ(shim_write(in, content, SIZE), SIZE);
	CHECK_EQ(shim_ftruncate(in, size), 0);
	CHECK_EQ(shim_write(out, content, 10), 10);
	CHECK_EQ(run("copy", fds, "/proc/self/fd/0", "/proc/self/fd/1"), 0);
	CHECK(file_is(out, content, size));
	CHECK(file_is(err, "", 0));
	CHECK_EQ(shim_ftruncate(in, 0), 0);
	CHECK_EQ(run("copy", fds, "/proc/self/fd/0", "/proc/self/fd/1"), 0);
	CHECK(file_is(out, "", 0));
	CHECK_EQ(shim_close(in), 0);
	CHECK_EQ(shim_close(out), 0);
	CHECK_EQ(shim_close(err), 0);
}

static void copy_names_what_failed(void)
{
	static const char directory[] = "copy: /: Invalid argument\n";
	static const char full[] = "copy: /dev/full: No space left on device\n";
	static const char itself[] =
		"copy: /proc/self/fd/1: This is the file to copy from\n";
	int in = new_file(), err = new_file();
	const int fds[3] = { in, in, err };

	if (!has_io_uring())
		SKIP(NONE);
	CHECK_FATAL(in > 2 && err > 2);
	CHECK_EQ(run("copy", fds, "/", "/proc/self/fd/1"), 1);
	CHECK(file_is(err, directory, sizeof(directory) - 1));
	CHECK_EQ(shim_write(in, content, SIZE), SIZE);
	CHECK_EQ(shim_ftruncate(err, 0), 0);
	CHECK_EQ(shim_lseek(err, 0, SHIM_SEEK_SET), 0);
	CHECK_EQ(run("copy", fds, "/proc/self/fd/0", "/dev/full"), 1);
	CHECK(file_is(err, full, sizeof(full) - 1));
	CHECK_EQ(shim_ftruncate(err, 0), 0);
	CHECK_EQ(shim_lseek(err, 0, SHIM_SEEK_SET), 0);
	CHECK_EQ(run("copy", fds, "/proc/self/fd/0", "/proc/self/fd/1"), 1);
	CHECK(file_is(err, itself, sizeof(itself) - 1));
	CHECK(file_is(in, content, SIZE));
	CHECK_EQ(run("copy", fds, NULL, NULL), 2);
	CHECK_EQ(shim_close(in), 0);
	CHECK_EQ(shim_close(err), 0);
}

static const struct check_test uring_example_tests[] = {
	{ "cat_copies_many_blocks_in_order", cat_copies_many_blocks_in_order },
	{ "cat_names_what_failed", cat_names_what_failed },
	{ "copy_copies_a_large_file", copy_copies_a_large_file },
	{ "copy_names_what_failed", copy_names_what_failed },
};

CHECK_MAIN(uring_example, uring_example_tests)
