/* SPDX-License-Identifier: MIT */
/* What a ring is told and asked besides requests. */
#include "export.h"

EXPORT(int, register_eventfd, struct shim_uring *ring, int fd)
{
	return shim_uring_register_eventfd(ring, fd);
}

EXPORT(int, register_eventfd_async, struct shim_uring *ring, int fd)
{
	return shim_uring_register_eventfd_async(ring, fd);
}

EXPORT(int, unregister_eventfd, struct shim_uring *ring)
{
	return shim_uring_unregister_eventfd(ring);
}

EXPORT(int, register_personality, struct shim_uring *ring)
{
	return shim_uring_register_personality(ring);
}

EXPORT(int, enable_rings, struct shim_uring *ring)
{
	return shim_uring_enable_rings(ring);
}

EXPORT(int, register_ring_fd, struct shim_uring *ring)
{
	return shim_uring_register_ring_fd(ring);
}

EXPORT(int, unregister_ring_fd, struct shim_uring *ring)
{
	return shim_uring_unregister_ring_fd(ring);
}

EXPORT(int, close_ring_fd, struct shim_uring *ring)
{
	return shim_uring_close_ring_fd(ring);
}

EXPORT(int, unregister_iowq_aff, struct shim_uring *ring)
{
	return shim_uring_unregister_iowq_aff(ring);
}

EXPORT(int, unregister_buffers, struct shim_uring *ring)
{
	return shim_uring_unregister_buffers(ring);
}

EXPORT(int, unregister_files, struct shim_uring *ring)
{
	return shim_uring_unregister_files(ring);
}

EXPORT(int, register_probe, struct shim_uring *ring,
       struct shim_io_uring_probe *p, unsigned nr)
{
	return shim_uring_register_probe(ring, p, nr);
}

EXPORT(int, unregister_personality, struct shim_uring *ring, int id)
{
	return shim_uring_unregister_personality(ring, id);
}

EXPORT(int, register_restrictions, struct shim_uring *ring,
       struct shim_io_uring_restriction *res, unsigned nr)
{
	return shim_uring_register_restrictions(ring, res, nr);
}

EXPORT(int, register_iowq_aff, struct shim_uring *ring, size_t size,
       const void *mask)
{
	return shim_uring_register_iowq_aff(ring, size, mask);
}

EXPORT(int, register_iowq_max_workers, struct shim_uring *ring,
       unsigned *values)
{
	return shim_uring_register_iowq_max_workers(ring, values);
}

EXPORT(int, register_sync_cancel, struct shim_uring *ring,
       struct shim_io_uring_sync_cancel_reg *reg)
{
	return shim_uring_register_sync_cancel(ring, reg);
}

EXPORT(int, register_sync_msg, struct shim_io_uring_sqe *sqe)
{
	return shim_uring_register_sync_msg(sqe);
}

EXPORT(int, register_file_alloc_range, struct shim_uring *ring, unsigned off,
       unsigned len)
{
	return shim_uring_register_file_alloc_range(ring, off, len);
}

EXPORT(int, register_napi, struct shim_uring *ring,
       struct shim_io_uring_napi *napi)
{
	return shim_uring_register_napi(ring, napi);
}

EXPORT(int, unregister_napi, struct shim_uring *ring,
       struct shim_io_uring_napi *napi)
{
	return shim_uring_unregister_napi(ring, napi);
}

EXPORT(int, register_clock, struct shim_uring *ring,
       struct shim_io_uring_clock_register *arg)
{
	return shim_uring_register_clock(ring, arg);
}

EXPORT(int, register_region, struct shim_uring *ring,
       struct shim_io_uring_mem_region_reg *reg)
{
	return shim_uring_register_region(ring, reg);
}

EXPORT(int, register_wait_reg, struct shim_uring *ring,
       struct shim_io_uring_reg_wait *reg, int nr)
{
	return shim_uring_register_wait_reg(ring, reg, nr);
}

EXPORT(int, register_ifq, struct shim_uring *ring,
       struct shim_io_uring_zcrx_ifq_reg *reg)
{
	return shim_uring_register_ifq(ring, reg);
}

EXPORT(int, register_zcrx_ctrl, struct shim_uring *ring,
       struct shim_zcrx_ctrl *ctrl)
{
	return shim_uring_register_zcrx_ctrl(ring, ctrl);
}

EXPORT(int, register_bpf_filter, struct shim_uring *ring,
       struct shim_io_uring_bpf *bpf)
{
	return shim_uring_register_bpf_filter(ring, bpf);
}

EXPORT(int, register_bpf_filter_task, struct shim_io_uring_bpf *bpf)
{
	return shim_uring_register_bpf_filter_task(bpf);
}

EXPORT(int, register_query, struct shim_io_uring_query_hdr *query)
{
	return shim_uring_register_query(query);
}
