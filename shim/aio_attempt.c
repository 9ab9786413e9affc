/* SPDX-License-Identifier: MIT */
/*
 * What the epoll engine does at once, without waiting, for each operation and
 * kind of descriptor, and what a helper does for as long as it takes.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio_impl.h"

static int socket_option(int fd, int option, int *value)
{
	int len = sizeof(*value);

	*value = 0;
	return (int)shim_getsockopt(fd, SHIM_SOL_SOCKET, option, value, &len);
}

int shim_aio_is_socket(int fd, struct fd_state *f)
{
	int type;

	if (socket_option(fd, SHIM_SO_TYPE, &type))
		return 0;
	f->stream = type == SHIM_SOCK_STREAM || type == SHIM_SOCK_SEQPACKET;
	return 1;
}

int shim_aio_classify(int fd, struct fd_state *f)
{
	struct shim_statx st;
	long err, flags;

	err = shim_statx(fd, "", SHIM_AT_EMPTY_PATH | SHIM_AT_STATX_DONT_SYNC,
			 SHIM_STATX_TYPE, &st);
	if (err < 0)
		return (int)err;
	flags = shim_fcntl(fd, SHIM_F_GETFL, 0);
	if (flags < 0)
		return (int)flags;
	f->kind = PLAIN;
	if ((st.stx_mode & SHIM_S_IFMT) == SHIM_S_IFREG ||
	    (st.stx_mode & SHIM_S_IFMT) == SHIM_S_IFBLK)
		f->kind = REGULAR;
	/* RWF_NOWAIT waits for the device here: it is meant for memory only. */
	f->no_nowait[INPUT] = f->no_nowait[OUTPUT] = (flags & SHIM_O_DIRECT) !=
						     0;
	return 0;
}

/* What a descriptor that no operation was on is to who closes it. */
static enum kind kind_to_close(int fd)
{
	struct shim_statx st;
	struct fd_state f;

	if (shim_aio_is_socket(fd, &f))
		return SOCKET;
	if (shim_statx(fd, "", SHIM_AT_EMPTY_PATH | SHIM_AT_STATX_DONT_SYNC,
		       SHIM_STATX_TYPE, &st) < 0)
		return PLAIN;
	/* Event counters and their kin have no type. */
	switch (st.stx_mode & SHIM_S_IFMT) {
	case SHIM_S_IFIFO:
	case 0:
		return DEVICE;
	}
	return PLAIN;
}

int shim_aio_close_blocks(int fd, enum kind kind)
{
	struct shim_linger linger = { 0 };
	int len = sizeof(linger);

	switch (kind == UNKNOWN ? kind_to_close(fd) : kind) {
	case SOCKET:
		return !shim_getsockopt(fd, SHIM_SOL_SOCKET, SHIM_SO_LINGER,
					&linger, &len) &&
		       linger.l_onoff;
	case DEVICE:
		return 0;
	default:
		return 1;
	}
}

static enum verdict verdict_of(int res)
{
	return res == -SHIM_EAGAIN ? WAITS : FINISHED;
}

/* Call recv or send for what is left of the buffer. */
static int message_once(const struct slot *s, unsigned flags)
{
	char *buf = (char *)s->buf + s->nr_moved;
	size_t len = s->len - s->nr_moved;
	long res;

	flags |= SHIM_MSG_DONTWAIT;
	if (s->op == SHIM_AIO_SEND)
		flags |= SHIM_MSG_NOSIGNAL;
	do {
		if (direction_of(s) == INPUT)
			res = shim_recvfrom(s->fd, buf, len, flags, NULL, NULL);
		else
			res = shim_sendto(s->fd, buf, len, flags, NULL, 0);
	} while (res == -SHIM_EINTR);
	return (int)res;
}

static enum verdict message(const struct fd_state *f, struct slot *s,
			    unsigned flags, int *res)
{
	int all = f->stream && (flags & SHIM_MSG_WAITALL);

	do {
		*res = message_once(s, flags);
		if (*res == -SHIM_EAGAIN)
			return WAITS;
		if (*res > 0)
			s->nr_moved += (uint32_t)*res;
	} while (all && *res > 0 && s->nr_moved < s->len);
	if (s->nr_moved)
		*res = (int)s->nr_moved;
	return FINISHED;
}

enum verdict shim_aio_readiness(const struct slot *s, unsigned events, int *res)
{
	struct shim_pollfd p;
	struct shim_timespec none;

	do {
		p = (struct shim_pollfd){ s->fd, (int16_t)events, 0 };
		none = (struct shim_timespec){ 0 };
		*res = (int)shim_ppoll(&p, 1, &none, NULL);
	} while (*res == -SHIM_EINTR);
	if (*res > 0)
		*res = p.revents & SHIM_POLLNVAL ? -SHIM_EBADF
						 : (uint16_t)p.revents;
	return *res ? FINISHED : WAITS;
}

/* What is ready and yet may block needs a helper: others may be faster. */
static enum verdict block_when_ready(const struct slot *s, unsigned events,
				     int *res)
{
	enum verdict then = shim_aio_readiness(s, events, res);

	return then == FINISHED && *res > 0 ? BLOCKS : then;
}

static int take_connection(const struct slot *s)
{
	long res;

	do
		res = shim_accept4(s->fd, NULL, NULL,
				   (int)s->arg | SHIM_SOCK_CLOEXEC);
	while (res == -SHIM_EINTR);
	return (int)res;
}

/* accept4 has no flag not to wait. */
static enum verdict accept_now(const struct slot *s, int *res)
{
	int listens;
	long flags = shim_fcntl(s->fd, SHIM_F_GETFL, 0);

	if (flags < 0) {
		*res = (int)flags;
		return FINISHED;
	}
	/* What does not listen fails at once. */
	if ((flags & SHIM_O_NONBLOCK) ||
	    socket_option(s->fd, SHIM_SO_ACCEPTCONN, &listens) || !listens) {
		*res = take_connection(s);
		return verdict_of(*res);
	}
	return block_when_ready(s, SHIM_POLLIN, res);
}

/* Call preadv2 or pwritev2 with one buffer. */
static int transfer_once(const struct slot *s, int64_t offset, int flags)
{
	struct shim_iovec iov = {
		.iov_base = (char *)s->buf + s->nr_moved,
		.iov_len = s->len - s->nr_moved,
	};
	long res;

	do {
		if (s->op == SHIM_AIO_READ)
			res = shim_preadv2(s->fd, &iov, 1, offset, flags);
		else
			res = shim_pwritev2(s->fd, &iov, 1, offset, flags);
	} while (res == -SHIM_EINTR);
	return (int)res;
}

/* The same at the right offset, if the descriptor has offsets. */
static int transfer(struct slot *s, uint8_t *no_seek, int flags)
{
	int64_t offset = *no_seek ? -1 : s->arg;
	int res;

	if (offset >= 0)
		offset += s->nr_moved;
	res = transfer_once(s, offset, flags);
	if (res != -SHIM_ESPIPE || offset < 0)
		return res;
	*no_seek = 1;
	return transfer_once(s, -1, flags);
}

/* Whether a descriptor with these flags is open for a direction. */
static int is_open_for(long flags, enum direction d)
{
	return (flags & SHIM_O_ACCMODE) !=
	       (d == INPUT ? SHIM_O_WRONLY : SHIM_O_RDONLY);
}

/* read or write on a pipe and the like. */
static enum verdict device_transfer(struct fd_state *f, struct slot *s,
				    int *res)
{
	enum direction d = direction_of(s);
	long flags;

	if (!f->no_nowait[d]) {
		*res = transfer(s, &f->no_seek, SHIM_RWF_NOWAIT);
		if (*res != -SHIM_EOPNOTSUPP)
			return verdict_of(*res);
		f->no_nowait[d] = 1;
	}
	flags = shim_fcntl(s->fd, SHIM_F_GETFL, 0);
	if (flags < 0) {
		*res = (int)flags;
		return FINISHED;
	}
	/* What has not this direction fails at once. */
	if ((flags & SHIM_O_NONBLOCK) || !is_open_for(flags, d)) {
		*res = transfer(s, &f->no_seek, 0);
		return verdict_of(*res);
	}
	/* Nothing need not wait for readiness. */
	if (!s->len)
		return BLOCKS;
	return block_when_ready(s, d == INPUT ? SHIM_POLLIN : SHIM_POLLOUT,
				res);
}

/*
 * read or write on a file, as far as memory has it. The rest, and every error,
 * is left to a helper, who need not distinguish.
 */
static enum verdict file_transfer(struct fd_state *f, struct slot *s, int *res)
{
	enum direction d = direction_of(s);

	while (!f->no_nowait[d]) {
		*res = transfer(s, &f->no_seek, SHIM_RWF_NOWAIT);
		if (*res < 0) {
			/* Some file systems say EINVAL for buffered writes. */
			f->no_nowait[d] = *res == -SHIM_EOPNOTSUPP ||
					  (*res == -SHIM_EINVAL && d == OUTPUT);
			break;
		}
		s->nr_moved += (uint32_t)*res;
		if (!*res || s->nr_moved == s->len || f->kind != REGULAR) {
			*res = (int)s->nr_moved;
			return FINISHED;
		}
	}
	return BLOCKS;
}

enum verdict shim_aio_attempt(struct fd_state *f, struct slot *s, int *res)
{
	int transfers = s->op == SHIM_AIO_READ || s->op == SHIM_AIO_WRITE;

	if (s->op == SHIM_AIO_POLL)
		return shim_aio_readiness(s, (unsigned)s->arg, res);
	if (transfers && f->kind == DEVICE)
		return device_transfer(f, s, res);
	if (transfers && f->kind != SOCKET)
		return file_transfer(f, s, res);
	if (f->kind != SOCKET) {
		*res = -SHIM_ENOTSOCK;
		return FINISHED;
	}
	if (s->op == SHIM_AIO_ACCEPT)
		return accept_now(s, res);
	/* A read of nothing waits for nothing, in contrast to recv. */
	if (s->op == SHIM_AIO_READ && !s->len) {
		*res = (int)shim_read(s->fd, NULL, 0);
		return FINISHED;
	}
	return message(f, s, transfers ? 0 : (unsigned)s->arg, res);
}

int shim_aio_block(struct slot *s)
{
	int res;

	if (s->op == SHIM_AIO_CLOSE)
		return (int)shim_close(s->fd);
	if (s->op == SHIM_AIO_ACCEPT)
		return take_connection(s);
	do {
		res = transfer(s, &s->no_seek, 0);
		if (res < 0 && !s->nr_moved)
			return res;
		if (res > 0)
			s->nr_moved += (uint32_t)res;
	} while (s->whole && res > 0 && s->nr_moved < s->len);
	return (int)s->nr_moved;
}
