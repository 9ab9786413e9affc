/* SPDX-License-Identifier: MIT */
/* Submitting and waiting: what needs the kernel. */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "znr.h"

enum { SIGSET_SIZE = 8 };

/* Flags of io_uring_enter that a ring has in int_flags. */
#define INT_FLAGS (SHIM_URING_INT_REG_RING | SHIM_URING_INT_NO_IOWAIT)

/* The rest of a wait is registered. */
#define REGISTERED (SHIM_IORING_ENTER_EXT_ARG | SHIM_IORING_ENTER_EXT_ARG_REG)

/*
 * Wait for nr completions, at most ts, with a signal mask; 0: do not wait.
 * After min_usec, if not 0, one is enough. With flags REGISTERED all of this
 * stands at index.
 */
struct wait {
	unsigned nr;
	const struct shim_timespec *ts;
	const uint64_t *sigmask;
	unsigned min_usec;
	unsigned flags;
	unsigned index;
};

static int polled(const struct shim_uring *ring)
{
	return (ring->flags & SHIM_IORING_SETUP_SQPOLL) != 0;
}

/* The kernel has completions that it posts only when it is entered. */
static int holds_back(const struct shim_uring *ring)
{
	unsigned flags = shim_uring_load_relaxed(ring->sq.kflags);

	return (ring->flags & SHIM_IORING_SETUP_IOPOLL) ||
	       (flags & (SHIM_IORING_SQ_CQ_OVERFLOW | SHIM_IORING_SQ_TASKRUN));
}

/* The same, or it may have, and has no flag to say so. */
static int may_hold_back(const struct shim_uring *ring)
{
	const unsigned deferred = SHIM_IORING_SETUP_DEFER_TASKRUN;
	const unsigned mask = deferred | SHIM_IORING_SETUP_TASKRUN_FLAG;

	return (ring->flags & mask) == deferred || holds_back(ring);
}

/*
 * Each return behind a system call is slow, for the kernel has used up the
 * processor's memory of returns: few functions lie between io_uring_enter and
 * our caller.
 */
#define FLAT static inline __attribute__((always_inline))

FLAT int enter_with(struct shim_uring *ring, unsigned queued, unsigned nr,
		    unsigned flags, const void *arg, size_t size)
{
	flags |= ring->int_flags & INT_FLAGS;
	return (int)shim_syscall(SHIM_NR_io_uring_enter, ring->enter_ring_fd,
				 queued, nr, flags, (long)arg, (long)size);
}

static int enter(struct shim_uring *ring, unsigned queued, unsigned flags,
		 const struct wait *w)
{
	const size_t offset = w->index * sizeof(struct shim_io_uring_reg_wait);
	struct shim_io_uring_getevents_arg arg = { 0 };

	if (w->flags)
		return enter_with(ring, queued, w->nr, flags | w->flags,
				  (const void *)offset,
				  sizeof(struct shim_io_uring_reg_wait));
	if (!w->ts && !w->min_usec)
		return enter_with(ring, queued, w->nr, flags, w->sigmask,
				  SIGSET_SIZE);
	arg.sigmask = (uint64_t)(uintptr_t)w->sigmask;
	arg.sigmask_sz = SIGSET_SIZE;
	arg.ts = (uint64_t)(uintptr_t)w->ts;
	arg.min_wait_usec = w->min_usec;
	return enter_with(ring, queued, w->nr,
			  flags | SHIM_IORING_ENTER_EXT_ARG, &arg, sizeof(arg));
}

static int rewinds(const struct shim_uring *ring)
{
	return (ring->flags & SHIM_IORING_SETUP_SQ_REWIND) != 0;
}

/*
 * Make the prepared SQEs visible to the kernel, and return how many it is to
 * take: also those that it did not take before. SQPOLL's thread takes them on
 * its own, so there the new ones count.
 */
FLAT unsigned publish(struct shim_uring *ring)
{
	struct shim_uring_sq *sq = &ring->sq;
	unsigned fresh = sq->sqe_tail - sq->sqe_head;

	/* The kernel looks at no index: it begins with the first SQE. */
	if (rewinds(ring))
		return sq->sqe_tail;
	/*
	 * Release: the SQEs are written before the kernel's load-acquire sees
	 * the tail over them.
	 */
	shim_uring_store_release(sq->ktail, sq->sqe_tail);
	sq->sqe_head = sq->sqe_tail;
	return polled(ring) ? fresh : shim_uring_sq_ready(ring);
}

FLAT unsigned wakeup_flag(const struct shim_uring *ring)
{
	if (!polled(ring) || !shim_uring_sq_ready(ring))
		return 0;
	/*
	 * Full barrier: our store of the tail comes before our load of the
	 * flags. Pairs with the barrier of the kernel's thread, which sets
	 * NEED_WAKEUP before its last look at the tail: one of us sees the
	 * other.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return shim_uring_load_relaxed(ring->sq.kflags) &
			       SHIM_IORING_SQ_NEED_WAKEUP
		       ? SHIM_IORING_ENTER_SQ_WAKEUP
		       : 0;
}

/* The kernel took the first nr SQEs: those behind them become the first. */
static void rewind_queue(struct shim_uring *ring, unsigned nr)
{
	struct shim_uring_sq *sq = &ring->sq;
	unsigned shift = shim_uring_sqe_shift(ring);

	sq->sqe_tail -= nr;
	for (unsigned i = 0; i < sq->sqe_tail << shift; i++)
		sq->sqes[i] = sq->sqes[i + (nr << shift)];
}

/*
 * Submit what is prepared, with flags, and wait for nr; *done says that there
 * was nothing to enter the kernel for. Returns the number of SQEs, and in
 * *flags those of io_uring_enter.
 */
FLAT unsigned begin(struct shim_uring *ring, unsigned nr, unsigned *flags,
		    int *done)
{
	unsigned queued = publish(ring);

	*flags |= wakeup_flag(ring);
	if (nr || holds_back(ring))
		*flags |= SHIM_IORING_ENTER_GETEVENTS;
	/* Nothing to do, or SQPOLL's thread is awake and does it. */
	*done = !*flags && (!queued || polled(ring));
	return queued;
}

FLAT int end(struct shim_uring *ring, int n)
{
	if (rewinds(ring) && n > 0)
		rewind_queue(ring, (unsigned)n);
	return n;
}

static int submit(struct shim_uring *ring, const struct wait *w)
{
	unsigned flags = 0;
	int done;
	unsigned queued = begin(ring, w->nr, &flags, &done);

	return done ? (int)queued : end(ring, enter(ring, queued, flags, w));
}

/* The same without a time and a signal mask. */
static int submit_plain(struct shim_uring *ring, unsigned nr, unsigned flags)
{
	int done;
	unsigned queued = begin(ring, nr, &flags, &done);

	if (done)
		return (int)queued;
	return end(ring,
		   enter_with(ring, queued, nr, flags, NULL, SIGSET_SIZE));
}

static int has_timed_wait(const struct shim_uring *ring)
{
	return (ring->features & SHIM_IORING_FEAT_EXT_ARG) != 0;
}

/*
 * For kernels whose io_uring_enter takes no time: a ring is readable as soon
 * as it has a completion, but says so for the first one only. One that has to
 * be polled for completions itself is never.
 */
static int poll_ring(const struct shim_uring *ring, const struct wait *w)
{
	struct shim_pollfd p = { ring->ring_fd, SHIM_POLLIN, 0 };
	struct shim_timespec left = *w->ts;
	long n;

	if (ring->flags & SHIM_IORING_SETUP_IOPOLL)
		return -SHIM_EINVAL;
	n = shim_ppoll(&p, 1, &left, w->sigmask);
	if (n < 0)
		return (int)n;
	return n ? 0 : -SHIM_ETIME;
}

static int is_polled_wait(const struct shim_uring *ring, const struct wait *w)
{
	return w->ts && !has_timed_wait(ring);
}

static int wait_once(struct shim_uring *ring, const struct wait *w)
{
	if (is_polled_wait(ring, w))
		return poll_ring(ring, w);
	return enter(ring, 0, SHIM_IORING_ENTER_GETEVENTS, w);
}

/* The oldest CQE or null, after what is held back has been asked for. */
static int look(struct shim_uring *ring, struct shim_io_uring_cqe **cqe_ptr,
		const struct wait *w)
{
	int err;

	*cqe_ptr = shim_uring_first_cqe(ring);
	/* A wait in io_uring_enter gets what is held back by itself. */
	if (*cqe_ptr || (w->nr && !is_polled_wait(ring, w)) ||
	    !may_hold_back(ring))
		return 0;
	err = shim_uring_get_events(ring);
	if (!err)
		*cqe_ptr = shim_uring_first_cqe(ring);
	return err;
}

/*
 * Give the oldest CQE when w->nr are ready, or fewer when the kernel ends the
 * wait early. Without a time a wait for nothing starts again. CQEs come at any
 * moment: behind each look that finds none, and before the next.
 */
static int wait_for(struct shim_uring *ring, struct shim_io_uring_cqe **cqe_ptr,
		    const struct wait *w)
{
	int waited = 0;
	int err = look(ring, cqe_ptr, w);

	while (!err) {
		if (*cqe_ptr && (waited || shim_uring_cq_ready(ring) >= w->nr))
			return 0;
		if (!w->nr || (waited && w->ts))
			return -SHIM_EAGAIN;
		err = wait_once(ring, w);
		waited = 1;
		if (!err)
			err = look(ring, cqe_ptr, w);
	}
	*cqe_ptr = NULL;
	return err;
}

int shim_uring_submit(struct shim_uring *ring)
{
	return submit_plain(ring, 0, 0);
}

int shim_uring_submit_and_wait(struct shim_uring *ring, unsigned wait_nr)
{
	return submit_plain(ring, wait_nr, 0);
}

int shim_uring_submit_and_get_events(struct shim_uring *ring)
{
	return submit_plain(ring, 0, SHIM_IORING_ENTER_GETEVENTS);
}

/* The two calls that stand for one where it takes no time. */
static int submit_and_poll(struct shim_uring *ring, const struct wait *w)
{
	int n = shim_uring_submit(ring);
	int err;

	if (n < 0 || !w->nr || shim_uring_cq_ready(ring) ||
	    (!polled(ring) && shim_uring_sq_ready(ring)))
		return n;
	err = poll_ring(ring, w);
	return n ? n : err;
}

int shim_uring_submit_and_wait_timeout(struct shim_uring *ring,
				       struct shim_io_uring_cqe **cqe_ptr,
				       unsigned wait_nr,
				       const struct shim_timespec *ts,
				       const uint64_t *sigmask)
{
	const struct wait w = { wait_nr, ts, sigmask, 0, 0, 0 };
	int n = ts && !has_timed_wait(ring) ? submit_and_poll(ring, &w)
					    : submit(ring, &w);

	*cqe_ptr = shim_uring_first_cqe(ring);
	return n;
}

static int has_min_timeout(const struct shim_uring *ring)
{
	return (ring->features & SHIM_IORING_FEAT_MIN_TIMEOUT) != 0;
}

int shim_uring_submit_and_wait_min_timeout(struct shim_uring *ring,
					   struct shim_io_uring_cqe **cqe_ptr,
					   unsigned wait_nr,
					   const struct shim_timespec *ts,
					   unsigned min_wait,
					   const uint64_t *sigmask)
{
	const struct wait w = { wait_nr, ts, sigmask, min_wait, 0, 0 };
	int n;

	*cqe_ptr = NULL;
	if (!has_min_timeout(ring))
		return -SHIM_EINVAL;
	n = submit(ring, &w);
	*cqe_ptr = shim_uring_first_cqe(ring);
	return n;
}

int shim_uring_submit_and_wait_reg(struct shim_uring *ring,
				   struct shim_io_uring_cqe **cqe_ptr,
				   unsigned wait_nr, int reg_index)
{
	const struct wait w = { wait_nr, NULL,	     NULL,
				0,	 REGISTERED, (unsigned)reg_index };
	int n;

	*cqe_ptr = NULL;
	if (!has_timed_wait(ring))
		return -SHIM_EINVAL;
	n = submit(ring, &w);
	*cqe_ptr = shim_uring_first_cqe(ring);
	return n;
}

int shim_uring_sqring_wait(struct shim_uring *ring)
{
	if (!polled(ring) || shim_uring_sq_space_left(ring))
		return 0;
	return enter_with(ring, 0, 0,
			  SHIM_IORING_ENTER_SQ_WAIT | wakeup_flag(ring), NULL,
			  SIGSET_SIZE);
}

int shim_uring_wait_cqe_nr(struct shim_uring *ring,
			   struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr)
{
	const struct wait w = { wait_nr, NULL, NULL, 0, 0, 0 };

	return wait_for(ring, cqe_ptr, &w);
}

int shim_uring_wait_cqes(struct shim_uring *ring,
			 struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr,
			 const struct shim_timespec *ts,
			 const uint64_t *sigmask)
{
	const struct wait w = { wait_nr, ts, sigmask, 0, 0, 0 };

	return wait_for(ring, cqe_ptr, &w);
}

int shim_uring_wait_cqes_min_timeout(struct shim_uring *ring,
				     struct shim_io_uring_cqe **cqe_ptr,
				     unsigned wait_nr,
				     const struct shim_timespec *ts,
				     unsigned min_wait, const uint64_t *sigmask)
{
	const struct wait w = { wait_nr, ts, sigmask, min_wait, 0, 0 };

	*cqe_ptr = NULL;
	if (!has_min_timeout(ring))
		return -SHIM_EINVAL;
	return wait_for(ring, cqe_ptr, &w);
}

int shim_uring_wait_cqe_timeout(struct shim_uring *ring,
				struct shim_io_uring_cqe **cqe_ptr,
				const struct shim_timespec *ts)
{
	return shim_uring_wait_cqes(ring, cqe_ptr, 1, ts, NULL);
}

/* Up to count CQEs where each tells its size, and some only fill a gap. */
static unsigned peek_mixed(const struct shim_uring *ring, unsigned head,
			   unsigned tail, struct shim_io_uring_cqe **cqes,
			   unsigned count)
{
	unsigned n = 0;

	for (; n < count && head != tail; n++) {
		cqes[n] = shim_uring_cqe_at(ring, head);
		/* It can be given back when it is the first. */
		if (cqes[n]->flags & SHIM_IORING_CQE_F_SKIP)
			break;
		head += shim_uring_cqe_nr(cqes[n]);
	}
	return n;
}

unsigned shim_uring_peek_batch_cqe(struct shim_uring *ring,
				   struct shim_io_uring_cqe **cqes,
				   unsigned count)
{
	unsigned head, nr;

	if (!shim_uring_first_cqe(ring) && may_hold_back(ring) &&
	    !shim_uring_get_events(ring))
		shim_uring_first_cqe(ring);
	head = *ring->cq.khead;
	nr = shim_uring_cq_ready(ring);
	if (ring->flags & SHIM_IORING_SETUP_CQE_MIXED)
		return peek_mixed(ring, head, head + nr, cqes, count);
	if (nr > count)
		nr = count;
	/* No CQE is looked at: no address has to wait for one. */
	for (unsigned i = 0; i < nr; i++)
		cqes[i] = shim_uring_cqe_at(ring, head + i);
	return nr;
}

int shim_uring_get_events(struct shim_uring *ring)
{
	return enter_with(ring, 0, 0, SHIM_IORING_ENTER_GETEVENTS, NULL,
			  SIGSET_SIZE);
}

int shim_uring_set_iowait(struct shim_uring *ring, int enable_iowait)
{
	unsigned flags = ring->int_flags | SHIM_URING_INT_NO_IOWAIT;

	if (!(ring->features & SHIM_IORING_FEAT_NO_IOWAIT))
		return -SHIM_EOPNOTSUPP;
	if (enable_iowait)
		flags ^= SHIM_URING_INT_NO_IOWAIT;
	ring->int_flags = (uint8_t)flags;
	return 0;
}
