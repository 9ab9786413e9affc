/* SPDX-License-Identifier: MIT */
/* What the kernel's io_uring can do. */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "uring_impl.h"

/* What came with Linux 5.10 or before. */
#define SETUP_OLD                                                \
	(SHIM_IORING_SETUP_IOPOLL | SHIM_IORING_SETUP_SQPOLL |   \
	 SHIM_IORING_SETUP_SQ_AFF | SHIM_IORING_SETUP_CQSIZE |   \
	 SHIM_IORING_SETUP_CLAMP | SHIM_IORING_SETUP_ATTACH_WQ | \
	 SHIM_IORING_SETUP_R_DISABLED)

/* What came until a kernel can be asked, and what each needs besides. */
static const struct {
	unsigned flag, with;
} setup_flags[] = {
	{ SHIM_IORING_SETUP_SUBMIT_ALL, 0 },
	{ SHIM_IORING_SETUP_COOP_TASKRUN, 0 },
	{ SHIM_IORING_SETUP_TASKRUN_FLAG, SHIM_IORING_SETUP_COOP_TASKRUN },
	{ SHIM_IORING_SETUP_SQE128, 0 },
	{ SHIM_IORING_SETUP_CQE32, 0 },
	{ SHIM_IORING_SETUP_SINGLE_ISSUER, 0 },
	{ SHIM_IORING_SETUP_DEFER_TASKRUN, SHIM_IORING_SETUP_SINGLE_ISSUER },
	{ SHIM_IORING_SETUP_NO_MMAP, 0 },
	{ SHIM_IORING_SETUP_REGISTERED_FD_ONLY, SHIM_IORING_SETUP_NO_MMAP },
	{ SHIM_IORING_SETUP_NO_SQARRAY, 0 },
	{ SHIM_IORING_SETUP_HYBRID_IOPOLL, SHIM_IORING_SETUP_IOPOLL },
};

enum { NR_SETUP_FLAGS = sizeof(setup_flags) / sizeof(setup_flags[0]) };

static int query(struct shim_uring_support *s)
{
	struct shim_io_uring_query_opcode op = { 0 };
	struct shim_io_uring_query_hdr hdr = { 0 };
	int err;

	hdr.query_op = SHIM_IO_URING_QUERY_OPCODES;
	hdr.query_data = (uint64_t)(uintptr_t)&op;
	hdr.size = sizeof(op);
	err = shim_uring_register_query(&hdr);
	if (err < 0 || hdr.result < 0)
		return err < 0 ? err : hdr.result;
	s->features = op.feature_flags;
	s->setup_flags = op.ring_setup_flags;
	s->enter_flags = op.enter_flags;
	s->sqe_flags = op.sqe_flags;
	s->nr_ops = op.nr_request_opcodes;
	s->nr_register_ops = op.nr_register_opcodes;
	s->nr_queries = op.nr_query_opcodes;
	return 0;
}

/*
 * Whether a ring can have these flags: 1, 0, or -errno. One whose memory is the
 * caller's is asked for without any: -EFAULT.
 */
static int can_set_up(unsigned flags)
{
	struct shim_io_uring_params p = { 0 };
	long fd;

	p.flags = flags;
	fd = shim_io_uring_setup(1, &p);
	if (fd >= 0)
		shim_close((int)fd);
	if (fd >= 0 || fd == -SHIM_EFAULT)
		return 1;
	return fd == -SHIM_EINVAL ? 0 : (int)fd;
}

static int try_setup_flags(struct shim_uring_support *s)
{
	s->setup_flags = SETUP_OLD;
	for (int i = 0; i < NR_SETUP_FLAGS; i++) {
		int can = can_set_up(setup_flags[i].flag | setup_flags[i].with);

		if (can < 0)
			return can;
		if (can)
			s->setup_flags |= setup_flags[i].flag;
	}
	return 0;
}

/* For kernels that cannot be asked. */
static int try_ring(struct shim_uring_support *s)
{
	struct shim_io_uring_probe probe;
	struct shim_io_uring_params p = { 0 };
	struct shim_uring ring = { 0 };
	int err;

	ring.ring_fd = (int)shim_io_uring_setup(1, &p);
	if (ring.ring_fd < 0)
		return ring.ring_fd;
	err = shim_uring_register_probe(&ring, &probe, 0);
	shim_close(ring.ring_fd);
	if (err < 0)
		return err;
	s->features = p.features;
	s->nr_ops = probe.last_op + 1u;
	return try_setup_flags(s);
}

unsigned shim_uring_no_array(void)
{
	struct shim_uring_support s;

	if (query(&s))
		return 0;
	return (unsigned)s.setup_flags & SHIM_IORING_SETUP_NO_SQARRAY;
}

int shim_uring_probe(struct shim_uring_support *s)
{
	const struct shim_uring_support none = { 0 };
	int err;

	*s = none;
	err = query(s);
	return err ? try_ring(s) : 0;
}
