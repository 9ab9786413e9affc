/* SPDX-License-Identifier: MIT */
/* Pipes, and what moves from one descriptor to another. */
#include <shim/spawn_pipe.h>

#include "spawn_impl.h"

enum {
	/* At most so much in one call. */
	PIECE_MAX = 1 << 30,
	/* What the kernel was found not to do. */
	SPLICE = 1,
	TEE = 2,
};

int shim_spawn_pipe(int fds[2], int size, unsigned flags)
{
	long err;

	if (size < 0 || flags & ~(unsigned)(SHIM_O_DIRECT | SHIM_O_NONBLOCK))
		return -SHIM_EINVAL;
	err = shim_pipe2(fds, (int)(flags | SHIM_O_CLOEXEC));
	if (err || !size)
		return (int)err;
	err = shim_spawn_pipe_resize(fds[0], size);
	if (err >= 0)
		return 0;
	shim_close(fds[0]);
	shim_close(fds[1]);
	return (int)err;
}

int shim_spawn_pipe_size(int fd)
{
	return (int)shim_fcntl(fd, SHIM_F_GETPIPE_SZ, 0);
}

int shim_spawn_pipe_resize(int fd, int size)
{
	if (size <= 0)
		return -SHIM_EINVAL;
	return (int)shim_fcntl(fd, SHIM_F_SETPIPE_SZ, (unsigned long)size);
}

static long fail(struct shim_spawn_flow *f, const char *what, long err)
{
	f->failed = what;
	return err;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t left_of(const struct shim_spawn_flow *f)
{
	if (f->size == SHIM_SPAWN_ALL)
		return f->size;
	return f->size > f->moved ? f->size - f->moved : 0;
}

/* One pipe, or one file: who reads all of it and writes to it never ends. */
static int is_one(int a, int b)
{
	struct shim_stat s, t;
	unsigned type;

	if (shim_fstat(a, &s) || shim_fstat(b, &t))
		return 0;
	type = s.st_mode & SHIM_S_IFMT;
	return (type == SHIM_S_IFIFO || type == SHIM_S_IFREG) &&
	       s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

/* After err: whether to may have bytes through the memory. Returns 0, or the
 * error. */
static long allow_copies(const struct shim_spawn_flow *f, int to, long err)
{
	if (err != -SHIM_EINVAL && !shim_spawn_unavailable(err))
		return err;
	if (!f->memory || !f->memory_size)
		return err;
	if (f->size == SHIM_SPAWN_ALL && is_one(f->from, to))
		return -SHIM_EINVAL;
	return 0;
}

/* Read into the memory, which is empty, for to. Returns how much. */
static long fill(struct shim_spawn_flow *f, uint64_t most)
{
	long n;

	do
		n = shim_read(f->from, f->memory, least(most, f->memory_size));
	while (n == -SHIM_EINTR);
	if (n < 0)
		return fail(f, "read", n);
	f->begin = 0;
	f->begin_also = f->end = (size_t)n;
	return n;
}

/* Write what is in the memory, from begin. */
static long empty(const struct shim_spawn_flow *f, int to, size_t *begin,
		  uint64_t *count)
{
	while (*begin < f->end) {
		long n = shim_write(to, (const char *)f->memory + *begin,
				    f->end - *begin);

		if (n == -SHIM_EINTR)
			continue;
		if (n <= 0)
			return n ? n : -SHIM_EIO;
		*begin += (size_t)n;
		*count += (uint64_t)n;
	}
	return 0;
}

/* As splice(2), or tee(2), but for from, and as often as need be. */
static long move_once(const struct shim_spawn_flow *f, int call, uint64_t most)
{
	const size_t size = least(most, PIECE_MAX);
	long n;

	do
		n = call == TEE
			    ? shim_tee(f->from, f->also, size, 0)
			    : shim_splice(f->from, NULL, f->to, NULL, size, 0);
	while (n == -SHIM_EINTR);
	return n;
}

/* Move a piece to to. Returns how much, 0 at the end, or -errno. */
static long move(struct shim_spawn_flow *f, uint64_t most)
{
	const uint64_t before = f->moved;
	long n;

	if (f->begin >= f->end && !(f->copies & SPLICE)) {
		n = move_once(f, SPLICE, most);
		if (n >= 0) {
			f->moved += (uint64_t)n;
			return n;
		}
		n = allow_copies(f, f->to, n);
		if (n)
			return fail(f, "splice", n);
		f->copies |= SPLICE;
	}
	if (f->begin >= f->end) {
		n = fill(f, most);
		if (n <= 0)
			return n;
	}
	n = empty(f, f->to, &f->begin, &f->moved);
	if (!n)
		return (long)(f->moved - before);
	f->owed -= least(f->owed, f->moved - before);
	return fail(f, "write", n);
}

/* Give also a piece, which to is then owed. Returns how much, as above. */
static long move_also(struct shim_spawn_flow *f, uint64_t most)
{
	long n;

	if (!(f->copies & TEE)) {
		n = move_once(f, TEE, most);
		if (n >= 0) {
			f->teed += (uint64_t)n;
			f->owed = (uint64_t)n;
			return n;
		}
		n = allow_copies(f, f->also, n);
		if (n)
			return fail(f, "tee", n);
		f->copies |= TEE;
	}
	n = fill(f, most);
	if (n > 0)
		f->begin_also = 0;
	return n;
}

static long splice_all(struct shim_spawn_flow *f)
{
	uint64_t left;
	long n = 1;

	while (n > 0 && (left = left_of(f))) {
		n = move(f, left);
		if (n > 0)
			f->owed -= least(f->owed, (uint64_t)n);
	}
	return n < 0 ? n : 0;
}

/* What is in the memory goes to also, then to to; then what to is owed. */
static long tee_all(struct shim_spawn_flow *f)
{
	uint64_t left;
	long n = 1;

	while (n > 0 && (left = left_of(f))) {
		if (f->begin_also < f->end) {
			n = empty(f, f->also, &f->begin_also, &f->teed);
			if (n)
				return fail(f, "tee", n);
		}
		if (f->begin >= f->end && !f->owed) {
			n = move_also(f, left);
			continue;
		}
		n = move(f, f->owed ? f->owed : left);
		if (n > 0)
			f->owed -= least(f->owed, (uint64_t)n);
	}
	return n < 0 ? n : 0;
}

/* Without SIGPIPE. */
static int run(struct shim_spawn_flow *f,
	       long (*move_all)(struct shim_spawn_flow *f))
{
	struct shim_spawn_hush hush;
	long err;

	f->failed = NULL;
	/* Descriptors, size and memory may be others than before. */
	f->copies = 0;
	err = shim_spawn_hush(&hush);
	if (err)
		return (int)fail(f, "rt_sigprocmask", err);
	err = move_all(f);
	shim_spawn_unhush(&hush, err == -SHIM_EPIPE);
	return (int)err;
}

int shim_spawn_splice(struct shim_spawn_flow *flow)
{
	return run(flow, splice_all);
}

int shim_spawn_tee(struct shim_spawn_flow *flow)
{
	return run(flow, tee_all);
}
