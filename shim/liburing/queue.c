/* SPDX-License-Identifier: MIT */
/* Submitting and waiting. */
#include "export.h"

EXPORT(struct shim_io_uring_sqe *, get_sqe, struct shim_uring *ring)
{
	return shim_uring_get_sqe(ring);
}

EXPORT(int, submit, struct shim_uring *ring)
{
	return shim_uring_submit(ring);
}

EXPORT(int, submit_and_get_events, struct shim_uring *ring)
{
	return shim_uring_submit_and_get_events(ring);
}

EXPORT(int, get_events, struct shim_uring *ring)
{
	return shim_uring_get_events(ring);
}

EXPORT(int, submit_and_wait, struct shim_uring *ring, unsigned wait_nr)
{
	return shim_uring_submit_and_wait(ring, wait_nr);
}

EXPORT(int, submit_and_wait_timeout, struct shim_uring *ring,
       struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr,
       const struct shim_timespec *ts, const uint64_t *sigmask)
{
	return shim_uring_submit_and_wait_timeout(ring, cqe_ptr, wait_nr, ts,
						  sigmask);
}

EXPORT(int, submit_and_wait_min_timeout, struct shim_uring *ring,
       struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr,
       const struct shim_timespec *ts, unsigned min_wait,
       const uint64_t *sigmask)
{
	return shim_uring_submit_and_wait_min_timeout(ring, cqe_ptr, wait_nr,
						      ts, min_wait, sigmask);
}

EXPORT(int, submit_and_wait_reg, struct shim_uring *ring,
       struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr, int reg_index)
{
	return shim_uring_submit_and_wait_reg(ring, cqe_ptr, wait_nr,
					      reg_index);
}

/* Before 5.11 a wait with a time submits what is prepared. */
static int submit_first(struct shim_uring *ring, const struct shim_timespec *ts)
{
	if (!ts || ring->features & SHIM_IORING_FEAT_EXT_ARG)
		return 0;
	return shim_uring_submit(ring);
}

EXPORT(int, wait_cqes, struct shim_uring *ring,
       struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr,
       const struct shim_timespec *ts, const uint64_t *sigmask)
{
	int err = submit_first(ring, ts);

	*cqe_ptr = NULL;
	return err < 0 ? err
		       : shim_uring_wait_cqes(ring, cqe_ptr, wait_nr, ts,
					      sigmask);
}

EXPORT(int, wait_cqe_timeout, struct shim_uring *ring,
       struct shim_io_uring_cqe **cqe_ptr, const struct shim_timespec *ts)
{
	return io_uring_wait_cqes(ring, cqe_ptr, 1, ts, NULL);
}

EXPORT(int, wait_cqes_min_timeout, struct shim_uring *ring,
       struct shim_io_uring_cqe **cqe_ptr, unsigned wait_nr,
       const struct shim_timespec *ts, unsigned min_wait,
       const uint64_t *sigmask)
{
	return shim_uring_wait_cqes_min_timeout(ring, cqe_ptr, wait_nr, ts,
						min_wait, sigmask);
}

EXPORT(unsigned, peek_batch_cqe, struct shim_uring *ring,
       struct shim_io_uring_cqe **cqes, unsigned count)
{
	return shim_uring_peek_batch_cqe(ring, cqes, count);
}

EXPORT(int, set_iowait, struct shim_uring *ring, bool enable_iowait)
{
	return shim_uring_set_iowait(ring, enable_iowait);
}

EXPORT_INNER(int, sqring_wait, struct shim_uring *ring)
{
	return shim_uring_sqring_wait(ring);
}

/* What the inline functions of liburing.h call. */
EXPORT_INNER(int, get_cqe, struct shim_uring *ring,
	     struct shim_io_uring_cqe **cqe_ptr, unsigned submit,
	     unsigned wait_nr, const uint64_t *sigmask)
{
	int err = submit ? shim_uring_submit(ring) : 0;

	*cqe_ptr = NULL;
	return err < 0 ? err
		       : shim_uring_wait_cqes(ring, cqe_ptr, wait_nr, NULL,
					      sigmask);
}
