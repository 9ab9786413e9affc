/* SPDX-License-Identifier: MIT */
/*
 * Setting up the ring of the io_uring engine: with the flags that the kernel
 * knows, and of the size that it has memory for.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>
#include <shim/uring.h>

#include "aio_impl.h"

enum { ENTRIES_MAX = 256, ENTRIES_MIN = 8 };

/* What came until 5.6: operations rely on it. */
#define REQUIRED                                                    \
	(SHIM_IORING_FEAT_NODROP | SHIM_IORING_FEAT_SUBMIT_STABLE | \
	 SHIM_IORING_FEAT_RW_CUR_POS)

/* Best first: completions are posted when we ask for them, by one thread. */
static const unsigned setup_flags[] = {
	SHIM_IORING_SETUP_SUBMIT_ALL | SHIM_IORING_SETUP_SINGLE_ISSUER |
		SHIM_IORING_SETUP_DEFER_TASKRUN |
		SHIM_IORING_SETUP_TASKRUN_FLAG,
	SHIM_IORING_SETUP_SUBMIT_ALL | SHIM_IORING_SETUP_COOP_TASKRUN |
		SHIM_IORING_SETUP_TASKRUN_FLAG,
	0,
};

enum { NR_SETUP_FLAGS = sizeof(setup_flags) / sizeof(setup_flags[0]) };

/* A ring of entries with all the flags that the kernel knows. */
static int set_up(struct shim_uring *ring, unsigned entries,
		  unsigned cq_entries)
{
	int err = -SHIM_EINVAL;

	for (int i = 0; i < NR_SETUP_FLAGS && err == -SHIM_EINVAL; i++) {
		struct shim_io_uring_params p = {
			.flags = setup_flags[i] | SHIM_IORING_SETUP_CQSIZE |
				 SHIM_IORING_SETUP_CLAMP,
			.cq_entries = cq_entries > entries ? cq_entries
							   : entries,
		};

		err = shim_uring_queue_init_params(entries, ring, &p);
	}
	return err;
}

/* The limit for memory that is locked, 0 for none. */
static uint64_t locked_max(void)
{
	struct shim_rlimit64 limit;

	if (shim_prlimit64(0, SHIM_RLIMIT_MEMLOCK, NULL, &limit) ||
	    limit.rlim_cur == UINT64_MAX)
		return 0;
	return limit.rlim_cur;
}

/* About what the kernel counts for a ring, in whole pages. */
static uint64_t locked(unsigned entries)
{
	uint64_t sqes = entries * sizeof(struct shim_io_uring_sqe);
	uint64_t rings = 320 + entries * sizeof(uint32_t) +
			 2 * entries * sizeof(struct shim_io_uring_cqe);
	uint64_t page = 4096;

	shim_aio_auxv(SHIM_AT_PAGESZ, &page);
	return ((sqes + page - 1) & -page) + ((rings + page - 1) & -page);
}

/* A ring, smaller than it should be if there is little memory for it. */
static int make_ring(struct aio *a, unsigned nr_slots)
{
	unsigned entries = ENTRIES_MIN;
	uint64_t limit;
	int err;

	while (entries < nr_slots && entries < ENTRIES_MAX)
		entries *= 2;
	a->uring = (struct uring){ .due = 0 };
	a->failed = "io_uring_setup";
	/* For each slot a result and an answer. */
	err = set_up(&a->uring.ring, entries, 2 * nr_slots);
	if (err != -SHIM_ENOMEM)
		return err;
	/* Kernels before 5.12 count rings as locked memory. */
	limit = locked_max();
	while (limit && err == -SHIM_ENOMEM && entries > ENTRIES_MIN) {
		entries /= 2;
		/* What does not fit the kernel keeps until there is room. */
		err = set_up(&a->uring.ring, entries, 2 * entries);
	}
	if (err == -SHIM_ENOMEM) {
		a->locked_max = limit;
		a->locked = locked(entries);
	}
	return err;
}

/* A filter may allow to make a ring and forbid to use it. */
static int try_ring(struct aio *a)
{
	struct shim_uring *ring = &a->uring.ring;
	int err;

	if (~ring->features & REQUIRED)
		return -SHIM_EOPNOTSUPP;
	a->failed = "io_uring_enter";
	shim_uring_prep_nop(shim_uring_get_sqe(ring));
	err = shim_uring_submit_and_wait(ring, 1);
	if (err < 0)
		return err;
	shim_uring_cq_advance(ring, 1);
	return 0;
}

int shim_aio_uring_init(struct aio *a, const struct shim_aio_params *params)
{
	int err = make_ring(a, params->nr_slots);

	if (err)
		return err;
	err = try_ring(a);
	if (err)
		shim_uring_queue_exit(&a->uring.ring);
	return err;
}
