/* SPDX-License-Identifier: MIT */
/* Setting a ring up, changing its size, and tearing it down. */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "uring_impl.h"

static void *map(int fd, size_t size, int64_t offset)
{
	return shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			 SHIM_MAP_SHARED | SHIM_MAP_POPULATE, fd, offset);
}

static size_t cqes_size(const struct shim_io_uring_params *p)
{
	const unsigned shift = shim_uring_cqe_shift_from_flags(p->flags);

	return ((size_t)p->cq_entries << shift) *
	       sizeof(struct shim_io_uring_cqe);
}

static size_t sqes_size(const struct shim_io_uring_params *p)
{
	const unsigned shift = shim_uring_sqe_shift_from_flags(p->flags);

	return ((size_t)p->sq_entries << shift) *
	       sizeof(struct shim_io_uring_sqe);
}

static void set_sizes(struct shim_uring *ring,
		      const struct shim_io_uring_params *p)
{
	struct shim_uring_sq *sq = &ring->sq;
	struct shim_uring_cq *cq = &ring->cq;

	sq->ring_sz = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	cq->ring_sz = p->cq_off.cqes + cqes_size(p);
	sq->sqes_sz = (unsigned)sqes_size(p);
	if (!(p->features & SHIM_IORING_FEAT_SINGLE_MMAP))
		return;
	if (sq->ring_sz < cq->ring_sz)
		sq->ring_sz = cq->ring_sz;
	cq->ring_sz = sq->ring_sz;
}

/* A ring in memory that shim_uring_queue_init_mem() got has no sizes. */
static void unmap_rings(const struct shim_uring *ring)
{
	if (ring->cq.ring_ptr != ring->sq.ring_ptr)
		shim_munmap(ring->cq.ring_ptr, ring->cq.ring_sz);
	if (ring->sq.ring_sz)
		shim_munmap(ring->sq.ring_ptr, ring->sq.ring_sz);
}

static void unmap_all(const struct shim_uring *ring)
{
	if (ring->int_flags & SHIM_URING_INT_APP_MEM)
		return;
	shim_munmap(ring->sq.sqes, ring->sq.sqes_sz);
	unmap_rings(ring);
}

/* Map one or both rings. Returns 0, or -errno and nothing is mapped. */
static long map_rings(int fd, struct shim_uring *ring, int single)
{
	void *sq = map(fd, ring->sq.ring_sz, SHIM_IORING_OFF_SQ_RING);
	void *cq = sq;
	long err = shim_ptr_err(sq);

	if (err)
		return err;
	if (!single) {
		cq = map(fd, ring->cq.ring_sz, SHIM_IORING_OFF_CQ_RING);
		err = shim_ptr_err(cq);
		if (err) {
			shim_munmap(sq, ring->sq.ring_sz);
			return err;
		}
	}
	ring->sq.ring_ptr = sq;
	ring->cq.ring_ptr = cq;
	return 0;
}

/* Map all memory of a ring. Returns 0, or -errno and nothing is mapped. */
static long map_all(int fd, struct shim_uring *ring,
		    const struct shim_io_uring_params *p)
{
	void *sqes;
	long err;

	set_sizes(ring, p);
	err = map_rings(fd, ring, p->features & SHIM_IORING_FEAT_SINGLE_MMAP);
	if (err)
		return err;
	sqes = map(fd, ring->sq.sqes_sz, SHIM_IORING_OFF_SQES);
	err = shim_ptr_err(sqes);
	if (err) {
		unmap_rings(ring);
		return err;
	}
	ring->sq.sqes = sqes;
	return 0;
}

static unsigned *at(void *ring, uint32_t offset)
{
	return (unsigned *)((char *)ring + offset);
}

static void find_sq(struct shim_uring_sq *sq,
		    const struct shim_io_sqring_offsets *off)
{
	sq->khead = at(sq->ring_ptr, off->head);
	sq->ktail = at(sq->ring_ptr, off->tail);
	sq->kring_mask = at(sq->ring_ptr, off->ring_mask);
	sq->kring_entries = at(sq->ring_ptr, off->ring_entries);
	sq->kflags = at(sq->ring_ptr, off->flags);
	sq->kdropped = at(sq->ring_ptr, off->dropped);
	sq->ring_mask = *sq->kring_mask;
}

static void find_cq(struct shim_uring_cq *cq,
		    const struct shim_io_cqring_offsets *off)
{
	cq->khead = at(cq->ring_ptr, off->head);
	cq->ktail = at(cq->ring_ptr, off->tail);
	cq->kring_mask = at(cq->ring_ptr, off->ring_mask);
	cq->kring_entries = at(cq->ring_ptr, off->ring_entries);
	if (off->flags)
		cq->kflags = at(cq->ring_ptr, off->flags);
	cq->koverflow = at(cq->ring_ptr, off->overflow);
	cq->cqes = (void *)at(cq->ring_ptr, off->cqes);
	cq->ring_mask = *cq->kring_mask;
}

/* The array between tail and SQEs is not used: slot i always holds SQE i. */
static void fill_array(struct shim_uring_sq *sq, uint32_t offset)
{
	sq->array = at(sq->ring_ptr, offset);
	for (unsigned i = 0; i < sq->ring_entries; i++)
		sq->array[i] = i;
}

void shim_uring_adopt(struct shim_uring *ring, int fd,
		      const struct shim_io_uring_params *p)
{
	ring->flags = p->flags;
	ring->features = p->features;
	ring->ring_fd = ring->enter_ring_fd = fd;
	if (p->flags & SHIM_IORING_SETUP_REGISTERED_FD_ONLY) {
		ring->ring_fd = -1;
		ring->int_flags |= SHIM_URING_INT_REG_RING;
	}
	ring->sq.ring_entries = p->sq_entries;
	ring->cq.ring_entries = p->cq_entries;
	find_sq(&ring->sq, &p->sq_off);
	find_cq(&ring->cq, &p->cq_off);
	if (!(p->flags & SHIM_IORING_SETUP_NO_SQARRAY))
		fill_array(&ring->sq, p->sq_off.array);
}

int shim_uring_queue_mmap(int fd, struct shim_io_uring_params *p,
			  struct shim_uring *ring)
{
	struct shim_uring r = { 0 };
	long err = map_all(fd, &r, p);

	if (err)
		return (int)err;
	shim_uring_adopt(&r, fd, p);
	*ring = r;
	return 0;
}

int shim_uring_queue_init_params(unsigned entries, struct shim_uring *ring,
				 struct shim_io_uring_params *p)
{
	int fd, err;

	if (p->flags & ~(unsigned)SHIM_URING_SETUP_FLAGS)
		return -SHIM_EINVAL;
	if (p->flags & SHIM_IORING_SETUP_NO_MMAP)
		return shim_uring_init_unmapped(entries, ring, p);
	p->flags |= shim_uring_no_array();
	fd = (int)shim_io_uring_setup(entries, p);
	if (fd < 0)
		return fd;
	err = shim_uring_queue_mmap(fd, p, ring);
	if (err)
		shim_close(fd);
	return err;
}

int shim_uring_queue_init(unsigned entries, struct shim_uring *ring,
			  unsigned flags)
{
	struct shim_io_uring_params p = { 0 };

	p.flags = flags;
	return shim_uring_queue_init_params(entries, ring, &p);
}

void shim_uring_queue_exit(struct shim_uring *ring)
{
	unmap_all(ring);
	/* -EINVAL when it is not registered. */
	shim_uring_unregister_ring_fd(ring);
	if (ring->ring_fd >= 0)
		shim_close(ring->ring_fd);
}

int shim_uring_ring_dontfork(struct shim_uring *ring)
{
	const struct shim_uring_sq *sq = &ring->sq;
	const struct shim_uring_cq *cq = &ring->cq;
	long err = shim_madvise(sq->sqes, sq->sqes_sz, SHIM_MADV_DONTFORK);

	if (!err && sq->ring_sz)
		err = shim_madvise(sq->ring_ptr, sq->ring_sz,
				   SHIM_MADV_DONTFORK);
	if (!err && cq->ring_ptr != sq->ring_ptr)
		err = shim_madvise(cq->ring_ptr, cq->ring_sz,
				   SHIM_MADV_DONTFORK);
	return (int)err;
}

/* The memory of a ring that the kernel has made anew. Returns 0, or -errno. */
static int replace_memory(struct shim_uring *ring,
			  struct shim_io_uring_params *p)
{
	struct shim_uring r = *ring;
	size_t cqes_end = p->cq_off.cqes + cqes_size(p);
	long err;

	p->features = ring->features;
	/* 6.18 does not say where the array is: in the next cache line. */
	if (!p->sq_off.array)
		p->sq_off.array = (uint32_t)(cqes_end + 63) & -64u;
	err = map_all(ring->ring_fd, &r, p);
	if (err)
		return (int)err;
	shim_uring_adopt(&r, ring->ring_fd, p);
	unmap_all(ring);
	ring->sq = r.sq;
	ring->cq = r.cq;
	return 0;
}

int shim_uring_resize_rings(struct shim_uring *ring,
			    struct shim_io_uring_params *p)
{
	struct shim_io_uring_params q = *p;
	int err;

	if (ring->flags & SHIM_IORING_SETUP_NO_MMAP || ring->ring_fd < 0)
		return -SHIM_EINVAL;
	if (ring->flags & SHIM_IORING_SETUP_SQ_REWIND && ring->sq.sqe_tail)
		return -SHIM_EBUSY;
	/* Release: the SQEs up to the tail are written; the kernel copies them.
	 */
	if (!(ring->flags & SHIM_IORING_SETUP_SQ_REWIND)) {
		shim_uring_store_release(ring->sq.ktail, ring->sq.sqe_tail);
		ring->sq.sqe_head = ring->sq.sqe_tail;
	}
	q.sq_off = (struct shim_io_sqring_offsets){ 0 };
	q.cq_off = (struct shim_io_cqring_offsets){ 0 };
	err = shim_uring_tell(ring, SHIM_IORING_REGISTER_RESIZE_RINGS, &q, 1);
	if (err < 0)
		return err;
	err = replace_memory(ring, &q);
	q.flags = p->flags;
	*p = q;
	return err;
}
