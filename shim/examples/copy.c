/* SPDX-License-Identifier: MIT */
/*
 * copy: copies a file by 32 pairs of requests at once: a read and, linked to
 * it, the write of the same block, which the kernel starts when the read has
 * filled it. The pairs end in any order.
 *
 *	$ build/x86_64/examples/copy LICENSE /tmp/LICENSE && echo copied
 *	copied
 *	$ build/x86_64/examples/copy missing /tmp/x
 *	copy: missing: No such file or directory
 *
 * The exit status is 1 if anything failed; the copy is not complete then.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

enum { STDERR = 2, DEPTH = 32, BLOCK = 64 * 1024 };

/* What the completions of a pair carry, with the number of its slot. */
enum { READ = 0, WRITE = 1 };

/* From off to end of the file is still to be copied, through the block. */
struct slot {
	uint64_t off, end;
	int nr_read;
};

struct copy {
	struct shim_uring ring;
	const char *from_name, *to_name;
	int from, to;
	uint64_t size, next; /* of the file; the first byte of no slot */
	unsigned nr_pairs;   /* in the ring */
	int failed;
	struct slot slots[DEPTH];
};

static char blocks[DEPTH][BLOCK];

static void say(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	shim_write(STDERR, s, n);
}

/* Report what is wrong; returns the exit status. */
static int complain(const char *name, const char *what)
{
	say("copy: ");
	say(name);
	say(": ");
	say(what);
	say("\n");
	return 1;
}

static int fail(const char *name, int err)
{
	return complain(name, shim_strerror(err));
}

/* A short read ends a link, too: the block is as long as what can be read. */
static void put_pair(struct copy *c, unsigned i, unsigned size)
{
	struct slot *s = &c->slots[i];
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(&c->ring);

	shim_uring_prep_read(sqe, c->from, blocks[i], size, s->off);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_IO_LINK);
	shim_uring_sqe_set_data64(sqe, 2 * i + READ);
	sqe = shim_uring_get_sqe(&c->ring);
	shim_uring_prep_write(sqe, c->to, blocks[i], size, s->off);
	shim_uring_sqe_set_data64(sqe, 2 * i + WRITE);
	c->nr_pairs++;
}

/* Let the slot copy what it has left, or else the next block, if any. */
static void go_on(struct copy *c, unsigned i)
{
	struct slot *s = &c->slots[i];

	if (s->off == s->end) {
		s->off = c->next;
		s->end = c->size - c->next < BLOCK ? c->size : c->next + BLOCK;
		c->next = s->end;
	}
	if (s->off < s->end && !c->failed)
		put_pair(c, i, (unsigned)(s->end - s->off));
}

static void stop(struct copy *c, const char *name, int err)
{
	if (!c->failed)
		c->failed = fail(name, err);
}

/* The write of a slot's pair has ended, and so has its read, before. */
static void end_pair(struct copy *c, unsigned i, int res)
{
	struct slot *s = &c->slots[i];

	c->nr_pairs--;
	if (res > 0) {
		s->off += (unsigned)res;
		go_on(c, i);
	} else if (res != -SHIM_ECANCELED) {
		stop(c, c->to_name, res ? res : -SHIM_EIO);
	} else if (s->nr_read > 0 && !c->failed) {
		/* Less than there was: as much as that. */
		put_pair(c, i, (unsigned)s->nr_read);
	} else {
		stop(c, c->from_name, s->nr_read ? s->nr_read : -SHIM_EIO);
	}
}

/* Give back each completion before the requests that follow from it. */
static void reap(struct copy *c)
{
	struct shim_io_uring_cqe *cqe;

	while (!shim_uring_peek_cqe(&c->ring, &cqe)) {
		unsigned i = (unsigned)cqe->user_data / 2;
		unsigned kind = cqe->user_data % 2;
		int res = cqe->res;

		shim_uring_cqe_seen(&c->ring, cqe);
		if (kind == READ)
			c->slots[i].nr_read = res;
		else
			end_pair(c, i, res);
	}
}

/* Copy all of it. Returns the exit status. */
static int copy(struct copy *c)
{
	for (unsigned i = 0; i < DEPTH; i++)
		go_on(c, i);
	while (c->nr_pairs) {
		int err = shim_uring_submit_and_wait(&c->ring, 1);

		/* No way on: the blocks are still the kernel's. */
		if (err < 0 && err != -SHIM_EINTR)
			shim_exit_group(fail("io_uring", err));
		reap(c);
	}
	return c->failed;
}

static int is_regular(const struct shim_stat *st)
{
	return (st->st_mode & SHIM_S_IFMT) == SHIM_S_IFREG;
}

/* Open the file to copy to, and empty it unless it is the one to copy from.
 * Returns 0, or the exit status. */
static int open_to(struct copy *c, const struct shim_stat *from)
{
	struct shim_stat st;
	int err;

	c->to = (int)shim_openat(SHIM_AT_FDCWD, c->to_name,
				 SHIM_O_WRONLY | SHIM_O_CREAT | SHIM_O_CLOEXEC,
				 0666);
	if (c->to < 0)
		return fail(c->to_name, c->to);
	err = (int)shim_fstat(c->to, &st);
	if (!err && st.st_dev == from->st_dev && st.st_ino == from->st_ino)
		return complain(c->to_name, "This is the file to copy from");
	if (!err && is_regular(&st))
		err = (int)shim_ftruncate(c->to, 0);
	return err ? fail(c->to_name, err) : 0;
}

/* Open both files. Returns 0, or the exit status. */
static int open_files(struct copy *c)
{
	struct shim_stat st;
	int err;

	c->from = (int)shim_openat(SHIM_AT_FDCWD, c->from_name,
				   SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	if (c->from < 0)
		return fail(c->from_name, c->from);
	err = (int)shim_fstat(c->from, &st);
	if (!err && !is_regular(&st))
		err = -SHIM_EINVAL;
	if (err)
		return fail(c->from_name, err);
	c->size = (uint64_t)st.st_size;
	return open_to(c, &st);
}

int main(int argc, char **argv)
{
	static struct copy c;
	int err;

	if (argc != 3) {
		say("usage: copy FROM TO\n");
		return 2;
	}
	c.from_name = argv[1];
	c.to_name = argv[2];
	err = open_files(&c);
	if (err)
		return err;
	err = shim_uring_queue_init(2 * DEPTH, &c.ring, 0);
	if (err)
		return fail("io_uring", err);
	err = copy(&c);
	shim_uring_queue_exit(&c.ring);
	return err;
}
