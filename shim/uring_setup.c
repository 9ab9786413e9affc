/* SPDX-License-Identifier: MIT */
/* Setting a ring up and tearing it down. */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

static void *map(int fd, size_t size, int64_t offset)
{
	return shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			 SHIM_MAP_SHARED | SHIM_MAP_POPULATE, fd, offset);
}

static size_t sqes_size(const struct shim_uring *ring)
{
	unsigned shift = ring->flags & SHIM_IORING_SETUP_SQE128 ? 1 : 0;

	return (sizeof(struct shim_io_uring_sqe) << shift) *
	       ring->sq.ring_entries;
}

static void set_sizes(struct shim_uring *ring,
		      const struct shim_io_uring_params *p)
{
	unsigned shift = p->flags & SHIM_IORING_SETUP_CQE32 ? 1 : 0;

	ring->sq.ring_entries = p->sq_entries;
	ring->cq.ring_entries = p->cq_entries;
	ring->sq.ring_sz = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	ring->cq.ring_sz =
		p->cq_off.cqes +
		p->cq_entries * (sizeof(struct shim_io_uring_cqe) << shift);
	if (!(p->features & SHIM_IORING_FEAT_SINGLE_MMAP))
		return;
	if (ring->sq.ring_sz < ring->cq.ring_sz)
		ring->sq.ring_sz = ring->cq.ring_sz;
	ring->cq.ring_sz = ring->sq.ring_sz;
}

static int rings_share(const struct shim_uring *ring)
{
	return ring->cq.ring_ptr == ring->sq.ring_ptr;
}

static void unmap_rings(const struct shim_uring *ring)
{
	if (!rings_share(ring))
		shim_munmap(ring->cq.ring_ptr, ring->cq.ring_sz);
	shim_munmap(ring->sq.ring_ptr, ring->sq.ring_sz);
}

/* Map one or both rings. Returns 0, or -errno and nothing is mapped. */
static long map_rings(struct shim_uring *ring)
{
	void *sq =
		map(ring->ring_fd, ring->sq.ring_sz, SHIM_IORING_OFF_SQ_RING);
	void *cq = sq;
	long err = shim_ptr_err(sq);

	if (err)
		return err;
	if (!(ring->features & SHIM_IORING_FEAT_SINGLE_MMAP)) {
		cq = map(ring->ring_fd, ring->cq.ring_sz,
			 SHIM_IORING_OFF_CQ_RING);
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

/* Map all memory of a ring. Returns 0, or -errno and nothing is mapped. */
static long map_all(struct shim_uring *ring,
		    const struct shim_io_uring_params *p)
{
	void *sqes;
	long err;

	set_sizes(ring, p);
	err = map_rings(ring);
	if (err)
		return err;
	sqes = map(ring->ring_fd, sqes_size(ring), SHIM_IORING_OFF_SQES);
	err = shim_ptr_err(sqes);
	if (err) {
		unmap_rings(ring);
		return err;
	}
	ring->sq.sqes = sqes;
	return 0;
}

int shim_uring_queue_init_params(unsigned entries, struct shim_uring *ring,
				 struct shim_io_uring_params *p)
{
	struct shim_uring r = { 0 };
	long fd, err;

	if (p->flags & ~(unsigned)SHIM_URING_SETUP_FLAGS)
		return -SHIM_EINVAL;
	fd = shim_io_uring_setup(entries, p);
	if (fd < 0)
		return (int)fd;
	r.flags = p->flags;
	r.features = p->features;
	r.ring_fd = r.enter_ring_fd = (int)fd;
	err = map_all(&r, p);
	if (err) {
		shim_close((int)fd);
		return (int)err;
	}
	find_sq(&r.sq, &p->sq_off);
	find_cq(&r.cq, &p->cq_off);
	if (!(p->flags & SHIM_IORING_SETUP_NO_SQARRAY))
		fill_array(&r.sq, p->sq_off.array);
	*ring = r;
	return 0;
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
	shim_munmap(ring->sq.sqes, sqes_size(ring));
	unmap_rings(ring);
	/* -EINVAL when it is not registered. */
	shim_uring_unregister_ring_fd(ring);
	if (ring->ring_fd >= 0)
		shim_close(ring->ring_fd);
}
