/* SPDX-License-Identifier: MIT */
/* The world of a case of uring_op.tab, and the verbs that make and see it. */
#ifndef TESTS_URING_OP_VERBS_H
#define TESTS_URING_OP_VERBS_H

#include "uring_op_world.h"

static inline long verb_file(step s)
{
	int fd = (int)shim_memfd_create("uring_op", SHIM_MFD_CLOEXEC);
	size_t n = length(s->text);

	world.fds[s->a] = fd;
	return shim_pwrite64(fd, s->text, n, 0) == (long)n ? 0 : NEVER;
}

static inline long keep_pair(step s, const int pair[2], long err)
{
	if (!err) {
		world.fds[s->a] = pair[0];
		world.fds[s->b] = pair[1];
	}
	return err;
}

static inline long verb_pipe(step s)
{
	int pair[2];

	return keep_pair(s, pair, shim_pipe2(pair, SHIM_O_CLOEXEC));
}

static inline long verb_pair(step s)
{
	int pair[2];

	return keep_pair(s, pair,
			 shim_socketpair(SHIM_AF_UNIX, TCP_FLAGS, 0, pair));
}

static inline long verb_socket(step s)
{
	world.fds[s->a] = (int)shim_socket(SHIM_AF_INET, TCP_FLAGS, 0);
	return world.fds[s->a] < 0 ? world.fds[s->a] : 0;
}

static inline long verb_listen(step s)
{
	int len = sizeof(world.addr);
	long err = verb_socket(s);

	if (!err)
		err = shim_bind(world.fds[s->a], any_port(), len);
	if (!err)
		err = shim_listen(world.fds[s->a], 4);
	return err ? err : shim_getsockname(world.fds[s->a], address(), &len);
}

static inline long verb_call(step s)
{
	long err = verb_socket(s);

	return err ? err
		   : shim_connect(world.fds[s->a], address(),
				  sizeof(world.addr));
}

static inline long verb_tcp(step s)
{
	struct uring_ops listener = { .a = s->b };
	long err = verb_listen(&listener), fd;

	if (!err)
		err = verb_call(s);
	if (err)
		return err;
	fd = shim_accept4(world.fds[s->b], NULL, NULL, SHIM_SOCK_CLOEXEC);
	shim_close(world.fds[s->b]);
	world.fds[s->b] = (int)fd;
	return fd < 0 ? fd : 0;
}

static inline long verb_epoll(step s)
{
	world.fds[s->a] = (int)shim_epoll_create1(SHIM_EPOLL_CLOEXEC);
	return world.fds[s->a] < 0 ? world.fds[s->a] : 0;
}

/* What a child does: exit with that. */
static inline int just_exit(void *status)
{
	return (int)(uintptr_t)status;
}

static inline long verb_child(step s)
{
	static _Alignas(16) char stack[STACK_SIZE];
	long pid = shim_clone(SHIM_SIGCHLD, stack + sizeof(stack), NULL, NULL,
			      NULL, just_exit, (void *)(uintptr_t)s->n);

	world.child = (int)pid;
	return pid < 0 ? pid : 0;
}

static inline long verb_make(step s)
{
	int fd = (int)shim_openat(world.dir, s->text,
				  SHIM_O_WRONLY | SHIM_O_CREAT | SHIM_O_CLOEXEC,
				  FILE_MODE);
	long n = shim_write(fd, "text", NR_BYTES);

	shim_close(fd);
	return n == NR_BYTES ? 0 : NEVER;
}

static inline long verb_there(step s)
{
	return shim_faccessat(world.dir, s->text, 0);
}

static inline long verb_put(step s)
{
	return shim_write(world.fds[s->a], s->text, length(s->text));
}

static inline long verb_hangup(step s)
{
	int fd = world.fds[s->a];

	world.fds[s->a] = -1;
	return shim_close(fd);
}

static inline long verb_holds(step s)
{
	char buf[BUF_SIZE];
	long n = shim_pread64(world.fds[s->a], buf, (size_t)s->n, s->b);

	return n == s->n && n == (long)length(s->text) &&
	       equal(buf, s->text, (size_t)n);
}

static inline long verb_size(step s)
{
	struct shim_stat st;
	long err = shim_fstat(world.fds[s->a], &st);

	return err ? err : (long)st.st_size;
}

static inline long verb_fill(step s)
{
	load(s);
	return 0;
}

static inline long verb_data(step s)
{
	return equal(buf_of(s), s->text, length(s->text));
}

static inline long verb_value(step s)
{
	(void)s;
	return world.value;
}

static inline long verb_set(step s)
{
	*world.memory = (uint32_t)s->n;
	return 0;
}

static inline long verb_word(step s)
{
	(void)s;
	return *world.memory;
}

/* What a ring has, and plain calls do without. */

static inline long verb_bufs(step s)
{
	struct shim_iovec iov[NR_REQUESTS];

	if (world.plain)
		return 0;
	for (int i = 0; i < s->n; i++)
		iov[i] = (struct shim_iovec){ world.bufs[i], BUF_SIZE };
	return shim_uring_register_buffers(&world.ring, iov, (unsigned)s->n);
}

static inline int register_slots(struct shim_uring *ring, unsigned n)
{
	int none[NR_SLOTS] = { -1, -1, -1, -1 };

	return shim_uring_register_files(ring, none, n);
}

static inline long verb_slots(step s)
{
	return world.plain ? 0 : register_slots(&world.ring, (unsigned)s->n);
}

static inline long verb_other(step s)
{
	int err;

	if (world.plain)
		return NO_TWIN;
	err = shim_uring_queue_init(4, &world.other, 0);
	world.has_other = !err;
	if (!err)
		err = register_slots(&world.other, NR_SLOTS);
	if (err)
		return err;
	world.fds[s->a] =
		(int)shim_fcntl(world.other.ring_fd, SHIM_F_DUPFD_CLOEXEC, 0);
	return 0;
}

static inline long verb_told(step s)
{
	struct shim_io_uring_cqe *cqe;
	int err = wait_for_one(&world.other, &cqe);
	int res;

	(void)s;
	if (err)
		return err;
	res = cqe->res;
	shim_uring_cqe_seen(&world.other, cqe);
	return res;
}

/* Whether the kernel knows queues without a device. */
static inline bool has_zcrx_without_device(void)
{
	struct shim_io_uring_query_zcrx z = { 0 };
	struct shim_io_uring_query_hdr hdr = {
		.query_data = (uintptr_t)&z,
		.query_op = SHIM_IO_URING_QUERY_ZCRX,
		.size = sizeof(z),
	};

	return !shim_uring_register_query(&hdr) && !hdr.result &&
	       (z.register_flags & SHIM_ZCRX_REG_NODEV);
}

static inline long verb_zcrx(step s)
{
	struct shim_io_uring_zcrx_area_reg area = {
		.addr = (uintptr_t)world.memory,
		.len = MEMORY_SIZE,
	};
	struct shim_io_uring_region_desc region = {
		.size = MEMORY_SIZE,
		.flags = SHIM_IORING_MEM_REGION_TYPE_USER,
	};
	struct shim_io_uring_zcrx_ifq_reg reg = {
		.rq_entries = ENTRIES,
		.flags = SHIM_ZCRX_REG_NODEV,
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region,
	};
	int err;

	(void)s;
	if (!has_zcrx_without_device())
		return NO_TWIN;
	world.queue = map_memory();
	region.user_addr = (uintptr_t)world.queue;
	err = shim_uring_register_ifq(&world.ring, &reg);
	world.zcrx = reg.zcrx_id;
	return err == -SHIM_EPERM ? NO_TWIN : err;
}

static inline long verb_area(step s)
{
	uint64_t place = request_of(s)->extra & ~SHIM_IORING_ZCRX_AREA_MASK;

	return place <= MEMORY_SIZE - BUF_SIZE &&
	       equal((char *)world.memory + place, s->text, length(s->text));
}

/* The world itself. */

static inline void name_directory(void)
{
	static unsigned worlds;

	join_number(world.path, "/tmp/uring_op-",
		    (unsigned long)shim_getpid() * 100000 + worlds++);
}

static inline void begin_world(bool plain)
{
	world = (struct world){ .plain = plain };
	for (int i = 0; i < NR_FDS; i++)
		world.fds[i] = -1;
	name_directory();
	CHECK_EQ(shim_mkdirat(SHIM_AT_FDCWD, world.path, 0700), 0);
	world.dir = (int)shim_openat(SHIM_AT_FDCWD, world.path,
				     SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	CHECK(world.dir >= 0);
	world.memory = map_memory();
	world.has_ring = !plain;
	if (!plain)
		CHECK_EQ(shim_uring_queue_init(ENTRIES, &world.ring, 0), 0);
}

static inline void end_world(void)
{
	static const char *const names[] = { "x", "y", "x2" };

	if (world.has_other)
		shim_uring_queue_exit(&world.other);
	if (world.has_ring)
		shim_uring_queue_exit(&world.ring);
	for (int i = 0; i < NR_FDS; i++)
		if (world.fds[i] >= 0)
			CHECK_EQ(shim_close(world.fds[i]), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (shim_unlinkat(world.dir, names[i], 0))
			shim_unlinkat(world.dir, names[i], SHIM_AT_REMOVEDIR);
	CHECK_EQ(shim_close(world.dir), 0);
	CHECK_EQ(shim_unlinkat(SHIM_AT_FDCWD, world.path, SHIM_AT_REMOVEDIR),
		 0);
	CHECK_EQ(shim_munmap(world.memory, MEMORY_SIZE), 0);
	if (world.queue)
		CHECK_EQ(shim_munmap(world.queue, MEMORY_SIZE), 0);
	if (world.child > 0)
		shim_wait4(world.child, NULL, 0, NULL);
}

#endif
