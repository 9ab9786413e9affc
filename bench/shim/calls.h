/* SPDX-License-Identifier: MIT */
/*
 * The calls of the shared rows, made through libshim. rivals/calls.h has the
 * same functions through libc; a result is not negative, or -errno.
 */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <shim/sys.h>
#include <shim/uring.h>
#include <shim/vdso.h>

#define BENCH_IMPL "shim"
#define BENCH_RING "uring"
#define RING_CALL(name) shim_uring_##name
#define RING_CONST(name) SHIM_##name
#define RING_IOVEC struct shim_iovec
#define RING_STRUCT struct shim_uring
#define RING_SQE struct shim_io_uring_sqe
#define RING_CQE struct shim_io_uring_cqe

/* What reads clocks: the vDSO. */
struct call_clock {
	struct shim_vdso vdso;
};

static inline void call_clock_init(struct call_clock *clock)
{
	shim_vdso_init(&clock->vdso, NULL);
}

static inline long call_clock_gettime(const struct call_clock *clock)
{
	struct shim_timespec now;

	return shim_vdso_clock_gettime(&clock->vdso, SHIM_CLOCK_MONOTONIC,
				       &now);
}

static inline long call_getpid(void)
{
	return shim_getpid();
}

static inline long call_getppid(void)
{
	return shim_getppid();
}

static inline long call_pipe2(int fds[2])
{
	return shim_pipe2(fds, SHIM_O_CLOEXEC);
}

static inline long call_close(int fd)
{
	return shim_close(fd);
}

static inline long call_read(int fd, void *buf, size_t len)
{
	return shim_read(fd, buf, len);
}

static inline long call_write(int fd, const void *buf, size_t len)
{
	return shim_write(fd, buf, len);
}

static inline long call_pread(int fd, void *buf, size_t len, int64_t offset)
{
	return shim_pread64(fd, buf, len, offset);
}

static inline long call_open(const char *path, bool direct)
{
	int flags = SHIM_O_RDONLY | SHIM_O_CLOEXEC;

	if (direct)
		flags |= (int)SHIM_O_DIRECT;
	return shim_openat(SHIM_AT_FDCWD, path, flags, 0);
}

static inline long call_readlink(const char *path, char *buf, size_t size)
{
	return shim_readlinkat(SHIM_AT_FDCWD, path, buf, (int)size);
}

/* Memory that is all zero, or NULL. */
static inline void *call_mmap(size_t size)
{
	void *p = shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			    SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);

	return shim_ptr_err(p) ? NULL : p;
}

static inline void call_munmap(void *memory, size_t size)
{
	shim_munmap(memory, size);
}

static inline int64_t call_file_size(int fd)
{
	return shim_lseek(fd, 0, SHIM_SEEK_END);
}

/* How many calls were made, in the build that counts them, else 0. */
uint64_t call_count(void);

static inline int64_t call_now_ns(void)
{
	struct shim_timespec now = { 0 };

	shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
