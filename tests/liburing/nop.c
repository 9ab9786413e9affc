/* SPDX-License-Identifier: MIT */
/* Queues: full, empty, in batches, through every function that looks at them.
 */
#define _GNU_SOURCE
#include "say.h"

int main(void)
{
	struct io_uring_cqe *cqes[8], *cqe;
	struct io_uring ring;
	unsigned head, n = 0;

	open_ring(&ring, 4, 0);
	printf("entries %u %u\n", ring.sq.ring_entries, ring.cq.ring_entries);
	SAY(io_uring_sq_space_left(&ring));
	for (int i = 0; i < 4; i++)
		next_sqe(&ring, (unsigned long)i);
	printf("full: %d\n", !io_uring_get_sqe(&ring));
	SAY(io_uring_sq_ready(&ring));
	SAY(io_uring_submit(&ring));
	SAY(io_uring_submit(&ring));
	SAY(io_uring_cq_ready(&ring));
	SAY(io_uring_cq_has_overflow(&ring));
	SAY(io_uring_peek_batch_cqe(&ring, cqes, 3));
	for (int i = 0; i < 3; i++)
		printf("%llu\n", (unsigned long long)cqes[i]->user_data);
	io_uring_cq_advance(&ring, 3);
	io_uring_for_each_cqe(&ring, head, cqe)
	{
		printf("each %llu\n", (unsigned long long)cqe->user_data);
		n++;
	}
	io_uring_cq_advance(&ring, n);
	SAY(io_uring_peek_cqe(&ring, &cqe));
	SAY(io_uring_peek_batch_cqe(&ring, cqes, 8));
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 3; i++)
			next_sqe(&ring, (unsigned long)(10 * round + i));
		SAY(io_uring_submit_and_wait(&ring, 3));
		say_cqes(&ring, 3);
	}
	next_sqe(&ring, 7);
	SAY(io_uring_submit_and_get_events(&ring));
	SAY(io_uring_get_events(&ring));
	SAY(io_uring_wait_cqe_nr(&ring, &cqe, 1));
	io_uring_cqe_seen(&ring, cqe);
	/* More than the queue holds: the kernel keeps them. */
	for (int i = 0; i < 24; i++) {
		next_sqe(&ring, (unsigned long)i);
		io_uring_submit(&ring);
	}
	SAY(io_uring_cq_ready(&ring));
	SAY(io_uring_cq_has_overflow(&ring));
	say_cqes(&ring, 24);
	SAY(io_uring_peek_cqe(&ring, &cqe));
	io_uring_queue_exit(&ring);
	return 0;
}
