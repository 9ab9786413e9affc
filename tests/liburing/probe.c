/* SPDX-License-Identifier: MIT */
/* What the kernel supports, and memory that free() takes. */
#define _GNU_SOURCE
#include "say.h"

static void say_probe(const struct io_uring_probe *p)
{
	printf("last %u, ops %u\n", p->last_op, p->ops_len);
	for (int i = 0; i < 70; i++)
		printf("%d", io_uring_opcode_supported(p, i));
	puts("");
}

int main(void)
{
	static struct {
		struct io_uring_probe probe;
		struct io_uring_probe_op ops[4];
	} few;
	struct io_uring_probe *p;
	struct io_uring ring;

	open_ring(&ring, 2, 0);
	p = io_uring_get_probe();
	if (!p)
		return 1;
	say_probe(p);
	io_uring_free_probe(p);
	p = io_uring_get_probe_ring(&ring);
	if (!p)
		return 1;
	say_probe(p);
	free(p);
	SAY(io_uring_register_probe(&ring, &few.probe, 4));
	printf("%u: %u %u\n", few.probe.ops_len, few.ops[3].op,
	       few.ops[3].flags);
	memset(&few, 0, sizeof(few));
	SAY(io_uring_register_probe(&ring, &few.probe, 0));
	SAY(io_uring_mlock_size(8, 0) < 0);
	SAY(io_uring_mlock_size(0, 0));
	io_uring_queue_exit(&ring);
	close(ring.ring_fd);
	p = io_uring_get_probe_ring(&ring);
	printf("closed: %d\n", !p);
	return 0;
}
