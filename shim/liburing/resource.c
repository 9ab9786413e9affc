/* SPDX-License-Identifier: MIT */
/* Registered buffers and files. */
#include "export.h"

EXPORT(int, register_buffers, struct shim_uring *ring,
       const struct shim_iovec *iovecs, unsigned nr)
{
	return shim_uring_register_buffers(ring, iovecs, nr);
}

EXPORT(int, register_buffers_tags, struct shim_uring *ring,
       const struct shim_iovec *iovecs, const uint64_t *tags, unsigned nr)
{
	return shim_uring_register_buffers_tags(ring, iovecs, tags, nr);
}

EXPORT(int, register_buffers_sparse, struct shim_uring *ring, unsigned nr)
{
	return shim_uring_register_buffers_sparse(ring, nr);
}

EXPORT(int, register_buffers_update_tag, struct shim_uring *ring, unsigned off,
       const struct shim_iovec *iovecs, const uint64_t *tags, unsigned nr)
{
	return shim_uring_register_buffers_update_tag(ring, off, iovecs, tags,
						      nr);
}

EXPORT(int, clone_buffers_offset, struct shim_uring *dst,
       struct shim_uring *src, unsigned dst_off, unsigned src_off, unsigned nr,
       unsigned flags)
{
	return shim_uring_clone_buffers_offset(dst, src, dst_off, src_off, nr,
					       flags);
}

EXPORT(int, clone_buffers, struct shim_uring *dst, struct shim_uring *src)
{
	return shim_uring_clone_buffers(dst, src);
}

EXPORT_INNER(int, clone_buffers_offset, struct shim_uring *dst,
	     struct shim_uring *src, unsigned dst_off, unsigned src_off,
	     unsigned nr, unsigned flags)
{
	return shim_uring_clone_buffers_offset(dst, src, dst_off, src_off, nr,
					       flags);
}

EXPORT_INNER(int, clone_buffers, struct shim_uring *dst, struct shim_uring *src,
	     unsigned flags)
{
	return shim_uring_clone_buffers_offset(dst, src, 0, 0, 0, flags);
}

/*
 * Room for nr more files than RLIMIT_NOFILE has now, when a registration failed
 * for want of it: then it is worth another try.
 */
static bool made_room(int err, unsigned nr)
{
	struct shim_rlimit64 limit;

	if (err != -SHIM_EMFILE ||
	    shim_prlimit64(0, SHIM_RLIMIT_NOFILE, NULL, &limit))
		return false;
	limit.rlim_cur += nr;
	return !shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &limit, NULL);
}

EXPORT(int, register_files, struct shim_uring *ring, const int *files,
       unsigned nr)
{
	int err = shim_uring_register_files(ring, files, nr);

	return made_room(err, nr) ? shim_uring_register_files(ring, files, nr)
				  : err;
}

EXPORT(int, register_files_tags, struct shim_uring *ring, const int *files,
       const uint64_t *tags, unsigned nr)
{
	int err = shim_uring_register_files_tags(ring, files, tags, nr);

	return made_room(err, nr)
		       ? shim_uring_register_files_tags(ring, files, tags, nr)
		       : err;
}

EXPORT(int, register_files_sparse, struct shim_uring *ring, unsigned nr)
{
	int err = shim_uring_register_files_sparse(ring, nr);

	return made_room(err, nr) ? shim_uring_register_files_sparse(ring, nr)
				  : err;
}

EXPORT(int, register_files_update, struct shim_uring *ring, unsigned off,
       const int *files, unsigned nr)
{
	return shim_uring_register_files_update(ring, off, files, nr);
}

EXPORT(int, register_files_update_tag, struct shim_uring *ring, unsigned off,
       const int *files, const uint64_t *tags, unsigned nr)
{
	return shim_uring_register_files_update_tag(ring, off, files, tags, nr);
}

EXPORT(int, register_buf_ring, struct shim_uring *ring,
       struct shim_io_uring_buf_reg *reg, unsigned flags)
{
	return shim_uring_register_buf_ring(ring, reg, flags);
}

EXPORT(int, unregister_buf_ring, struct shim_uring *ring, int bgid)
{
	return shim_uring_unregister_buf_ring(ring, bgid);
}

EXPORT(struct shim_io_uring_buf_ring *, setup_buf_ring, struct shim_uring *ring,
       unsigned nentries, int bgid, unsigned flags, int *err)
{
	return shim_uring_setup_buf_ring(ring, nentries, bgid, flags, err);
}

EXPORT(int, free_buf_ring, struct shim_uring *ring,
       struct shim_io_uring_buf_ring *br, unsigned nentries, int bgid)
{
	return shim_uring_free_buf_ring(ring, br, nentries, bgid);
}

EXPORT(int, buf_ring_head, struct shim_uring *ring, int buf_group,
       uint16_t *head)
{
	return shim_uring_buf_ring_head(ring, buf_group, head);
}
