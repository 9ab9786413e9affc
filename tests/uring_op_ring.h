/* SPDX-License-Identifier: MIT */
/* The operations of uring_op.tab as requests of a ring. */
#ifndef TESTS_URING_OP_RING_H
#define TESTS_URING_OP_RING_H

#include "uring_op_world.h"

typedef struct shim_io_uring_sqe *entry;

static inline uint64_t offset_of(step s)
{
	return how_is(s, "at_the_position") ? (uint64_t)-1 : (uint64_t)s->b;
}

static inline bool prep_rw(entry e, step s, int fd)
{
	unsigned n = (unsigned)s->n;
	uint64_t offset = offset_of(s);
	int index = (int)s->ud;

	switch (s->op) {
	case SHIM_IORING_OP_READV:
		shim_uring_prep_readv(e, fd, pieces(s, n), 2, offset);
		return true;
	case SHIM_IORING_OP_WRITEV:
		shim_uring_prep_writev(e, fd, pieces(s, load(s)), 2, offset);
		return true;
	case SHIM_IORING_OP_READV_FIXED:
		shim_uring_prep_readv_fixed(e, fd, pieces(s, n), 2, offset, 0,
					    index);
		return true;
	case SHIM_IORING_OP_WRITEV_FIXED:
		shim_uring_prep_writev_fixed(e, fd, pieces(s, load(s)), 2,
					     offset, 0, index);
		return true;
	case SHIM_IORING_OP_READ:
		shim_uring_prep_read(e, fd, buf_of(s), n, offset);
		return true;
	case SHIM_IORING_OP_WRITE:
		n = load(s);
		shim_uring_prep_write(e, fd, buf_of(s), n, offset);
		return true;
	case SHIM_IORING_OP_READ_FIXED:
		shim_uring_prep_read_fixed(e, fd, buf_of(s), n, offset, index);
		return true;
	case SHIM_IORING_OP_WRITE_FIXED:
		n = load(s);
		shim_uring_prep_write_fixed(e, fd, buf_of(s), n, offset, index);
		return true;
	case SHIM_IORING_OP_READ_MULTISHOT:
		shim_uring_prep_read_multishot(e, fd, 0, (uint64_t)-1, GROUP);
		return true;
	}
	return false;
}

static inline bool prep_file(entry e, step s, int fd)
{
	unsigned n = (unsigned)s->n;
	uint64_t offset = (uint64_t)s->b;

	switch (s->op) {
	case SHIM_IORING_OP_FSYNC:
		shim_uring_prep_fsync(
			e, fd,
			how_is(s, "data") ? SHIM_IORING_FSYNC_DATASYNC : 0);
		return true;
	case SHIM_IORING_OP_SYNC_FILE_RANGE:
		shim_uring_prep_sync_file_range(e, fd, n, offset, SYNC_ALL);
		return true;
	case SHIM_IORING_OP_FALLOCATE:
		shim_uring_prep_fallocate(e, fd, 0, offset, n);
		return true;
	case SHIM_IORING_OP_FTRUNCATE:
		shim_uring_prep_ftruncate(e, fd, s->n);
		return true;
	case SHIM_IORING_OP_FADVISE:
		shim_uring_prep_fadvise(e, fd, offset, n,
					SHIM_POSIX_FADV_WILLNEED);
		return true;
	case SHIM_IORING_OP_MADVISE:
		shim_uring_prep_madvise(e, world.memory, MEMORY_SIZE, (int)n);
		return true;
	case SHIM_IORING_OP_SPLICE:
		shim_uring_prep_splice(e, fd, -1, world.fds[s->b], 0, n, 0);
		return true;
	case SHIM_IORING_OP_TEE:
		shim_uring_prep_tee(e, fd, world.fds[s->b], n, 0);
		return true;
	case SHIM_IORING_OP_PIPE:
		shim_uring_prep_pipe(e, request_of(s)->pair, SHIM_O_CLOEXEC);
		return true;
	case SHIM_IORING_OP_CLOSE:
		if (how_is(s, "direct"))
			shim_uring_prep_close_direct(e, (unsigned)s->a);
		else
			shim_uring_prep_close(e, fd);
		return true;
	}
	return false;
}

static inline void prep_open(entry e, step s)
{
	if (how_is(s, "direct"))
		shim_uring_prep_openat_direct(e, world.dir, name_of(s),
					      (int)s->n, FILE_MODE,
					      (unsigned)s->b);
	else
		shim_uring_prep_openat(e, world.dir, name_of(s),
				       (int)s->n | SHIM_O_CLOEXEC, FILE_MODE);
}

static inline bool prep_name(entry e, step s)
{
	int dir = world.dir;

	switch (s->op) {
	case SHIM_IORING_OP_OPENAT:
		prep_open(e, s);
		return true;
	case SHIM_IORING_OP_OPENAT2:
		shim_uring_prep_openat2(e, dir, name_of(s), how_of(s));
		return true;
	case SHIM_IORING_OP_STATX:
		shim_uring_prep_statx(e, dir, name_of(s), 0, SHIM_STATX_SIZE,
				      &request_of(s)->stx);
		return true;
	case SHIM_IORING_OP_UNLINKAT:
		shim_uring_prep_unlinkat(e, dir, name_of(s), (int)s->n);
		return true;
	case SHIM_IORING_OP_RENAMEAT:
		shim_uring_prep_renameat(e, dir, name_of(s), dir, name2_of(s),
					 (unsigned)s->n);
		return true;
	case SHIM_IORING_OP_MKDIRAT:
		shim_uring_prep_mkdirat(e, dir, name_of(s), (unsigned)s->n);
		return true;
	case SHIM_IORING_OP_SYMLINKAT:
		shim_uring_prep_symlinkat(e, name_of(s), dir, name2_of(s));
		return true;
	case SHIM_IORING_OP_LINKAT:
		shim_uring_prep_linkat(e, dir, name_of(s), dir, name2_of(s), 0);
		return true;
	}
	return false;
}

static inline bool prep_attribute(entry e, step s, int fd)
{
	unsigned n = (unsigned)s->n;

	switch (s->op) {
	case SHIM_IORING_OP_FSETXATTR:
		n = load(s);
		shim_uring_prep_fsetxattr(e, fd, ATTRIBUTE, buf_of(s),
					  (int)s->b, n);
		return true;
	case SHIM_IORING_OP_SETXATTR:
		n = load(s);
		shim_uring_prep_setxattr(e, ATTRIBUTE, buf_of(s), path_of(s),
					 (int)s->b, n);
		return true;
	case SHIM_IORING_OP_FGETXATTR:
		shim_uring_prep_fgetxattr(e, fd, ATTRIBUTE, buf_of(s), n);
		return true;
	case SHIM_IORING_OP_GETXATTR:
		shim_uring_prep_getxattr(e, ATTRIBUTE, buf_of(s), path_of(s),
					 n);
		return true;
	}
	return false;
}

static inline void prep_accept(entry e, step s, int fd)
{
	if (how_is(s, "direct"))
		shim_uring_prep_accept_direct(e, fd, NULL, NULL, 0,
					      (unsigned)s->b);
	else if (how_is(s, "multi"))
		shim_uring_prep_multishot_accept(e, fd, NULL, NULL,
						 SHIM_SOCK_CLOEXEC);
	else
		shim_uring_prep_accept(e, fd, NULL, NULL, SHIM_SOCK_CLOEXEC);
}

static inline void prep_command(entry e, step s, int fd)
{
	struct request *r = request_of(s);

	if (how_is(s, "type"))
		shim_uring_prep_cmd_sock(e, SHIM_SOCKET_URING_OP_GETSOCKOPT, fd,
					 SHIM_SOL_SOCKET, SHIM_SO_TYPE,
					 &r->number, sizeof(r->number));
	else if (s->op == SHIM_IORING_OP_URING_CMD128)
		shim_uring_prep_uring_cmd128(e, SHIM_SOCKET_URING_OP_SIOCINQ,
					     fd);
	else
		shim_uring_prep_uring_cmd(e, SHIM_SOCKET_URING_OP_SIOCINQ, fd);
}

static inline bool prep_server(entry e, step s, int fd)
{
	switch (s->op) {
	case SHIM_IORING_OP_SOCKET:
		if (how_is(s, "direct"))
			shim_uring_prep_socket_direct(e, SHIM_AF_INET,
						      SHIM_SOCK_STREAM, 0,
						      (unsigned)s->b, 0);
		else
			shim_uring_prep_socket(e, SHIM_AF_INET, TCP_FLAGS, 0,
					       0);
		return true;
	case SHIM_IORING_OP_BIND:
		shim_uring_prep_bind(e, fd, any_port(), sizeof(world.addr));
		return true;
	case SHIM_IORING_OP_LISTEN:
		shim_uring_prep_listen(e, fd, (int)s->n);
		return true;
	case SHIM_IORING_OP_CONNECT:
		shim_uring_prep_connect(e, fd, address(), sizeof(world.addr));
		return true;
	case SHIM_IORING_OP_ACCEPT:
		prep_accept(e, s, fd);
		return true;
	case SHIM_IORING_OP_SHUTDOWN:
		shim_uring_prep_shutdown(e, fd, (int)s->n);
		return true;
	case SHIM_IORING_OP_URING_CMD:
	case SHIM_IORING_OP_URING_CMD128:
		prep_command(e, s, fd);
		return true;
	}
	return false;
}

static inline bool prep_recv(entry e, step s, int fd)
{
	size_t n = (size_t)s->n;
	int flags = (int)s->b;

	switch (s->op) {
	case SHIM_IORING_OP_RECV:
		if (how_is(s, "multi"))
			shim_uring_prep_recv_multishot(e, fd, NULL, 0, 0);
		else
			shim_uring_prep_recv(e, fd, buf_of(s), n, flags);
		return true;
	case SHIM_IORING_OP_RECVMSG:
		if (how_is(s, "multi")) {
			request_of(s)->msg = (struct shim_msghdr){ 0 };
			shim_uring_prep_recvmsg_multishot(
				e, fd, &request_of(s)->msg, 0);
		} else {
			shim_uring_prep_recvmsg(e, fd, message(s, n),
						(unsigned)flags);
		}
		return true;
	case SHIM_IORING_OP_RECV_ZC:
		shim_uring_prep_recv_zc(e, fd, (unsigned)n, world.zcrx);
		return true;
	}
	return false;
}

static inline bool prep_send(entry e, step s, int fd)
{
	unsigned n = load(s);

	switch (s->op) {
	case SHIM_IORING_OP_SEND:
		if (how_is(s, "bundle"))
			shim_uring_prep_send_bundle(e, fd, 0,
						    SHIM_MSG_NOSIGNAL);
		else
			shim_uring_prep_send(e, fd, buf_of(s), n,
					     SHIM_MSG_NOSIGNAL);
		return true;
	case SHIM_IORING_OP_SENDMSG:
		shim_uring_prep_sendmsg(e, fd, message(s, n),
					SHIM_MSG_NOSIGNAL);
		return true;
	case SHIM_IORING_OP_SEND_ZC:
		if (how_is(s, "fixed"))
			shim_uring_prep_send_zc_fixed(e, fd, buf_of(s), n, 0, 0,
						      (unsigned)s->ud);
		else
			shim_uring_prep_send_zc(e, fd, buf_of(s), n, 0, 0);
		return true;
	case SHIM_IORING_OP_SENDMSG_ZC:
		shim_uring_prep_sendmsg_zc(e, fd, message(s, n), 0);
		return true;
	}
	return false;
}

static inline void prep_timeout_remove(entry e, step s)
{
	uint64_t target = (uint64_t)s->n;

	if (how_is(s, "update"))
		shim_uring_prep_timeout_update(e, span(s, s->b), target, 0);
	else
		shim_uring_prep_timeout_remove(e, target, 0);
}

static inline bool prep_timer(entry e, step s, int fd)
{
	uint64_t target = (uint64_t)s->n;

	switch (s->op) {
	case SHIM_IORING_OP_TIMEOUT:
		shim_uring_prep_timeout(
			e, span(s, s->n), (unsigned)s->a,
			how_is(s, "multi") ? SHIM_IORING_TIMEOUT_MULTISHOT : 0);
		return true;
	case SHIM_IORING_OP_TIMEOUT_REMOVE:
		prep_timeout_remove(e, s);
		return true;
	case SHIM_IORING_OP_LINK_TIMEOUT:
		shim_uring_prep_link_timeout(e, span(s, s->n), 0);
		return true;
	case SHIM_IORING_OP_ASYNC_CANCEL:
		if (how_is(s, "fd"))
			shim_uring_prep_cancel_fd(e, fd,
						  SHIM_IORING_ASYNC_CANCEL_ALL);
		else
			shim_uring_prep_cancel64(e, target, 0);
		return true;
	}
	return false;
}

static inline bool prep_wait(entry e, step s, int fd)
{
	struct request *r = request_of(s);
	uint64_t n = (uint64_t)s->n;

	switch (s->op) {
	case SHIM_IORING_OP_POLL_ADD:
		if (how_is(s, "multi"))
			shim_uring_prep_poll_multishot(e, fd, (unsigned)s->b);
		else
			shim_uring_prep_poll_add(e, fd, (unsigned)s->b);
		return true;
	case SHIM_IORING_OP_POLL_REMOVE:
		if (how_is(s, "update"))
			shim_uring_prep_poll_update(
				e, n, 0, (unsigned)s->b,
				SHIM_IORING_POLL_UPDATE_EVENTS);
		else
			shim_uring_prep_poll_remove(e, n);
		return true;
	case SHIM_IORING_OP_EPOLL_CTL:
		shim_uring_prep_epoll_ctl(e, fd, world.fds[s->b],
					  SHIM_EPOLL_CTL_ADD, event_of(s));
		return true;
	case SHIM_IORING_OP_EPOLL_WAIT:
		shim_uring_prep_epoll_wait(e, fd, &r->event, 1, 0);
		return true;
	case SHIM_IORING_OP_WAITID:
		shim_uring_prep_waitid(e, SHIM_P_PID, (unsigned)world.child,
				       &r->info, SHIM_WEXITED, 0);
		return true;
	case SHIM_IORING_OP_FUTEX_WAIT:
		shim_uring_prep_futex_wait(e, world.memory, n,
					   SHIM_FUTEX_BITSET_MATCH_ANY, FUTEX,
					   0);
		return true;
	case SHIM_IORING_OP_FUTEX_WAKE:
		shim_uring_prep_futex_wake(e, world.memory, n,
					   SHIM_FUTEX_BITSET_MATCH_ANY, FUTEX,
					   0);
		return true;
	case SHIM_IORING_OP_FUTEX_WAITV:
		shim_uring_prep_futex_waitv(e, waiter_of(s), 1, 0);
		return true;
	}
	return false;
}

static inline bool prep_ring(entry e, step s, int fd)
{
	int n = (int)s->n;

	switch (s->op) {
	case SHIM_IORING_OP_NOP:
		shim_uring_prep_nop(e);
		return true;
	case SHIM_IORING_OP_NOP128:
		shim_uring_prep_nop128(e);
		return true;
	case SHIM_IORING_OP_FILES_UPDATE:
		request_of(s)->number = fd;
		shim_uring_prep_files_update(e, &request_of(s)->number, 1, n);
		return true;
	case SHIM_IORING_OP_FIXED_FD_INSTALL:
		shim_uring_prep_fixed_fd_install(e, (int)s->a, 0);
		return true;
	case SHIM_IORING_OP_PROVIDE_BUFFERS:
		shim_uring_prep_provide_buffers(e, world.bufs[s->a], BUF_SIZE,
						n, GROUP, (int)s->a);
		return true;
	case SHIM_IORING_OP_REMOVE_BUFFERS:
		shim_uring_prep_remove_buffers(e, n, GROUP);
		return true;
	case SHIM_IORING_OP_MSG_RING:
		if (how_is(s, "fd"))
			shim_uring_prep_msg_ring_fd(e, fd, n, (unsigned)s->b, 1,
						    0);
		else
			shim_uring_prep_msg_ring(e, fd, (unsigned)n, 1, 0);
		return true;
	}
	return false;
}

/* Describe the request; false for an operation that nobody knows. */
static inline bool prep(entry e, step s)
{
	int fd = is(s->verb, "slot") ? (int)s->a : fd_of(s);

	return prep_rw(e, s, fd) || prep_file(e, s, fd) || prep_name(e, s) ||
	       prep_attribute(e, s, fd) || prep_server(e, s, fd) ||
	       prep_recv(e, s, fd) || prep_send(e, s, fd) ||
	       prep_timer(e, s, fd) || prep_wait(e, s, fd) ||
	       prep_ring(e, s, fd);
}

#endif
