/* SPDX-License-Identifier: MIT */
/*
 * What a ring is told and asked besides requests, for <shim/uring.h>, which
 * includes this. As in liburing, so io_uring_register_X(3) describes
 * shim_uring_register_X(). Results are >= 0 or -errno: -EINVAL for what the
 * kernel does not know, -ENXIO for what is not registered, -EBUSY for what is
 * registered already.
 */
#ifndef SHIM_URING_REGISTER_H
#define SHIM_URING_REGISTER_H

#include <shim/uring.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The ring itself ---- */

/*
 * io_uring_register_eventfd(3): count completions on an eventfd, which stays
 * the caller's. -EBUSY: the ring has one already.
 */
int shim_uring_register_eventfd(struct shim_uring *ring, int fd);

/* io_uring_unregister_eventfd(3): -ENXIO: the ring has none. */
int shim_uring_unregister_eventfd(struct shim_uring *ring);

/*
 * io_uring_register_probe(3): ask which opcodes the kernel has. p is the
 * caller's, of SHIM_URING_PROBE_SIZE(nr) bytes, nr at most 256, and is
 * overwritten.
 */
int shim_uring_register_probe(struct shim_uring *ring,
			      struct shim_io_uring_probe *p, unsigned nr);

/*
 * io_uring_enable_rings(3): start a ring set up with IORING_SETUP_R_DISABLED;
 * with IORING_SETUP_SINGLE_ISSUER the caller becomes its one submitter.
 */
int shim_uring_enable_rings(struct shim_uring *ring);

/* io_uring_register_eventfd_async(3): count only what did not complete at once.
 */
int shim_uring_register_eventfd_async(struct shim_uring *ring, int fd);

/*
 * io_uring_register_ring_fd(3): let this thread name the ring by a number of
 * its own, which saves the kernel a search at each call. Only this thread may
 * use the ring then. Returns 1; -EEXIST if it is registered. Since 5.18.
 */
int shim_uring_register_ring_fd(struct shim_uring *ring);

/* io_uring_unregister_ring_fd(3): undoes it. Returns 1. */
int shim_uring_unregister_ring_fd(struct shim_uring *ring);

/*
 * io_uring_close_ring_fd(3): close the descriptor of a ring that is registered
 * so. Returns 1. Since 6.3: -EOPNOTSUPP before.
 */
int shim_uring_close_ring_fd(struct shim_uring *ring);

/*
 * io_uring_register_personality(3): remember the caller's credentials. Returns
 * a number for the personality of SQEs.
 */
int shim_uring_register_personality(struct shim_uring *ring);
int shim_uring_unregister_personality(struct shim_uring *ring, int id);

/*
 * io_uring_register_restrictions(3): from shim_uring_enable_rings() on, allow
 * only what the nr restrictions name. The ring has IORING_SETUP_R_DISABLED.
 */
int shim_uring_register_restrictions(struct shim_uring *ring,
				     struct shim_io_uring_restriction *res,
				     unsigned nr);

/* io_uring_register_iowq_aff(3): the CPUs of worker threads; cpusz in bytes. */
int shim_uring_register_iowq_aff(struct shim_uring *ring, size_t cpusz,
				 const void *mask);
int shim_uring_unregister_iowq_aff(struct shim_uring *ring);

/*
 * io_uring_register_iowq_max_workers(3): values[IO_WQ_BOUND] and
 * values[IO_WQ_UNBOUND] become the limits unless they are 0, and get what they
 * were. Since 5.15.
 */
int shim_uring_register_iowq_max_workers(struct shim_uring *ring,
					 unsigned values[2]);

/*
 * io_uring_register_sync_cancel(3): cancel and wait until it is done. Returns
 * 0 or more, -ENOENT if nothing matches, -ETIME. Since 6.0.
 */
int shim_uring_register_sync_cancel(struct shim_uring *ring,
				    struct shim_io_uring_sync_cancel_reg *reg);

/*
 * io_uring_register_napi(3): let waits poll the queues of network cards. napi
 * gets what was set before. Since 6.9.
 */
int shim_uring_register_napi(struct shim_uring *ring,
			     struct shim_io_uring_napi *napi);
int shim_uring_unregister_napi(struct shim_uring *ring,
			       struct shim_io_uring_napi *napi);

/*
 * io_uring_register_clock(3): CLOCK_MONOTONIC or CLOCK_BOOTTIME for the times
 * of waits. Since 6.12.
 */
int shim_uring_register_clock(struct shim_uring *ring,
			      struct shim_io_uring_clock_register *arg);

/* io_uring_register_region(3): memory that the ring shares. Since 6.13. */
int shim_uring_register_region(struct shim_uring *ring,
			       struct shim_io_uring_mem_region_reg *reg);

/*
 * The region of arguments for shim_uring_submit_and_wait_reg(): nr entries that
 * fill whole pages, from a page's address on. They stay the caller's, who may
 * write to them between waits. The ring is still disabled
 * (IORING_SETUP_R_DISABLED). Since 6.13; liburing's has no effect since 2.9.
 */
int shim_uring_register_wait_reg(struct shim_uring *ring,
				 struct shim_io_uring_reg_wait *reg, int nr);

/*
 * io_uring_register_ifq(3): receive into memory of ours from a queue of a
 * network card. Since 6.15.
 */
int shim_uring_register_ifq(struct shim_uring *ring,
			    struct shim_io_uring_zcrx_ifq_reg *reg);
int shim_uring_register_zcrx_ctrl(struct shim_uring *ring,
				  struct shim_zcrx_ctrl *ctrl);

/*
 * io_uring_register_bpf_filter(3): a filter in the kernel's classic BPF decides
 * about each request of an opcode. Since 7.0.
 */
int shim_uring_register_bpf_filter(struct shim_uring *ring,
				   struct shim_io_uring_bpf *bpf);

/* ---- Without a ring ---- */

/*
 * The same for all rings that this task and its children will make. Needs
 * no_new_privs, or CAP_SYS_ADMIN. It cannot be undone. Since 7.0.
 */
int shim_uring_register_bpf_filter_task(struct shim_io_uring_bpf *bpf);

/* Restrictions of all rings that will be made, likewise. Since 7.0. */
int shim_uring_register_restrictions_task(
	struct shim_io_uring_task_restriction *res);

/*
 * io_uring_register_sync_msg(3): do what shim_uring_prep_msg_ring() or the like
 * has prepared, at once. Returns the request's result. Since 6.13.
 */
int shim_uring_register_sync_msg(struct shim_io_uring_sqe *sqe);

/*
 * io_uring_register_query(3): ask the kernel about itself; each question has
 * its own result. shim_uring_probe() asks the usual ones. Since 6.18.
 */
int shim_uring_register_query(struct shim_io_uring_query_hdr *query);

/*
 * What this kernel's io_uring can do: sets of IORING_FEAT_*, IORING_SETUP_*,
 * IORING_ENTER_* and IOSQE_* flags; opcodes of requests and of
 * io_uring_register below these numbers. Before 6.18 the kernel cannot be asked
 * for all of it: what is unknown is 0, and the numbers of opcodes and the
 * set-up flags are found by trying, which takes a ring.
 */
struct shim_uring_support {
	uint64_t features;
	uint64_t setup_flags;
	uint64_t enter_flags;
	uint64_t sqe_flags;
	unsigned nr_ops;
	unsigned nr_register_ops;
	unsigned nr_queries;
};

/*
 * Fill *s. Returns 0, or -errno: -ENOSYS or -EPERM where io_uring is missing or
 * forbidden; the errors of shim_uring_queue_init().
 */
int shim_uring_probe(struct shim_uring_support *s);

/* ---- Buffers ---- */

/*
 * io_uring_register_buffers(3): let the kernel keep nr buffers, for requests
 * that name them by buf_index. They stay the kernel's until they are
 * unregistered or the ring is gone.
 */
int shim_uring_register_buffers(struct shim_uring *ring,
				const struct shim_iovec *iovecs, unsigned nr);

/*
 * io_uring_register_buffers_tags(3): when the kernel has done with a buffer
 * that was replaced, a CQE has its tag as user_data; a tag of 0 asks for none.
 * 6.1 posts none when all are unregistered, 6.18 does. Since 5.13.
 */
int shim_uring_register_buffers_tags(struct shim_uring *ring,
				     const struct shim_iovec *iovecs,
				     const uint64_t *tags, unsigned nr);

/* io_uring_register_buffers_sparse(3): nr empty places. Since 5.19. */
int shim_uring_register_buffers_sparse(struct shim_uring *ring, unsigned nr);

/*
 * io_uring_register_buffers_update_tag(3): replace nr buffers from off on; an
 * empty one makes an empty place. tags may be null. Returns nr. Since 5.13.
 */
int shim_uring_register_buffers_update_tag(struct shim_uring *ring,
					   unsigned off,
					   const struct shim_iovec *iovecs,
					   const uint64_t *tags, unsigned nr);

/*
 * io_uring_clone_buffers(3): dst gets the buffers of src, or (since 6.13) nr of
 * them from src_off on, at dst_off; with IORING_REGISTER_DST_REPLACE in the
 * place of what is there, else -EBUSY. nr 0: all. Since 6.12.
 */
int shim_uring_clone_buffers(struct shim_uring *dst, struct shim_uring *src);
int shim_uring_clone_buffers_offset(struct shim_uring *dst,
				    struct shim_uring *src, unsigned dst_off,
				    unsigned src_off, unsigned nr,
				    unsigned flags);
int shim_uring_unregister_buffers(struct shim_uring *ring);

/* ---- Files ---- */

/*
 * io_uring_register_files(3): nr descriptors for requests with
 * IOSQE_FIXED_FILE, which name them by their index; -1 is an empty place. The
 * ring keeps the files open, so the descriptors may be closed. -EMFILE beyond
 * RLIMIT_NOFILE, which this does not raise, unlike liburing.
 */
int shim_uring_register_files(struct shim_uring *ring, const int *files,
			      unsigned nr);

/* io_uring_register_files_tags(3): tags as those of buffers. Since 5.13. */
int shim_uring_register_files_tags(struct shim_uring *ring, const int *files,
				   const uint64_t *tags, unsigned nr);

/* io_uring_register_files_sparse(3): nr empty places. Since 5.19. */
int shim_uring_register_files_sparse(struct shim_uring *ring, unsigned nr);

/*
 * io_uring_register_files_update(3): replace nr files from off on; -1 makes an
 * empty place, IORING_REGISTER_FILES_SKIP leaves it. Returns how many.
 */
int shim_uring_register_files_update(struct shim_uring *ring, unsigned off,
				     const int *files, unsigned nr);
int shim_uring_register_files_update_tag(struct shim_uring *ring, unsigned off,
					 const int *files, const uint64_t *tags,
					 unsigned nr);
int shim_uring_unregister_files(struct shim_uring *ring);

/*
 * io_uring_register_file_alloc_range(3): IORING_FILE_INDEX_ALLOC chooses from
 * len places from off on. Since 6.0.
 */
int shim_uring_register_file_alloc_range(struct shim_uring *ring, unsigned off,
					 unsigned len);

/* ---- Rings of provided buffers, since 5.19 ---- */

/*
 * io_uring_register_buf_ring(3): the memory of the ring is the caller's: a
 * multiple of pages, for reg->ring_entries (a power of two) buffers.
 */
int shim_uring_register_buf_ring(struct shim_uring *ring,
				 struct shim_io_uring_buf_reg *reg,
				 unsigned flags);
int shim_uring_unregister_buf_ring(struct shim_uring *ring, int bgid);

/*
 * io_uring_setup_buf_ring(3): the same with memory of its own, or of the
 * kernel's (IOU_PBUF_RING_MMAP, since 6.4), which shim_uring_free_buf_ring()
 * gives back. Null and -errno in *err.
 */
struct shim_io_uring_buf_ring *
shim_uring_setup_buf_ring(struct shim_uring *ring, unsigned nentries, int bgid,
			  unsigned flags, int *err);
int shim_uring_free_buf_ring(struct shim_uring *ring,
			     struct shim_io_uring_buf_ring *br,
			     unsigned nentries, int bgid);

/* io_uring_buf_ring_head(3): how many the kernel has taken. Since 6.8. */
int shim_uring_buf_ring_head(struct shim_uring *ring, int buf_group,
			     uint16_t *head);

/* io_uring_buf_ring_available(3): how many it has not. Since 6.8. */
static inline int
shim_uring_buf_ring_available(struct shim_uring *ring,
			      struct shim_io_uring_buf_ring *br,
			      unsigned short bgid)
{
	uint16_t head;
	int err = shim_uring_buf_ring_head(ring, bgid, &head);

	return err ? err : (uint16_t)(br->tail - head);
}

static inline int shim_uring_buf_ring_mask(unsigned ring_entries)
{
	return (int)ring_entries - 1;
}

/* io_uring_buf_ring_init(3): the ring is empty. */
static inline void shim_uring_buf_ring_init(struct shim_io_uring_buf_ring *br)
{
	br->tail = 0;
}

/*
 * io_uring_buf_ring_add(3): put the buffer at buf_offset behind the tail. The
 * kernel sees it after shim_uring_buf_ring_advance().
 */
static inline void shim_uring_buf_ring_add(struct shim_io_uring_buf_ring *br,
					   void *addr, unsigned len,
					   unsigned short bid, int mask,
					   int buf_offset)
{
	struct shim_io_uring_buf *bufs = (struct shim_io_uring_buf *)(void *)br;
	struct shim_io_uring_buf *buf = &bufs[(br->tail + buf_offset) & mask];

	/* All but resv: in the first buffer that is the tail. */
	buf->addr = (uint64_t)(uintptr_t)addr;
	buf->len = len;
	buf->bid = bid;
}

/* io_uring_buf_ring_advance(3): give count buffers to the kernel. */
static inline void
shim_uring_buf_ring_advance(struct shim_io_uring_buf_ring *br, int count)
{
	/* Release: the buffers before the kernel's load-acquire of the tail. */
	__atomic_store_n(&br->tail, (uint16_t)(br->tail + count),
			 __ATOMIC_RELEASE);
}

/*
 * Give buf_count buffers to the kernel, and cq_count CQEs back. liburing's
 * begins with two underscores.
 */
static inline void
shim_uring_buf_ring_cq_advance_both(struct shim_uring *ring,
				    struct shim_io_uring_buf_ring *br,
				    int cq_count, int buf_count)
{
	shim_uring_buf_ring_advance(br, buf_count);
	/* Release: the CQEs are read before the kernel overwrites them. */
	__atomic_store_n(ring->cq.khead, *ring->cq.khead + (unsigned)cq_count,
			 __ATOMIC_RELEASE);
}

/* io_uring_buf_ring_cq_advance(3): as many of both. */
static inline void
shim_uring_buf_ring_cq_advance(struct shim_uring *ring,
			       struct shim_io_uring_buf_ring *br, int count)
{
	shim_uring_buf_ring_cq_advance_both(ring, br, count, count);
}

/*
 * The memory with which a program gives pages back to the queue of a network
 * card, see shim_uring_register_ifq(); as liburing has it.
 */
struct shim_uring_zcrx_rq {
	uint32_t *khead;
	uint32_t *ktail;
	uint32_t rq_tail;
	unsigned ring_entries;

	struct shim_io_uring_zcrx_rqe *rqes;
	void *ring_ptr;
};

#ifdef __cplusplus
}
#endif

#endif
