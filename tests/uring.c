/* SPDX-License-Identifier: MIT */
/*
 * A ring on the real kernel, as far as Go does the same: this runs the table
 * tests/uring.tab, whose first comment says what each verb does.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "zuring_tab.h"

enum { NR_FDS = 8, NR_REQUESTS = 16, BUF_SIZE = 64, NEVER = -4096 };

/* What the rows of a case share. */
static struct world {
	struct shim_uring ring;
	bool has_ring;
	int fds[NR_FDS];
	struct request {
		char buf[BUF_SIZE];
		struct shim_iovec iov[2];
		struct shim_timespec ts;
		int *accepted; /* where the result belongs */
		bool done;
		int res;
	} requests[NR_REQUESTS];
} world;

typedef long verb(const struct uring_steps *row);

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static bool equal(const char *a, const char *b, size_t n)
{
	while (n--)
		if (*a++ != *b++)
			return false;
	return true;
}

static bool is(const char *a, const char *b)
{
	return equal(a, b, length(a) + 1);
}

/* ---- The world ---- */

static long ring(const struct uring_steps *row)
{
	int err = shim_uring_queue_init((unsigned)row->n, &world.ring,
					(unsigned)row->a);

	world.has_ring = !err;
	return err;
}

static long file(const struct uring_steps *row)
{
	int fd = (int)shim_memfd_create("uring", SHIM_MFD_CLOEXEC);
	size_t size = length(row->text);

	world.fds[row->a] = fd;
	if (fd < 0)
		return fd;
	return shim_pwrite64(fd, row->text, size, 0) == (long)size ? 0 : -1;
}

static long keep(const struct uring_steps *row, const int pair[2], long err)
{
	if (!err) {
		world.fds[row->a] = pair[0];
		world.fds[row->b] = pair[1];
	}
	return err;
}

static long pipe_(const struct uring_steps *row)
{
	int pair[2];

	return keep(row, pair, shim_pipe2(pair, SHIM_O_CLOEXEC));
}

static long pair_(const struct uring_steps *row)
{
	int pair[2];

	return keep(row, pair,
		    shim_socketpair(SHIM_AF_UNIX,
				    SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0,
				    pair));
}

static long tcp(const struct uring_steps *row)
{
	/* 127.0.0.1 in network byte order, and any port. */
	struct shim_sockaddr_in in = { SHIM_AF_INET, 0, { 0x0100007f }, { 0 } };
	struct shim_sockaddr *addr = (struct shim_sockaddr *)&in;
	int len = sizeof(in);
	int pair[2];
	long err;

	for (int i = 0; i < 2; i++) {
		pair[i] = (int)shim_socket(
			SHIM_AF_INET, SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);
		if (pair[i] < 0)
			return pair[i];
	}
	keep(row, pair, 0);
	err = shim_bind(pair[0], addr, len);
	if (!err)
		err = shim_listen(pair[0], 1);
	if (!err)
		err = shim_getsockname(pair[0], addr, &len);
	return err ? err : shim_connect(pair[1], addr, len);
}

static long put(const struct uring_steps *row)
{
	return shim_write(world.fds[row->a], row->text, length(row->text));
}

static long hangup(const struct uring_steps *row)
{
	int fd = world.fds[row->b];

	world.fds[row->b] = -1;
	return shim_close(fd);
}

static long holds(const struct uring_steps *row)
{
	char buf[BUF_SIZE];
	long n = shim_pread64(world.fds[row->a], buf, (size_t)row->n, row->b);

	return n == row->n && n == (long)length(row->text) &&
	       equal(buf, row->text, (size_t)n);
}

/* ---- Requests ---- */

static void prep_vector(struct shim_io_uring_sqe *sqe, int fd, char *base,
			size_t size, const struct uring_steps *row)
{
	struct shim_iovec *iov = world.requests[row->ud].iov;

	iov[0] = (struct shim_iovec){ base, 3 };
	iov[1] = (struct shim_iovec){ base + 3, size - 3 };
	if (is(row->verb, "readv"))
		shim_uring_prep_readv(sqe, fd, iov, 2, (uint64_t)row->b);
	else
		shim_uring_prep_writev(sqe, fd, iov, 2, (uint64_t)row->b);
}

static void prep_accept(struct shim_io_uring_sqe *sqe, int fd,
			const struct uring_steps *row)
{
	world.requests[row->ud].accepted = &world.fds[row->b];
	shim_uring_prep_accept(sqe, fd, NULL, NULL, SHIM_SOCK_CLOEXEC);
}

static void prep_timeout(struct shim_io_uring_sqe *sqe,
			 const struct uring_steps *row)
{
	struct shim_timespec *ts = &world.requests[row->ud].ts;

	ts->tv_sec = row->n / 1000000000;
	ts->tv_nsec = row->n % 1000000000;
	shim_uring_prep_timeout(sqe, ts, (unsigned)row->a, 0);
}

/* The requests that transfer bytes. Returns whether verb is one. */
static bool prep_transfer(struct shim_io_uring_sqe *sqe, int fd,
			  const struct uring_steps *row)
{
	char *buf = world.requests[row->ud].buf;
	char *text = (char *)(uintptr_t)row->text;
	unsigned n = (unsigned)row->n, size = (unsigned)length(text);
	uint64_t offset = (uint64_t)row->b;

	if (is(row->verb, "read"))
		shim_uring_prep_read(sqe, fd, buf, n, offset);
	else if (is(row->verb, "write"))
		shim_uring_prep_write(sqe, fd, text, size, offset);
	else if (is(row->verb, "readv"))
		prep_vector(sqe, fd, buf, n, row);
	else if (is(row->verb, "writev"))
		prep_vector(sqe, fd, text, size, row);
	else if (is(row->verb, "recv"))
		shim_uring_prep_recv(sqe, fd, buf, n, 0);
	else if (is(row->verb, "send"))
		shim_uring_prep_send(sqe, fd, text, size, SHIM_MSG_NOSIGNAL);
	else
		return false;
	return true;
}

static void prep_open(struct shim_io_uring_sqe *sqe,
		      const struct uring_steps *row)
{
	world.requests[row->ud].accepted = &world.fds[row->b];
	shim_uring_prep_openat(sqe, SHIM_AT_FDCWD, row->text,
			       SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
}

/* The requests about files. Returns whether verb is one. */
static bool prep_file(struct shim_io_uring_sqe *sqe, int fd,
		      const struct uring_steps *row)
{
	unsigned n = (unsigned)row->n;
	uint64_t offset = (uint64_t)row->b;

	if (is(row->verb, "fsync"))
		shim_uring_prep_fsync(sqe, fd, SHIM_IORING_FSYNC_DATASYNC);
	else if (is(row->verb, "allot"))
		shim_uring_prep_fallocate(sqe, fd, 0, offset, n);
	else if (is(row->verb, "advise"))
		shim_uring_prep_fadvise(sqe, fd, offset, n,
					SHIM_POSIX_FADV_WILLNEED);
	else if (is(row->verb, "splice"))
		shim_uring_prep_splice(sqe, fd, -1, world.fds[row->b], 0, n, 0);
	else if (is(row->verb, "tee"))
		shim_uring_prep_tee(sqe, fd, world.fds[row->b], n, 0);
	else if (is(row->verb, "open"))
		prep_open(sqe, row);
	else
		return false;
	return true;
}

static bool prep_other(struct shim_io_uring_sqe *sqe, int fd,
		       const struct uring_steps *row)
{
	uint64_t target = (uint64_t)row->n;

	if (is(row->verb, "nop"))
		shim_uring_prep_nop(sqe);
	else if (is(row->verb, "accept"))
		prep_accept(sqe, fd, row);
	else if (is(row->verb, "poll"))
		shim_uring_prep_poll_add(sqe, fd, (unsigned)row->b);
	else if (is(row->verb, "unpoll"))
		shim_uring_prep_poll_remove(sqe, target);
	else if (is(row->verb, "timeout"))
		prep_timeout(sqe, row);
	else if (is(row->verb, "untime"))
		shim_uring_prep_timeout_remove(sqe, target, 0);
	else if (is(row->verb, "cancel"))
		shim_uring_prep_cancel64(sqe, target, 0);
	else if (is(row->verb, "close"))
		shim_uring_prep_close(sqe, fd);
	else
		return false;
	return true;
}

static long request(const struct uring_steps *row)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(&world.ring);
	int fd = world.fds[row->a];

	if (!sqe)
		return -SHIM_EAGAIN;
	shim_uring_sqe_set_data64(sqe, (uint64_t)row->ud);
	if (!prep_transfer(sqe, fd, row) && !prep_file(sqe, fd, row) &&
	    !prep_other(sqe, fd, row))
		return NEVER;
	if (is(row->verb, "close"))
		world.fds[row->a] = -1;
	return 0;
}

/* ---- Queues ---- */

static long submit(const struct uring_steps *row)
{
	(void)row;
	return shim_uring_submit(&world.ring);
}

static long wait_(const struct uring_steps *row)
{
	return shim_uring_submit_and_wait(&world.ring, (unsigned)row->n);
}

static long within(const struct uring_steps *row)
{
	const struct shim_timespec ts = { row->n / 1000000000,
					  row->n % 1000000000 };
	struct shim_io_uring_cqe *cqe;

	return shim_uring_wait_cqe_timeout(&world.ring, &cqe, &ts);
}

static long peek(const struct uring_steps *row)
{
	struct shim_io_uring_cqe *cqe;

	(void)row;
	return shim_uring_peek_cqe(&world.ring, &cqe);
}

static long queued(const struct uring_steps *row)
{
	(void)row;
	return shim_uring_sq_ready(&world.ring);
}

static long space(const struct uring_steps *row)
{
	(void)row;
	return shim_uring_sq_space_left(&world.ring);
}

static long ready(const struct uring_steps *row)
{
	(void)row;
	return shim_uring_cq_ready(&world.ring);
}

/* Take the oldest completion; its user_data, or -errno. */
static long take(void)
{
	static const struct shim_timespec deadline = { 60, 0 };
	struct shim_io_uring_cqe *cqe;
	struct request *r;
	int err = shim_uring_wait_cqe_timeout(&world.ring, &cqe, &deadline);
	uint64_t ud;

	if (err)
		return err;
	ud = cqe->user_data;
	if (ud >= NR_REQUESTS || world.requests[ud].done)
		return NEVER;
	r = &world.requests[ud];
	r->done = true;
	r->res = cqe->res;
	if (r->accepted && r->res >= 0) {
		*r->accepted = r->res;
		r->res = 0;
	}
	shim_uring_cqe_seen(&world.ring, cqe);
	return (long)ud;
}

static long next(const struct uring_steps *row)
{
	long ud = take();

	CHECK_EQ(ud, row->ud);
	return ud < 0 ? ud : world.requests[ud].res;
}

static long got(const struct uring_steps *row)
{
	while (!world.requests[row->ud].done) {
		long ud = take();

		if (ud < 0)
			return ud;
	}
	return world.requests[row->ud].res;
}

static long data(const struct uring_steps *row)
{
	return equal(world.requests[row->ud].buf, row->text, length(row->text));
}

/* ---- The runner ---- */

static const struct {
	const char *name;
	verb *run;
} verbs[] = {
	{ "ring", ring },     { "file", file },	    { "pipe", pipe_ },
	{ "pair", pair_ },    { "tcp", tcp },	    { "put", put },
	{ "hangup", hangup }, { "holds", holds },   { "submit", submit },
	{ "wait", wait_ },    { "within", within }, { "peek", peek },
	{ "queued", queued }, { "space", space },   { "ready", ready },
	{ "next", next },     { "got", got },	    { "data", data },
};

static long run(const struct uring_steps *row)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (is(row->verb, verbs[i].name))
			return verbs[i].run(row);
	return request(row);
}

static void begin_world(void)
{
	world = (struct world){ 0 };
	for (int i = 0; i < NR_FDS; i++)
		world.fds[i] = -1;
}

static void end_world(void)
{
	if (world.has_ring)
		shim_uring_queue_exit(&world.ring);
	for (int i = 0; i < NR_FDS; i++)
		if (world.fds[i] >= 0)
			CHECK_EQ(shim_close(world.fds[i]), 0);
}

/* Run the rows from i on that have its case. Returns the index behind them. */
static size_t run_case(size_t i)
{
	const size_t nr = sizeof(uring_steps) / sizeof(uring_steps[0]);
	const char *name = uring_steps[i].case_;
	bool ok = true;

	check_case(name);
	begin_world();
	for (; i < nr && is(uring_steps[i].case_, name); i++) {
		const struct uring_steps *row = &uring_steps[i];

		/* What follows a wrong row says nothing. */
		if (ok)
			ok = check_equal(run(row), row->want, "uring_steps",
					 (int)i, row->verb);
	}
	end_world();
	check_case("");
	return i;
}

static void the_table_holds(void)
{
	const size_t nr = sizeof(uring_steps) / sizeof(uring_steps[0]);
	int err = shim_uring_queue_init(1, &world.ring, 0);

	if (err == -SHIM_ENOSYS || err == -SHIM_EPERM)
		SKIP("this kernel has no io_uring, or forbids it");
	CHECK_FATAL(!err);
	shim_uring_queue_exit(&world.ring);
	for (size_t i = 0; i < nr;)
		i = run_case(i);
}

static const struct check_test uring_tests[] = {
	{ "the_table_holds", the_table_holds },
};

CHECK_MAIN(uring, uring_tests)
