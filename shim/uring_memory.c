/* SPDX-License-Identifier: MIT */
/* How much memory a ring takes, and rings in memory that the kernel gets. */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "uring_impl.h"

/* The kernel's limits. */
enum { SQ_MAX = 32768, CQ_MAX = 2 * SQ_MAX };

/* No page is larger, where a ring is. */
enum { PAGE_MIN = 4096, PAGE_MAX = 65536 };

/* What heads and tails take at most, in kernels that cannot be asked. */
enum { HEADER_MAX = 320 };

enum { HUGE_PAGE = 2 << 20 };

/* Where the parts of a ring go that has its memory from its user. */
struct plan {
	size_t sqes, rings; /* their sizes, in whole pages */
};

/* The kernel wants the address of a page here, and does nothing then. */
static size_t page_size(void)
{
	uintptr_t size = PAGE_MIN;

	while (size < PAGE_MAX &&
	       shim_madvise((void *)size, 0, SHIM_MADV_NORMAL))
		size *= 2;
	return size;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) & -to;
}

static unsigned power_of_two(unsigned n)
{
	unsigned power = 1;

	while (power < n)
		power *= 2;
	return power;
}

/* A number of entries as the kernel rounds it, or 0: that is none. */
static unsigned nr_entries(unsigned n, unsigned max, unsigned flags)
{
	if (n > max)
		n = flags & SHIM_IORING_SETUP_CLAMP ? max : 0;
	return n ? power_of_two(n) : 0;
}

/* Put what the kernel will make of the numbers into *sq and *cq. */
static int count(unsigned entries, const struct shim_io_uring_params *p,
		 unsigned *sq, unsigned *cq)
{
	*sq = nr_entries(entries, SQ_MAX, p->flags);
	*cq = 2 * *sq;
	if (p->flags & SHIM_IORING_SETUP_CQSIZE)
		*cq = nr_entries(p->cq_entries, CQ_MAX, p->flags);
	return *sq && *cq >= *sq ? 0 : -SHIM_EINVAL;
}

static size_t header_size(void)
{
	struct shim_io_uring_query_scq scq = { 0 };
	struct shim_io_uring_query_hdr hdr = { 0 };

	hdr.query_op = SHIM_IO_URING_QUERY_SCQ;
	hdr.query_data = (uint64_t)(uintptr_t)&scq;
	hdr.size = sizeof(scq);
	if (shim_uring_register_query(&hdr) || hdr.result)
		return HEADER_MAX;
	return scq.hdr_size > HEADER_MAX ? scq.hdr_size : HEADER_MAX;
}

static int plan(unsigned entries, const struct shim_io_uring_params *p,
		struct plan *plan)
{
	unsigned sq, cq;
	int err = count(entries, p, &sq, &cq);

	if (err)
		return err;
	plan->sqes = ((size_t)sq << shim_uring_sqe_shift_from_flags(p->flags)) *
		     sizeof(struct shim_io_uring_sqe);
	plan->rings =
		header_size() +
		((size_t)cq << shim_uring_cqe_shift_from_flags(p->flags)) *
			sizeof(struct shim_io_uring_cqe);
	if (!(p->flags & SHIM_IORING_SETUP_NO_SQARRAY))
		plan->rings += sq * sizeof(unsigned);
	return 0;
}

static int plan_pages(unsigned entries, const struct shim_io_uring_params *p,
		      struct plan *q)
{
	size_t page = page_size();
	int err = plan(entries, p, q);

	if (err)
		return err;
	q->sqes = round_up(q->sqes, page);
	q->rings = round_up(q->rings, page);
	return 0;
}

long shim_uring_memory_size_params(unsigned entries,
				   const struct shim_io_uring_params *p)
{
	struct plan q;
	int err = plan_pages(entries, p, &q);

	return err ? err : (long)(q.sqes + q.rings);
}

long shim_uring_memory_size(unsigned entries, unsigned flags)
{
	struct shim_io_uring_params p = { 0 };

	p.flags = flags;
	return shim_uring_memory_size_params(entries, &p);
}

/* What a kernel takes that counts it: pages of a power of two. */
static size_t locked_size(size_t size, size_t page)
{
	while (page < size)
		page *= 2;
	return page;
}

long shim_uring_mlock_size_params(unsigned entries,
				  const struct shim_io_uring_params *p)
{
	struct shim_io_uring_params small = { 0 };
	struct plan q;
	int err = plan(entries, p, &q);
	size_t page;
	long fd;

	if (err)
		return err;
	fd = shim_io_uring_setup(1, &small);
	if (fd < 0)
		return fd;
	shim_close((int)fd);
	if (small.features & SHIM_IORING_FEAT_NATIVE_WORKERS)
		return 0;
	page = page_size();
	return (long)(locked_size(q.sqes, page) + locked_size(q.rings, page));
}

long shim_uring_mlock_size(unsigned entries, unsigned flags)
{
	struct shim_io_uring_params p = { 0 };

	p.flags = flags;
	return shim_uring_mlock_size_params(entries, &p);
}

/* The SQEs first. Returns 0, or -errno. */
static int init_at(unsigned entries, struct shim_uring *ring,
		   struct shim_io_uring_params *p, char *mem,
		   const struct plan *plan)
{
	struct shim_uring r = { 0 };
	long fd;

	/* Heads and tails begin at 0, whatever was there. */
	for (size_t i = 0; i < HEADER_MAX; i++)
		mem[plan->sqes + i] = 0;
	p->sq_off.user_addr = (uint64_t)(uintptr_t)mem;
	p->cq_off.user_addr = (uint64_t)(uintptr_t)(mem + plan->sqes);
	fd = shim_io_uring_setup(entries, p);
	if (fd < 0)
		return (int)fd;
	r.sq.sqes = (void *)mem;
	r.sq.sqes_sz = (unsigned)(plan->sqes + plan->rings);
	r.sq.ring_ptr = r.cq.ring_ptr = mem + plan->sqes;
	shim_uring_adopt(&r, (int)fd, p);
	*ring = r;
	return 0;
}

int shim_uring_queue_init_mem(unsigned entries, struct shim_uring *ring,
			      struct shim_io_uring_params *p, void *buf,
			      size_t buf_size)
{
	struct plan plan;
	int err;

	p->flags |= SHIM_IORING_SETUP_NO_MMAP;
	if (p->flags & ~(unsigned)SHIM_URING_SETUP_FLAGS)
		return -SHIM_EINVAL;
	p->flags |= shim_uring_no_array();
	err = plan_pages(entries, p, &plan);
	if (err)
		return err;
	if (plan.sqes + plan.rings > buf_size)
		return -SHIM_ENOMEM;
	err = init_at(entries, ring, p, buf, &plan);
	if (err)
		return err;
	ring->int_flags |= SHIM_URING_INT_APP_MEM;
	return (int)(plan.sqes + plan.rings);
}

static int init_in_new(unsigned entries, struct shim_uring *ring,
		       struct shim_io_uring_params *p, const struct plan *plan,
		       size_t size, int flags)
{
	void *mem = shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			      SHIM_MAP_SHARED | SHIM_MAP_ANONYMOUS | flags, -1,
			      0);
	int err = (int)shim_ptr_err(mem);

	if (err)
		return err;
	err = init_at(entries, ring, p, mem, plan);
	if (err)
		shim_munmap(mem, size);
	else
		ring->sq.sqes_sz = (unsigned)size;
	return err;
}

int shim_uring_init_unmapped(unsigned entries, struct shim_uring *ring,
			     struct shim_io_uring_params *p)
{
	struct plan plan;
	size_t size;
	int err;

	p->flags |= shim_uring_no_array();
	err = plan_pages(entries, p, &plan);
	if (err)
		return err;
	size = plan.sqes + plan.rings;
	err = init_in_new(entries, ring, p, &plan, size, 0);
	/* Before 6.12 each part must be one piece, as of a huge page. */
	if (err == -SHIM_EINVAL && size <= HUGE_PAGE &&
	    !init_in_new(entries, ring, p, &plan, HUGE_PAGE,
			 SHIM_MAP_HUGETLB | SHIM_MAP_HUGE_2MB))
		return 0;
	return err;
}
