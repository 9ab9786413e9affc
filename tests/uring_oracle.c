/* SPDX-License-Identifier: MIT */
/*
 * liburing as the judge: the same layouts, the same SQEs byte by byte, and
 * rings that one library sets up and the other drives.
 */
#include <liburing.h>
#include <string.h>

#include <shim/uring.h>

#include "check.h"

#define NONE "this kernel has no io_uring, or forbids it"

static struct io_uring *theirs(struct shim_uring *ring)
{
	return (struct io_uring *)(void *)ring;
}

static struct shim_uring *ours(struct io_uring *ring)
{
	return (struct shim_uring *)(void *)ring;
}

#define SAME_SIZE(a, b) CHECK_EQ(sizeof(struct a), sizeof(struct b))
#define SAME_FIELD(a, b, field)                           \
	do {                                              \
		CHECK_EQ(offsetof(struct a, field),       \
			 offsetof(struct b, field));      \
		CHECK_EQ(sizeof(((struct a *)0)->field),  \
			 sizeof(((struct b *)0)->field)); \
	} while (0)
#define SQ(field) SAME_FIELD(shim_uring_sq, io_uring_sq, field)
#define CQ(field) SAME_FIELD(shim_uring_cq, io_uring_cq, field)
#define RING(field) SAME_FIELD(shim_uring, io_uring, field)

static void submission_queues_are_liburings(void)
{
	SAME_SIZE(shim_uring_sq, io_uring_sq);
	SQ(khead);
	SQ(ktail);
	SQ(kring_mask);
	SQ(kring_entries);
	SQ(kflags);
	SQ(kdropped);
	SQ(array);
	SQ(sqes);
	SQ(sqe_head);
	SQ(sqe_tail);
	SQ(ring_sz);
	SQ(ring_ptr);
	SQ(ring_mask);
	SQ(ring_entries);
	/* A part of liburing's pad until 2.14. */
	CHECK_EQ(offsetof(struct shim_uring_sq, sqes_sz),
		 offsetof(struct io_uring_sq, ring_entries) + sizeof(unsigned));
}

static void completion_queues_are_liburings(void)
{
	SAME_SIZE(shim_uring_cq, io_uring_cq);
	CQ(khead);
	CQ(ktail);
	CQ(kring_mask);
	CQ(kring_entries);
	CQ(kflags);
	CQ(koverflow);
	CQ(cqes);
	CQ(ring_sz);
	CQ(ring_ptr);
	CQ(ring_mask);
	CQ(ring_entries);
	CQ(pad);
}

static void rings_are_liburings(void)
{
	SAME_SIZE(shim_uring, io_uring);
	RING(sq);
	RING(cq);
	RING(flags);
	RING(ring_fd);
	RING(features);
	RING(enter_ring_fd);
	RING(int_flags);
	RING(pad);
	RING(pad2);
	SAME_SIZE(shim_io_uring_params, io_uring_params);
	SAME_SIZE(shim_io_uring_getevents_arg, io_uring_getevents_arg);
	SAME_SIZE(shim_timespec, __kernel_timespec);
}

#ifdef IO_URING_VERSION_MAJOR
#define LIBURING (100 * IO_URING_VERSION_MAJOR + IO_URING_VERSION_MINOR)
#else
#define LIBURING 203
#endif

#define AT(n) ((void *)(uintptr_t)(0x700000000 + (n)))

/*
 * Ours has to set every byte but user_data, unless it only changes an SQE.
 * liburing's is cleared first, for newer ones leave that to io_uring_get_sqe().
 */
#define SAME_SQE(before, prep, ...)                                        \
	do {                                                               \
		struct shim_io_uring_sqe a;                                \
		struct io_uring_sqe b;                                     \
                                                                           \
		memset(&a, before, sizeof(a));                             \
		memset(&b, 0, sizeof(b));                                  \
		b.user_data = a.user_data;                                 \
		shim_uring_prep_##prep(&a, ##__VA_ARGS__);                 \
		io_uring_prep_##prep(&b, ##__VA_ARGS__);                   \
		check_note(!memcmp(&a, &b, sizeof(b)), __FILE__, __LINE__, \
			   #prep);                                         \
	} while (0);

static void sqes_are_liburings(void)
{
#define PREP(name, words, ...) SAME_SQE(0xa5, name, ##__VA_ARGS__)
#define CHANGE(name, words, ...) SAME_SQE(0, name, ##__VA_ARGS__)
#include "zuring_prep.h"
}

/* Eight nops, each library in its turn doing the step that a bit names. */
static void share_work(struct io_uring *ring, unsigned turn)
{
	for (uint64_t i = 0; i < 8; i++, turn++) {
		struct io_uring_cqe *cqe = NULL;
		struct shim_io_uring_cqe *our_cqe = NULL;

		if (turn & 1) {
			struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

			io_uring_prep_nop(sqe);
			io_uring_sqe_set_data64(sqe, i);
		} else {
			struct shim_io_uring_sqe *sqe =
				shim_uring_get_sqe(ours(ring));

			shim_uring_prep_nop(sqe);
			shim_uring_sqe_set_data64(sqe, i);
		}
		if (turn & 2)
			CHECK_EQ(io_uring_submit_and_wait(ring, 1), 1);
		else
			CHECK_EQ(shim_uring_submit_and_wait(ours(ring), 1), 1);
		if (turn & 4) {
			CHECK_EQ(io_uring_peek_cqe(ring, &cqe), 0);
			CHECK(cqe && cqe->user_data == i);
			io_uring_cqe_seen(ring, cqe);
		} else {
			CHECK_EQ(shim_uring_peek_cqe(ours(ring), &our_cqe), 0);
			CHECK(our_cqe && our_cqe->user_data == i);
			shim_uring_cqe_seen(ours(ring), our_cqe);
		}
		CHECK_EQ(shim_uring_sq_space_left(ours(ring)),
			 io_uring_sq_space_left(ring));
		CHECK_EQ(io_uring_cq_ready(ring), 0);
	}
}

static void one_ring_serves_both(void)
{
	struct shim_uring ring;
	struct io_uring their_ring;
	int err = io_uring_queue_init(4, &their_ring, 0);

	if (err == -ENOSYS || err == -EPERM)
		SKIP(NONE);
	CHECK_FATAL(!err);
	share_work(&their_ring, 0);
	shim_uring_queue_exit(ours(&their_ring));
	CHECK_EQ(shim_uring_queue_init(4, &ring, 0), 0);
	share_work(theirs(&ring), 5);
	io_uring_queue_exit(theirs(&ring));
}

static void set_up_errors_are_liburings(void)
{
	static const struct {
		unsigned entries, flags;
	} rows[] = {
		{ 0, 0 },
		{ 40000, 0 },
		{ 4, 1U << 31 },
		{ 4, IORING_SETUP_SQ_AFF },
		{ 4, IORING_SETUP_CQSIZE },
		{ 4, IORING_SETUP_DEFER_TASKRUN },
		{ 4, IORING_SETUP_TASKRUN_FLAG },
		{ 4, IORING_SETUP_ATTACH_WQ },
	};
	struct shim_uring ring;
	struct io_uring their_ring;
	int err = io_uring_queue_init(4, &their_ring, 0);

	if (err == -ENOSYS || err == -EPERM)
		SKIP(NONE);
	CHECK_FATAL(!err);
	io_uring_queue_exit(&their_ring);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = shim_uring_queue_init(rows[i].entries, &ring,
					    rows[i].flags);
		CHECK(err < 0);
		CHECK_EQ(err, io_uring_queue_init(rows[i].entries, &their_ring,
						  rows[i].flags));
	}
}

static void waiting_results_are_liburings(void)
{
	const struct shim_timespec ts = { 0, 1000 };
	struct __kernel_timespec their_ts = { 0, 1000 };
	struct shim_io_uring_cqe *cqe;
	struct io_uring_cqe *their_cqe;
	struct io_uring ring;
	int err = io_uring_queue_init(4, &ring, 0);

	if (err == -ENOSYS || err == -EPERM)
		SKIP(NONE);
	CHECK_FATAL(!err);
	CHECK_EQ(shim_uring_peek_cqe(ours(&ring), &cqe),
		 io_uring_peek_cqe(&ring, &their_cqe));
	CHECK_EQ(shim_uring_wait_cqe_timeout(ours(&ring), &cqe, &ts),
		 io_uring_wait_cqe_timeout(&ring, &their_cqe, &their_ts));
	CHECK_EQ(shim_uring_submit(ours(&ring)), io_uring_submit(&ring));
	CHECK_EQ(shim_uring_submit_and_wait_timeout(ours(&ring), &cqe, 1, &ts,
						    NULL),
		 io_uring_submit_and_wait_timeout(&ring, &their_cqe, 1,
						  &their_ts, NULL));
	io_uring_queue_exit(&ring);
}

static const struct check_test uring_oracle_tests[] = {
	{ "submission_queues_are_liburings", submission_queues_are_liburings },
	{ "completion_queues_are_liburings", completion_queues_are_liburings },
	{ "rings_are_liburings", rings_are_liburings },
	{ "sqes_are_liburings", sqes_are_liburings },
	{ "one_ring_serves_both", one_ring_serves_both },
	{ "set_up_errors_are_liburings", set_up_errors_are_liburings },
	{ "waiting_results_are_liburings", waiting_results_are_liburings },
};

CHECK_MAIN(uring_oracle, uring_oracle_tests)
