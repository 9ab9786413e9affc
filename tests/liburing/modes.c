/* SPDX-License-Identifier: MIT */
/* Rings of other kinds, and what set-up answers. */
#define _GNU_SOURCE
#include "say.h"

/* A kernel's thread takes entries when it likes: submit counts what it has not
 * taken yet, of earlier calls, too. */
static void submit_one(struct io_uring *ring)
{
	int nr = io_uring_submit(ring);

	if (ring->flags & IORING_SETUP_SQPOLL ? nr < 0 : nr != 1)
		printf("submitted %d\n", nr);
}

static void work(struct io_uring *ring)
{
	SAY(io_uring_sqring_wait(ring) >= 0);
	for (int i = 0; i < 40; i++) {
		while (!io_uring_sq_space_left(ring))
			io_uring_sqring_wait(ring);
		next_sqe(ring, (unsigned long)i);
		submit_one(ring);
		say_cqes(ring, 1);
	}
}

static void try(const char *name, unsigned flags)
{
	struct io_uring ring;
	int err = io_uring_queue_init(8, &ring, flags);

	say(name, err);
	if (err)
		return;
	work(&ring);
	io_uring_queue_exit(&ring);
}

/* A ring that is made of a descriptor, and not inherited. */
static void by_hand(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_CQSIZE |
					      IORING_SETUP_CLAMP,
				     .cq_entries = 70 };
	struct io_uring ring;
	int fd = io_uring_setup(5, &p);

	printf("set up %d: %u %u\n", fd >= 0, p.sq_entries, p.cq_entries);
	if (fd < 0)
		return;
	close(fd);
	memset(&p, 0, sizeof(p));
	p.flags = IORING_SETUP_CQSIZE;
	p.cq_entries = 64;
	SAY(io_uring_queue_init_params(8, &ring, &p));
	printf("%u %u\n", ring.sq.ring_entries, ring.cq.ring_entries);
	SAY(io_uring_ring_dontfork(&ring));
	work(&ring);
	SAY(io_uring_register((unsigned)ring.ring_fd, 9999, NULL, 0));
	SAY(io_uring_enter((unsigned)ring.ring_fd, 0, 0, 1u << 31, NULL));
	SAY(io_uring_enter2((unsigned)ring.ring_fd, 0, 0,
			    IORING_ENTER_GETEVENTS, NULL, 8));
	io_uring_queue_exit(&ring);
	SAY(io_uring_enter(9999, 0, 0, 0, NULL));
	memset(&p, 0, sizeof(p));
	SAY(io_uring_queue_mmap(-1, &p, &ring));
}

int main(void)
{
	struct io_uring ring;

	open_ring(&ring, 1, 0);
	io_uring_queue_exit(&ring);
	try("sqpoll", IORING_SETUP_SQPOLL);
	try("clamp", IORING_SETUP_CLAMP);
	try("sqe128", IORING_SETUP_SQE128);
	try("cqe32", IORING_SETUP_CQE32);
	try("coop", IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
	try("defer", IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	try("taskrun flag alone", IORING_SETUP_TASKRUN_FLAG);
	try("affinity alone", IORING_SETUP_SQ_AFF);
	SAY(io_uring_queue_init(0, &ring, 0));
	SAY(io_uring_queue_init(1 << 20, &ring, 0));
	by_hand();
	return 0;
}
