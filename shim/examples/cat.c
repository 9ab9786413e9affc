/* SPDX-License-Identifier: MIT */
/*
 * cat: copies files, or the standard input, to the standard output through a
 * ring, which opens and closes them, too. While one block is written the next
 * is read: two requests in flight, told apart by their user_data, submitted and
 * waited for in one system call.
 *
 *	$ build/x86_64/examples/cat LICENSE | head -n 1
 *	MIT License
 *	$ build/x86_64/examples/cat missing
 *	cat: missing: No such file or directory
 *
 * The exit status is 1 if anything failed.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

enum { STDIN = 0, STDOUT = 1, STDERR = 2, BLOCK = 128 * 1024 };
/* What a request does: an open or a close is alone in the ring. */
enum { READ = 0, WRITE = 1, OTHER = 0 };

/* An offset that means: where the file is now. Pipes have no other. */
#define POSITION UINT64_MAX

static char blocks[2][BLOCK];

static void say(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	shim_write(STDERR, s, n);
}

/* Report -errno; returns the exit status. */
static int fail(const char *name, int err)
{
	say("cat: ");
	say(name);
	say(": ");
	say(shim_strerror(err));
	say("\n");
	return 1;
}

/* The queue has room: it never holds more than these two. */
static void put_read(struct shim_uring *ring, int fd, char *block)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

	shim_uring_prep_read(sqe, fd, block, BLOCK, POSITION);
	shim_uring_sqe_set_data64(sqe, READ);
}

static void put_write(struct shim_uring *ring, const char *data, int size)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

	shim_uring_prep_write(sqe, STDOUT, data, (unsigned)size, POSITION);
	shim_uring_sqe_set_data64(sqe, WRITE);
}

/*
 * Submit what was put, wait for nr completions, and leave their results in
 * res. When the ring itself fails there is no way on: the blocks are still the
 * kernel's.
 */
static void finish(struct shim_uring *ring, int nr, int res[2])
{
	struct shim_io_uring_cqe *cqe;

	while (nr) {
		int err = shim_uring_submit_and_wait(ring, 1);

		/* A signal, as of a terminal that stops us: wait again. */
		if (err < 0 && err != -SHIM_EINTR)
			shim_exit_group(fail("io_uring", err));
		for (; !shim_uring_peek_cqe(ring, &cqe); nr--) {
			res[cqe->user_data] = cqe->res;
			shim_uring_cqe_seen(ring, cqe);
		}
	}
}

/*
 * A write of size bytes has ended with res[WRITE]: write what it has left.
 * Returns 0, or -errno.
 */
static int finish_write(struct shim_uring *ring, const char *data, int size,
			int res[2])
{
	int done = res[WRITE];

	while (res[WRITE] > 0 && done < size) {
		put_write(ring, data + done, size - done);
		finish(ring, 1, res);
		done += res[WRITE];
	}
	if (!res[WRITE])
		return -SHIM_EIO;
	return res[WRITE] < 0 ? res[WRITE] : 0;
}

/* Copy all of fd. Returns the exit status. */
static int copy(struct shim_uring *ring, int fd, const char *name)
{
	int res[2], size, err;

	put_read(ring, fd, blocks[0]);
	finish(ring, 1, res);
	for (int i = 0; (size = res[READ]) > 0; i = !i) {
		put_write(ring, blocks[i], size);
		put_read(ring, fd, blocks[!i]);
		finish(ring, 2, res);
		err = finish_write(ring, blocks[i], size, res);
		if (err)
			return fail("standard output", err);
	}
	return size < 0 ? fail(name, size) : 0;
}

/* An SQE for a request that is alone in the ring. */
static struct shim_io_uring_sqe *alone(struct shim_uring *ring)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

	shim_uring_sqe_set_data64(sqe, OTHER);
	return sqe;
}

static int copy_file(struct shim_uring *ring, const char *name)
{
	int res[2], fd, status;

	if (name[0] == '-' && !name[1])
		return copy(ring, STDIN, "standard input");
	shim_uring_prep_openat(alone(ring), SHIM_AT_FDCWD, name,
			       SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	finish(ring, 1, res);
	fd = res[OTHER];
	if (fd < 0)
		return fail(name, fd);
	status = copy(ring, fd, name);
	shim_uring_prep_close(alone(ring), fd);
	finish(ring, 1, res);
	return status;
}

int main(int argc, char **argv)
{
	struct shim_uring ring;
	int status = 0;
	int err = shim_uring_queue_init(2, &ring, 0);

	if (err)
		return fail("io_uring", err);
	if (argc < 2)
		status = copy_file(&ring, "-");
	for (int i = 1; i < argc; i++)
		status |= copy_file(&ring, argv[i]);
	shim_uring_queue_exit(&ring);
	return status;
}
