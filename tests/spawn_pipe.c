/* SPDX-License-Identifier: MIT */
/*
 * Pipes and what flows from one descriptor to another, on the real kernel. What
 * C and Go must give is in spawn_pipe.tab.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_util.h"
#include "zspawn_pipe_tab.h"

enum { BLOCK = 4096, PERIOD = 251, CAP_SYS_RESOURCE = 24 };

/* One end, and the other while it is open. */
struct ends {
	int fd;
	int other;
};

static void close_ends(struct ends *e)
{
	if (e->fd >= 0)
		shim_close(e->fd);
	if (e->other >= 0)
		shim_close(e->other);
	*e = (struct ends){ -1, -1 };
}

static int open_device(const char *path)
{
	return (int)shim_openat(SHIM_AT_FDCWD, path,
				SHIM_O_RDWR | SHIM_O_CLOEXEC, 0);
}

static void put_pattern(int fd, size_t have)
{
	static char block[BLOCK];

	for (size_t done = 0; done < have;) {
		size_t n = have - done < BLOCK ? have - done : BLOCK;

		for (size_t i = 0; i < n; i++)
			block[i] = (char)((done + i) % PERIOD);
		if (!CHECK_EQ(write_all(fd, block, n), 0))
			return;
		done += n;
	}
}

static int make_file(void)
{
	return (int)shim_memfd_create("flow", SHIM_MFD_CLOEXEC);
}

static struct ends make_pipe(int size, unsigned flags, int writes)
{
	int fds[2] = { -1, -1 };

	CHECK_EQ(shim_spawn_pipe(fds, size, flags), 0);
	return (struct ends){ fds[writes], fds[!writes] };
}

static struct ends make_sockets(void)
{
	int fds[2] = { -1, -1 };

	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, fds),
		 0);
	return (struct ends){ fds[0], fds[1] };
}

static void close_other(struct ends *e)
{
	shim_close(e->other);
	e->other = -1;
}

/* What is read from. */
static struct ends open_from(const char *kind, size_t have)
{
	const int idle = same(kind, "idle");
	struct ends e = { -1, -1 };

	if (same(kind, "pipe") || idle) {
		e = make_pipe(0, idle ? SHIM_O_NONBLOCK : 0, 0);
		put_pattern(e.other, have);
		if (!idle)
			close_other(&e);
	} else if (same(kind, "file")) {
		e.fd = make_file();
		put_pattern(e.fd, have);
		CHECK_EQ(shim_lseek(e.fd, 0, SHIM_SEEK_SET), 0);
	} else if (same(kind, "socket")) {
		e = make_sockets();
		put_pattern(e.other, have);
		close_other(&e);
	} else if (same(kind, "null")) {
		e.fd = open_device("/dev/null");
	} else if (same(kind, "zero")) {
		e.fd = open_device("/dev/zero");
	} else if (same(kind, "writer")) {
		e = make_pipe(0, 0, 1);
	}
	return e;
}

/* What is written to. */
static struct ends open_to(const char *kind)
{
	struct ends e = { -1, -1 };

	if (same(kind, "pipe"))
		return make_pipe(0, 0, 1);
	if (same(kind, "small"))
		return make_pipe(BLOCK, SHIM_O_NONBLOCK, 1);
	if (same(kind, "reader"))
		return make_pipe(0, 0, 0);
	if (same(kind, "socket"))
		return make_sockets();
	if (same(kind, "broken")) {
		e = make_pipe(0, 0, 1);
		close_other(&e);
	} else if (same(kind, "null")) {
		e.fd = open_device("/dev/null");
	} else if (same(kind, "full")) {
		e.fd = open_device("/dev/full");
	} else if (same(kind, "file") || same(kind, "append")) {
		e.fd = make_file();
	}
	if (same(kind, "append"))
		CHECK_EQ(shim_fcntl(e.fd, SHIM_F_SETFL, SHIM_O_APPEND), 0);
	return e;
}

/* What has arrived: its length, if it is the pattern from begin on; or -1, as
 * when it cannot be read again. */
static long arrived(struct ends *e, size_t begin)
{
	static char block[BLOCK];
	int fd = e->other;
	size_t length = 0;
	long n;

	if (fd < 0) {
		fd = e->fd;
		if (shim_lseek(fd, 0, SHIM_SEEK_SET) < 0)
			return -1;
	} else if (shim_fcntl(fd, SHIM_F_SETFL, SHIM_O_NONBLOCK) < 0) {
		return -1;
	}
	while ((n = shim_read(fd, block, BLOCK)) > 0)
		for (long i = 0; i < n; i++, length++)
			if (block[i] != (char)((begin + length) % PERIOD))
				return -1;
	return (long)length;
}

/* What a row says of a count: -1 is some, and not all. */
static void check_count(uint64_t count, long want, long have)
{
	if (want >= 0)
		CHECK_EQ(count, want);
	else
		CHECK(count > 0 && count < (uint64_t)have);
}

/* Devices keep nothing. */
static void check_arrived(const char *kind, struct ends *e, uint64_t count)
{
	if (same(kind, "pipe") || same(kind, "file") || same(kind, "append") ||
	    same(kind, "socket") || same(kind, "small"))
		CHECK_EQ(arrived(e, 0), count);
	else if (!same(kind, "null"))
		CHECK_EQ(count, 0);
}

/* The rest of a pipe can still be moved. */
static void check_rest(const struct spawn_flows *row,
		       struct shim_spawn_flow *flow)
{
	const int idle = same(row->from, "idle");
	const uint64_t moved = flow->moved;
	struct ends e;

	if (!idle && !same(row->from, "pipe"))
		return;
	e = make_pipe(0, 0, 1);
	flow->to = e.fd;
	flow->size = SHIM_SPAWN_ALL;
	CHECK_EQ(shim_spawn_splice(flow), idle ? -SHIM_EAGAIN : 0);
	CHECK_EQ(flow->moved, row->have);
	CHECK_EQ(arrived(&e, moved), row->have - (long)moved);
	close_ends(&e);
}

static void check_flow(const struct spawn_flows *row)
{
	static char room[BLOCK];
	const int tees = row->also[0] != '\0';
	struct ends from = open_from(row->from, (size_t)row->have);
	struct ends to = open_to(row->to), also = open_to(row->also);
	struct shim_spawn_flow flow = {
		.from = from.fd,
		.to = to.fd,
		.also = also.fd,
		.size = row->ask < 0 ? SHIM_SPAWN_ALL : (uint64_t)row->ask,
		.memory = row->memory ? room : NULL,
		.memory_size = (size_t)row->memory,
	};
	int err = tees ? shim_spawn_tee(&flow) : shim_spawn_splice(&flow);

	CHECK_EQ(err, row->want);
	CHECK_EQ(!err, !flow.failed);
	check_count(flow.moved, row->moved, row->have);
	check_count(flow.teed, row->teed, row->have);
	check_arrived(row->to, &to, flow.moved);
	check_arrived(row->also, &also, flow.teed);
	check_rest(row, &flow);
	close_ends(&from);
	close_ends(&to);
	close_ends(&also);
}

/* "idle 10000 pipe pipe". */
static const char *name_of(const struct spawn_flows *row)
{
	static char name[64];
	const char *words[3] = { row->from, row->to, row->also };
	char *to = name;

	for (int i = 0; i < 3; i++) {
		for (const char *s = words[i]; *s; s++)
			*to++ = *s;
		*to++ = ' ';
		if (!i)
			to = put_number(to, (uint64_t)row->have), *to++ = ' ';
	}
	*to = '\0';
	return name;
}

static void a_flow_is_as_the_table_says(void)
{
	const size_t nr = sizeof(spawn_flows) / sizeof(spawn_flows[0]);
	struct state before = state_now();

	for (size_t i = 0; i < nr; i++) {
		check_case(name_of(&spawn_flows[i]));
		check_flow(&spawn_flows[i]);
		check_state(&before);
	}
	check_case("");
}

static void what_would_never_end_does_not_begin(void)
{
	char room[16];
	struct ends pipe = make_pipe(0, 0, 0), other = make_pipe(0, 0, 1);
	struct shim_spawn_flow flow = {
		.from = pipe.fd,
		.to = pipe.other,
		.also = other.fd,
		.size = SHIM_SPAWN_ALL,
		.memory = room,
		.memory_size = sizeof(room),
	};
	int file = make_file();

	CHECK_EQ(shim_write(pipe.other, "abc", 3), 3);
	CHECK_EQ(shim_spawn_splice(&flow), -SHIM_EINVAL);
	CHECK(same(flow.failed, "splice"));
	CHECK_EQ(shim_spawn_tee(&flow), -SHIM_EINVAL);
	flow = (struct shim_spawn_flow){
		.from = pipe.fd,
		.to = other.fd,
		.also = pipe.other,
		.size = SHIM_SPAWN_ALL,
		.memory = room,
		.memory_size = sizeof(room),
	};
	CHECK_EQ(shim_spawn_tee(&flow), -SHIM_EINVAL);
	CHECK(same(flow.failed, "tee"));
	CHECK_EQ(flow.moved, 0);
	put_pattern(file, 100);
	shim_lseek(file, 0, SHIM_SEEK_SET);
	flow.from = flow.to = file;
	CHECK_EQ(shim_spawn_splice(&flow), -SHIM_EINVAL);
	CHECK_EQ(shim_close(file), 0);
	close_ends(&pipe);
	close_ends(&other);
}

static void a_pipe_is_as_its_flags_say(void)
{
	char buf[10];
	int fds[2];

	CHECK_EQ(shim_spawn_pipe(fds, 0, SHIM_O_DIRECT | SHIM_O_NONBLOCK), 0);
	CHECK_EQ(shim_fcntl(fds[0], SHIM_F_GETFD, 0), SHIM_FD_CLOEXEC);
	CHECK_EQ(shim_fcntl(fds[1], SHIM_F_GETFD, 0), SHIM_FD_CLOEXEC);
	CHECK_EQ(shim_read(fds[0], buf, sizeof(buf)), -SHIM_EAGAIN);
	/* Each write is a packet, of which a short read loses the rest. */
	CHECK_EQ(shim_write(fds[1], "abc", 3), 3);
	CHECK_EQ(shim_write(fds[1], "de", 2), 2);
	CHECK_EQ(shim_write(fds[1], "f", 1), 1);
	CHECK_EQ(shim_read(fds[0], buf, sizeof(buf)), 3);
	CHECK_EQ(shim_read(fds[0], buf, 1), 1);
	CHECK_EQ(shim_read(fds[0], buf, sizeof(buf)), 1);
	CHECK_EQ(buf[0], 'f');
	CHECK_EQ(shim_close(fds[0]), 0);
	CHECK_EQ(shim_close(fds[1]), 0);
}

static void wrong_pipes_are_not_made(void)
{
	struct state before = state_now();
	int fds[2];

	CHECK_EQ(shim_spawn_pipe(fds, -1, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_pipe(fds, 0, SHIM_O_CLOEXEC), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_pipe(fds, 0, SHIM_O_APPEND), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_pipe(fds, 0, ~0U), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_pipe_size(-1), -SHIM_EBADF);
	CHECK_EQ(shim_spawn_pipe_resize(-1, 4096), -SHIM_EBADF);
	check_state(&before);
}

static void the_size_of_a_pipe_can_be_changed(void)
{
	struct ends pipe = make_pipe(0, 0, 0);
	int file = make_file(), size;

	size = shim_spawn_pipe_resize(pipe.fd, 70000);
	CHECK(size >= 70000);
	CHECK_EQ(shim_spawn_pipe_size(pipe.other), size);
	put_pattern(pipe.other, 70000);
	CHECK_EQ(shim_spawn_pipe_resize(pipe.other, 1), -SHIM_EBUSY);
	CHECK_EQ(shim_spawn_pipe_resize(pipe.fd, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_pipe_resize(pipe.fd, -1), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_pipe_size(pipe.fd), size);
	CHECK_EQ(shim_spawn_pipe_size(file), -SHIM_EBADF);
	CHECK_EQ(shim_spawn_pipe_resize(file, 4096), -SHIM_EBADF);
	CHECK_EQ(shim_close(file), 0);
	close_ends(&pipe);
}

/* The greatest pipe of those without CAP_SYS_RESOURCE, or 0. */
static int greatest(void)
{
	char buf[24] = "";
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/sys/fs/pipe-max-size",
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);

	shim_read(fd, buf, sizeof(buf) - 1);
	shim_close(fd);
	return (int)to_number(buf);
}

static void a_pipe_may_not_be_as_great_as_one_likes(void)
{
	struct shim_user_cap_header header = {
		.version = SHIM__LINUX_CAPABILITY_VERSION_3,
	};
	struct shim_user_cap_data caps[2], less[2];
	const int max = greatest();
	struct state before = state_now();
	struct ends pipe;
	int fds[2], size;

	CHECK_FATAL(max > 0 && max < INT32_MAX / 2);
	CHECK_FATAL(shim_capget(&header, caps) == 0);
	less[0] = caps[0];
	less[1] = caps[1];
	less[0].effective &= ~(1U << CAP_SYS_RESOURCE);
	CHECK_FATAL(shim_capset(&header, less) == 0);
	CHECK_EQ(shim_spawn_pipe(fds, 2 * max, 0), -SHIM_EPERM);
	check_state(&before);
	pipe = make_pipe(0, 0, 0);
	size = shim_spawn_pipe_size(pipe.fd);
	CHECK_EQ(shim_spawn_pipe_resize(pipe.fd, 2 * max), -SHIM_EPERM);
	CHECK_EQ(shim_spawn_pipe_size(pipe.fd), size);
	close_ends(&pipe);
	CHECK_EQ(shim_capset(&header, caps), 0);
}

static const struct check_test spawn_pipe_tests[] = {
	{ "a_flow_is_as_the_table_says", a_flow_is_as_the_table_says },
	{ "what_would_never_end_does_not_begin",
	  what_would_never_end_does_not_begin },
	{ "a_pipe_is_as_its_flags_say", a_pipe_is_as_its_flags_say },
	{ "wrong_pipes_are_not_made", wrong_pipes_are_not_made },
	{ "the_size_of_a_pipe_can_be_changed",
	  the_size_of_a_pipe_can_be_changed },
	{ "a_pipe_may_not_be_as_great_as_one_likes",
	  a_pipe_may_not_be_as_great_as_one_likes },
};

CHECK_MAIN(spawn_pipe, spawn_pipe_tests)
