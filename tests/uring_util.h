/* SPDX-License-Identifier: MIT */
/* What the test programs of the ring have in common, on the real kernel. */
#ifndef URING_UTIL_H
#define URING_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"

#define NONE "this kernel has no io_uring, or forbids it"
#define LACKS "this kernel cannot register that"

/* What a test waits for comes at once; this is for the test that fails. */
static const struct shim_timespec deadline = { 60, 0 };

/* 0, or 1 if the kernel has no such ring; other errors fail the test. */
static inline int no_ring(struct shim_uring *ring, unsigned entries,
			  unsigned flags)
{
	int err = shim_uring_queue_init(entries, ring, flags);

	CHECK(!err || err == -SHIM_ENOSYS || err == -SHIM_EPERM ||
	      (flags && err == -SHIM_EINVAL));
	return err != 0;
}

static inline bool has_io_uring(void)
{
	struct shim_uring ring;

	if (no_ring(&ring, 1, 0))
		return false;
	shim_uring_queue_exit(&ring);
	return true;
}

/* What a kernel that is too old answers to a registration. */
static inline int lacks(int err)
{
	return err == -SHIM_EINVAL || err == -SHIM_ENOSYS ||
	       err == -SHIM_EOPNOTSUPP;
}

/* Likewise to one that needs no ring: it looks for one. */
static inline int lacks_ringless(int err)
{
	return lacks(err) || err == -SHIM_EBADF;
}

/* The result of the next request, whose flags go to *flags. */
static inline int result(struct shim_uring *ring, uint64_t user_data,
			 uint32_t *flags)
{
	struct shim_io_uring_cqe *cqe;
	int res;

	CHECK(shim_uring_submit(ring) >= 0);
	if (!CHECK_EQ(shim_uring_wait_cqe_timeout(ring, &cqe, &deadline), 0))
		return -1;
	CHECK_EQ(cqe->user_data, user_data);
	res = cqe->res;
	if (flags)
		*flags = cqe->flags;
	shim_uring_cqe_seen(ring, cqe);
	return res;
}

#endif
