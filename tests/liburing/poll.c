/* SPDX-License-Identifier: MIT */
/* Polls, cancels, eventfds. */
#define _GNU_SOURCE
#include "say.h"

static void say_eventfd(int fd)
{
	unsigned long long count = 0;
	ssize_t n = read(fd, &count, sizeof(count));

	printf("eventfd %ld %llu\n", (long)n, count);
}

int main(void)
{
	struct io_uring_sync_cancel_reg reg = { .addr = 4 };
	struct io_uring ring;
	int pair[2], counter = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	open_ring(&ring, 8, 0);
	if (pipe(pair))
		return 1;
	SAY(io_uring_unregister_eventfd(&ring));
	SAY(io_uring_register_eventfd(&ring, counter));
	SAY(io_uring_register_eventfd(&ring, counter));
	PREP(&ring, 1, poll_add, pair[0], POLLIN);
	SAY(io_uring_submit(&ring));
	say_eventfd(counter);
	say("write", write(pair[1], "x", 1));
	say_cqes(&ring, 1);
	say_eventfd(counter);
	SAY(io_uring_cq_eventfd_enabled(&ring));
	SAY(io_uring_cq_eventfd_toggle(&ring, false));
	next_sqe(&ring, 9);
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 1);
	say_eventfd(counter);
	SAY(io_uring_cq_eventfd_toggle(&ring, true));
	SAY(io_uring_unregister_eventfd(&ring));
	SAY(io_uring_register_eventfd_async(&ring, counter));
	next_sqe(&ring, 9);
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 1);
	say_eventfd(counter);
	SAY(io_uring_unregister_eventfd(&ring));

	PREP(&ring, 2, poll_multishot, pair[0], POLLIN);
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 1);
	PREP(&ring, 3, poll_remove, 2);
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 2);
	PREP(&ring, 4, poll_add, pair[1], POLLERR);
	SAY(io_uring_submit(&ring));
	PREP(&ring, 5, cancel64, 99, 0);
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 1);
	PREP(&ring, 6, cancel, (void *)4, 0);
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 2);
	PREP(&ring, 4, poll_add, pair[1], POLLERR);
	SAY(io_uring_submit(&ring));
	reg.timeout.tv_sec = reg.timeout.tv_nsec = -1;
	if (!SAY(io_uring_register_sync_cancel(&ring, &reg)))
		say_cqes(&ring, 1);
	SAY(io_uring_register_sync_cancel(&ring, &reg));
	io_uring_queue_exit(&ring);
	return 0;
}
