/* SPDX-License-Identifier: MIT */
/* A ring that may do only what it is told before it is enabled. */
#define _GNU_SOURCE
#include "say.h"

#if LIBURING < 204
/* The header has the functions, but the shared library does not. */
#define io_uring_register_restrictions(ring, res, nr) \
	io_uring_register((unsigned)(ring)->ring_fd,  \
			  IORING_REGISTER_RESTRICTIONS, res, nr)
#define io_uring_enable_rings(ring)                  \
	io_uring_register((unsigned)(ring)->ring_fd, \
			  IORING_REGISTER_ENABLE_RINGS, NULL, 0)
#endif

int main(void)
{
	struct io_uring_restriction only[3] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_NOP },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
		  .sqe_flags = IOSQE_IO_LINK },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
		  .register_op = IORING_REGISTER_PROBE },
	};
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	char c;

	open_ring(&ring, 8, 0);
	SAY(io_uring_register_restrictions(&ring, only, 3));
	SAY(io_uring_enable_rings(&ring));
	io_uring_queue_exit(&ring);
	open_ring(&ring, 8, IORING_SETUP_R_DISABLED);
	next_sqe(&ring, 1);
	SAY(io_uring_submit(&ring));
	SAY(io_uring_register_restrictions(&ring, only, 3));
	SAY(io_uring_register_restrictions(&ring, only, 3));
	SAY(io_uring_enable_rings(&ring));
	SAY(io_uring_enable_rings(&ring));
	SAY(io_uring_submit_and_wait(&ring, 1));
	say_cqes(&ring, 1);
	PREP(&ring, 2, read, 0, &c, 1, 0);
	sqe = next_sqe(&ring, 3);
	io_uring_sqe_set_flags(sqe, IOSQE_IO_DRAIN);
	SAY(io_uring_submit(&ring));
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 2);
	SAY(io_uring_register_personality(&ring));
	SAY(io_uring_register_iowq_aff(&ring, 1ul << 40, NULL));
	io_uring_queue_exit(&ring);
	return 0;
}
