/* SPDX-License-Identifier: MIT */
/*
 * Rings of every kind on the real kernel: each set-up flag that the library
 * knows does the same work; and what the shared table leaves out.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_util.h"

#define DEFER \
	(SHIM_IORING_SETUP_SINGLE_ISSUER | SHIM_IORING_SETUP_DEFER_TASKRUN)

static void put_nops(struct shim_uring *ring, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct shim_io_uring_sqe *sqe;

		/* SQPOLL's thread may complete an SQE before it frees it. */
		CHECK(shim_uring_sqring_wait(ring) >= 0);
		sqe = shim_uring_get_sqe(ring);
		if (!CHECK(sqe != NULL))
			return;
		shim_uring_prep_nop(sqe);
		shim_uring_sqe_set_data64(sqe, (uint64_t)i);
	}
}

/* Twice around the queues, all SQEs at once. */
static void work(struct shim_uring *ring)
{
	struct shim_io_uring_cqe *cqe;

	for (int round = 0; round < 4; round++) {
		put_nops(ring, 4);
		CHECK_EQ(shim_uring_submit_and_wait(ring, 4), 4);
		for (uint64_t i = 0; i < 4; i++) {
			if (!CHECK_EQ(shim_uring_wait_cqe(ring, &cqe), 0))
				return;
			CHECK_EQ(cqe->user_data, i);
			CHECK_EQ(cqe->res, 0);
			shim_uring_cqe_seen(ring, cqe);
		}
	}
	CHECK_EQ(shim_uring_peek_cqe(ring, &cqe), -SHIM_EAGAIN);
}

static const struct {
	const char *name;
	unsigned flags;
} modes[] = {
	{ "plain", 0 },
	{ "CLAMP", SHIM_IORING_SETUP_CLAMP },
	{ "SUBMIT_ALL", SHIM_IORING_SETUP_SUBMIT_ALL },
	{ "COOP_TASKRUN", SHIM_IORING_SETUP_COOP_TASKRUN },
	{ "COOP_TASKRUN, TASKRUN_FLAG",
	  SHIM_IORING_SETUP_COOP_TASKRUN | SHIM_IORING_SETUP_TASKRUN_FLAG },
	{ "SQE128", SHIM_IORING_SETUP_SQE128 },
	{ "CQE32", SHIM_IORING_SETUP_CQE32 },
	{ "SQE128, CQE32", SHIM_IORING_SETUP_SQE128 | SHIM_IORING_SETUP_CQE32 },
	{ "SINGLE_ISSUER", SHIM_IORING_SETUP_SINGLE_ISSUER },
	{ "DEFER_TASKRUN", DEFER },
	{ "DEFER_TASKRUN, TASKRUN_FLAG",
	  DEFER | SHIM_IORING_SETUP_TASKRUN_FLAG },
	{ "NO_SQARRAY", SHIM_IORING_SETUP_NO_SQARRAY },
	{ "SQPOLL", SHIM_IORING_SETUP_SQPOLL },
	{ "NO_SQARRAY, SQE128, CQE32, DEFER_TASKRUN",
	  SHIM_IORING_SETUP_NO_SQARRAY | SHIM_IORING_SETUP_SQE128 |
		  SHIM_IORING_SETUP_CQE32 | DEFER },
};

static void every_mode_does_the_same_work(void)
{
	struct shim_uring ring;
	int done = 0;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (no_ring(&ring, 4, modes[i].flags))
			continue;
		check_case(modes[i].name);
		CHECK_EQ(ring.flags & modes[i].flags, modes[i].flags);
		/* The library sets one of them by itself. */
		CHECK_EQ(ring.flags & ~modes[i].flags &
				 ~(unsigned)SHIM_IORING_SETUP_NO_SQARRAY,
			 0);
		CHECK_EQ(!ring.sq.array,
			 !!(ring.flags & SHIM_IORING_SETUP_NO_SQARRAY));
		work(&ring);
		shim_uring_queue_exit(&ring);
		done++;
	}
	check_case("");
	if (!done)
		SKIP(NONE);
}

static void params_choose_the_completion_queue(void)
{
	struct shim_io_uring_params p = { 0 };
	struct shim_uring ring;

	if (no_ring(&ring, 1, 0))
		SKIP(NONE);
	shim_uring_queue_exit(&ring);
	p.flags = SHIM_IORING_SETUP_CQSIZE;
	p.cq_entries = 64;
	CHECK_EQ(shim_uring_queue_init_params(4, &ring, &p), 0);
	CHECK_EQ(ring.sq.ring_entries, 4);
	CHECK_EQ(ring.cq.ring_entries, 64);
	CHECK_EQ(ring.cq.ring_mask, 63);
	CHECK_EQ(ring.features, p.features);
	CHECK_EQ(ring.flags, p.flags);
	shim_uring_queue_exit(&ring);
}

/* So many more than fit that the kernel must keep some for us. */
static void an_overflow_is_seen_and_flushed(void)
{
	struct shim_uring ring;
	struct shim_io_uring_cqe *cqes[8];
	unsigned got = 0, n;

	if (no_ring(&ring, 2, 0))
		SKIP(NONE);
	for (int i = 0; i < 4; i++) {
		put_nops(&ring, 2);
		CHECK_EQ(shim_uring_submit(&ring), 2);
	}
	CHECK(shim_uring_cq_has_overflow(&ring));
	while ((n = shim_uring_peek_batch_cqe(&ring, cqes, 8))) {
		got += n;
		shim_uring_cq_advance(&ring, n);
	}
	CHECK_EQ(got, 8);
	CHECK(!shim_uring_cq_has_overflow(&ring));
	shim_uring_queue_exit(&ring);
}

static void waits_with_a_time(struct shim_uring *ring)
{
	const struct shim_timespec ms = { 0, 1000000 };
	struct shim_io_uring_cqe *cqe;

	CHECK_EQ(shim_uring_wait_cqe_timeout(ring, &cqe, &ms), -SHIM_ETIME);
	CHECK(!cqe);
	CHECK_EQ(shim_uring_submit_and_wait_timeout(ring, &cqe, 1, &ms, NULL),
		 -SHIM_ETIME);
	CHECK(!cqe);
	put_nops(ring, 2);
	CHECK_EQ(shim_uring_submit_and_wait_timeout(ring, &cqe, 2, &deadline,
						    NULL),
		 2);
	CHECK_FATAL(cqe);
	CHECK_EQ(cqe->user_data, 0);
	shim_uring_cqe_seen(ring, cqe);
	CHECK_EQ(shim_uring_wait_cqes(ring, &cqe, 1, &deadline, NULL), 0);
	CHECK_FATAL(cqe);
	CHECK_EQ(cqe->user_data, 1);
	shim_uring_cqe_seen(ring, cqe);
}

static void timed_waits_end_with_and_without_ext_arg(void)
{
	struct shim_uring ring;

	if (no_ring(&ring, 4, 0))
		SKIP(NONE);
	waits_with_a_time(&ring);
	/* As if the kernel were older than 5.11. */
	ring.features &= ~(unsigned)SHIM_IORING_FEAT_EXT_ARG;
	waits_with_a_time(&ring);
	shim_uring_queue_exit(&ring);
}

static void deferred_work_is_reaped_without_waiting(void)
{
	struct shim_uring ring;
	struct shim_io_uring_cqe *cqe;
	struct shim_io_uring_sqe *sqe;
	int pair[2];
	char c = 0;

	if (no_ring(&ring, 4, DEFER))
		SKIP("this kernel has no DEFER_TASKRUN");
	/* To read a pipe, Linux 6.1 takes a thread, which is not deferred. */
	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, pair),
		 0);
	for (int i = 0; i < 2; i++) {
		sqe = shim_uring_get_sqe(&ring);
		shim_uring_prep_read(sqe, pair[0], &c, 1, 0);
		CHECK_EQ(shim_uring_submit(&ring), 1);
		CHECK_EQ(shim_write(pair[1], "x", 1), 1);
		CHECK_EQ(shim_uring_cq_ready(&ring), 0);
		if (i) {
			CHECK_EQ(shim_uring_submit_and_get_events(&ring), 0);
			CHECK_EQ(shim_uring_cq_ready(&ring), 1);
		}
		CHECK_EQ(shim_uring_peek_cqe(&ring, &cqe), 0);
		CHECK_FATAL(cqe);
		CHECK_EQ(cqe->res, 1);
		CHECK_EQ(c, 'x');
		shim_uring_cqe_seen(&ring, cqe);
	}
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(pair[0]), 0);
	CHECK_EQ(shim_close(pair[1]), 0);
}

static void a_disabled_ring_starts_when_enabled(void)
{
	struct shim_uring ring;

	if (no_ring(&ring, 4, SHIM_IORING_SETUP_R_DISABLED))
		SKIP(NONE);
	put_nops(&ring, 1);
	CHECK_EQ(shim_uring_submit(&ring), -SHIM_EBADFD);
	CHECK_EQ(shim_uring_enable_rings(&ring), 0);
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 1), 1);
	CHECK_EQ(shim_uring_cq_ready(&ring), 1);
	CHECK_EQ(shim_uring_enable_rings(&ring), -SHIM_EBADFD);
	shim_uring_queue_exit(&ring);
}

static void an_eventfd_counts_completions(void)
{
	struct shim_uring ring;
	uint64_t count = 0;
	int fd;

	if (no_ring(&ring, 4, 0))
		SKIP(NONE);
	fd = (int)shim_eventfd2(0, SHIM_EFD_CLOEXEC | SHIM_EFD_NONBLOCK);
	CHECK(fd >= 0);
	CHECK_EQ(shim_uring_unregister_eventfd(&ring), -SHIM_ENXIO);
	CHECK_EQ(shim_uring_register_eventfd(&ring, fd), 0);
	CHECK_EQ(shim_uring_register_eventfd(&ring, fd), -SHIM_EBUSY);
	put_nops(&ring, 3);
	CHECK_EQ(shim_uring_submit(&ring), 3);
	CHECK_EQ(shim_read(fd, &count, sizeof(count)), sizeof(count));
	CHECK(count >= 1 && count <= 3);
	CHECK_EQ(shim_uring_unregister_eventfd(&ring), 0);
	put_nops(&ring, 1);
	CHECK_EQ(shim_uring_submit(&ring), 1);
	CHECK_EQ(shim_read(fd, &count, sizeof(count)), -SHIM_EAGAIN);
	CHECK_EQ(shim_close(fd), 0);
	shim_uring_queue_exit(&ring);
}

static void a_probe_knows_the_opcodes(void)
{
	union {
		struct shim_io_uring_probe probe;
		char room[SHIM_URING_PROBE_SIZE(256)];
	} u;
	struct shim_uring ring;

	if (no_ring(&ring, 1, 0))
		SKIP(NONE);
	for (size_t i = 0; i < sizeof(u.room); i++)
		u.room[i] = 'x';
	CHECK_EQ(shim_uring_register_probe(&ring, &u.probe, 256), 0);
	for (int op = SHIM_IORING_OP_NOP; op <= SHIM_IORING_OP_TEE; op++)
		CHECK_EQ(shim_uring_opcode_supported(&u.probe, op), 1);
	CHECK_EQ(shim_uring_opcode_supported(&u.probe, -1), 0);
	CHECK_EQ(shim_uring_opcode_supported(&u.probe, 255), 0);
	CHECK_EQ(shim_uring_opcode_supported(&u.probe, 256), 0);
	CHECK_EQ(shim_uring_register_probe(&ring, &u.probe, 4), 0);
	CHECK_EQ(shim_uring_opcode_supported(&u.probe, 3), 1);
	CHECK_EQ(shim_uring_opcode_supported(&u.probe, 4), 0);
	shim_uring_queue_exit(&ring);
}

/* Two receives on one socket end with one cancel of its descriptor. */
static void cancel_fd_ends_all_on_it(void)
{
	struct shim_uring ring;
	struct shim_io_uring_cqe *cqe;
	struct shim_io_uring_sqe *sqe;
	static char buf[2];
	int pair[2], cancelled = 0;

	if (no_ring(&ring, 4, 0))
		SKIP(NONE);
	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, pair),
		 0);
	for (int i = 0; i < 3; i++) {
		sqe = shim_uring_get_sqe(&ring);
		if (i < 2)
			shim_uring_prep_recv(sqe, pair[0], &buf[i], 1, 0);
		else
			shim_uring_prep_cancel_fd(sqe, pair[0],
						  SHIM_IORING_ASYNC_CANCEL_ALL);
		shim_uring_sqe_set_data(sqe, i < 2 ? &buf[i] : NULL);
	}
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 1), 3);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(shim_uring_wait_cqe_timeout(&ring, &cqe, &deadline),
			 0);
		CHECK_FATAL(cqe);
		if (shim_uring_cqe_get_data(cqe))
			cancelled += cqe->res == -SHIM_ECANCELED;
		else if (cqe->res == -SHIM_EINVAL)
			cancelled = -2; /* before 5.19 */
		else
			CHECK_EQ(cqe->res, 2);
		if (cancelled < 0)
			break;
		shim_uring_cqe_seen(&ring, cqe);
	}
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(pair[0]), 0);
	CHECK_EQ(shim_close(pair[1]), 0);
	if (cancelled < 0)
		SKIP("this kernel cannot cancel by descriptor");
	CHECK_EQ(cancelled, 2);
}

static void linked_requests_keep_their_order(void)
{
	struct shim_uring ring;
	struct shim_io_uring_cqe *cqes[2];
	struct shim_io_uring_sqe *sqe;
	char buf[4] = "";
	int pipe[2];

	if (no_ring(&ring, 4, 0))
		SKIP(NONE);
	CHECK_EQ(shim_pipe2(pipe, SHIM_O_CLOEXEC), 0);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_write(sqe, pipe[1], "one", 3, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_IO_LINK);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_read(sqe, pipe[0], buf, 4, 0);
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 2), 2);
	CHECK_EQ(shim_uring_peek_batch_cqe(&ring, cqes, 2), 2);
	CHECK_EQ(cqes[0]->res, 3);
	CHECK_EQ(cqes[1]->res, 3);
	CHECK_EQ(buf[2], 'e');
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(pipe[0]), 0);
	CHECK_EQ(shim_close(pipe[1]), 0);
}

/* One is there, and the second never comes: the minute must not be over. */
static void one_completion_is_enough_after_the_least_time(void)
{
	struct shim_uring ring;
	struct shim_io_uring_cqe *cqe;
	int has;

	if (no_ring(&ring, 2, 0))
		SKIP(NONE);
	has = (ring.features & SHIM_IORING_FEAT_MIN_TIMEOUT) != 0;
	put_nops(&ring, 1);
	CHECK_EQ(shim_uring_submit_and_wait_min_timeout(&ring, &cqe, 2,
							&deadline, 1000, NULL),
		 has ? 1 : -SHIM_EINVAL);
	CHECK_EQ(cqe != NULL, has);
	CHECK_EQ(shim_uring_wait_cqes_min_timeout(&ring, &cqe, 2, &deadline,
						  1000, NULL),
		 has ? 0 : -SHIM_EINVAL);
	CHECK_EQ(cqe != NULL, has);
	CHECK_EQ(shim_uring_cq_ready(&ring), has);
	shim_uring_queue_exit(&ring);
}

/* Without any the time counts from the beginning. */
static void the_least_time_does_not_make_the_wait_longer(void)
{
	const struct shim_timespec ts = { 0, 2000000 };
	struct shim_uring ring;
	struct shim_io_uring_cqe *cqe;

	if (no_ring(&ring, 2, 0))
		SKIP(NONE);
	CHECK_EQ(shim_uring_wait_cqes_min_timeout(&ring, &cqe, 2, &ts, 1000,
						  NULL),
		 ring.features & SHIM_IORING_FEAT_MIN_TIMEOUT ? -SHIM_ETIME
							      : -SHIM_EINVAL);
	CHECK(!cqe);
	shim_uring_queue_exit(&ring);
}

static const struct check_test uring_modes_tests[] = {
	{ "every_mode_does_the_same_work", every_mode_does_the_same_work },
	{ "params_choose_the_completion_queue",
	  params_choose_the_completion_queue },
	{ "an_overflow_is_seen_and_flushed", an_overflow_is_seen_and_flushed },
	{ "timed_waits_end_with_and_without_ext_arg",
	  timed_waits_end_with_and_without_ext_arg },
	{ "deferred_work_is_reaped_without_waiting",
	  deferred_work_is_reaped_without_waiting },
	{ "a_disabled_ring_starts_when_enabled",
	  a_disabled_ring_starts_when_enabled },
	{ "an_eventfd_counts_completions", an_eventfd_counts_completions },
	{ "a_probe_knows_the_opcodes", a_probe_knows_the_opcodes },
	{ "cancel_fd_ends_all_on_it", cancel_fd_ends_all_on_it },
	{ "linked_requests_keep_their_order",
	  linked_requests_keep_their_order },
	{ "one_completion_is_enough_after_the_least_time",
	  one_completion_is_enough_after_the_least_time },
	{ "the_least_time_does_not_make_the_wait_longer",
	  the_least_time_does_not_make_the_wait_longer },
};

CHECK_MAIN(uring_modes, uring_modes_tests)
