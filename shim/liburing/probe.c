/* SPDX-License-Identifier: MIT */
/* What alone needs memory of a libc: its caller may free it with free(). */
#include "export.h"

void *malloc(size_t size);
void free(void *p);

enum { NR_OPS = 256 };

EXPORT(struct shim_io_uring_probe *, get_probe_ring, struct shim_uring *ring)
{
	struct shim_io_uring_probe *probe =
		malloc(SHIM_URING_PROBE_SIZE(NR_OPS));

	if (!probe)
		return NULL;
	if (shim_uring_register_probe(ring, probe, NR_OPS) < 0) {
		free(probe);
		return NULL;
	}
	return probe;
}

EXPORT(struct shim_io_uring_probe *, get_probe, void)
{
	struct shim_io_uring_probe *probe;
	struct shim_uring ring;

	if (shim_uring_queue_init(2, &ring, 0))
		return NULL;
	probe = io_uring_get_probe_ring(&ring);
	shim_uring_queue_exit(&ring);
	return probe;
}

EXPORT(void, free_probe, struct shim_io_uring_probe *probe)
{
	free(probe);
}
