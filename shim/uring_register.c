/* SPDX-License-Identifier: MIT */
/* What a ring is told and asked besides requests. */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "uring_impl.h"

int shim_uring_tell(struct shim_uring *ring, unsigned op, void *arg,
		    unsigned nr)
{
	int fd = ring->ring_fd;

	if (fd < 0) {
		fd = ring->enter_ring_fd;
		op |= SHIM_IORING_REGISTER_USE_REGISTERED_RING;
	}
	return (int)shim_io_uring_register(fd, op, arg, nr);
}

/* What the task does, or asks, needs no ring. */
static int tell_kernel(unsigned op, void *arg, unsigned nr)
{
	return (int)shim_io_uring_register(-1, op, arg, nr);
}

/* The kernel only reads this. */
static void *in(const void *p)
{
	return (void *)(uintptr_t)p;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int shim_uring_register_eventfd(struct shim_uring *ring, int fd)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_EVENTFD, &fd, 1);
}

int shim_uring_unregister_eventfd(struct shim_uring *ring)
{
	return shim_uring_tell(ring, SHIM_IORING_UNREGISTER_EVENTFD, NULL, 0);
}

int shim_uring_register_probe(struct shim_uring *ring,
			      struct shim_io_uring_probe *p, unsigned nr)
{
	char *bytes = (char *)p;

	/* The kernel refuses a probe that is not 0, for later use. */
	for (size_t i = 0; i < SHIM_URING_PROBE_SIZE(nr); i++)
		bytes[i] = 0;
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_PROBE, p, nr);
}

int shim_uring_enable_rings(struct shim_uring *ring)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_ENABLE_RINGS, NULL,
			       0);
}

int shim_uring_register_eventfd_async(struct shim_uring *ring, int fd)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_EVENTFD_ASYNC, &fd,
			       1);
}

static int is_registered(const struct shim_uring *ring)
{
	return ring->int_flags & SHIM_URING_INT_REG_RING;
}

int shim_uring_register_ring_fd(struct shim_uring *ring)
{
	struct shim_io_uring_rsrc_update up = { 0 };
	int n;

	if (is_registered(ring))
		return -SHIM_EEXIST;
	up.offset = UINT32_MAX;
	up.data = (uint64_t)ring->ring_fd;
	n = shim_uring_tell(ring, SHIM_IORING_REGISTER_RING_FDS, &up, 1);
	if (n == 1) {
		ring->enter_ring_fd = (int)up.offset;
		ring->int_flags |= SHIM_URING_INT_REG_RING;
	}
	return n;
}

int shim_uring_unregister_ring_fd(struct shim_uring *ring)
{
	struct shim_io_uring_rsrc_update up = { 0 };
	int n;

	if (!is_registered(ring))
		return -SHIM_EINVAL;
	up.offset = (uint32_t)ring->enter_ring_fd;
	n = shim_uring_tell(ring, SHIM_IORING_UNREGISTER_RING_FDS, &up, 1);
	if (n == 1) {
		ring->enter_ring_fd = ring->ring_fd;
		ring->int_flags &= (uint8_t) ~(unsigned)SHIM_URING_INT_REG_RING;
	}
	return n;
}

int shim_uring_close_ring_fd(struct shim_uring *ring)
{
	if (!(ring->features & SHIM_IORING_FEAT_REG_REG_RING))
		return -SHIM_EOPNOTSUPP;
	if (!is_registered(ring))
		return -SHIM_EINVAL;
	if (ring->ring_fd < 0)
		return -SHIM_EBADF;
	shim_close(ring->ring_fd);
	ring->ring_fd = -1;
	return 1;
}

int shim_uring_register_personality(struct shim_uring *ring)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_PERSONALITY, NULL, 0);
}

int shim_uring_unregister_personality(struct shim_uring *ring, int id)
{
	return shim_uring_tell(ring, SHIM_IORING_UNREGISTER_PERSONALITY, NULL,
			       (unsigned)id);
}

int shim_uring_register_restrictions(struct shim_uring *ring,
				     struct shim_io_uring_restriction *res,
				     unsigned nr)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_RESTRICTIONS, res,
			       nr);
}

int shim_uring_register_iowq_aff(struct shim_uring *ring, size_t cpusz,
				 const void *mask)
{
	if (cpusz > UINT32_MAX)
		return -SHIM_EINVAL;
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_IOWQ_AFF, in(mask),
			       (unsigned)cpusz);
}

int shim_uring_unregister_iowq_aff(struct shim_uring *ring)
{
	return shim_uring_tell(ring, SHIM_IORING_UNREGISTER_IOWQ_AFF, NULL, 0);
}

int shim_uring_register_iowq_max_workers(struct shim_uring *ring,
					 unsigned values[2])
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_IOWQ_MAX_WORKERS,
			       values, 2);
}

int shim_uring_register_sync_cancel(struct shim_uring *ring,
				    struct shim_io_uring_sync_cancel_reg *reg)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_SYNC_CANCEL, reg, 1);
}

int shim_uring_register_sync_msg(struct shim_io_uring_sqe *sqe)
{
	return tell_kernel(SHIM_IORING_REGISTER_SEND_MSG_RING, sqe, 1);
}

int shim_uring_register_query(struct shim_io_uring_query_hdr *query)
{
	return tell_kernel(SHIM_IORING_REGISTER_QUERY, query, 0);
}

int shim_uring_register_napi(struct shim_uring *ring,
			     struct shim_io_uring_napi *napi)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_NAPI, napi, 1);
}

int shim_uring_unregister_napi(struct shim_uring *ring,
			       struct shim_io_uring_napi *napi)
{
	return shim_uring_tell(ring, SHIM_IORING_UNREGISTER_NAPI, napi, 1);
}

int shim_uring_register_clock(struct shim_uring *ring,
			      struct shim_io_uring_clock_register *arg)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_CLOCK, arg, 0);
}

int shim_uring_register_region(struct shim_uring *ring,
			       struct shim_io_uring_mem_region_reg *reg)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_MEM_REGION, reg, 1);
}

int shim_uring_register_wait_reg(struct shim_uring *ring,
				 struct shim_io_uring_reg_wait *reg, int nr)
{
	struct shim_io_uring_region_desc desc = { 0 };
	struct shim_io_uring_mem_region_reg region = { 0 };

	if (nr <= 0)
		return -SHIM_EINVAL;
	desc.user_addr = address(reg);
	desc.size = (uint64_t)nr * sizeof(*reg);
	desc.flags = SHIM_IORING_MEM_REGION_TYPE_USER;
	region.region_uptr = address(&desc);
	region.flags = SHIM_IORING_MEM_REGION_REG_WAIT_ARG;
	return shim_uring_register_region(ring, &region);
}

int shim_uring_register_ifq(struct shim_uring *ring,
			    struct shim_io_uring_zcrx_ifq_reg *reg)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_ZCRX_IFQ, reg, 1);
}

int shim_uring_register_zcrx_ctrl(struct shim_uring *ring,
				  struct shim_zcrx_ctrl *ctrl)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_ZCRX_CTRL, ctrl, 0);
}

int shim_uring_register_bpf_filter(struct shim_uring *ring,
				   struct shim_io_uring_bpf *bpf)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_BPF_FILTER, bpf, 1);
}

int shim_uring_register_bpf_filter_task(struct shim_io_uring_bpf *bpf)
{
	return tell_kernel(SHIM_IORING_REGISTER_BPF_FILTER, bpf, 1);
}

int shim_uring_register_restrictions_task(
	struct shim_io_uring_task_restriction *res)
{
	return tell_kernel(SHIM_IORING_REGISTER_RESTRICTIONS, res, 1);
}

/* ---- Buffers and files ---- */

static int register_all(struct shim_uring *ring, unsigned op, const void *data,
			const uint64_t *tags, unsigned nr)
{
	struct shim_io_uring_rsrc_register reg = { 0 };

	reg.nr = nr;
	reg.data = address(data);
	reg.tags = address(tags);
	if (!data)
		reg.flags = SHIM_IORING_RSRC_REGISTER_SPARSE;
	return shim_uring_tell(ring, op, &reg, sizeof(reg));
}

static int update(struct shim_uring *ring, unsigned op, unsigned off,
		  const void *data, const uint64_t *tags, unsigned nr)
{
	struct shim_io_uring_rsrc_update2 up = { 0 };

	up.offset = off;
	up.data = address(data);
	up.tags = address(tags);
	up.nr = nr;
	return shim_uring_tell(ring, op, &up, sizeof(up));
}

int shim_uring_register_buffers(struct shim_uring *ring,
				const struct shim_iovec *iovecs, unsigned nr)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_BUFFERS, in(iovecs),
			       nr);
}

int shim_uring_register_buffers_tags(struct shim_uring *ring,
				     const struct shim_iovec *iovecs,
				     const uint64_t *tags, unsigned nr)
{
	if (!iovecs)
		return -SHIM_EINVAL;
	return register_all(ring, SHIM_IORING_REGISTER_BUFFERS2, iovecs, tags,
			    nr);
}

int shim_uring_register_buffers_sparse(struct shim_uring *ring, unsigned nr)
{
	return register_all(ring, SHIM_IORING_REGISTER_BUFFERS2, NULL, NULL,
			    nr);
}

int shim_uring_register_buffers_update_tag(struct shim_uring *ring,
					   unsigned off,
					   const struct shim_iovec *iovecs,
					   const uint64_t *tags, unsigned nr)
{
	return update(ring, SHIM_IORING_REGISTER_BUFFERS_UPDATE, off, iovecs,
		      tags, nr);
}

int shim_uring_clone_buffers_offset(struct shim_uring *dst,
				    struct shim_uring *src, unsigned dst_off,
				    unsigned src_off, unsigned nr,
				    unsigned flags)
{
	struct shim_io_uring_clone_buffers clone = { 0 };

	clone.src_fd = (uint32_t)src->ring_fd;
	clone.flags = flags & ~(unsigned)SHIM_IORING_REGISTER_SRC_REGISTERED;
	if (src->ring_fd < 0) {
		clone.src_fd = (uint32_t)src->enter_ring_fd;
		clone.flags |= SHIM_IORING_REGISTER_SRC_REGISTERED;
	}
	clone.src_off = src_off;
	clone.dst_off = dst_off;
	clone.nr = nr;
	return shim_uring_tell(dst, SHIM_IORING_REGISTER_CLONE_BUFFERS, &clone,
			       1);
}

int shim_uring_clone_buffers(struct shim_uring *dst, struct shim_uring *src)
{
	return shim_uring_clone_buffers_offset(dst, src, 0, 0, 0, 0);
}

int shim_uring_unregister_buffers(struct shim_uring *ring)
{
	return shim_uring_tell(ring, SHIM_IORING_UNREGISTER_BUFFERS, NULL, 0);
}

int shim_uring_register_files(struct shim_uring *ring, const int *files,
			      unsigned nr)
{
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_FILES, in(files), nr);
}

int shim_uring_register_files_tags(struct shim_uring *ring, const int *files,
				   const uint64_t *tags, unsigned nr)
{
	if (!files)
		return -SHIM_EINVAL;
	return register_all(ring, SHIM_IORING_REGISTER_FILES2, files, tags, nr);
}

int shim_uring_register_files_sparse(struct shim_uring *ring, unsigned nr)
{
	return register_all(ring, SHIM_IORING_REGISTER_FILES2, NULL, NULL, nr);
}

int shim_uring_register_files_update(struct shim_uring *ring, unsigned off,
				     const int *files, unsigned nr)
{
	struct shim_io_uring_files_update up = { off, 0, address(files) };

	return shim_uring_tell(ring, SHIM_IORING_REGISTER_FILES_UPDATE, &up,
			       nr);
}

int shim_uring_register_files_update_tag(struct shim_uring *ring, unsigned off,
					 const int *files, const uint64_t *tags,
					 unsigned nr)
{
	return update(ring, SHIM_IORING_REGISTER_FILES_UPDATE2, off, files,
		      tags, nr);
}

int shim_uring_unregister_files(struct shim_uring *ring)
{
	return shim_uring_tell(ring, SHIM_IORING_UNREGISTER_FILES, NULL, 0);
}

int shim_uring_register_file_alloc_range(struct shim_uring *ring, unsigned off,
					 unsigned len)
{
	struct shim_io_uring_file_index_range range = { off, len, 0 };

	return shim_uring_tell(ring, SHIM_IORING_REGISTER_FILE_ALLOC_RANGE,
			       &range, 0);
}

/* ---- Rings of provided buffers ---- */

int shim_uring_register_buf_ring(struct shim_uring *ring,
				 struct shim_io_uring_buf_reg *reg,
				 unsigned flags)
{
	reg->flags |= (uint16_t)flags;
	return shim_uring_tell(ring, SHIM_IORING_REGISTER_PBUF_RING, reg, 1);
}

int shim_uring_unregister_buf_ring(struct shim_uring *ring, int bgid)
{
	struct shim_io_uring_buf_reg reg = { 0 };

	reg.bgid = (uint16_t)bgid;
	return shim_uring_tell(ring, SHIM_IORING_UNREGISTER_PBUF_RING, &reg, 1);
}

/* Memory of the kernel that is there when the ring of buffers is. */
static void *map_buf_ring(struct shim_uring *ring, size_t size, int bgid)
{
	const int64_t offset = (int64_t)bgid << SHIM_IORING_OFF_PBUF_SHIFT;
	void *p = shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			    SHIM_MAP_SHARED | SHIM_MAP_POPULATE, ring->ring_fd,
			    (int64_t)SHIM_IORING_OFF_PBUF_RING | offset);

	if (shim_ptr_err(p))
		shim_uring_unregister_buf_ring(ring, bgid);
	return p;
}

struct shim_io_uring_buf_ring *
shim_uring_setup_buf_ring(struct shim_uring *ring, unsigned nentries, int bgid,
			  unsigned flags, int *err)
{
	struct shim_io_uring_buf_reg reg = { 0 };
	size_t size = nentries * sizeof(struct shim_io_uring_buf);
	void *p = NULL;

	if (!(flags & SHIM_IOU_PBUF_RING_MMAP))
		p = shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			      SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
	*err = (int)shim_ptr_err(p);
	if (*err)
		return NULL;
	reg.ring_addr = address(p);
	reg.ring_entries = nentries;
	reg.bgid = (uint16_t)bgid;
	*err = shim_uring_register_buf_ring(ring, &reg, flags);
	if (*err) {
		if (p)
			shim_munmap(p, size);
		return NULL;
	}
	if (!p)
		p = map_buf_ring(ring, size, bgid);
	*err = (int)shim_ptr_err(p);
	if (*err)
		return NULL;
	shim_uring_buf_ring_init(p);
	return p;
}

int shim_uring_free_buf_ring(struct shim_uring *ring,
			     struct shim_io_uring_buf_ring *br,
			     unsigned nentries, int bgid)
{
	int err = shim_uring_unregister_buf_ring(ring, bgid);

	if (err)
		return err;
	return (int)shim_munmap(br,
				nentries * sizeof(struct shim_io_uring_buf));
}

int shim_uring_buf_ring_head(struct shim_uring *ring, int buf_group,
			     uint16_t *head)
{
	struct shim_io_uring_buf_status status = { 0 };
	int err;

	status.buf_group = (uint32_t)buf_group;
	err = shim_uring_tell(ring, SHIM_IORING_REGISTER_PBUF_STATUS, &status,
			      1);
	if (!err)
		*head = (uint16_t)status.head;
	return err;
}
