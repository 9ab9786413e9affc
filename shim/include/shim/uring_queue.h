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

/* io_uring_sqe_shift_from_flags(3): an SQE is 64 << this bytes. */
static inline unsigned shim_uring_sqe_shift_from_flags(unsigned flags)
{
	return flags & SHIM_IORING_SETUP_SQE128 ? 1 : 0;
}

/* io_uring_sqe_shift(3) */
static inline unsigned shim_uring_sqe_shift(const struct shim_uring *ring)
{
	return shim_uring_sqe_shift_from_flags(ring->flags);
}

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
	unsigned tail = sq->sqe_tail;
	unsigned at = (tail & sq->ring_mask) << shim_uring_sqe_shift(ring);

	if (shim_uring_sq_ready(ring) >= sq->ring_entries)
		return NULL;
	sq->sqe_tail = tail + 1;
	return &sq->sqes[at];
}

/*
 * io_uring_get_sqe128(3): the same of 128 bytes, on a ring with
 * IORING_SETUP_SQE128, or with IORING_SETUP_SQE_MIXED for an opcode that takes
 * so many. There it counts as two, and must not wrap: an SQE that does nothing,
 * and that succeeds without a completion, may go before it. Null also on other
 * rings.
 */
static inline struct shim_io_uring_sqe *
shim_uring_get_sqe128(struct shim_uring *ring)
{
	const unsigned mixed = SHIM_IORING_SETUP_SQE_MIXED;
	struct shim_uring_sq *sq = &ring->sq;
	unsigned at = sq->sqe_tail & sq->ring_mask;
	unsigned filler = at == sq->ring_mask;

	if ((ring->flags & (SHIM_IORING_SETUP_SQE128 | mixed)) != mixed)
		return ring->flags & SHIM_IORING_SETUP_SQE128
			       ? shim_uring_get_sqe(ring)
			       : NULL;
	if (shim_uring_sq_space_left(ring) < 2 + filler)
		return NULL;
	if (filler) {
		shim_uring_prep_nop(&sq->sqes[at]);
		sq->sqes[at].flags = SHIM_IOSQE_CQE_SKIP_SUCCESS;
		sq->sqes[at].user_data = 0;
		at = 0;
	}
	sq->sqe_tail += 2 + filler;
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

/* io_uring_sqe_set_buf_group(3): take a buffer of this group when it is time.
 */
static inline void shim_uring_sqe_set_buf_group(struct shim_io_uring_sqe *sqe,
						int bgid)
{
	sqe->flags |= SHIM_IOSQE_BUFFER_SELECT;
	sqe->buf_group = (uint16_t)bgid;
}

/* ---- Completion queue ---- */

/* io_uring_cqe_shift_from_flags(3): a CQE is 16 << this bytes. */
static inline unsigned shim_uring_cqe_shift_from_flags(unsigned flags)
{
	return flags & SHIM_IORING_SETUP_CQE32 ? 1 : 0;
}

/* io_uring_cqe_shift(3) */
static inline unsigned shim_uring_cqe_shift(const struct shim_uring *ring)
{
	return shim_uring_cqe_shift_from_flags(ring->flags);
}

/*
 * io_uring_cqe_nr(3): for shim_uring_cq_advance(): 2 for one of 32 bytes on a
 * ring with IORING_SETUP_CQE_MIXED, else 1.
 */
static inline unsigned shim_uring_cqe_nr(const struct shim_io_uring_cqe *cqe)
{
	return cqe->flags & SHIM_IORING_CQE_F_32 ? 2 : 1;
}

/*
 * With provided buffers: the number of the one that was filled, and whether
 * more will come in it (IOU_PBUF_RING_INC): it stays the kernel's.
 */
static inline unsigned shim_uring_cqe_buf(const struct shim_io_uring_cqe *cqe)
{
	return cqe->flags >> SHIM_IORING_CQE_BUFFER_SHIFT;
}

static inline int shim_uring_cqe_buf_more(const struct shim_io_uring_cqe *cqe)
{
	return (cqe->flags & SHIM_IORING_CQE_F_BUF_MORE) != 0;
}

/*
 * io_uring_cq_ready(3): how many CQEs are ready. With IORING_SETUP_CQE_MIXED
 * one of 32 bytes counts twice, and those that only fill a gap count, too.
 */
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

/* io_uring_cqe_seen(3): give cqe, the oldest, back; null does nothing. */
static inline void shim_uring_cqe_seen(struct shim_uring *ring,
				       struct shim_io_uring_cqe *cqe)
{
	if (cqe)
		shim_uring_cq_advance(ring, shim_uring_cqe_nr(cqe));
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
	unsigned at = index & ring->cq.ring_mask;

	return &ring->cq.cqes[at << shim_uring_cqe_shift(ring)];
}

/* The oldest CQE, or null if none is ready. What only fills a gap goes. */
static inline struct shim_io_uring_cqe *
shim_uring_first_cqe(struct shim_uring *ring)
{
	while (shim_uring_cq_ready(ring)) {
		struct shim_io_uring_cqe *cqe =
			shim_uring_cqe_at(ring, *ring->cq.khead);

		if (!(cqe->flags & SHIM_IORING_CQE_F_SKIP))
			return cqe;
		shim_uring_cq_advance(ring, 1);
	}
	return NULL;
}

/*
 * io_uring_for_each_cqe(3): the CQEs that are ready at the beginning, also
 * those that only fill a gap (IORING_CQE_F_SKIP). They stay in the queue: count
 * their shim_uring_cqe_nr() for shim_uring_cq_advance() behind the loop.
 */
struct shim_uring_cqe_iter {
	struct shim_io_uring_cqe *cqes;
	unsigned mask;
	unsigned shift;
	unsigned mixed;
	unsigned head;
	unsigned tail;
};

static inline struct shim_uring_cqe_iter
shim_uring_cqe_iter_init(const struct shim_uring *ring)
{
	struct shim_uring_cqe_iter iter = {
		ring->cq.cqes,
		ring->cq.ring_mask,
		shim_uring_cqe_shift(ring),
		ring->flags & SHIM_IORING_SETUP_CQE_MIXED,
		*ring->cq.khead,
		/* Acquire: the tail before the CQEs behind it. */
		shim_uring_load_acquire(ring->cq.ktail),
	};

	return iter;
}

/* 1 and the next CQE, or 0. */
static inline int shim_uring_cqe_iter_next(struct shim_uring_cqe_iter *iter,
					   struct shim_io_uring_cqe **cqe)
{
	if (iter->head == iter->tail)
		return 0;
	*cqe = &iter->cqes[(iter->head & iter->mask) << iter->shift];
	/* Where all are alike the next one's address does not wait for this. */
	iter->head += iter->mixed ? shim_uring_cqe_nr(*cqe) : 1;
	return 1;
}

#define shim_uring_for_each_cqe(ring, head_, cqe)                            \
	for (struct shim_uring_cqe_iter iter_ =                              \
		     shim_uring_cqe_iter_init(ring);                         \
	     (head_) = iter_.head, shim_uring_cqe_iter_next(&iter_, &(cqe)); \
	     (void)(head_))

/*
 * io_uring_cq_eventfd_enabled(3): whether completions are counted on the
 * registered eventfd.
 */
static inline int shim_uring_cq_eventfd_enabled(const struct shim_uring *ring)
{
	return !ring->cq.kflags || !(shim_uring_load_relaxed(ring->cq.kflags) &
				     SHIM_IORING_CQ_EVENTFD_DISABLED);
}

/* io_uring_cq_eventfd_toggle(3): count them, or not. Returns 0. */
static inline int shim_uring_cq_eventfd_toggle(struct shim_uring *ring,
					       int enabled)
{
	unsigned flags;

	if (!enabled == !shim_uring_cq_eventfd_enabled(ring))
		return 0;
	if (!ring->cq.kflags)
		return -SHIM_EOPNOTSUPP;
	flags = *ring->cq.kflags ^ SHIM_IORING_CQ_EVENTFD_DISABLED;
	__atomic_store_n(ring->cq.kflags, flags, __ATOMIC_RELAXED);
	return 0;
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
