/* SPDX-License-Identifier: MIT */
/*
 * Rings on the real kernel, but the n-th call of a name fails: this runs the
 * table tests/uring_fault.tab, which says what is done with a ring.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "fault.h"
#include "znr.h"
#include "zuring_fault_tab.h"

enum { NR_BUFFERS = 4, BUF_SIZE = 64, GROUP = 7 };

long real_syscall(long nr, long a, long b, long c, long d, long e, long f);

static int mapped; /* mmaps without their munmaps */

/* A set-up goes on without its answer; Go asks once for all rings. */
static bool is_query(long nr, long op)
{
	return nr == SHIM_NR_io_uring_register &&
	       op == SHIM_IORING_REGISTER_QUERY;
}

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	long r;

	if (!is_query(nr, b) && is_named_fault(nr))
		return named_fault.error;
	r = real_syscall(nr, a, b, c, d, e, f);
	mapped += nr == SHIM_NR_mmap && !shim_ptr_err((void *)r);
	mapped -= nr == SHIM_NR_munmap && !r;
	return r;
}

static int open_fds(void)
{
	int nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += real_syscall(SHIM_NR_fcntl, fd, SHIM_F_GETFD, 0, 0, 0,
				   0) >= 0;
	return nr;
}

/* ---- What is done with a ring: each returns 0, or -errno ---- */

static int set_up(struct shim_uring *ring)
{
	(void)ring;
	return 0;
}

static int probe(struct shim_uring *ring)
{
	static union {
		struct shim_io_uring_probe probe;
		char room[SHIM_URING_PROBE_SIZE(256)];
	} u;

	u.probe = (struct shim_io_uring_probe){ 0 };
	return shim_uring_register_probe(ring, &u.probe, 256);
}

static int buffers(struct shim_uring *ring)
{
	static char a[BUF_SIZE], b[BUF_SIZE];
	const struct shim_iovec iov[2] = { { a, BUF_SIZE }, { b, BUF_SIZE } };
	int err = shim_uring_register_buffers(ring, iov, 2);

	return err ? err : shim_uring_unregister_buffers(ring);
}

static int files(struct shim_uring *ring)
{
	const int fds[2] = { -1, 1 }, other[2] = { 1, -1 };
	int n = shim_uring_register_files(ring, fds, 2);

	if (!n)
		n = shim_uring_register_files_update(ring, 0, other, 2);
	return n < 0 ? n : shim_uring_unregister_files(ring);
}

static int eventfd(struct shim_uring *ring)
{
	int fd = (int)shim_eventfd2(0, SHIM_EFD_CLOEXEC);
	int err = shim_uring_register_eventfd(ring, fd);

	if (!err)
		err = shim_uring_unregister_eventfd(ring);
	CHECK_EQ(shim_close(fd), 0);
	return err;
}

static int personality(struct shim_uring *ring)
{
	int id = shim_uring_register_personality(ring);

	return id < 0 ? id : shim_uring_unregister_personality(ring, id);
}

static int buf_ring(struct shim_uring *ring)
{
	int err;
	struct shim_io_uring_buf_ring *br =
		shim_uring_setup_buf_ring(ring, NR_BUFFERS, GROUP, 0, &err);

	return br ? shim_uring_free_buf_ring(ring, br, NR_BUFFERS, GROUP) : err;
}

static int restrict_(struct shim_uring *ring)
{
	struct shim_io_uring_restriction nops = {
		.opcode = SHIM_IORING_RESTRICTION_SQE_OP,
		.sqe_op = SHIM_IORING_OP_NOP,
	};
	int err = shim_uring_register_restrictions(ring, &nops, 1);

	return err ? err : shim_uring_enable_rings(ring);
}

static int workers(struct shim_uring *ring)
{
	unsigned values[2] = { 2, 3 };

	return shim_uring_register_iowq_max_workers(ring, values);
}

static int ring_fd(struct shim_uring *ring)
{
	int n = shim_uring_register_ring_fd(ring);

	if (n > 0)
		n = shim_uring_unregister_ring_fd(ring);
	return n > 0 ? 0 : n;
}

static int cancel(struct shim_uring *ring)
{
	struct shim_io_uring_sync_cancel_reg reg = { .addr = 77 };

	return shim_uring_register_sync_cancel(ring, &reg);
}

static int nop(struct shim_uring *ring, unsigned wait)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);
	struct shim_io_uring_cqe *cqe;
	int first, n;

	shim_uring_prep_nop(sqe);
	first = shim_uring_submit_and_wait(ring, wait);
	n = first < 0 ? shim_uring_submit_and_wait(ring, wait) : first;
	CHECK_EQ(n, 1);
	CHECK_EQ(shim_uring_wait_cqe(ring, &cqe), 0);
	shim_uring_cqe_seen(ring, cqe);
	return first < 0 ? first : 0;
}

static int submit(struct shim_uring *ring)
{
	return nop(ring, 0);
}

static int wait(struct shim_uring *ring)
{
	return nop(ring, 1);
}

static const struct {
	const char *name;
	int (*run)(struct shim_uring *ring);
} steps[] = {
	{ "set_up", set_up },	  { "probe", probe },
	{ "buffers", buffers },	  { "files", files },
	{ "eventfd", eventfd },	  { "personality", personality },
	{ "buf_ring", buf_ring }, { "restrict", restrict_ },
	{ "workers", workers },	  { "ring_fd", ring_fd },
	{ "cancel", cancel },	  { "submit", submit },
	{ "wait", wait },
};

static int run(const char *what)
{
	unsigned flags = same(what, "restrict") ? SHIM_IORING_SETUP_R_DISABLED
						: 0;
	struct shim_uring ring;
	int err = shim_uring_queue_init(4, &ring, flags);

	if (err)
		return err;
	err = -1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (same(steps[i].name, what))
			err = steps[i].run(&ring);
	shim_uring_queue_exit(&ring);
	return err;
}

static void each_call_fails_as_the_table_says(void)
{
	const size_t nr = sizeof(uring_faults) / sizeof(uring_faults[0]);
	int fds = open_fds(), err = run("set_up");

	if (err == -SHIM_ENOSYS || err == -SHIM_EPERM)
		SKIP("this kernel has no io_uring, or forbids it");
	CHECK_EQ(err, 0);
	for (const struct uring_faults *row = uring_faults;
	     row < uring_faults + nr; row++) {
		fail_named(row->call, row->nth, row->errno);
		err = run(row->what);
		fail_no_more();
		check_equal(err, row->want, "uring_faults",
			    (int)(row - uring_faults), row->what);
		CHECK_EQ(open_fds(), fds);
		CHECK_EQ(mapped, 0);
	}
}

static const struct check_test uring_fault_table_tests[] = {
	{ "each_call_fails_as_the_table_says",
	  each_call_fails_as_the_table_says },
};

CHECK_MAIN(uring_fault_table, uring_fault_table_tests)
