/* SPDX-License-Identifier: MIT */
/*
 * What a ring is told and asked since Linux 6.8, on the real kernel: what it
 * supports, buffers of other rings, clocks, waits whose arguments are
 * registered; and how buffers are read that are filled piece by piece.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_util.h"

static int nop(struct shim_uring *ring)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

	shim_uring_prep_nop(sqe);
	shim_uring_sqe_set_data64(sqe, 1);
	return result(ring, 1, NULL);
}

/* ---- What the kernel can do ---- */

static void the_kernel_says_what_it_supports(void)
{
	struct shim_uring_support s;
	struct shim_io_uring_probe probe;
	struct shim_uring ring;
	int err = shim_uring_probe(&s);

	if (err == -SHIM_ENOSYS || err == -SHIM_EPERM)
		SKIP(NONE);
	CHECK_EQ(err, 0);
	/* Where rings are forbidden, the kernel still says what it can. */
	err = shim_uring_queue_init(1, &ring, 0);
	if (err == -SHIM_EPERM)
		SKIP(NONE);
	CHECK_EQ(err, 0);
	CHECK_EQ(s.features, ring.features);
	CHECK_EQ(shim_uring_register_probe(&ring, &probe, 0), 0);
	CHECK_EQ(s.nr_ops, probe.last_op + 1);
	CHECK(!s.nr_queries || s.nr_register_ops > SHIM_IORING_REGISTER_QUERY);
	shim_uring_queue_exit(&ring);
	/* What it lacks is refused, what it has is not. */
	for (unsigned flag = SHIM_IORING_SETUP_SUBMIT_ALL;
	     flag <= SHIM_IORING_SETUP_SQ_REWIND; flag *= 2) {
		unsigned with = 0;

		if (flag == SHIM_IORING_SETUP_TASKRUN_FLAG)
			with = SHIM_IORING_SETUP_COOP_TASKRUN;
		if (flag == SHIM_IORING_SETUP_DEFER_TASKRUN)
			with = SHIM_IORING_SETUP_SINGLE_ISSUER;
		if (flag == SHIM_IORING_SETUP_REGISTERED_FD_ONLY)
			with = SHIM_IORING_SETUP_NO_MMAP;
		if (flag == SHIM_IORING_SETUP_HYBRID_IOPOLL)
			with = SHIM_IORING_SETUP_IOPOLL;
		if (flag == SHIM_IORING_SETUP_SQ_REWIND)
			with = SHIM_IORING_SETUP_NO_SQARRAY;
		err = shim_uring_queue_init(4, &ring, flag | with);
		CHECK_EQ(err, s.setup_flags & flag ? 0 : -SHIM_EINVAL);
		if (!err)
			shim_uring_queue_exit(&ring);
	}
}

/* ---- Buffers ---- */

static void buffers_of_another_ring_are_used(void)
{
	static char bytes[3][8] = { "0000000", "1111111", "2222222" };
	const struct shim_iovec iov[3] = { { bytes[0], 8 },
					   { bytes[1], 8 },
					   { bytes[2], 8 } };
	struct shim_uring a, b;
	struct shim_io_uring_sqe *sqe;
	int err, fd;

	if (no_ring(&a, 8, 0))
		SKIP(NONE);
	CHECK_EQ(no_ring(&b, 8, 0), 0);
	err = shim_uring_clone_buffers(&b, &a);
	CHECK(err == -SHIM_ENXIO || lacks(err));
	CHECK_EQ(shim_uring_register_buffers(&a, iov, 3), 0);
	err = shim_uring_clone_buffers(&b, &a);
	if (lacks(err)) {
		shim_uring_queue_exit(&a);
		shim_uring_queue_exit(&b);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(shim_uring_clone_buffers(&b, &a), -SHIM_EBUSY);
	/* They live as long as one ring has them. */
	CHECK_EQ(shim_uring_unregister_buffers(&a), 0);
	fd = (int)shim_memfd_create("newer", SHIM_MFD_CLOEXEC);
	sqe = shim_uring_get_sqe(&b);
	shim_uring_prep_write_fixed(sqe, fd, bytes[2], 4, 0, 2);
	shim_uring_sqe_set_data64(sqe, 1);
	CHECK_EQ(result(&b, 1, NULL), 4);
	/* The second of ours is the first there. */
	err = shim_uring_clone_buffers_offset(&a, &b, 0, 1, 1,
					      SHIM_IORING_REGISTER_DST_REPLACE);
	if (!lacks(err)) {
		CHECK_EQ(err, 0);
		sqe = shim_uring_get_sqe(&a);
		shim_uring_prep_write_fixed(sqe, fd, bytes[1], 4, 0, 0);
		shim_uring_sqe_set_data64(sqe, 1);
		CHECK_EQ(result(&a, 1, NULL), 4);
	}
	shim_uring_queue_exit(&a);
	shim_uring_queue_exit(&b);
	shim_close(fd);
}

enum { GROUP = 3, BUFS = 4, LEN = 64 };

/* Two short messages share a buffer that is taken piece by piece. */
static void receive_pieces(struct shim_uring *ring,
			   struct shim_io_uring_buf_ring *br, char *buf,
			   const int pair[2])
{
	struct shim_io_uring_cqe cqe = { 0 };
	struct shim_io_uring_sqe *sqe;

	shim_uring_buf_ring_add(br, buf, LEN, 0, shim_uring_buf_ring_mask(BUFS),
				0);
	shim_uring_buf_ring_advance(br, 1);
	CHECK_EQ(shim_uring_buf_ring_available(ring, br, GROUP), 1);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(shim_write(pair[1], i ? "def" : "abc", 3), 3);
		sqe = shim_uring_get_sqe(ring);
		shim_uring_prep_recv(sqe, pair[0], NULL, 0, 0);
		shim_uring_sqe_set_buf_group(sqe, GROUP);
		shim_uring_sqe_set_data64(sqe, 5);
		CHECK_EQ(result(ring, 5, &cqe.flags), 3);
		CHECK_EQ(shim_uring_cqe_buf(&cqe), 0);
		CHECK_EQ(shim_uring_cqe_buf_more(&cqe), 1);
	}
	for (int i = 0; i < 6; i++)
		CHECK_EQ(buf[i], 'a' + i);
	CHECK_EQ(shim_uring_buf_ring_available(ring, br, GROUP), 1);
}

static void a_buffer_is_filled_piece_by_piece(void)
{
	static char buf[LEN];
	struct shim_io_uring_buf_ring *br;
	struct shim_uring ring;
	int err = 0, pair[2];

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	br = shim_uring_setup_buf_ring(&ring, BUFS, GROUP,
				       SHIM_IOU_PBUF_RING_INC, &err);
	if (!br && lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_FATAL(br != NULL);
	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, pair),
		 0);
	receive_pieces(&ring, br, buf, pair);
	CHECK_EQ(shim_uring_free_buf_ring(&ring, br, BUFS, GROUP), 0);
	shim_uring_queue_exit(&ring);
	shim_close(pair[0]);
	shim_close(pair[1]);
}

static void the_kernel_has_the_memory_of_a_buffer_ring(void)
{
	static char buf[LEN];
	struct shim_io_uring_buf_ring *br;
	struct shim_io_uring_sqe *sqe;
	struct shim_uring ring;
	int err = 0, pair[2];

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	br = shim_uring_setup_buf_ring(&ring, BUFS, GROUP,
				       SHIM_IOU_PBUF_RING_MMAP, &err);
	if (!br && (lacks(err) || err == -SHIM_EFAULT)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_FATAL(br != NULL);
	CHECK_EQ(shim_pipe2(pair, SHIM_O_CLOEXEC), 0);
	CHECK_EQ(shim_write(pair[1], "x", 1), 1);
	shim_uring_buf_ring_add(br, buf, LEN, 9, shim_uring_buf_ring_mask(BUFS),
				0);
	shim_uring_buf_ring_advance(br, 1);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_read(sqe, pair[0], NULL, LEN, 0);
	shim_uring_sqe_set_buf_group(sqe, GROUP);
	shim_uring_sqe_set_data64(sqe, 6);
	CHECK_EQ(result(&ring, 6, NULL), 1);
	CHECK_EQ(buf[0], 'x');
	CHECK_EQ(shim_uring_free_buf_ring(&ring, br, BUFS, GROUP), 0);
	shim_uring_queue_exit(&ring);
	shim_close(pair[0]);
	shim_close(pair[1]);
}

/* ---- Waiting ---- */

static void a_wait_has_the_clock_that_was_registered(void)
{
	struct shim_io_uring_clock_register clock = { SHIM_CLOCK_BOOTTIME,
						      { 0 } };
	const struct shim_timespec soon = { 0, 1000 };
	struct shim_io_uring_cqe *cqe;
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	err = shim_uring_register_clock(&ring, &clock);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(shim_uring_wait_cqe_timeout(&ring, &cqe, &soon), -SHIM_ETIME);
	clock.clockid = SHIM_CLOCK_REALTIME;
	CHECK_EQ(shim_uring_register_clock(&ring, &clock), -SHIM_EINVAL);
	shim_uring_queue_exit(&ring);
}

enum { PAGES = 65536, WAITS = PAGES / sizeof(struct shim_io_uring_reg_wait) };

static void a_wait_takes_registered_arguments(void)
{
	struct shim_io_uring_reg_wait *waits;
	struct shim_io_uring_cqe *cqe;
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 8, SHIM_IORING_SETUP_R_DISABLED))
		SKIP(NONE);
	waits = shim_mmap(NULL, PAGES, SHIM_PROT_READ | SHIM_PROT_WRITE,
			  SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(shim_ptr_err(waits), 0);
	err = shim_uring_register_wait_reg(&ring, waits, WAITS);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		shim_munmap(waits, PAGES);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(shim_uring_register_wait_reg(&ring, waits, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_uring_enable_rings(&ring), 0);
	waits[3].ts.tv_nsec = 1000;
	waits[3].flags = SHIM_IORING_REG_WAIT_TS;
	waits[WAITS - 1].ts = deadline;
	waits[WAITS - 1].flags = SHIM_IORING_REG_WAIT_TS;
	CHECK_EQ(shim_uring_submit_and_wait_reg(&ring, &cqe, 1, 3),
		 -SHIM_ETIME);
	CHECK(!cqe);
	shim_uring_prep_nop(shim_uring_get_sqe(&ring));
	CHECK_EQ(shim_uring_submit_and_wait_reg(&ring, &cqe, 1, WAITS - 1), 1);
	CHECK(cqe && !cqe->res);
	shim_uring_cqe_seen(&ring, cqe);
	CHECK(shim_uring_submit_and_wait_reg(&ring, &cqe, 1, WAITS) < 0);
	CHECK(shim_uring_submit_and_wait_reg(&ring, &cqe, 1, -1) < 0);
	shim_uring_queue_exit(&ring);
	shim_munmap(waits, PAGES);
}

static volatile int signals;

static void count_signal(int sig)
{
	signals += sig == SHIM_SIGUSR1;
}

static void a_wait_has_its_own_signal_mask(void)
{
	const struct shim_sigaction action = {
		.handler = (void *)(uintptr_t)count_signal,
		.flags = SHIM_SA_RESTORER,
		.restorer = (void *)(uintptr_t)shim_rt_sigreturn,
	};
	const uint64_t usr1 = 1ull << (SHIM_SIGUSR1 - 1), none = 0;
	const struct shim_timespec soon = { 0, 1000 };
	struct shim_sigaction old_action;
	struct shim_io_uring_cqe *cqe;
	struct shim_uring ring;
	uint64_t old;
	int n;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &action, &old_action), 0);
	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_BLOCK, &usr1, &old), 0);
	CHECK_EQ(shim_tgkill((int)shim_getpid(), (int)shim_gettid(),
			     SHIM_SIGUSR1),
		 0);
	/* It waits behind the mask of the thread... */
	CHECK_EQ(shim_uring_wait_cqes(&ring, &cqe, 1, &soon, NULL),
		 -SHIM_ETIME);
	CHECK_EQ(signals, 0);
	/* ... not behind that of the wait. */
	n = shim_uring_wait_cqes(&ring, &cqe, 1, &deadline, &none);
	CHECK_EQ(n, -SHIM_EINTR);
	CHECK(!cqe);
	CHECK_EQ(signals, 1);
	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_SETMASK, &old, NULL), 0);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &old_action, NULL), 0);
	shim_uring_queue_exit(&ring);
}

static void a_wait_need_not_look_like_one_for_a_disk(void)
{
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	err = shim_uring_set_iowait(&ring, 0);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK(ring.int_flags & SHIM_URING_INT_NO_IOWAIT);
	CHECK_EQ(nop(&ring), 0);
	CHECK_EQ(shim_uring_set_iowait(&ring, 1), 0);
	CHECK(!(ring.int_flags & SHIM_URING_INT_NO_IOWAIT));
	CHECK_EQ(nop(&ring), 0);
	shim_uring_queue_exit(&ring);
}

static void busy_polling_is_switched_on_and_off(void)
{
	struct shim_io_uring_napi napi = { .busy_poll_to = 50 };
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	err = shim_uring_register_napi(&ring, &napi);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(napi.busy_poll_to, 0);
	CHECK_EQ(nop(&ring), 0);
	CHECK_EQ(shim_uring_unregister_napi(&ring, &napi), 0);
	CHECK_EQ(napi.busy_poll_to, 50);
	shim_uring_queue_exit(&ring);
}

static void an_eventfd_counts_when_it_is_asked_to(void)
{
	struct shim_uring ring;
	uint64_t count = 0;
	int fd;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	fd = (int)shim_eventfd2(0, SHIM_EFD_NONBLOCK | SHIM_EFD_CLOEXEC);
	CHECK_EQ(shim_uring_register_eventfd(&ring, fd), 0);
	CHECK_EQ(shim_uring_cq_eventfd_enabled(&ring), 1);
	CHECK_EQ(shim_uring_cq_eventfd_toggle(&ring, 0), 0);
	CHECK_EQ(shim_uring_cq_eventfd_enabled(&ring), 0);
	CHECK_EQ(nop(&ring), 0);
	CHECK_EQ(shim_read(fd, &count, 8), -SHIM_EAGAIN);
	CHECK_EQ(shim_uring_cq_eventfd_toggle(&ring, 1), 0);
	CHECK_EQ(nop(&ring), 0);
	CHECK_EQ(shim_read(fd, &count, 8), 8);
	CHECK_EQ(count, 1);
	shim_uring_queue_exit(&ring);
	shim_close(fd);
}

/* ---- Without a ring ---- */

static void a_message_needs_no_ring_to_come_from(void)
{
	struct shim_io_uring_sqe sqe = { 0 };
	struct shim_uring ring;
	uint32_t flags;
	int err;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	shim_uring_prep_msg_ring(&sqe, ring.ring_fd, 42, 77, 0);
	err = shim_uring_register_sync_msg(&sqe);
	if (lacks_ringless(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(result(&ring, 77, &flags), 42);
	shim_uring_queue_exit(&ring);
}

#define TEST(name)          \
	{                   \
#name, name \
	}

static const struct check_test uring_newer_tests[] = {
	TEST(the_kernel_says_what_it_supports),
	TEST(buffers_of_another_ring_are_used),
	TEST(a_buffer_is_filled_piece_by_piece),
	TEST(the_kernel_has_the_memory_of_a_buffer_ring),
	TEST(a_wait_has_the_clock_that_was_registered),
	TEST(a_wait_takes_registered_arguments),
	TEST(a_wait_has_its_own_signal_mask),
	TEST(a_wait_need_not_look_like_one_for_a_disk),
	TEST(busy_polling_is_switched_on_and_off),
	TEST(an_eventfd_counts_when_it_is_asked_to),
	TEST(a_message_needs_no_ring_to_come_from),
};

CHECK_MAIN(uring_newer, uring_newer_tests)
