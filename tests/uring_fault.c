/* SPDX-License-Identifier: MIT */
/*
 * Set-up and tear-down on the real kernel, but the n-th call fails: nothing
 * stays open or mapped.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_util.h"
#include "znr.h"

long real_syscall(long nr, long a, long b, long c, long d, long e, long f);

static struct {
	int calls;
	int mapped;  /* mmaps without their munmaps */
	int fail_at; /* the number of the call, from 1; 0: none */
	long error;
	bool no_query; /* io_uring_register knows none */
	unsigned hidden_features;
} kernel;

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	bool undoes = nr == SHIM_NR_munmap || nr == SHIM_NR_close;
	long r;

	kernel.calls++;
	if (kernel.calls == kernel.fail_at && !undoes)
		return kernel.error;
	if (nr == SHIM_NR_io_uring_register && kernel.no_query &&
	    b == SHIM_IORING_REGISTER_QUERY)
		return -SHIM_EINVAL;
	r = real_syscall(nr, a, b, c, d, e, f);
	kernel.mapped += nr == SHIM_NR_mmap && !shim_ptr_err((void *)r);
	kernel.mapped -= nr == SHIM_NR_munmap && !r;
	if (nr == SHIM_NR_io_uring_setup && r >= 0)
		((struct shim_io_uring_params *)b)->features &=
			~kernel.hidden_features;
	/* Like close(2), which frees the descriptor, whatever it says. */
	return kernel.calls == kernel.fail_at ? kernel.error : r;
}

/* ---- What stays open and mapped, as the real kernel knows it ---- */

static int open_fds(void)
{
	int nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += real_syscall(SHIM_NR_fcntl, fd, SHIM_F_GETFD, 0, 0, 0,
				   0) >= 0;
	return nr;
}

/* Lines of /proc/self/maps that name io_uring, as only those end in "g]". */
static int mapped_rings(void)
{
	static char buf[4096];
	long fd = real_syscall(SHIM_NR_openat, SHIM_AT_FDCWD,
			       (long)"/proc/self/maps", SHIM_O_CLOEXEC, 0, 0,
			       0);
	char last[2] = "";
	int nr = 0;
	long n;

	CHECK(fd >= 0);
	while ((n = real_syscall(SHIM_NR_read, fd, (long)buf, sizeof(buf), 0, 0,
				 0)) > 0)
		for (long i = 0; i < n; i++) {
			nr += last[0] == 'g' && last[1] == ']' &&
			      buf[i] == '\n';
			last[0] = last[1];
			last[1] = buf[i];
		}
	real_syscall(SHIM_NR_close, fd, 0, 0, 0, 0, 0);
	return nr;
}

static int nop(struct shim_uring *ring)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);
	struct shim_io_uring_cqe *cqe;
	int err;

	shim_uring_prep_nop(sqe);
	err = shim_uring_submit_and_wait(ring, 1);
	if (err != 1)
		return err;
	err = shim_uring_peek_cqe(ring, &cqe);
	shim_uring_cqe_seen(ring, cqe);
	return err;
}

/*
 * Let each call of set-up and tear-down fail with error in turn, but the first:
 * it only asks what the kernel has, and goes on without. Returns how many calls
 * a set-up makes.
 */
static int fail_each_call(long error, unsigned hidden_features)
{
	int fds = open_fds(), at = 1, calls, err;
	struct shim_uring ring = { .ring_fd = -7 };

	kernel.error = error;
	kernel.hidden_features = hidden_features;
	do {
		kernel.calls = 0;
		kernel.fail_at = ++at;
		err = shim_uring_queue_init(4, &ring, 0);
		calls = kernel.calls;
		if (err) {
			CHECK_EQ(err, error);
			CHECK_EQ(ring.ring_fd, -7);
		}
		CHECK_EQ(open_fds(), fds + !err);
		CHECK_EQ(mapped_rings() > 0, !err);
	} while (err && at < 10);
	CHECK_EQ(at, calls + 1);
	kernel.fail_at = 0;
	CHECK_EQ(nop(&ring), 0);
	shim_uring_queue_exit(&ring);
	CHECK_EQ(mapped_rings(), 0);
	CHECK_EQ(open_fds(), fds);
	return calls;
}

static void a_failed_set_up_leaves_nothing(void)
{
	static const long errors[] = {
		-SHIM_ENOMEM, -SHIM_EPERM,  -SHIM_ENOSYS,
		-SHIM_EMFILE, -SHIM_EINVAL, -SHIM_EAGAIN
	};

	if (!has_io_uring())
		SKIP(NONE);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		/* A query, set-up, the rings, the SQEs. */
		CHECK_EQ(fail_each_call(errors[i], 0), 4);
		/* A kernel before 5.4 maps them one by one. */
		CHECK_EQ(fail_each_call(errors[i],
					SHIM_IORING_FEAT_SINGLE_MMAP),
			 5);
	}
	kernel.hidden_features = 0;
}

static void tear_down_ends_all_whatever_fails(void)
{
	int fds = open_fds();

	if (!has_io_uring())
		SKIP(NONE);
	for (int at = 1; at <= 3; at++) {
		struct shim_uring ring;

		CHECK_EQ(shim_uring_queue_init(4, &ring, 0), 0);
		kernel.calls = 0;
		kernel.fail_at = at;
		kernel.error = -SHIM_EINTR;
		shim_uring_queue_exit(&ring);
		CHECK_EQ(kernel.calls, 3);
		kernel.fail_at = 0;
		CHECK_EQ(mapped_rings(), 0);
		CHECK_EQ(open_fds(), fds);
	}
}

/*
 * Memory of one's own: some calls only ask about the kernel, and a set-up goes
 * on without their answer.
 */
static void a_failed_set_up_leaves_no_memory_of_its_own(void)
{
	const unsigned flags = SHIM_IORING_SETUP_NO_MMAP;
	int fds = open_fds(), mapped = kernel.mapped, calls = 0;
	struct shim_uring ring;

	if (shim_uring_queue_init(4, &ring, flags))
		SKIP("this kernel cannot set up such a ring");
	CHECK_EQ(kernel.mapped, mapped + 1);
	shim_uring_queue_exit(&ring);
	CHECK_EQ(kernel.mapped, mapped);
	for (int at = 1; at <= 8; at++) {
		int err;

		kernel.calls = 0;
		kernel.fail_at = at;
		kernel.error = -SHIM_ENOMEM;
		err = shim_uring_queue_init(4, &ring, flags);
		calls += kernel.calls < at;
		kernel.fail_at = 0;
		CHECK(!err || err == -SHIM_ENOMEM);
		CHECK_EQ(open_fds(), fds + !err);
		CHECK_EQ(kernel.mapped, mapped + !err);
		if (err)
			continue;
		CHECK_EQ(nop(&ring), 0);
		shim_uring_queue_exit(&ring);
	}
	/* Each call failed once. */
	CHECK(calls > 0);
	CHECK_EQ(kernel.mapped, mapped);
	CHECK_EQ(open_fds(), fds);
}

/* The kernel has made the rings anew, but their memory cannot be had. */
static void a_resize_that_cannot_be_mapped_keeps_the_old_memory(void)
{
	struct shim_io_uring_params p = { .sq_entries = 64 };
	int fds = open_fds(), mapped = kernel.mapped;
	struct shim_uring ring;

	for (int at = 1; at <= 3; at++) {
		struct shim_uring before;
		int err = shim_uring_queue_init(
			4, &ring,
			SHIM_IORING_SETUP_SINGLE_ISSUER |
				SHIM_IORING_SETUP_DEFER_TASKRUN);

		if (err)
			SKIP("this kernel cannot set up such a ring");
		before = ring;
		kernel.calls = 0;
		kernel.fail_at = at;
		kernel.error = -SHIM_ENOMEM;
		err = shim_uring_resize_rings(&ring, &p);
		kernel.fail_at = 0;
		if (err == -SHIM_EINVAL) {
			shim_uring_queue_exit(&ring);
			SKIP("this kernel cannot change the size");
		}
		CHECK_EQ(err, -SHIM_ENOMEM);
		CHECK_EQ(kernel.mapped, mapped + 2);
		CHECK(ring.sq.sqes == before.sq.sqes);
		CHECK(ring.cq.ring_ptr == before.cq.ring_ptr);
		shim_uring_queue_exit(&ring);
		CHECK_EQ(kernel.mapped, mapped);
		CHECK_EQ(open_fds(), fds);
	}
}

/* Nothing but the array tells whether the kernel could be asked. */
static void a_set_up_goes_on_without_an_answer(void)
{
	const unsigned no_array = SHIM_IORING_SETUP_NO_SQARRAY;
	struct shim_uring_support s;
	struct shim_uring ring;

	/* Where rings are forbidden, the kernel still says what it can. */
	CHECK_FATAL(shim_uring_probe(&s) == 0 || !has_io_uring());
	if (!has_io_uring())
		SKIP(NONE);
	for (int i = 0; i < 2; i++) {
		kernel.no_query = i;
		CHECK_FATAL(shim_uring_queue_init(4, &ring, 0) == 0);
		CHECK_EQ(ring.flags,
			 !i && s.nr_queries ? s.setup_flags & no_array : 0);
		CHECK_EQ(!ring.sq.array, ring.flags == no_array);
		for (int k = 0; k < 10; k++)
			CHECK_EQ(nop(&ring), 0);
		shim_uring_queue_exit(&ring);
	}
	kernel.no_query = false;
}

/* What came before kernels could be asked is found without asking, too. */
static void what_a_kernel_can_is_found_by_trying(void)
{
	const uint64_t old = 2 * SHIM_IORING_SETUP_HYBRID_IOPOLL - 1;
	struct shim_uring_support asked, tried;
	int fds = open_fds();

	CHECK_FATAL(shim_uring_probe(&asked) == 0 || !has_io_uring());
	if (!has_io_uring())
		SKIP(NONE);
	kernel.no_query = true;
	CHECK_EQ(shim_uring_probe(&tried), 0);
	CHECK_EQ(tried.features, asked.features);
	CHECK_EQ(tried.nr_ops, asked.nr_ops);
	CHECK_EQ(tried.setup_flags, asked.setup_flags & old);
	CHECK_EQ(tried.nr_queries, 0);
	kernel.error = -SHIM_EMFILE;
	for (int at = 2; at <= 5; at++) {
		int err;

		kernel.calls = 0;
		kernel.fail_at = at;
		err = shim_uring_probe(&tried);
		kernel.fail_at = 0;
		/* It fails unless it was a close. */
		CHECK(err == -SHIM_EMFILE || (!err && kernel.calls > at));
		CHECK_EQ(open_fds(), fds);
	}
	kernel.no_query = false;
}

static void flags_that_cannot_work_make_no_call(void)
{
	static const unsigned flags[] = { 1U << 21, 1U << 31 };
	struct shim_uring ring;

	kernel.calls = 0;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		CHECK_EQ(shim_uring_queue_init(4, &ring, flags[i]),
			 -SHIM_EINVAL);
	CHECK_EQ(kernel.calls, 0);
}

static const struct check_test uring_fault_tests[] = {
	{ "a_failed_set_up_leaves_nothing", a_failed_set_up_leaves_nothing },
	{ "tear_down_ends_all_whatever_fails",
	  tear_down_ends_all_whatever_fails },
	{ "a_failed_set_up_leaves_no_memory_of_its_own",
	  a_failed_set_up_leaves_no_memory_of_its_own },
	{ "a_resize_that_cannot_be_mapped_keeps_the_old_memory",
	  a_resize_that_cannot_be_mapped_keeps_the_old_memory },
	{ "a_set_up_goes_on_without_an_answer",
	  a_set_up_goes_on_without_an_answer },
	{ "what_a_kernel_can_is_found_by_trying",
	  what_a_kernel_can_is_found_by_trying },
	{ "flags_that_cannot_work_make_no_call",
	  flags_that_cannot_work_make_no_call },
};

CHECK_MAIN(uring_fault, uring_fault_tests)
