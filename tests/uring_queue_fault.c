/* SPDX-License-Identifier: MIT */
/*
 * Submitting and waiting with a kernel that is this program: it only plays a
 * ring, in memory of its own, to do what a real one seldom does, and sees
 * which calls are made, and which are not.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "znr.h"

enum { FAKE_FD = 1000, ENTRIES = 4, CQ_ENTRIES = 8 };

/* What the fake kernel shares with the ring. */
static struct shared {
	unsigned sq_head, sq_tail, sq_mask, sq_entries, sq_flags, sq_dropped;
	unsigned cq_head, cq_tail, cq_mask, cq_entries, cq_flags, overflow;
	unsigned array[ENTRIES];
	struct shim_io_uring_cqe cqes[CQ_ENTRIES];
} shared;

static struct shim_io_uring_sqe shared_sqes[ENTRIES];

static struct {
	int calls;
	unsigned hidden_features;

	/* The last io_uring_enter or ppoll. */
	long nr;
	unsigned to_submit, min_complete, flags;
	size_t arg_size;
	struct shim_io_uring_getevents_arg arg;
	/* What the next ones do. */
	unsigned takes; /* so many SQEs */
	unsigned posts; /* so many CQEs; user_data counts them */
	int posts_at;	/* ... at the call with this number; 0: at each */
	long result;	/* if not 0 */
	uint64_t posted;
} kernel;

static void post(unsigned nr)
{
	for (; nr; nr--, shared.cq_tail++) {
		struct shim_io_uring_cqe *cqe =
			&shared.cqes[shared.cq_tail & shared.cq_mask];

		cqe->user_data = ++kernel.posted;
		cqe->res = 0;
	}
	shared.sq_flags &= ~(unsigned)(SHIM_IORING_SQ_CQ_OVERFLOW |
				       SHIM_IORING_SQ_TASKRUN);
}

static long fake_setup(struct shim_io_uring_params *p)
{
	p->sq_entries = shared.sq_entries = ENTRIES;
	p->cq_entries = shared.cq_entries = CQ_ENTRIES;
	shared.sq_mask = ENTRIES - 1;
	shared.cq_mask = CQ_ENTRIES - 1;
	p->features = SHIM_IORING_FEAT_SINGLE_MMAP;
	if (!(kernel.hidden_features & SHIM_IORING_FEAT_EXT_ARG))
		p->features |= SHIM_IORING_FEAT_EXT_ARG;
#define AT(field) offsetof(struct shared, field)
	p->sq_off = (struct shim_io_sqring_offsets){
		AT(sq_head),
		AT(sq_tail),
		AT(sq_mask),
		AT(sq_entries),
		AT(sq_flags),
		AT(sq_dropped),
		AT(array),
		0,
		0,
	};
	p->cq_off = (struct shim_io_cqring_offsets){
		AT(cq_head),
		AT(cq_tail),
		AT(cq_mask),
		AT(cq_entries),
		AT(overflow),
		AT(cqes),
		AT(cq_flags),
		0,
		0,
	};
#undef AT
	return FAKE_FD;
}

static long fake_enter(unsigned to_submit, unsigned min_complete,
		       unsigned flags, const void *arg, size_t size)
{
	unsigned taken = kernel.takes < to_submit ? kernel.takes : to_submit;

	kernel.to_submit = to_submit;
	kernel.min_complete = min_complete;
	kernel.flags = flags;
	kernel.arg_size = size;
	if (flags & SHIM_IORING_ENTER_EXT_ARG)
		kernel.arg = *(const struct shim_io_uring_getevents_arg *)arg;
	shared.sq_head += taken;
	if (flags & SHIM_IORING_ENTER_GETEVENTS)
		if (!kernel.posts_at || kernel.posts_at == kernel.calls)
			post(kernel.posts);
	return kernel.result ? kernel.result : (long)taken;
}

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	kernel.calls++;
	kernel.nr = nr;
	switch (nr) {
	case SHIM_NR_io_uring_setup:
		return fake_setup((struct shim_io_uring_params *)b);
	case SHIM_NR_mmap:
		return f == SHIM_IORING_OFF_SQES ? (long)shared_sqes
						 : (long)&shared;
	case SHIM_NR_io_uring_enter:
		CHECK_EQ(a, FAKE_FD);
		return fake_enter((unsigned)b, (unsigned)c, (unsigned)d,
				  (const void *)e, (size_t)f);
	case SHIM_NR_ppoll:
		CHECK_EQ(((struct shim_pollfd *)a)->fd, FAKE_FD);
		((struct shim_timespec *)c)->tv_sec = 0;
		post(kernel.posts);
		return kernel.result ? kernel.result : kernel.posts > 0;
	default:
		return 0;
	}
}

/* A ring whose completion indexes are about to wrap. */
static struct shim_uring begin(unsigned flags, unsigned hidden_features)
{
	struct shim_uring ring;

	kernel.hidden_features = hidden_features;
	kernel.takes = kernel.posts = 0;
	kernel.posts_at = 0;
	kernel.result = 0;
	kernel.posted = 0;
	shared.sq_head = shared.sq_tail = shared.sq_flags = 0;
	shared.cq_head = shared.cq_tail = UINT32_MAX - 1;
	CHECK_EQ(shim_uring_queue_init(ENTRIES, &ring, flags), 0);
	CHECK_EQ(ring.ring_fd, FAKE_FD);
	kernel.calls = 0;
	kernel.to_submit = kernel.min_complete = kernel.flags = 0;
	return ring;
}

static void prepare(struct shim_uring *ring, int nr)
{
	while (nr--)
		shim_uring_prep_nop(shim_uring_get_sqe(ring));
}

static void what_is_not_taken_stays_queued(void)
{
	struct shim_uring ring = begin(0, 0);

	prepare(&ring, 3);
	kernel.takes = 1;
	CHECK_EQ(shim_uring_submit(&ring), 1);
	CHECK_EQ(kernel.to_submit, 3);
	CHECK_EQ(kernel.flags, 0);
	CHECK_EQ(shim_uring_sq_ready(&ring), 2);
	CHECK_EQ(shim_uring_sq_space_left(&ring), 2);
	kernel.takes = 0;
	kernel.result = -SHIM_EBUSY;
	CHECK_EQ(shim_uring_submit(&ring), -SHIM_EBUSY);
	CHECK_EQ(kernel.to_submit, 2);
	CHECK_EQ(shim_uring_sq_ready(&ring), 2);
	prepare(&ring, 2);
	CHECK(!shim_uring_get_sqe(&ring));
	kernel.takes = 4;
	kernel.result = 0;
	CHECK_EQ(shim_uring_submit(&ring), 4);
	CHECK_EQ(kernel.calls, 3);
	CHECK_EQ(shim_uring_submit(&ring), 0);
	CHECK_EQ(kernel.calls, 3);
	shim_uring_queue_exit(&ring);
}

static void indexes_wrap(void)
{
	struct shim_uring ring = begin(0, 0);
	struct shim_io_uring_cqe *cqes[CQ_ENTRIES];

	/* The ring was set up at 0; its submission queue goes there, too. */
	shared.sq_head = shared.sq_tail = UINT32_MAX - 1;
	ring.sq.sqe_head = ring.sq.sqe_tail = UINT32_MAX - 1;
	prepare(&ring, 4);
	CHECK(!shim_uring_get_sqe(&ring));
	kernel.takes = kernel.posts = 4;
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 4), 4);
	CHECK_EQ(shared.sq_tail, 2);
	CHECK_EQ(shim_uring_sq_space_left(&ring), 4);
	CHECK_EQ(shim_uring_cq_ready(&ring), 4);
	CHECK_EQ(shim_uring_peek_batch_cqe(&ring, cqes, 3), 3);
	CHECK_EQ(cqes[2]->user_data, 3);
	shim_uring_cq_advance(&ring, 3);
	CHECK_EQ(shim_uring_peek_batch_cqe(&ring, cqes, 3), 1);
	CHECK_EQ(cqes[0]->user_data, 4);
	shim_uring_queue_exit(&ring);
}

static void a_signal_ends_a_wait(void)
{
	struct shim_uring ring = begin(0, 0);
	struct shim_io_uring_cqe *cqe;
	const struct shim_timespec ts = { 1, 0 };

	kernel.result = -SHIM_EINTR;
	CHECK_EQ(shim_uring_wait_cqe(&ring, &cqe), -SHIM_EINTR);
	CHECK(!cqe);
	CHECK_EQ(kernel.calls, 1);
	CHECK_EQ(shim_uring_wait_cqe_timeout(&ring, &cqe, &ts), -SHIM_EINTR);
	CHECK_EQ(kernel.calls, 2);
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 1), -SHIM_EINTR);
	CHECK_EQ(kernel.calls, 3);
	shim_uring_queue_exit(&ring);
}

static void a_wait_for_nothing_starts_again(void)
{
	struct shim_uring ring = begin(0, 0);
	struct shim_io_uring_cqe *cqe;

	kernel.posts = 1;
	kernel.posts_at = 3;
	CHECK_EQ(shim_uring_wait_cqe_nr(&ring, &cqe, 2), 0);
	CHECK_EQ(cqe->user_data, 1);
	CHECK_EQ(kernel.calls, 3);
	CHECK_EQ(kernel.min_complete, 2);
	CHECK_EQ(kernel.flags, SHIM_IORING_ENTER_GETEVENTS);
	shim_uring_queue_exit(&ring);
}

static void an_empty_queue_asks_for_what_is_held_back(void)
{
	static const unsigned flags[] = { SHIM_IORING_SQ_CQ_OVERFLOW,
					  SHIM_IORING_SQ_TASKRUN };
	struct shim_uring ring = begin(0, 0);
	struct shim_io_uring_cqe *cqe;

	kernel.posts = 2;
	CHECK_EQ(shim_uring_peek_cqe(&ring, &cqe), -SHIM_EAGAIN);
	CHECK(!cqe);
	CHECK_EQ(kernel.calls, 0);
	for (int i = 0; i < 2; i++) {
		shared.sq_flags = flags[i];
		CHECK_EQ(shim_uring_cq_has_overflow(&ring), !i);
		CHECK_EQ(shim_uring_peek_cqe(&ring, &cqe), 0);
		shim_uring_cqe_seen(&ring, cqe);
		CHECK_EQ(kernel.flags, SHIM_IORING_ENTER_GETEVENTS);
		CHECK_EQ(kernel.min_complete, 0);
		/* The second is there: no call. */
		shared.sq_flags = flags[i];
		CHECK_EQ(shim_uring_peek_batch_cqe(&ring, &cqe, 1), 1);
		CHECK_EQ(kernel.calls, i + 1);
		shim_uring_cqe_seen(&ring, cqe);
	}
	shared.sq_flags = SHIM_IORING_SQ_CQ_OVERFLOW;
	CHECK_EQ(shim_uring_submit(&ring), 0);
	CHECK_EQ(kernel.flags, SHIM_IORING_ENTER_GETEVENTS);
	shim_uring_queue_exit(&ring);
}

static void deferred_work_needs_no_flag_to_be_asked_for(void)
{
	struct shim_uring ring = begin(SHIM_IORING_SETUP_DEFER_TASKRUN, 0);
	struct shim_io_uring_cqe *cqe;

	CHECK_EQ(shim_uring_peek_cqe(&ring, &cqe), -SHIM_EAGAIN);
	CHECK_EQ(kernel.calls, 1);
	CHECK_EQ(shim_uring_peek_batch_cqe(&ring, &cqe, 1), 0);
	CHECK_EQ(kernel.calls, 2);
	/* A wait gets it in the same call. */
	kernel.posts = 1;
	CHECK_EQ(shim_uring_wait_cqe(&ring, &cqe), 0);
	CHECK_EQ(kernel.calls, 3);
	shim_uring_queue_exit(&ring);
	ring = begin(SHIM_IORING_SETUP_DEFER_TASKRUN |
			     SHIM_IORING_SETUP_TASKRUN_FLAG,
		     0);
	CHECK_EQ(shim_uring_peek_cqe(&ring, &cqe), -SHIM_EAGAIN);
	CHECK_EQ(kernel.calls, 0);
	shim_uring_queue_exit(&ring);
}

static void a_sleeping_sqpoll_thread_is_woken(void)
{
	struct shim_uring ring = begin(SHIM_IORING_SETUP_SQPOLL, 0);

	prepare(&ring, 3);
	CHECK_EQ(shim_uring_submit(&ring), 3);
	CHECK_EQ(kernel.calls, 0);
	CHECK_EQ(shared.sq_tail, 3);
	shared.sq_flags = SHIM_IORING_SQ_NEED_WAKEUP;
	prepare(&ring, 1);
	kernel.result = 1;
	CHECK_EQ(shim_uring_submit(&ring), 1);
	CHECK_EQ(kernel.calls, 1);
	CHECK_EQ(kernel.flags, SHIM_IORING_ENTER_SQ_WAKEUP);
	CHECK_EQ(shim_uring_sqring_wait(&ring), 1);
	CHECK_EQ(kernel.flags,
		 SHIM_IORING_ENTER_SQ_WAIT | SHIM_IORING_ENTER_SQ_WAKEUP);
	shared.sq_head = 4;
	CHECK_EQ(shim_uring_sqring_wait(&ring), 0);
	/* Nothing is queued: nobody to wake. */
	CHECK_EQ(shim_uring_submit(&ring), 0);
	CHECK_EQ(kernel.calls, 2);
	shim_uring_queue_exit(&ring);
}

static void a_time_goes_with_the_call(void)
{
	struct shim_uring ring = begin(0, 0);
	struct shim_io_uring_cqe *cqe;
	const struct shim_timespec ts = { 1, 0 };
	const uint64_t mask = 5;

	kernel.result = -SHIM_ETIME;
	CHECK_EQ(shim_uring_wait_cqes(&ring, &cqe, 2, &ts, &mask), -SHIM_ETIME);
	CHECK(!cqe);
	CHECK_EQ(kernel.calls, 1);
	CHECK_EQ(kernel.arg_size, sizeof(kernel.arg));
	CHECK_EQ(kernel.arg.ts, (uintptr_t)&ts);
	CHECK_EQ(kernel.arg.sigmask, (uintptr_t)&mask);
	CHECK_EQ(kernel.arg.sigmask_sz, 8);
	CHECK_EQ(kernel.min_complete, 2);
	prepare(&ring, 2);
	kernel.takes = 2;
	kernel.result = 0;
	CHECK_EQ(shim_uring_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL),
		 2);
	CHECK(!cqe);
	CHECK_EQ(kernel.calls, 2);
	CHECK_EQ(kernel.flags,
		 SHIM_IORING_ENTER_GETEVENTS | SHIM_IORING_ENTER_EXT_ARG);
	shim_uring_queue_exit(&ring);
}

static void an_old_kernel_is_polled_for_a_time(void)
{
	struct shim_uring ring = begin(0, SHIM_IORING_FEAT_EXT_ARG);
	struct shim_io_uring_cqe *cqe;
	const struct shim_timespec ts = { 1, 0 };

	CHECK_EQ(shim_uring_wait_cqe_timeout(&ring, &cqe, &ts), -SHIM_ETIME);
	CHECK_EQ(ts.tv_sec, 1);
	CHECK_EQ(kernel.nr, SHIM_NR_ppoll);
	kernel.result = -SHIM_EINTR;
	CHECK_EQ(shim_uring_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL),
		 -SHIM_EINTR);
	CHECK_EQ(kernel.calls, 2);
	prepare(&ring, 2);
	kernel.result = 0;
	kernel.takes = 2;
	kernel.posts = 1;
	CHECK_EQ(shim_uring_submit_and_wait_timeout(&ring, &cqe, 3, &ts, NULL),
		 2);
	CHECK_EQ(kernel.calls, 4);
	CHECK(cqe && cqe->user_data == 1);
	/* One is ready: no wait. One SQE is not taken: none either. */
	CHECK_EQ(shim_uring_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL),
		 0);
	CHECK_EQ(kernel.calls, 4);
	shim_uring_cqe_seen(&ring, cqe);
	prepare(&ring, 3);
	CHECK_EQ(shim_uring_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL),
		 2);
	CHECK_EQ(kernel.nr, SHIM_NR_io_uring_enter);
	ring.flags |= SHIM_IORING_SETUP_IOPOLL;
	kernel.posts = 0;
	CHECK_EQ(shim_uring_wait_cqe_timeout(&ring, &cqe, &ts), -SHIM_EINVAL);
	shim_uring_queue_exit(&ring);
}

static const struct check_test uring_queue_fault_tests[] = {
	{ "what_is_not_taken_stays_queued", what_is_not_taken_stays_queued },
	{ "indexes_wrap", indexes_wrap },
	{ "a_signal_ends_a_wait", a_signal_ends_a_wait },
	{ "a_wait_for_nothing_starts_again", a_wait_for_nothing_starts_again },
	{ "an_empty_queue_asks_for_what_is_held_back",
	  an_empty_queue_asks_for_what_is_held_back },
	{ "deferred_work_needs_no_flag_to_be_asked_for",
	  deferred_work_needs_no_flag_to_be_asked_for },
	{ "a_sleeping_sqpoll_thread_is_woken",
	  a_sleeping_sqpoll_thread_is_woken },
	{ "a_time_goes_with_the_call", a_time_goes_with_the_call },
	{ "an_old_kernel_is_polled_for_a_time",
	  an_old_kernel_is_polled_for_a_time },
};

CHECK_MAIN(uring_queue_fault, uring_queue_fault_tests)
