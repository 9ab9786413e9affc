/* SPDX-License-Identifier: MIT */
/* What the io_uring engine asks the kernel for, and what is enough. */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>
#include <shim/uring.h>

#include "aio_impl.h"

static void prepare_transfer(const struct fd_state *f, const struct slot *s,
			     struct shim_io_uring_sqe *sqe)
{
	char *buf = (char *)s->buf + s->nr_moved;
	unsigned len = s->len - s->nr_moved;
	int64_t offset = s->arg;

	/* Sockets do not ignore the offset, but for 0. */
	if (offset >= 0)
		offset = f->no_seek ? 0 : offset + s->nr_moved;
	if (s->op == SHIM_AIO_READ)
		shim_uring_prep_read(sqe, s->fd, buf, len, (uint64_t)offset);
	else
		shim_uring_prep_write(sqe, s->fd, buf, len, (uint64_t)offset);
}

void shim_aio_uring_prepare(const struct aio *a, const struct slot *s,
			    struct shim_io_uring_sqe *sqe)
{
	char *buf = (char *)s->buf + s->nr_moved;
	unsigned len = s->len - s->nr_moved;
	/* Linux 5.10 loses what it has received when it cancels. */
	int flags = (int)s->arg & ~SHIM_MSG_WAITALL;

	switch (s->op) {
	case SHIM_AIO_READ:
	case SHIM_AIO_WRITE:
		prepare_transfer(state_of(a, s->fd), s, sqe);
		break;
	case SHIM_AIO_ACCEPT:
		shim_uring_prep_accept(sqe, s->fd, NULL, NULL,
				       (int)s->arg | SHIM_SOCK_CLOEXEC);
		break;
	case SHIM_AIO_RECV:
		shim_uring_prep_recv(sqe, s->fd, buf, len, flags);
		break;
	case SHIM_AIO_SEND:
		shim_uring_prep_send(sqe, s->fd, buf, len,
				     flags | SHIM_MSG_NOSIGNAL);
		break;
	case SHIM_AIO_POLL:
		shim_uring_prep_poll_add(sqe, s->fd, (uint16_t)s->arg);
		break;
	case SHIM_AIO_CLOSE:
		shim_uring_prep_close(sqe, s->fd);
		/* Lingering must not hold up the thread that submits. */
		if (shim_aio_close_blocks(s->fd, SOCKET))
			sqe->flags |= SHIM_IOSQE_ASYNC;
		break;
	}
}

void shim_aio_uring_prepare_readiness(const struct slot *s,
				      struct shim_io_uring_sqe *sqe)
{
	shim_uring_prep_poll_add(sqe, s->fd,
				 direction_of(s) == OUTPUT ? SHIM_POLLOUT
							   : SHIM_POLLIN);
}

int shim_aio_uring_wants_all(struct fd_state *f, const struct slot *s)
{
	switch (s->op) {
	case SHIM_AIO_READ:
	case SHIM_AIO_WRITE:
		if (f->kind == UNKNOWN && shim_aio_classify(s->fd, f))
			return 0;
		return f->kind == REGULAR;
	case SHIM_AIO_RECV:
	case SHIM_AIO_SEND:
		return (s->arg & SHIM_MSG_WAITALL) &&
		       shim_aio_is_socket(s->fd, f) && f->stream;
	}
	return 0;
}
