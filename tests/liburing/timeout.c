/* SPDX-License-Identifier: MIT */
/* Waiting with a time, with a signal mask, for more than one. */
#define _GNU_SOURCE
#include "say.h"

static volatile int signals;

static void count(int sig)
{
	(void)sig;
	signals++;
}

int main(void)
{
	struct __kernel_timespec soon = { 0, 1000000 }, late = { 30, 0 };
	struct io_uring_cqe *cqe = NULL;
	struct io_uring ring;
	sigset_t usr1, none;

	open_ring(&ring, 8, 0);
	SAY(io_uring_wait_cqe_timeout(&ring, &cqe, &soon));
	SAY(io_uring_wait_cqes(&ring, &cqe, 2, &soon, NULL));
	SAY(io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &soon, NULL));
	next_sqe(&ring, 1);
	SAY(io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &late, NULL));
	printf("%d\n", cqe && cqe->user_data == 1);
	SAY(io_uring_wait_cqes(&ring, &cqe, 1, &late, NULL));
	io_uring_cqe_seen(&ring, cqe);
	next_sqe(&ring, 2);
	next_sqe(&ring, 3);
	SAY(io_uring_submit(&ring));
	SAY(io_uring_wait_cqes(&ring, &cqe, 2, &late, NULL));
	say_cqes(&ring, 2);

	PREP(&ring, 4, timeout, &soon, 0, 0);
	SAY(io_uring_submit_and_wait(&ring, 1));
	say_cqes(&ring, 1);
	PREP(&ring, 5, timeout, &late, 0, 0);
	SAY(io_uring_submit(&ring));
	PREP(&ring, 6, timeout_remove, 5, 0);
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 2);

	signal(SIGUSR1, count);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	SAY(io_uring_wait_cqes(&ring, &cqe, 1, &soon, &usr1));
	printf("signals %d\n", signals);
	SAY(io_uring_wait_cqes(&ring, &cqe, 1, &late, &none));
	printf("signals %d\n", signals);
	raise(SIGUSR1);
	SAY(io_uring_wait_cqes(&ring, &cqe, 1, NULL, &none));
	printf("signals %d\n", signals);
	io_uring_queue_exit(&ring);
	return 0;
}
