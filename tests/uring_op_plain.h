/* SPDX-License-Identifier: MIT */
/* The operations of uring_op.tab by the system calls that do the same. */
#ifndef TESTS_URING_OP_PLAIN_H
#define TESTS_URING_OP_PLAIN_H

#include "uring_op_world.h"

static inline long plain_read(step s, int fd)
{
	if (how_is(s, "at_the_position"))
		return shim_read(fd, buf_of(s), (size_t)s->n);
	return shim_pread64(fd, buf_of(s), (size_t)s->n, s->b);
}

static inline long plain_poll(step s, int fd)
{
	struct shim_pollfd p = { fd, (short)s->b, 0 };
	struct shim_timespec left = deadline;
	long n = shim_ppoll(&p, 1, &left, NULL);

	return n == 1 ? (unsigned short)p.revents : n;
}

/* Files. */
static inline long plain_file(step s, int fd)
{
	size_t n = (size_t)s->n;
	int64_t to = 0;

	switch (s->op) {
	case SHIM_IORING_OP_READV:
	case SHIM_IORING_OP_READV_FIXED:
		return shim_preadv(fd, pieces(s, n), 2, s->b);
	case SHIM_IORING_OP_WRITEV:
	case SHIM_IORING_OP_WRITEV_FIXED:
		return shim_pwritev(fd, pieces(s, load(s)), 2, s->b);
	case SHIM_IORING_OP_READ:
	case SHIM_IORING_OP_READ_FIXED:
		return plain_read(s, fd);
	case SHIM_IORING_OP_WRITE:
	case SHIM_IORING_OP_WRITE_FIXED:
		return shim_pwrite64(fd, s->text, length(s->text), s->b);
	case SHIM_IORING_OP_FSYNC:
		return how_is(s, "data") ? shim_fdatasync(fd) : shim_fsync(fd);
	case SHIM_IORING_OP_SYNC_FILE_RANGE:
		return shim_sync_file_range(fd, s->b, s->n, SYNC_ALL);
	case SHIM_IORING_OP_FALLOCATE:
		return shim_fallocate(fd, 0, s->b, s->n);
	case SHIM_IORING_OP_FTRUNCATE:
		return shim_ftruncate(fd, s->n);
	case SHIM_IORING_OP_FADVISE:
		return shim_fadvise64(fd, s->b, n, SHIM_POSIX_FADV_WILLNEED);
	case SHIM_IORING_OP_MADVISE:
		return shim_madvise(world.memory, MEMORY_SIZE, (int)s->n);
	case SHIM_IORING_OP_SPLICE:
		return shim_splice(fd, NULL, world.fds[s->b], &to, n, 0);
	case SHIM_IORING_OP_TEE:
		return shim_tee(fd, world.fds[s->b], n, 0);
	case SHIM_IORING_OP_PIPE:
		return shim_pipe2(request_of(s)->pair, SHIM_O_CLOEXEC);
	case SHIM_IORING_OP_CLOSE:
		return how_is(s, "direct") ? NO_TWIN : shim_close(fd);
	}
	return NO_TWIN;
}

/* Names. */
static inline long plain_name(step s, int fd)
{
	int dir = world.dir;
	size_t n = length(s->text);

	switch (s->op) {
	case SHIM_IORING_OP_OPENAT:
		return shim_openat(dir, s->text, (int)s->n | SHIM_O_CLOEXEC,
				   FILE_MODE);
	case SHIM_IORING_OP_OPENAT2:
		return shim_openat2(dir, s->text, how_of(s),
				    sizeof(struct shim_open_how));
	case SHIM_IORING_OP_STATX:
		return shim_statx(dir, s->text, 0, SHIM_STATX_SIZE,
				  &request_of(s)->stx);
	case SHIM_IORING_OP_UNLINKAT:
		return shim_unlinkat(dir, s->text, (int)s->n);
	case SHIM_IORING_OP_RENAMEAT:
		return shim_renameat2(dir, s->text, dir, name2_of(s),
				      (unsigned)s->n);
	case SHIM_IORING_OP_MKDIRAT:
		return shim_mkdirat(dir, s->text, (unsigned)s->n);
	case SHIM_IORING_OP_SYMLINKAT:
		return shim_symlinkat(s->text, dir, name2_of(s));
	case SHIM_IORING_OP_LINKAT:
		return shim_linkat(dir, s->text, dir, name2_of(s), 0);
	case SHIM_IORING_OP_FSETXATTR:
		return shim_fsetxattr(fd, ATTRIBUTE, s->text, n, (int)s->b);
	case SHIM_IORING_OP_SETXATTR:
		return shim_setxattr(path_of(s), ATTRIBUTE, s->text, n,
				     (int)s->b);
	case SHIM_IORING_OP_FGETXATTR:
		return shim_fgetxattr(fd, ATTRIBUTE, buf_of(s), (size_t)s->n);
	case SHIM_IORING_OP_GETXATTR:
		return shim_getxattr(path_of(s), ATTRIBUTE, buf_of(s),
				     (size_t)s->n);
	}
	return NO_TWIN;
}

/* What a command to a socket tells. */
static inline long plain_command(step s, int fd)
{
	struct request *r = request_of(s);
	int len = sizeof(r->number);
	long err;

	if (how_is(s, "inq")) {
		err = shim_ioctl(fd, BYTES_TO_READ, (uintptr_t)&r->number);
		return err ? err : r->number;
	}
	err = shim_getsockopt(fd, SHIM_SOL_SOCKET, SHIM_SO_TYPE, &r->number,
			      &len);
	return err ? err : len;
}

static inline long plain_socket(step s, int fd)
{
	unsigned flags = (unsigned)s->b;
	size_t n = (size_t)s->n;

	switch (s->op) {
	case SHIM_IORING_OP_SOCKET:
		return shim_socket(SHIM_AF_INET, TCP_FLAGS, 0);
	case SHIM_IORING_OP_BIND:
		return shim_bind(fd, any_port(), sizeof(world.addr));
	case SHIM_IORING_OP_LISTEN:
		return shim_listen(fd, (int)s->n);
	case SHIM_IORING_OP_CONNECT:
		return shim_connect(fd, address(), sizeof(world.addr));
	case SHIM_IORING_OP_ACCEPT:
		return shim_accept4(fd, NULL, NULL, SHIM_SOCK_CLOEXEC);
	case SHIM_IORING_OP_SEND:
	case SHIM_IORING_OP_SEND_ZC:
		return shim_sendto(fd, s->text, length(s->text),
				   SHIM_MSG_NOSIGNAL, NULL, 0);
	case SHIM_IORING_OP_SENDMSG:
	case SHIM_IORING_OP_SENDMSG_ZC:
		return shim_sendmsg(fd, message(s, load(s)), SHIM_MSG_NOSIGNAL);
	case SHIM_IORING_OP_RECV:
		return shim_recvfrom(fd, buf_of(s), n, flags, NULL, NULL);
	case SHIM_IORING_OP_RECVMSG:
		return shim_recvmsg(fd, message(s, n), flags);
	case SHIM_IORING_OP_SHUTDOWN:
		return shim_shutdown(fd, (int)s->n);
	case SHIM_IORING_OP_URING_CMD:
	case SHIM_IORING_OP_URING_CMD128:
		return plain_command(s, fd);
	}
	return NO_TWIN;
}

static inline long plain_wait(step s, int fd)
{
	struct request *r = request_of(s);

	switch (s->op) {
	case SHIM_IORING_OP_POLL_ADD:
		return plain_poll(s, fd);
	case SHIM_IORING_OP_EPOLL_CTL:
		return shim_epoll_ctl(fd, SHIM_EPOLL_CTL_ADD, world.fds[s->b],
				      event_of(s));
	case SHIM_IORING_OP_EPOLL_WAIT:
		return shim_epoll_pwait(fd, &r->event, 1, 0, NULL);
	case SHIM_IORING_OP_WAITID:
		return shim_waitid(SHIM_P_PID, world.child, &r->info,
				   SHIM_WEXITED, NULL);
	case SHIM_IORING_OP_FUTEX_WAIT:
		return shim_futex_wait(world.memory, (unsigned long)s->n,
				       SHIM_FUTEX_BITSET_MATCH_ANY, FUTEX, NULL,
				       SHIM_CLOCK_MONOTONIC);
	case SHIM_IORING_OP_FUTEX_WAKE:
		return shim_futex_wake(world.memory,
				       SHIM_FUTEX_BITSET_MATCH_ANY, (int)s->n,
				       FUTEX);
	case SHIM_IORING_OP_FUTEX_WAITV:
		return shim_futex_waitv(waiter_of(s), 1, 0, NULL,
					SHIM_CLOCK_MONOTONIC);
	}
	return NO_TWIN;
}

/* The result of the call, or NO_TWIN. */
static inline long plain_call(step s)
{
	int fd = fd_of(s);
	long res = plain_file(s, fd);

	if (res == NO_TWIN)
		res = plain_name(s, fd);
	if (res == NO_TWIN)
		res = plain_socket(s, fd);
	if (res == NO_TWIN)
		res = plain_wait(s, fd);
	return res == NO_TWIN ? res : keep_result(s, res);
}

#endif
