/* SPDX-License-Identifier: MIT */
/*
 * The two queues in shared memory, for <shim/uring.h>, which includes this:
 * what a program does for every request and every completion, inline and
 * without a system call. Nothing here can fail but by a full or empty queue.
 */
#ifndef SHIM_URING_QUEUE_H
#define SHIM_URING_QUEUE_H

#include <shim/uring.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Loads an index before what it covers. Pairs with a store-release. */
static inline unsigned shim_uring_load_acquire(const unsigned *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* Stores an index after what it covers. Pairs with a load-acquire. */
static inline void shim_uring_store_release(unsigned *p, unsigned v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* Flags that the kernel changes at any time and that cover nothing. */
static inline unsigned shim_uring_load_relaxed(const unsigned *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* ---- Submission queue ---- */

/*
 * io_uring_sq_ready(3): SQEs that the kernel has not taken: prepared, or (with
 * SQPOLL) submitted and still waiting for its thread.
 */
static inline unsigned shim_uring_sq_ready(const struct shim_uring *ring)
{
	/*
	 * Acquire: the kernel has read an SQE before its store-release of the
	 * head over it, so the caller may write to it again.
	 */
	return ring->sq.sqe_tail - shim_uring_load_acquire(ring->sq.khead);
}

/* io_uring_sq_space_left(3): how many SQEs are free. */
static inline unsigned shim_uring_sq_space_left(const struct shim_uring *ring)
{
	return ring->sq.ring_entries - shim_uring_sq_ready(ring);
}

/*
 * io_uring_get_sqe(3): a free SQE to prepare, or null when the queue is full:
 * submit first. It keeps what it held before; a prep function sets all but
 * user_data. It is submitted by the next submit, whether prepared or not.
 */
static inline struct shim_io_uring_sqe *
shim_uring_get_sqe(struct shim_uring *ring)
{
	struct shim_uring_sq *sq = &ring->sq;
	unsigned shift = ring->flags & SHIM_IORING_SETUP_SQE128 ? 1 : 0;
	unsigned at = (sq->sqe_tail & sq->ring_mask) << shift;

	if (shim_uring_sq_ready(ring) >= sq->ring_entries)
		return NULL;
	sq->sqe_tail++;
	return &sq->sqes[at];
}

/* io_uring_sqe_set_data64(3): what the completion will carry. */
static inline void shim_uring_sqe_set_data64(struct shim_io_uring_sqe *sqe,
					     uint64_t data)
{
	sqe->user_data = data;
}

/* io_uring_sqe_set_data(3): a pointer that the completion will carry. */
static inline void shim_uring_sqe_set_data(struct shim_io_uring_sqe *sqe,
					   void *data)
{
	sqe->user_data = (uint64_t)(uintptr_t)data;
}

/*
 * io_uring_sqe_set_flags(3): IOSQE_* flags; after the prep function, which
 * clears them.
 */
static inline void shim_uring_sqe_set_flags(struct shim_io_uring_sqe *sqe,
					    unsigned flags)
{
	sqe->flags = (uint8_t)flags;
}

/* ---- Completion queue ---- */

/* io_uring_cq_ready(3): how many CQEs are ready. */
static inline unsigned shim_uring_cq_ready(const struct shim_uring *ring)
{
	/*
	 * Acquire: the CQEs are read after the kernel's store-release of the
	 * tail over them. Only the caller stores the head.
	 */
	return shim_uring_load_acquire(ring->cq.ktail) - *ring->cq.khead;
}

/*
 * io_uring_cq_has_overflow(3): the kernel holds completions back because the
 * queue was full; they come with the next wait or peek that finds it empty.
 */
static inline int shim_uring_cq_has_overflow(const struct shim_uring *ring)
{
	return (shim_uring_load_relaxed(ring->sq.kflags) &
		SHIM_IORING_SQ_CQ_OVERFLOW) != 0;
}

/*
 * io_uring_cq_advance(3): give the oldest nr CQEs back to the kernel, which
 * then overwrites them. One call for a batch is cheaper than one for each.
 */
static inline void shim_uring_cq_advance(struct shim_uring *ring, unsigned nr)
{
	/*
	 * Release: the CQEs have been read before the kernel's load-acquire
	 * sees the head behind them.
	 */
	if (nr)
		shim_uring_store_release(ring->cq.khead, *ring->cq.khead + nr);
}

/* io_uring_cqe_seen(3): give the oldest CQE back; null does nothing. */
static inline void shim_uring_cqe_seen(struct shim_uring *ring,
				       struct shim_io_uring_cqe *cqe)
{
	if (cqe)
		shim_uring_cq_advance(ring, 1);
}

/* io_uring_cqe_get_data64(3) */
static inline uint64_t
shim_uring_cqe_get_data64(const struct shim_io_uring_cqe *cqe)
{
	return cqe->user_data;
}

/* io_uring_cqe_get_data(3) */
static inline void *shim_uring_cqe_get_data(const struct shim_io_uring_cqe *cqe)
{
	return (void *)(uintptr_t)cqe->user_data;
}

/* The CQE at index (as khead counts), which must be ready. */
static inline struct shim_io_uring_cqe *
shim_uring_cqe_at(const struct shim_uring *ring, unsigned index)
{
	unsigned shift = ring->flags & SHIM_IORING_SETUP_CQE32 ? 1 : 0;

	return &ring->cq.cqes[(index & ring->cq.ring_mask) << shift];
}

/* The oldest CQE, or null if none is ready. */
static inline struct shim_io_uring_cqe *
shim_uring_first_cqe(const struct shim_uring *ring)
{
	if (!shim_uring_cq_ready(ring))
		return NULL;
	return shim_uring_cqe_at(ring, *ring->cq.khead);
}

/*
 * io_uring_peek_cqe(3): give the oldest CQE if one is ready; it stays in the
 * queue until shim_uring_cqe_seen(). Returns 0, or -EAGAIN and a null CQE. It
 * calls the kernel only when none is ready and the kernel holds some back, and
 * then passes its errors on.
 */
static inline int shim_uring_peek_cqe(struct shim_uring *ring,
				      struct shim_io_uring_cqe **cqe_ptr)
{
	*cqe_ptr = shim_uring_first_cqe(ring);
	return *cqe_ptr ? 0 : shim_uring_wait_cqe_nr(ring, cqe_ptr, 0);
}

/* io_uring_wait_cqe(3): shim_uring_wait_cqe_nr() for one CQE. */
static inline int shim_uring_wait_cqe(struct shim_uring *ring,
				      struct shim_io_uring_cqe **cqe_ptr)
{
	*cqe_ptr = shim_uring_first_cqe(ring);
	return *cqe_ptr ? 0 : shim_uring_wait_cqe_nr(ring, cqe_ptr, 1);
}

/* io_uring_opcode_supported(3): 1 if the probe found the opcode, else 0. */
static inline int
shim_uring_opcode_supported(const struct shim_io_uring_probe *p, int op)
{
	return op >= 0 && op < p->ops_len &&
	       (p->ops[op].flags & SHIM_IO_URING_OP_SUPPORTED);
}

#ifdef __cplusplus
}
#endif

#endif
