/* SPDX-License-Identifier: MIT */
/* Registered and provided buffers. */
#define _GNU_SOURCE
#include "say.h"

static void finish(struct io_uring *ring)
{
	SAY(io_uring_submit_and_wait(ring, 1));
	say_cqes(ring, 1);
}

int main(void)
{
	static char a[16] = "abcdefghijklmno", b[16], given[4][16];
	struct iovec iov[2] = { { a, 16 }, { b, 16 } };
	struct iovec wrong = { NULL, 16 }, none = { NULL, 0 };
	__u64 tags[2] = { 21, 22 };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int fd = new_file("0123456789");

	open_ring(&ring, 8, 0);
	SAY(io_uring_unregister_buffers(&ring));
	SAY(io_uring_register_buffers(&ring, &wrong, 1));
	SAY(io_uring_register_buffers(&ring, iov, 2));
	SAY(io_uring_register_buffers(&ring, iov, 2));
	PREP(&ring, 1, read_fixed, fd, b, 5, 2, 1);
	finish(&ring);
	PREP(&ring, 2, write_fixed, fd, a + 4, 4, 10, 0);
	finish(&ring);
	PREP(&ring, 3, write_fixed, fd, a + 4, 4, 10, 1);
	finish(&ring);
	PREP(&ring, 4, write_fixed, fd, a + 4, 4, 10, 2);
	finish(&ring);
	puts(b);
	SAY(io_uring_unregister_buffers(&ring));
	SAY(io_uring_register_buffers_tags(&ring, iov, tags, 2));
	SAY(io_uring_register_buffers_update_tag(&ring, 0, &iov[1], NULL, 1));
	say_cqes(&ring, 1);
	SAY(io_uring_register_buffers_update_tag(&ring, 1, &none, NULL, 1));
	say_cqes(&ring, 1);
	SAY(io_uring_register_buffers_update_tag(&ring, 2, &iov[1], NULL, 1));
	SAY(io_uring_unregister_buffers(&ring));
	if (!SAY(io_uring_register_buffers_sparse(&ring, 4))) {
		SAY(io_uring_register_buffers_update_tag(&ring, 3, &iov[0],
							 NULL, 1));
		PREP(&ring, 5, read_fixed, fd, a, 10, 0, 3);
		finish(&ring);
		PREP(&ring, 6, read_fixed, fd, a, 10, 0, 0);
		finish(&ring);
		printf("%.16s\n", a);
		SAY(io_uring_unregister_buffers(&ring));
	}
	PREP(&ring, 7, provide_buffers, given, 16, 4, 5, 10);
	finish(&ring);
	sqe = PREP(&ring, 8, read, fd, NULL, 16, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
	sqe->buf_group = 5;
	finish(&ring);
	PREP(&ring, 9, remove_buffers, 9, 5);
	finish(&ring);
	io_uring_queue_exit(&ring);
	return 0;
}
