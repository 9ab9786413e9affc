/* SPDX-License-Identifier: MIT */
/* The wrappers on the real kernel: sockets, events and rings. */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "check.h"

enum { LOOPBACK = 0x7f000001 };

static uint32_t big_endian(uint32_t n)
{
	const uint8_t bytes[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
				   (uint8_t)(n >> 8), (uint8_t)n };
	union {
		uint8_t bytes[4];
		uint32_t n;
	} u = { { bytes[0], bytes[1], bytes[2], bytes[3] } };

	return u.n;
}

/* An address of either shape. */
union address {
	struct shim_sockaddr any;
	struct shim_sockaddr_in in;
	struct shim_sockaddr_un un;
	struct shim_sockaddr_storage storage;
};

/* A listener on a free port of the loopback, and its address. */
static int listener(union address *a)
{
	int len = sizeof(a->in), one = 1;
	int fd = (int)shim_socket(SHIM_AF_INET,
				  SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	*a = (union address){
		.in = { .sin_family = SHIM_AF_INET,
			.sin_addr.s_addr = big_endian(LOOPBACK) },
	};
	CHECK(fd >= 0);
	CHECK_EQ(shim_setsockopt(fd, SHIM_SOL_SOCKET, SHIM_SO_REUSEADDR, &one,
				 sizeof(one)),
		 0);
	CHECK_EQ(shim_bind(fd, &a->any, sizeof(a->in)), 0);
	CHECK_EQ(shim_listen(fd, 8), 0);
	CHECK_EQ(shim_getsockname(fd, &a->any, &len), 0);
	CHECK_EQ(len, sizeof(a->in));
	CHECK(a->in.sin_port != 0);
	return fd;
}

static void a_connection_carries_bytes_both_ways(void)
{
	union address a, peer = { 0 };
	int server = listener(&a), len = sizeof(peer), one = 1, got = 0;
	int c = (int)shim_socket(SHIM_AF_INET,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);
	char buf[4] = "";
	int s;

	CHECK_EQ(shim_connect(c, &a.any, sizeof(a.in)), 0);
	s = (int)shim_accept4(server, &peer.any, &len,
			      SHIM_SOCK_CLOEXEC | SHIM_SOCK_NONBLOCK);
	CHECK_FATAL(s >= 0);
	CHECK_EQ(len, sizeof(peer.in));
	CHECK_EQ(peer.in.sin_addr.s_addr, big_endian(LOOPBACK));
	len = sizeof(peer);
	CHECK_EQ(shim_getpeername(c, &peer.any, &len), 0);
	CHECK_EQ(peer.in.sin_port, a.in.sin_port);
	CHECK_EQ(shim_setsockopt(c, SHIM_IPPROTO_TCP, SHIM_TCP_NODELAY, &one,
				 sizeof(one)),
		 0);
	len = sizeof(got);
	CHECK_EQ(shim_getsockopt(c, SHIM_IPPROTO_TCP, SHIM_TCP_NODELAY, &got,
				 &len),
		 0);
	CHECK(got && len == 4);
	CHECK_EQ(shim_recvfrom(s, buf, 4, 0, NULL, NULL), -SHIM_EAGAIN);
	CHECK_EQ(shim_sendto(s, "abc", 3, SHIM_MSG_NOSIGNAL, NULL, 0), 3);
	CHECK_EQ(shim_recvfrom(c, buf, 4, 0, NULL, NULL), 3);
	CHECK(buf[0] == 'a' && buf[2] == 'c');
	CHECK_EQ(shim_shutdown(c, SHIM_SHUT_WR), 0);
	CHECK_EQ(shim_close(s) | shim_close(c) | shim_close(server), 0);
}

static void messages_carry_descriptors(void)
{
	struct {
		struct shim_cmsghdr head;
		int fd, pad;
	} control = { { sizeof(control.head) + sizeof(int), SHIM_SOL_SOCKET,
			SHIM_SCM_RIGHTS },
		      0,
		      0 };
	char text[2] = "hi", c = 0;
	struct shim_iovec iov[2] = { { text, 1 }, { text + 1, 1 } };
	struct shim_msghdr msg = { .msg_iov = iov,
				   .msg_iovlen = 2,
				   .msg_control = &control,
				   .msg_controllen = sizeof(control) };
	int pair[2], pipe[2];

	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_SEQPACKET | SHIM_SOCK_CLOEXEC, 0,
				 pair),
		 0);
	CHECK_EQ(shim_pipe2(pipe, SHIM_O_CLOEXEC), 0);
	control.fd = pipe[1];
	CHECK_EQ(shim_sendmsg(pair[0], &msg, SHIM_MSG_NOSIGNAL), 2);
	control.fd = -1;
	text[0] = text[1] = 0;
	CHECK_EQ(shim_recvmsg(pair[1], &msg, SHIM_MSG_CMSG_CLOEXEC), 2);
	CHECK(text[0] == 'h' && text[1] == 'i');
	CHECK_FATAL(control.fd >= 0 && control.fd != pipe[1]);
	CHECK_EQ(shim_write(control.fd, "x", 1), 1);
	CHECK_EQ(shim_read(pipe[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(shim_close(control.fd), 0);
	CHECK_EQ(shim_close(pipe[0]) | shim_close(pipe[1]), 0);
	CHECK_EQ(shim_close(pair[0]) | shim_close(pair[1]), 0);
}

static void datagrams_are_cut_and_counted(void)
{
	int pair[2];
	char buf[2];

	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_DGRAM | SHIM_SOCK_CLOEXEC, 0, pair),
		 0);
	CHECK_EQ(shim_sendto(pair[0], "12345", 5, 0, NULL, 0), 5);
	CHECK_EQ(shim_recvfrom(pair[1], buf, 2, SHIM_MSG_TRUNC, NULL, NULL), 5);
	CHECK_EQ(shim_close(pair[0]) | shim_close(pair[1]), 0);
}

static void wrong_sockets_errno(void)
{
	union address a = { .un = { .sun_family = SHIM_AF_UNIX,
				    .sun_path = "/nowhere/x" } };
	int len = sizeof(a), pair[2];
	int fd = (int)shim_socket(SHIM_AF_UNIX,
				  SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	CHECK_EQ(shim_socket(-1, SHIM_SOCK_STREAM, 0), -SHIM_EAFNOSUPPORT);
	CHECK_EQ(shim_socketpair(SHIM_AF_INET, SHIM_SOCK_STREAM, 0, pair),
		 -SHIM_EOPNOTSUPP);
	CHECK_EQ(shim_bind(fd, &a.any, sizeof(a.un)), -SHIM_ENOENT);
	CHECK_EQ(shim_bind(fd, &a.any, -1), -SHIM_EINVAL);
	CHECK_EQ(shim_connect(fd, &a.any, sizeof(a.un)), -SHIM_ENOENT);
	CHECK_EQ(shim_listen(fd, 1), -SHIM_EINVAL);
	CHECK_EQ(shim_accept4(fd, NULL, NULL, -1), -SHIM_EINVAL);
	CHECK_EQ(shim_getpeername(fd, &a.any, &len), -SHIM_ENOTCONN);
	CHECK_EQ(shim_getsockname(-1, &a.any, &len), -SHIM_EBADF);
	CHECK_EQ(shim_shutdown(fd, 12345), -SHIM_EINVAL);
	CHECK_EQ(shim_sendto(fd, "x", 1, SHIM_MSG_NOSIGNAL, NULL, 0),
		 -SHIM_ENOTCONN);
	CHECK_EQ(shim_sendmsg(-1, NULL, 0), -SHIM_EBADF);
	CHECK_EQ(shim_recvmsg(-1, NULL, 0), -SHIM_EBADF);
	CHECK_EQ(shim_setsockopt(fd, SHIM_SOL_SOCKET, -1, NULL, 0),
		 -SHIM_EINVAL);
	CHECK_EQ(shim_getsockopt(fd, SHIM_SOL_SOCKET, -1, &len, &len),
		 -SHIM_ENOPROTOOPT);
	CHECK_EQ(shim_close(fd), 0);
}

/* An eventfd whose counter is 1. */
static int ready_fd(void)
{
	int fd = (int)shim_eventfd2(1, SHIM_EFD_CLOEXEC | SHIM_EFD_NONBLOCK);

	CHECK(fd >= 0);
	return fd;
}

static void epoll_returns_the_callers_data(void)
{
	const struct shim_timespec ns = { 0, 1 };
	struct shim_epoll_event in = { .events = SHIM_EPOLLIN,
				       .data = 0xfedcba9876543210 };
	struct shim_epoll_event out[3] = { 0 };
	const uint64_t mask = 0;
	int fd = ready_fd(), ep = (int)shim_epoll_create1(SHIM_EPOLL_CLOEXEC);
	uint64_t n = 0;
	long got;

	CHECK_FATAL(ep >= 0);
	CHECK_EQ(shim_epoll_ctl(ep, SHIM_EPOLL_CTL_ADD, fd, &in), 0);
	CHECK_EQ(shim_epoll_ctl(ep, SHIM_EPOLL_CTL_ADD, fd, &in), -SHIM_EEXIST);
	CHECK_EQ(shim_epoll_pwait(ep, out, 3, -1, &mask), 1);
	CHECK_EQ(out[0].events, SHIM_EPOLLIN);
	CHECK(out[0].data == 0xfedcba9876543210);
	CHECK_EQ(out[1].events, 0);
	CHECK_EQ(shim_read(fd, &n, 8), 8);
	CHECK_EQ(shim_epoll_pwait(ep, out, 3, 0, NULL), 0);
	got = shim_epoll_pwait2(ep, out, 3, &ns, NULL);
	CHECK(got == 0 || got == -SHIM_ENOSYS);
	CHECK_EQ(shim_epoll_ctl(ep, 12345, fd, &in), -SHIM_EINVAL);
	CHECK_EQ(shim_epoll_pwait(ep, out, 0, 0, NULL), -SHIM_EINVAL);
	CHECK_EQ(shim_epoll_create1(-1), -SHIM_EINVAL);
	CHECK_EQ(shim_eventfd2(0, -1), -SHIM_EINVAL);
	CHECK_EQ(shim_close(ep) | shim_close(fd), 0);
}

static void poll_and_select_see_a_ready_descriptor(void)
{
	struct shim_timespec second = { 1, 0 };
	struct shim_fd_set set = { 0 };
	const uint64_t mask = 0;
	int fd = ready_fd();
	struct shim_pollfd p[2] = { { fd, SHIM_POLLIN | SHIM_POLLPRI, 0 },
				    { -1, SHIM_POLLIN, 0 } };

	CHECK_EQ(shim_ppoll(p, 2, &second, &mask), 1);
	CHECK_EQ(p[0].revents, SHIM_POLLIN);
	CHECK_EQ(p[1].revents, 0);
	set.fds_bits[fd / 64] = 1UL << fd % 64;
	CHECK_EQ(shim_pselect6(fd + 1, &set, NULL, NULL, &second, &mask), 1);
	CHECK_EQ(set.fds_bits[fd / 64], 1UL << fd % 64);
	CHECK_EQ(shim_pselect6(fd + 1, NULL, NULL, &set,
			       &(struct shim_timespec){ 0 }, NULL),
		 0);
	CHECK_EQ(set.fds_bits[fd / 64], 0);
	CHECK_EQ(shim_ppoll(NULL, 1, NULL, NULL), -SHIM_EFAULT);
	CHECK_EQ(shim_pselect6(-1, NULL, NULL, NULL, NULL, NULL), -SHIM_EINVAL);
	CHECK_EQ(shim_close(fd), 0);
}

static void a_futex_compares_before_it_waits(void)
{
	const struct shim_timespec ms = { 0, 1000000 };
	uint32_t word = 0x80000001;

	CHECK_EQ(shim_futex(&word, SHIM_FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0),
		 -SHIM_EAGAIN);
	CHECK_EQ(shim_futex(&word, SHIM_FUTEX_WAIT_PRIVATE, word, &ms, NULL, 0),
		 -SHIM_ETIMEDOUT);
	CHECK_EQ(shim_futex(&word, SHIM_FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0),
		 0);
	CHECK_EQ(shim_futex(&word, -1, 0, NULL, NULL, 0), -SHIM_ENOSYS);
}

static void a_ring_is_set_up_entered_and_asked(void)
{
	struct shim_io_uring_params p = { 0 };
	_Alignas(8) char room[sizeof(struct shim_io_uring_probe) +
			      256 * sizeof(struct shim_io_uring_probe_op)] = "";
	struct shim_io_uring_probe *probe = (void *)room;
	long fd = shim_io_uring_setup(4, &p);

	CHECK_EQ(shim_io_uring_enter(-1, 0, 0, 0, NULL, 0) < 0, 1);
	if (fd == -SHIM_ENOSYS || fd == -SHIM_EPERM)
		SKIP("io_uring is forbidden or not there");
	CHECK_FATAL(fd >= 0);
	CHECK_EQ(p.sq_entries, 4);
	CHECK_EQ(p.cq_entries, 8);
	CHECK(p.cq_off.cqes > 0 && p.sq_off.array > 0);
	CHECK_EQ(shim_io_uring_enter((int)fd, 0, 0, 0, NULL, 0), 0);
	CHECK_EQ(shim_io_uring_enter((int)fd, 0, 0, ~0U, NULL, 0),
		 -SHIM_EINVAL);
	CHECK_EQ(shim_io_uring_register((int)fd, SHIM_IORING_REGISTER_PROBE,
					probe, 256),
		 0);
	CHECK(probe->last_op >= SHIM_IORING_OP_READ);
	CHECK_EQ(probe->ops[SHIM_IORING_OP_READ].flags,
		 SHIM_IO_URING_OP_SUPPORTED);
	CHECK_EQ(shim_io_uring_register((int)fd, ~0U >> 1, NULL, 0),
		 -SHIM_EINVAL);
	CHECK_EQ(shim_io_uring_setup(0, &p), -SHIM_EINVAL);
	CHECK_EQ(shim_close((int)fd), 0);
}

static const struct check_test sys_socket_tests[] = {
	{ "a_connection_carries_bytes_both_ways",
	  a_connection_carries_bytes_both_ways },
	{ "messages_carry_descriptors", messages_carry_descriptors },
	{ "datagrams_are_cut_and_counted", datagrams_are_cut_and_counted },
	{ "wrong_sockets_errno", wrong_sockets_errno },
	{ "epoll_returns_the_callers_data", epoll_returns_the_callers_data },
	{ "poll_and_select_see_a_ready_descriptor",
	  poll_and_select_see_a_ready_descriptor },
	{ "a_futex_compares_before_it_waits",
	  a_futex_compares_before_it_waits },
	{ "a_ring_is_set_up_entered_and_asked",
	  a_ring_is_set_up_entered_and_asked },
};

CHECK_MAIN(sys_socket, sys_socket_tests)
