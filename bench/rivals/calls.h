/* SPDX-License-Identifier: MIT */
/*
 * The calls of the shared rows, made through libc. shim/calls.h has the same
 * functions through libshim; a result is not negative, or -errno.
 */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BENCH_IMPL "libc"
#ifndef BENCH_RING
#define BENCH_RING "liburing"
#endif
/* Its version, which 2.3 does not tell. */
#ifdef IO_URING_VERSION_MAJOR
#define BENCH_TEXT_OF(x) #x
#define BENCH_TEXT(x) BENCH_TEXT_OF(x)
#define BENCH_WITH                                                       \
	", liburing " BENCH_TEXT(IO_URING_VERSION_MAJOR) "." BENCH_TEXT( \
		IO_URING_VERSION_MINOR)
#endif
#define RING_CALL(name) io_uring_##name
#define RING_CONST(name) name
#define RING_IOVEC struct iovec
#define RING_STRUCT struct io_uring
#define RING_SQE struct io_uring_sqe
#define RING_CQE struct io_uring_cqe

static inline long call_result(long result)
{
	return result < 0 ? -errno : result;
}

/* What reads clocks: libc, which knows the vDSO itself. */
struct call_clock {
	char unused;
};

static inline void call_clock_init(struct call_clock *clock)
{
	(void)clock;
}

static inline long call_clock_gettime(const struct call_clock *clock)
{
	struct timespec now;

	(void)clock;
	return call_result(clock_gettime(CLOCK_MONOTONIC, &now));
}

static inline long call_getpid(void)
{
	return getpid();
}

static inline long call_getppid(void)
{
	return getppid();
}

static inline long call_pipe2(int fds[2])
{
	return call_result(pipe2(fds, O_CLOEXEC));
}

static inline long call_close(int fd)
{
	return call_result(close(fd));
}

static inline long call_read(int fd, void *buf, size_t len)
{
	return call_result(read(fd, buf, len));
}

static inline long call_write(int fd, const void *buf, size_t len)
{
	return call_result(write(fd, buf, len));
}

static inline long call_pread(int fd, void *buf, size_t len, int64_t offset)
{
	return call_result(pread(fd, buf, len, offset));
}

static inline long call_open(const char *path, bool direct)
{
	int flags = O_RDONLY | O_CLOEXEC;

	return call_result(open(path, direct ? flags | O_DIRECT : flags));
}

static inline long call_readlink(const char *path, char *buf, size_t size)
{
	return call_result(readlink(path, buf, size));
}

/* Memory that is all zero, or NULL. */
static inline void *call_mmap(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static inline void call_munmap(void *memory, size_t size)
{
	munmap(memory, size);
}

static inline int64_t call_file_size(int fd)
{
	return call_result(lseek(fd, 0, SEEK_END));
}

/* How many calls were made: unknown. */
static inline uint64_t call_count(void)
{
	return 0;
}

static inline int64_t call_now_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

#endif
