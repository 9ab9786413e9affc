/* SPDX-License-Identifier: MIT */
/*
 * What a multishot recvmsg puts into a provided buffer is taken apart: by the
 * real kernel, and made by hand, with lengths that do not fit.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"

enum { GROUP = 1, BUFS = 2, SIZE = 512, NAME = 32, CONTROL = 64 };

static struct shim_msghdr room(size_t name, size_t control)
{
	struct shim_msghdr msg = { 0 };

	msg.msg_namelen = (int)name;
	msg.msg_controllen = control;
	return msg;
}

/* Where the parts are, and that they do not overlap. */
static void parts_follow_one_another(void)
{
	static uint64_t words[SIZE / 8];
	struct shim_msghdr msg = room(NAME, CONTROL);
	struct shim_io_uring_recvmsg_out *o;
	char *buf = (char *)words;

	CHECK(!shim_uring_recvmsg_validate(buf, -1, &msg));
	CHECK(!shim_uring_recvmsg_validate(buf, 16 + NAME + CONTROL - 1, &msg));
	o = shim_uring_recvmsg_validate(buf, 16 + NAME + CONTROL, &msg);
	CHECK((char *)o == buf);
	CHECK(shim_uring_recvmsg_name(o) == buf + 16);
	CHECK(shim_uring_recvmsg_payload(o, &msg) == buf + 16 + NAME + CONTROL);
	CHECK_EQ(shim_uring_recvmsg_payload_length(o, 16 + NAME + CONTROL,
						   &msg),
		 0);
	CHECK_EQ(shim_uring_recvmsg_payload_length(o, SIZE, &msg),
		 SIZE - 16 - NAME - CONTROL);
}

static struct shim_cmsghdr *put(char *at, size_t len)
{
	struct shim_cmsghdr *c = (struct shim_cmsghdr *)(void *)at;

	c->cmsg_len = len;
	c->cmsg_level = SHIM_SOL_SOCKET;
	return c;
}

static void control_messages_end_where_the_room_ends(void)
{
	static uint64_t words[SIZE / 8];
	struct shim_msghdr msg = room(NAME, CONTROL);
	struct shim_io_uring_recvmsg_out *o = (void *)words;
	char *control = (char *)(o + 1) + NAME;
	struct shim_cmsghdr *a = put(control, 20), *b = put(control + 24, 16);

	o->controllen = 15;
	CHECK(!shim_uring_recvmsg_cmsg_firsthdr(o, &msg));
	o->controllen = 40;
	CHECK(shim_uring_recvmsg_cmsg_firsthdr(o, &msg) == a);
	CHECK(shim_uring_recvmsg_cmsg_nexthdr(o, &msg, a) == b);
	CHECK(!shim_uring_recvmsg_cmsg_nexthdr(o, &msg, b));
	o->controllen = 39;
	CHECK(!shim_uring_recvmsg_cmsg_nexthdr(o, &msg, a));
	/* Lengths that lie. */
	o->controllen = 40;
	a->cmsg_len = 15;
	CHECK(!shim_uring_recvmsg_cmsg_nexthdr(o, &msg, a));
	a->cmsg_len = 41;
	CHECK(!shim_uring_recvmsg_cmsg_nexthdr(o, &msg, a));
	a->cmsg_len = SIZE_MAX - 3;
	CHECK(!shim_uring_recvmsg_cmsg_nexthdr(o, &msg, a));
}

/* The data of a message with the credentials of its sender. */
static void check_message(char *buf, int res, struct shim_msghdr *msg)
{
	struct shim_io_uring_recvmsg_out *o =
		shim_uring_recvmsg_validate(buf, res, msg);
	struct shim_cmsghdr *c;
	const int32_t *pid;
	const char *payload;

	if (!CHECK(o != NULL))
		return;
	CHECK_EQ(o->payloadlen, 3);
	CHECK_EQ(o->flags & SHIM_MSG_TRUNC, 0);
	CHECK_EQ(shim_uring_recvmsg_payload_length(o, res, msg), 3);
	payload = shim_uring_recvmsg_payload(o, msg);
	CHECK(payload[0] == 'a' && payload[1] == 'b' && payload[2] == 'c');
	c = shim_uring_recvmsg_cmsg_firsthdr(o, msg);
	if (!CHECK(c != NULL))
		return;
	CHECK_EQ(c->cmsg_level, SHIM_SOL_SOCKET);
	CHECK_EQ(c->cmsg_type, SHIM_SCM_CREDENTIALS);
	pid = (const int32_t *)(const void *)(c + 1);
	CHECK_EQ(*pid, shim_getpid());
	CHECK(!shim_uring_recvmsg_cmsg_nexthdr(o, msg, c));
}

static int socket_pair(int pair[2])
{
	const int on = 1;
	int err = (int)shim_socketpair(
		SHIM_AF_UNIX, SHIM_SOCK_DGRAM | SHIM_SOCK_CLOEXEC, 0, pair);

	return err ? err
		   : (int)shim_setsockopt(pair[0], SHIM_SOL_SOCKET,
					  SHIM_SO_PASSCRED, &on, sizeof(on));
}

static void messages_of_a_multishot_receive_are_whole(void)
{
	static char bufs[BUFS][SIZE] __attribute__((aligned(8)));
	struct shim_msghdr msg = room(NAME, CONTROL);
	struct shim_io_uring_buf_ring *br;
	struct shim_io_uring_sqe *sqe;
	struct shim_io_uring_cqe *cqe;
	struct shim_uring ring;
	int err = shim_uring_queue_init(4, &ring, 0), pair[2];

	if (err)
		SKIP("this kernel has no io_uring, or forbids it");
	br = shim_uring_setup_buf_ring(&ring, BUFS, GROUP, 0, &err);
	if (!br) {
		shim_uring_queue_exit(&ring);
		SKIP("this kernel cannot register that");
	}
	CHECK_EQ(socket_pair(pair), 0);
	for (int i = 0; i < BUFS; i++)
		shim_uring_buf_ring_add(br, bufs[i], SIZE, (unsigned short)i,
					shim_uring_buf_ring_mask(BUFS), i);
	shim_uring_buf_ring_advance(br, BUFS);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_recvmsg_multishot(sqe, pair[0], &msg, 0);
	shim_uring_sqe_set_buf_group(sqe, GROUP);
	CHECK_EQ(shim_uring_submit(&ring), 1);
	for (int i = 0; i < BUFS; i++) {
		CHECK_EQ(shim_write(pair[1], "abc", 3), 3);
		CHECK_EQ(shim_uring_wait_cqe(&ring, &cqe), 0);
		err = cqe->res == -SHIM_EINVAL;
		if (err)
			break;
		if (CHECK(cqe->res > 0) && CHECK(shim_uring_cqe_buf(cqe) < 2))
			check_message(bufs[shim_uring_cqe_buf(cqe)], cqe->res,
				      &msg);
		shim_uring_cqe_seen(&ring, cqe);
	}
	shim_uring_queue_exit(&ring);
	shim_close(pair[0]);
	shim_close(pair[1]);
	if (err)
		SKIP("this kernel cannot receive so");
}

static const struct check_test uring_message_tests[] = {
	{ "parts_follow_one_another", parts_follow_one_another },
	{ "control_messages_end_where_the_room_ends",
	  control_messages_end_where_the_room_ends },
	{ "messages_of_a_multishot_receive_are_whole",
	  messages_of_a_multishot_receive_are_whole },
};

CHECK_MAIN(uring_message, uring_message_tests)
