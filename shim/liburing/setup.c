/* SPDX-License-Identifier: MIT */
/* Setting rings up, and what a library says of itself. */
#include "export.h"

/* The liburing that this is. */
enum { MAJOR = 2, MINOR = 15 };

EXPORT(int, queue_init_params, unsigned entries, struct shim_uring *ring,
       struct shim_io_uring_params *p)
{
	return shim_uring_queue_init_params(entries, ring, p);
}

EXPORT(int, queue_init, unsigned entries, struct shim_uring *ring,
       unsigned flags)
{
	return shim_uring_queue_init(entries, ring, flags);
}

EXPORT(int, queue_init_mem, unsigned entries, struct shim_uring *ring,
       struct shim_io_uring_params *p, void *buf, size_t size)
{
	return shim_uring_queue_init_mem(entries, ring, p, buf, size);
}

EXPORT(int, queue_mmap, int fd, struct shim_io_uring_params *p,
       struct shim_uring *ring)
{
	return shim_uring_queue_mmap(fd, p, ring);
}

EXPORT(int, ring_dontfork, struct shim_uring *ring)
{
	return shim_uring_ring_dontfork(ring);
}

EXPORT(void, queue_exit, struct shim_uring *ring)
{
	shim_uring_queue_exit(ring);
}

/* The flags are gone afterwards. */
EXPORT(int, resize_rings, struct shim_uring *ring,
       struct shim_io_uring_params *p)
{
	int err = shim_uring_resize_rings(ring, p);

	p->flags = 0;
	return err;
}

EXPORT(long, mlock_size, unsigned entries, unsigned flags)
{
	return shim_uring_mlock_size(entries, flags);
}

EXPORT(long, mlock_size_params, unsigned entries,
       struct shim_io_uring_params *p)
{
	return shim_uring_mlock_size_params(entries, p);
}

EXPORT(long, memory_size, unsigned entries, unsigned flags)
{
	return shim_uring_memory_size(entries, flags);
}

EXPORT(long, memory_size_params, unsigned entries,
       struct shim_io_uring_params *p)
{
	return shim_uring_memory_size_params(entries, p);
}

EXPORT(int, major_version, void)
{
	return MAJOR;
}

EXPORT(int, minor_version, void)
{
	return MINOR;
}

/* Whether the library is older than that. */
EXPORT(bool, check_version, int major, int minor)
{
	return major > MAJOR || (major == MAJOR && minor > MINOR);
}

EXPORT(int, setup, unsigned entries, struct shim_io_uring_params *p)
{
	return (int)shim_io_uring_setup(entries, p);
}

EXPORT(int, enter2, unsigned fd, unsigned to_submit, unsigned min_complete,
       unsigned flags, const void *arg, size_t size)
{
	return (int)shim_io_uring_enter((int)fd, to_submit, min_complete, flags,
					arg, size);
}

EXPORT(int, enter, unsigned fd, unsigned to_submit, unsigned min_complete,
       unsigned flags, const uint64_t *sigmask)
{
	return io_uring_enter2(fd, to_submit, min_complete, flags, sigmask, 8);
}

EXPORT(int, register, unsigned fd, unsigned opcode, const void *arg,
       unsigned nr)
{
	return (int)shim_io_uring_register((int)fd, opcode,
					   (void *)(uintptr_t)arg, nr);
}
