/* SPDX-License-Identifier: MIT */
/* What belongs to threads: registered rings, messages, workers, personality. */
#define _GNU_SOURCE
#include <sched.h>

#include "say.h"

int main(void)
{
	struct io_uring a, b;
	unsigned limits[2] = { 3, 4 };
	cpu_set_t cpus;
	int id;

	open_ring(&a, 8, 0);
	open_ring(&b, 8, 0);
	SAY(io_uring_register_ring_fd(&a));
#if LIBURING >= 204
	SAY(io_uring_register_ring_fd(&a));
#endif
	for (int i = 0; i < 3; i++) {
		next_sqe(&a, (unsigned long)i);
		SAY(io_uring_submit_and_wait(&a, 1));
		say_cqes(&a, 1);
	}
	PREP(&a, 5, msg_ring, b.ring_fd, 77, 88, 0);
	SAY(io_uring_submit_and_wait(&a, 1));
	say_cqes(&a, 1);
	say_cqes(&b, 1);
	SAY(io_uring_unregister_ring_fd(&a));
#if LIBURING >= 204
	SAY(io_uring_unregister_ring_fd(&a));
#endif
	id = io_uring_register_personality(&a);
	printf("personality %d\n", id > 0);
	next_sqe(&a, 6)->personality = (__u16)id;
	SAY(io_uring_submit_and_wait(&a, 1));
	say_cqes(&a, 1);
	SAY(io_uring_unregister_personality(&a, id));
	SAY(io_uring_unregister_personality(&a, id));
	SAY(io_uring_register_iowq_max_workers(&a, limits));
	limits[0] = limits[1] = 0;
	SAY(io_uring_register_iowq_max_workers(&a, limits));
	printf("%u %u\n", limits[0], limits[1]);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	SAY(io_uring_register_iowq_aff(&a, sizeof(cpus), &cpus));
	SAY(io_uring_unregister_iowq_aff(&a));
	io_uring_queue_exit(&a);
	io_uring_queue_exit(&b);
	return 0;
}
