/* SPDX-License-Identifier: MIT */
/* Accept, receive into provided buffers, send: over a socket of this machine.
 */
#define _GNU_SOURCE
#include <sys/un.h>

#include "say.h"

enum { GROUP = 3, BUFS = 8, SIZE = 32 };

static int listener(struct sockaddr_un *addr, socklen_t *len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A name that the kernel chooses, and that is no file. */
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*len = sizeof(addr->sun_family);
	if (bind(fd, (struct sockaddr *)addr, *len) || listen(fd, 4))
		exit(1);
	*len = sizeof(*addr);
	getsockname(fd, (struct sockaddr *)addr, len);
	return fd;
}

static struct io_uring_buf_ring *buffers(struct io_uring *ring, void *mem,
					 char (*bufs)[SIZE])
{
	struct io_uring_buf_reg reg = { .ring_addr = (unsigned long)mem,
					.ring_entries = BUFS,
					.bgid = GROUP };
	struct io_uring_buf_ring *br = mem;

	if (SAY(io_uring_register_buf_ring(ring, &reg, 0)))
		return NULL;
	io_uring_buf_ring_init(br);
	for (int i = 0; i < BUFS; i++)
		io_uring_buf_ring_add(br, bufs[i], SIZE, (unsigned short)i,
				      io_uring_buf_ring_mask(BUFS), i);
	io_uring_buf_ring_advance(br, BUFS);
	return br;
}

/* What comes is sent back, and its buffer used again. */
static void serve(struct io_uring *ring, struct io_uring_buf_ring *br,
		  char (*bufs)[SIZE], int conn, int client)
{
	struct io_uring_sqe *sqe =
		PREP(ring, 1, recv_multishot, conn, NULL, 0, 0);

	io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
	sqe->buf_group = GROUP;
	SAY(io_uring_submit(ring));
	for (int i = 0; i < 20; i++) {
		struct io_uring_cqe *cqe;
		char back[SIZE] = "", c = (char)('a' + i);
		unsigned bid;

		say("write", write(client, &c, 1));
		SAY(io_uring_wait_cqe(ring, &cqe));
		printf("res %d, flags %x\n", cqe->res, cqe->flags & 0xffff);
		bid = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
		PREP(ring, 2, send, conn, bufs[bid], (size_t)cqe->res, 0);
		io_uring_cqe_seen(ring, cqe);
		SAY(io_uring_submit_and_wait(ring, 1));
		say_cqes(ring, 1);
		io_uring_buf_ring_add(br, bufs[bid], SIZE, (unsigned short)bid,
				      io_uring_buf_ring_mask(BUFS), 0);
		io_uring_buf_ring_advance(br, 1);
		say("read", read(client, back, SIZE));
		puts(back);
	}
	shutdown(client, SHUT_WR);
	say_cqes(ring, 1);
}

int main(void)
{
	static char bufs[BUFS][SIZE];
	struct io_uring_buf_ring *br;
	struct sockaddr_un addr;
	struct io_uring ring;
	socklen_t len;
	int listening = listener(&addr, &len), conn, client;
	struct io_uring_cqe *cqe;
	void *mem;

	if (posix_memalign(&mem, 65536, 65536))
		return 1;
	open_ring(&ring, 8, 0);
	br = buffers(&ring, mem, bufs);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	PREP(&ring, 1, accept, listening, NULL, NULL, SOCK_CLOEXEC);
	PREP(&ring, 2, connect, client, (struct sockaddr *)&addr, len);
	SAY(io_uring_submit_and_wait(&ring, 2));
	conn = -1;
	for (int i = 0; i < 2; i++) {
		SAY(io_uring_wait_cqe(&ring, &cqe));
		if (cqe->user_data == 1)
			conn = cqe->res;
		else
			say("connect", cqe->res);
		io_uring_cqe_seen(&ring, cqe);
	}
	printf("accepted %d\n", conn >= 0);
	if (br && conn >= 0) {
		serve(&ring, br, bufs, conn, client);
		SAY(io_uring_unregister_buf_ring(&ring, GROUP));
	}
	SAY(io_uring_unregister_buf_ring(&ring, GROUP + 1));
	io_uring_sqe_set_flags(PREP(&ring, 3, shutdown, conn, SHUT_RDWR),
			       IOSQE_IO_LINK);
	PREP(&ring, 4, close, client);
	SAY(io_uring_submit_and_wait(&ring, 2));
	say_cqes(&ring, 2);
	io_uring_queue_exit(&ring);
	return 0;
}
