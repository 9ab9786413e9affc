/* SPDX-License-Identifier: MIT */
/*
 * The prep functions, for <shim/uring.h>, which includes this: each makes an
 * SQE a request, and sets all of it but user_data. As in liburing; so
 * io_uring_prep_X(3) describes shim_uring_prep_X.
 *
 * The result of the request is the res of its CQE: what the system call of the
 * same name would return, or -errno. Buffers stay the kernel's until then;
 * what only describes a request (iovec, timespec) may go after the submit.
 * Offsets: that of the file, or UINT64_MAX for its position; ignored for what
 * cannot seek.
 */
#ifndef SHIM_URING_PREP_H
#define SHIM_URING_PREP_H

#include <shim/uring.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the others are made of: fields that they do not name are 0. */
static inline void shim_uring_prep_rw(int op, struct shim_io_uring_sqe *sqe,
				      int fd, const void *addr, unsigned len,
				      uint64_t offset)
{
	sqe->opcode = (uint8_t)op;
	sqe->flags = 0;
	sqe->ioprio = 0;
	sqe->fd = fd;
	sqe->off = offset;
	sqe->addr = (uint64_t)(uintptr_t)addr;
	sqe->len = len;
	sqe->rw_flags = 0;
	sqe->buf_index = 0;
	sqe->personality = 0;
	sqe->file_index = 0;
	sqe->addr3 = 0;
	sqe->__pad2[0] = 0;
}

/* Does nothing; res is 0. */
static inline void shim_uring_prep_nop(struct shim_io_uring_sqe *sqe)
{
	shim_uring_prep_rw(SHIM_IORING_OP_NOP, sqe, -1, NULL, 0, 0);
}

/* Like pread(2). Since 5.6. */
static inline void shim_uring_prep_read(struct shim_io_uring_sqe *sqe, int fd,
					void *buf, unsigned nbytes,
					uint64_t offset)
{
	shim_uring_prep_rw(SHIM_IORING_OP_READ, sqe, fd, buf, nbytes, offset);
}

/* Like pwrite(2). Since 5.6. */
static inline void shim_uring_prep_write(struct shim_io_uring_sqe *sqe, int fd,
					 const void *buf, unsigned nbytes,
					 uint64_t offset)
{
	shim_uring_prep_rw(SHIM_IORING_OP_WRITE, sqe, fd, buf, nbytes, offset);
}

/* Like preadv(2). */
static inline void shim_uring_prep_readv(struct shim_io_uring_sqe *sqe, int fd,
					 const struct shim_iovec *iovecs,
					 unsigned nr_vecs, uint64_t offset)
{
	shim_uring_prep_rw(SHIM_IORING_OP_READV, sqe, fd, iovecs, nr_vecs,
			   offset);
}

/* Like pwritev(2). */
static inline void shim_uring_prep_writev(struct shim_io_uring_sqe *sqe, int fd,
					  const struct shim_iovec *iovecs,
					  unsigned nr_vecs, uint64_t offset)
{
	shim_uring_prep_rw(SHIM_IORING_OP_WRITEV, sqe, fd, iovecs, nr_vecs,
			   offset);
}

/*
 * Like accept4(2): res is the new descriptor, close-on-exec only with
 * SOCK_CLOEXEC. addr and addrlen (both may be null) stay the kernel's until
 * the completion.
 */
static inline void shim_uring_prep_accept(struct shim_io_uring_sqe *sqe, int fd,
					  struct shim_sockaddr *addr,
					  int *addrlen, int flags)
{
	shim_uring_prep_rw(SHIM_IORING_OP_ACCEPT, sqe, fd, addr, 0,
			   (uint64_t)(uintptr_t)addrlen);
	sqe->accept_flags = (uint32_t)flags;
}

/* Like recv(2). Since 5.6; at most UINT32_MAX bytes. */
static inline void shim_uring_prep_recv(struct shim_io_uring_sqe *sqe,
					int sockfd, void *buf, size_t len,
					int flags)
{
	shim_uring_prep_rw(SHIM_IORING_OP_RECV, sqe, sockfd, buf, (uint32_t)len,
			   0);
	sqe->msg_flags = (uint32_t)flags;
}

/* Like send(2): MSG_NOSIGNAL included. Since 5.6; at most UINT32_MAX bytes. */
static inline void shim_uring_prep_send(struct shim_io_uring_sqe *sqe,
					int sockfd, const void *buf, size_t len,
					int flags)
{
	shim_uring_prep_rw(SHIM_IORING_OP_SEND, sqe, sockfd, buf, (uint32_t)len,
			   0);
	sqe->msg_flags = (uint32_t)flags;
}

/* Like poll(2), once: res are the events that came, of poll_mask or errors. */
static inline void shim_uring_prep_poll_add(struct shim_io_uring_sqe *sqe,
					    int fd, unsigned poll_mask)
{
	shim_uring_prep_rw(SHIM_IORING_OP_POLL_ADD, sqe, fd, NULL, 0, 0);
	/* Both CPUs are little-endian: no halves to swap. */
	sqe->poll32_events = poll_mask;
}

/*
 * Ends the poll that has user_data: that one's res is -ECANCELED, this one's
 * is 0, or -ENOENT or -EALREADY if it was not there or just completing.
 */
static inline void shim_uring_prep_poll_remove(struct shim_io_uring_sqe *sqe,
					       uint64_t user_data)
{
	shim_uring_prep_rw(SHIM_IORING_OP_POLL_REMOVE, sqe, -1, NULL, 0, 0);
	sqe->addr = user_data;
}

/*
 * Completes with -ETIME after ts (flags: IORING_TIMEOUT_*, as an absolute
 * time), or with 0 once count other requests have completed; count 0: only by
 * the time.
 */
static inline void shim_uring_prep_timeout(struct shim_io_uring_sqe *sqe,
					   const struct shim_timespec *ts,
					   unsigned count, unsigned flags)
{
	shim_uring_prep_rw(SHIM_IORING_OP_TIMEOUT, sqe, -1, ts, 1, count);
	sqe->timeout_flags = flags;
}

/* Ends the timeout that has user_data, with results as poll_remove's. */
static inline void shim_uring_prep_timeout_remove(struct shim_io_uring_sqe *sqe,
						  uint64_t user_data,
						  unsigned flags)
{
	shim_uring_prep_rw(SHIM_IORING_OP_TIMEOUT_REMOVE, sqe, -1, NULL, 0, 0);
	sqe->addr = user_data;
	sqe->timeout_flags = flags;
}

/*
 * Ends the request that has user_data: res is 0, -ENOENT if there is none, or
 * -EALREADY if it is too late or hard to stop; the request itself completes in
 * any case, with -ECANCELED, -EINTR or its result. flags:
 * IORING_ASYNC_CANCEL_*, since 5.19; with ALL, res is the number found.
 */
static inline void shim_uring_prep_cancel64(struct shim_io_uring_sqe *sqe,
					    uint64_t user_data, int flags)
{
	shim_uring_prep_rw(SHIM_IORING_OP_ASYNC_CANCEL, sqe, -1, NULL, 0, 0);
	sqe->addr = user_data;
	sqe->cancel_flags = (uint32_t)flags;
}

/* shim_uring_prep_cancel64() for shim_uring_sqe_set_data(). */
static inline void shim_uring_prep_cancel(struct shim_io_uring_sqe *sqe,
					  void *user_data, int flags)
{
	shim_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)user_data, flags);
}

/* Ends a request on the descriptor; with ALL, every one. Since 5.19. */
static inline void shim_uring_prep_cancel_fd(struct shim_io_uring_sqe *sqe,
					     int fd, unsigned flags)
{
	shim_uring_prep_rw(SHIM_IORING_OP_ASYNC_CANCEL, sqe, fd, NULL, 0, 0);
	sqe->cancel_flags = flags | SHIM_IORING_ASYNC_CANCEL_FD;
}

/* Like close(2). Since 5.6. It ends no request on the descriptor. */
static inline void shim_uring_prep_close(struct shim_io_uring_sqe *sqe, int fd)
{
	shim_uring_prep_rw(SHIM_IORING_OP_CLOSE, sqe, fd, NULL, 0, 0);
}

#ifdef __cplusplus
}
#endif

#endif
