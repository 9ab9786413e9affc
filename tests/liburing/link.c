/* SPDX-License-Identifier: MIT */
/* Copies a file by linked reads and writes; and what a broken link does. */
#define _GNU_SOURCE
#include "say.h"

enum { BLOCK = 64, BLOCKS = 20 };

int main(void)
{
	static char from[BLOCK * BLOCKS + 1], to[BLOCK * BLOCKS + 1];
	static char bufs[4][BLOCK];
	struct io_uring ring;
	struct iovec iov;
	int in, out;

	for (int i = 0; i < BLOCK * BLOCKS; i++)
		from[i] = (char)('a' + i % 23);
	in = new_file(from);
	out = new_file("");
	open_ring(&ring, 8, 0);
	for (int i = 0; i < BLOCKS; i++) {
		struct io_uring_sqe *sqe;
		unsigned off = (unsigned)(i * BLOCK);

		sqe = PREP(&ring, (unsigned long)i, read, in, bufs[i % 4],
			   BLOCK, off);
		io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
		PREP(&ring, (unsigned long)(100 + i), write, out, bufs[i % 4],
		     BLOCK, off);
		SAY(io_uring_submit_and_wait(&ring, 2));
		say_cqes(&ring, 2);
	}
	say("read", pread(out, to, sizeof(to), 0));
	printf("same: %d\n", !strcmp(from, to));
	/* The first of a link fails: the others do not run. */
	for (int i = 0; i < 3; i++) {
		struct io_uring_sqe *sqe = PREP(&ring, (unsigned long)i, read,
						i ? in : -1, bufs[0], BLOCK, 0);

		if (i < 2)
			io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
	}
	SAY(io_uring_submit(&ring));
	say_cqes(&ring, 3);
	iov.iov_base = bufs[1];
	iov.iov_len = 10;
	io_uring_sqe_set_flags(PREP(&ring, 1, readv, in, &iov, 1, 5),
			       IOSQE_IO_LINK);
	io_uring_sqe_set_flags(PREP(&ring, 2, fsync, out,
				    IORING_FSYNC_DATASYNC),
			       IOSQE_IO_LINK);
	PREP(&ring, 3, fallocate, out, 0, 0, 8192);
	io_uring_submit_and_wait(&ring, 3);
	say_cqes(&ring, 3);
	printf("%.10s\n", bufs[1]);
	io_uring_queue_exit(&ring);
	return 0;
}
