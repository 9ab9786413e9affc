/* SPDX-License-Identifier: MIT */
/*
 * An io_uring ring: one thread puts requests (SQEs) into the submission queue
 * and takes their completions (CQEs) out of the completion queue.
 *
 * Names, parameters and layouts are liburing's, with shim_uring_ for
 * io_uring_, so its man pages describe these functions, too: each comment
 * says what differs. The kernel's own structures keep their names behind our
 * prefix (struct shim_io_uring_sqe).
 *
 * The caller owns struct shim_uring; the pages and the descriptor behind it
 * belong to the ring from shim_uring_queue_init() to shim_uring_queue_exit().
 * What a request points to belongs to the kernel until its last completion is
 * taken. A ring is one thread's at a time: callers lock, or do not share.
 *
 * Results are >= 0 or -errno. The kernel's errors are passed on unchanged, and
 * -EINTR, too: nothing here repeats a call that a signal has ended.
 *
 * Works since Linux 5.10 (a few functions say more). A CPU orders its own
 * memory as it likes: every index that the kernel shares is stored with
 * release and loaded with acquire, and each place names its partner.
 */
#ifndef SHIM_URING_H
#define SHIM_URING_H

#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The submission queue. What begins with k lies in pages shared with the
 * kernel. SQEs from khead to ktail are the kernel's; up to sqe_tail they are
 * the caller's, prepared and not submitted (sqe_head: up to here submitted).
 */
struct shim_uring_sq {
	unsigned *khead;
	unsigned *ktail;
	unsigned *kring_mask;
	unsigned *kring_entries;
	unsigned *kflags;
	unsigned *kdropped;
	unsigned *array; /* null with IORING_SETUP_NO_SQARRAY */
	struct shim_io_uring_sqe *sqes;

	unsigned sqe_head;
	unsigned sqe_tail;

	size_t ring_sz;
	void *ring_ptr;

	unsigned ring_mask;
	unsigned ring_entries;

	unsigned sqes_sz; /* bytes to unmap at sqes */
	unsigned pad;
};

/* The completion queue: CQEs from khead to ktail are the caller's. */
struct shim_uring_cq {
	unsigned *khead;
	unsigned *ktail;
	unsigned *kring_mask;
	unsigned *kring_entries;
	unsigned *kflags; /* null before Linux 5.8 */
	unsigned *koverflow;
	struct shim_io_uring_cqe *cqes;

	size_t ring_sz;
	void *ring_ptr; /* that of the submission queue when they share */

	unsigned ring_mask;
	unsigned ring_entries;

	unsigned pad[2];
};

/*
 * In int_flags. The first two are flags of io_uring_enter: enter_ring_fd is not
 * a descriptor but the thread's number of a registered ring; a wait does not
 * count as one for the processor. The memory is the caller's.
 */
#define SHIM_URING_INT_REG_RING SHIM_IORING_ENTER_REGISTERED_RING
#define SHIM_URING_INT_NO_IOWAIT SHIM_IORING_ENTER_NO_IOWAIT
#define SHIM_URING_INT_APP_MEM 1

/* A ring; flags are those of its set-up, features what the kernel reported. */
struct shim_uring {
	struct shim_uring_sq sq;
	struct shim_uring_cq cq;
	unsigned flags;
	int ring_fd;

	unsigned features;
	int enter_ring_fd;
	uint8_t int_flags;
	uint8_t pad[3];
	unsigned pad2;
};

/*
 * The set-up flags that this library can work with. shim_uring_queue_init()
 * answers others with -EINVAL, for they change what the memory looks like; so
 * does the kernel with those that it does not know yet.
 */
#define SHIM_URING_SETUP_FLAGS                                               \
	(SHIM_IORING_SETUP_IOPOLL | SHIM_IORING_SETUP_SQPOLL |               \
	 SHIM_IORING_SETUP_SQ_AFF | SHIM_IORING_SETUP_CQSIZE |               \
	 SHIM_IORING_SETUP_CLAMP | SHIM_IORING_SETUP_ATTACH_WQ |             \
	 SHIM_IORING_SETUP_R_DISABLED | SHIM_IORING_SETUP_SUBMIT_ALL |       \
	 SHIM_IORING_SETUP_COOP_TASKRUN | SHIM_IORING_SETUP_TASKRUN_FLAG |   \
	 SHIM_IORING_SETUP_SQE128 | SHIM_IORING_SETUP_CQE32 |                \
	 SHIM_IORING_SETUP_SINGLE_ISSUER | SHIM_IORING_SETUP_DEFER_TASKRUN | \
	 SHIM_IORING_SETUP_NO_MMAP | SHIM_IORING_SETUP_REGISTERED_FD_ONLY |  \
	 SHIM_IORING_SETUP_NO_SQARRAY | SHIM_IORING_SETUP_HYBRID_IOPOLL |    \
	 SHIM_IORING_SETUP_CQE_MIXED | SHIM_IORING_SETUP_SQE_MIXED |         \
	 SHIM_IORING_SETUP_SQ_REWIND)

/* Bytes of a struct shim_io_uring_probe with room for nr opcodes. */
#define SHIM_URING_PROBE_SIZE(nr)             \
	(sizeof(struct shim_io_uring_probe) + \
	 (nr) * sizeof(struct shim_io_uring_probe_op))

/* ---- Set-up ---- */

/*
 * io_uring_queue_init(3): set up a ring of entries SQEs, rounded up to a power
 * of two, and twice as many CQEs. Returns 0, or -errno with nothing changed:
 * -EINVAL for a flag that the kernel or this library does not know, -ENOSYS or
 * -EPERM where io_uring is missing or forbidden, -ENOMEM beyond
 * RLIMIT_MEMLOCK (before 5.12), -EMFILE. Where the kernel can be asked (since
 * 6.18) IORING_SETUP_NO_SQARRAY is set by itself: slot i holds SQE i anyway.
 */
int shim_uring_queue_init(unsigned entries, struct shim_uring *ring,
			  unsigned flags);

/*
 * io_uring_queue_init_params(3): the same with all that the kernel lets a
 * program choose. The kernel's answer (features, sizes) is left in p, also
 * when the set-up fails later.
 */
int shim_uring_queue_init_params(unsigned entries, struct shim_uring *ring,
				 struct shim_io_uring_params *p);

/*
 * io_uring_queue_init_mem(3): the same in memory of the caller, of whole pages:
 * shim_uring_memory_size_params() says how many bytes. Sets
 * IORING_SETUP_NO_MMAP. Returns how many it took, or -errno: -ENOMEM when
 * there are not enough, -EINVAL when buf is not a page's address, or is not one
 * piece of physical memory before 6.12. The memory is the ring's until
 * shim_uring_queue_exit(), which does not unmap it. Since 6.5.
 *
 * shim_uring_queue_init_params() with that flag gets the memory itself: before
 * 6.12 a huge page, unless a page is enough for each part.
 */
int shim_uring_queue_init_mem(unsigned entries, struct shim_uring *ring,
			      struct shim_io_uring_params *p, void *buf,
			      size_t buf_size);

/*
 * io_uring_queue_mmap(3): a ring whose descriptor is there already; p is what
 * io_uring_setup() made of it. Returns 0, or -errno, and fd stays open.
 */
int shim_uring_queue_mmap(int fd, struct shim_io_uring_params *p,
			  struct shim_uring *ring);

/*
 * io_uring_queue_exit(3): unmap and close the ring. The kernel ends what is in
 * flight after that, at its own pace: take the last completion of a request
 * first if its memory is to be used again.
 */
void shim_uring_queue_exit(struct shim_uring *ring);

/* io_uring_ring_dontfork(3): a child does not inherit the ring's memory. */
int shim_uring_ring_dontfork(struct shim_uring *ring);

/*
 * io_uring_resize_rings(3): p->sq_entries SQEs, and twice as many CQEs or, with
 * IORING_SETUP_CQSIZE, p->cq_entries; IORING_SETUP_CLAMP is the other flag
 * allowed. SQEs that are prepared stay so, CQEs that are ready, too; pointers
 * to them end. The ring has IORING_SETUP_DEFER_TASKRUN and not
 * IORING_SETUP_NO_MMAP. p gets what became of it. -EOVERFLOW: they do not fit.
 * After -ENOMEM the ring may only be torn down. Since 6.13.
 */
int shim_uring_resize_rings(struct shim_uring *ring,
			    struct shim_io_uring_params *p);

/*
 * io_uring_memory_size(3): at most so many bytes, in whole pages, does
 * shim_uring_queue_init_mem() take. -EINVAL for what is no number of entries.
 */
long shim_uring_memory_size(unsigned entries, unsigned flags);
long shim_uring_memory_size_params(unsigned entries,
				   const struct shim_io_uring_params *p);

/*
 * io_uring_mlock_size(3): how many bytes of RLIMIT_MEMLOCK a ring takes: 0
 * since 5.12. Sets up a small ring to find out, whose errors it returns.
 */
long shim_uring_mlock_size(unsigned entries, unsigned flags);
long shim_uring_mlock_size_params(unsigned entries,
				  const struct shim_io_uring_params *p);

/* ---- Submitting ---- */

/*
 * io_uring_submit(3): hand every prepared SQE to the kernel. Returns how many
 * it took (with SQPOLL: how many its thread was given), or -errno. SQEs that
 * it did not take stay queued for the next call: the kernel stops after one
 * that is malformed, unless the ring has IORING_SETUP_SUBMIT_ALL. -EBUSY:
 * take completions first; -EAGAIN: out of memory.
 */
int shim_uring_submit(struct shim_uring *ring);

/*
 * io_uring_submit_and_wait(3): the same in the same call to the kernel, and
 * then wait for wait_nr completions, unless the kernel took fewer SQEs than
 * there were. A signal ends the wait; -EINTR only if nothing was submitted.
 */
int shim_uring_submit_and_wait(struct shim_uring *ring, unsigned wait_nr);

/*
 * io_uring_submit_and_wait_timeout(3): the same, but wait no longer than ts (a
 * duration; null: for ever), with the signal mask *sigmask if not null.
 * *cqe_ptr is the oldest CQE, or null if none is ready. Returns the number
 * submitted; -ETIME when the time is over, none is ready and nothing was
 * submitted. Before 5.11 a time makes it two calls to the kernel (submit,
 * ppoll), and one CQE ends the wait, whatever wait_nr; -EINVAL with IOPOLL.
 */
int shim_uring_submit_and_wait_timeout(struct shim_uring *ring,
				       struct shim_io_uring_cqe **cqe_ptr,
				       unsigned wait_nr,
				       const struct shim_timespec *ts,
				       const uint64_t *sigmask);

/*
 * io_uring_submit_and_wait_min_timeout(3): the same, but after min_wait
 * microseconds one CQE is enough, however many wait_nr says. Since 6.12:
 * -EINVAL before, and nothing is submitted.
 */
int shim_uring_submit_and_wait_min_timeout(struct shim_uring *ring,
					   struct shim_io_uring_cqe **cqe_ptr,
					   unsigned wait_nr,
					   const struct shim_timespec *ts,
					   unsigned min_wait,
					   const uint64_t *sigmask);

/*
 * io_uring_submit_and_wait_reg(3): the same as
 * shim_uring_submit_and_wait_timeout(), with the time, the signal mask and the
 * least time of the entry reg_index that was registered for it, see
 * shim_uring_register_wait_reg(). Since 6.13.
 */
int shim_uring_submit_and_wait_reg(struct shim_uring *ring,
				   struct shim_io_uring_cqe **cqe_ptr,
				   unsigned wait_nr, int reg_index);

/*
 * io_uring_submit_and_get_events(3): submit, and let the kernel post what is
 * complete: needed with IORING_SETUP_DEFER_TASKRUN by those who do not wait.
 */
int shim_uring_submit_and_get_events(struct shim_uring *ring);

/*
 * io_uring_sqring_wait(3): with SQPOLL and a full submission queue, wait until
 * the kernel's thread has taken an SQE. Returns >= 0, or -errno.
 */
int shim_uring_sqring_wait(struct shim_uring *ring);

/* ---- Completions ---- */

/*
 * io_uring_wait_cqe_nr(3): wait until wait_nr CQEs are ready, and give the
 * oldest; it stays in the queue until shim_uring_cqe_seen(). Returns 0, or
 * -errno and a null CQE: -EINTR. After a signal fewer than wait_nr, but at
 * least one may be ready. With wait_nr 0: shim_uring_peek_cqe(). Submits
 * nothing.
 */
int shim_uring_wait_cqe_nr(struct shim_uring *ring,
			   struct shim_io_uring_cqe **cqe_ptr,
			   unsigned wait_nr);

/*
 * io_uring_wait_cqes(3): the same within ts (null: for ever), and with the
 * signal mask *sigmask if not null. -ETIME: the time is over and none is
 * ready; -EAGAIN: none is, though the kernel said so. Submits nothing, unlike
 * liburing before 5.11: there a time makes it a ppoll of the ring, and one CQE
 * ends the wait, whatever wait_nr; -EINVAL with IOPOLL.
 */
int shim_uring_wait_cqes(struct shim_uring *ring,
			 struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr,
			 const struct shim_timespec *ts,
			 const uint64_t *sigmask);

/*
 * io_uring_wait_cqes_min_timeout(3): the same, but after min_wait microseconds
 * one CQE is enough. Since 6.12: -EINVAL before.
 */
int shim_uring_wait_cqes_min_timeout(struct shim_uring *ring,
				     struct shim_io_uring_cqe **cqe_ptr,
				     unsigned wait_nr,
				     const struct shim_timespec *ts,
				     unsigned min_wait,
				     const uint64_t *sigmask);

/* io_uring_wait_cqe_timeout(3): shim_uring_wait_cqes() for one CQE. */
int shim_uring_wait_cqe_timeout(struct shim_uring *ring,
				struct shim_io_uring_cqe **cqe_ptr,
				const struct shim_timespec *ts);

/*
 * io_uring_peek_batch_cqe(3): put the addresses of up to count ready CQEs into
 * cqes, oldest first, and return how many. They stay in the queue until
 * shim_uring_cq_advance(), by as many or, with IORING_SETUP_CQE_MIXED, by the
 * sum of their shim_uring_cqe_nr(). It calls the kernel only when none is ready
 * and the kernel holds some back (an overflow, deferred work).
 */
unsigned shim_uring_peek_batch_cqe(struct shim_uring *ring,
				   struct shim_io_uring_cqe **cqes,
				   unsigned count);

/*
 * io_uring_get_events(3): let the kernel post what is complete, without
 * waiting: overflowed CQEs, deferred work. Returns 0, or -errno.
 */
int shim_uring_get_events(struct shim_uring *ring);

/*
 * io_uring_set_iowait(3): whether a wait looks to the kernel like waiting for a
 * disk, as it does by default. -EOPNOTSUPP before 6.15.
 */
int shim_uring_set_iowait(struct shim_uring *ring, int enable_iowait);

#ifdef __cplusplus
}
#endif

#include <shim/zuring_prep.h>

#include <shim/uring_message.h>
#include <shim/uring_queue.h>
#include <shim/uring_register.h>

#endif
