/* SPDX-License-Identifier: MIT */
/* What a ring is told and asked besides requests. */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

static int tell(struct shim_uring *ring, unsigned op, void *arg, unsigned nr)
{
	return (int)shim_io_uring_register(ring->ring_fd, op, arg, nr);
}

int shim_uring_register_eventfd(struct shim_uring *ring, int fd)
{
	return tell(ring, SHIM_IORING_REGISTER_EVENTFD, &fd, 1);
}

int shim_uring_unregister_eventfd(struct shim_uring *ring)
{
	return tell(ring, SHIM_IORING_UNREGISTER_EVENTFD, NULL, 0);
}

int shim_uring_register_probe(struct shim_uring *ring,
			      struct shim_io_uring_probe *p, unsigned nr)
{
	char *bytes = (char *)p;

	/* The kernel refuses a probe that is not 0, for later use. */
	for (size_t i = 0; i < SHIM_URING_PROBE_SIZE(nr); i++)
		bytes[i] = 0;
	return tell(ring, SHIM_IORING_REGISTER_PROBE, p, nr);
}

int shim_uring_enable_rings(struct shim_uring *ring)
{
	return tell(ring, SHIM_IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}
