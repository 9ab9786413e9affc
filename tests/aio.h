/* SPDX-License-Identifier: MIT */
/*
 * What the aio suites share: an object with storage full of rubbish, and what
 * the kernel says that the process holds. Include it once in a program.
 */
#ifndef TESTS_AIO_H
#define TESTS_AIO_H

#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "check.h"
#include "text.h"

enum {
	NR_SLOTS = 64,
	NR_FDS = 1024,
	/* How many milliseconds something may take that happens at once. */
	PATIENCE = 20000,
};

/* Each version has its own idea of this. */
/* clang-format off */
#define TEST(name) { #name, name }
/* clang-format on */

static struct shim_aio aio;
static struct shim_aio_slot slots[NR_SLOTS];
static struct shim_aio_fdslot fdslots[NR_FDS];

static void spoil(void *p, size_t size)
{
	for (unsigned char *b = p; size--; b++)
		*b = 0xa5;
}

static struct shim_aio_params aio_params(const char *engine)
{
	spoil(&aio, sizeof(aio));
	spoil(slots, sizeof(slots));
	spoil(fdslots, sizeof(fdslots));
	return (struct shim_aio_params){
		.slots = slots,
		.nr_slots = NR_SLOTS,
		.fds = fdslots,
		.nr_fds = NR_FDS,
		.engine = engine,
	};
}

/* Returns what init returns. */
static int open_aio(const char *engine)
{
	struct shim_aio_params params = aio_params(engine);

	return shim_aio_init(&aio, &params);
}

/* The kernel lacks what the engine needs, or forbids it: shim_aio_reason() says
 * which. Other errors are for the test to find. */
static inline bool is_missing(int err)
{
	return err == -SHIM_ENOSYS || err == -SHIM_EPERM;
}

static inline int64_t now_ns(void)
{
	struct shim_timespec t;

	shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The next event, which must be the only one and have the token. */
static inline int result_of(uint64_t token)
{
	struct shim_aio_event ev[2];

	if (!CHECK_EQ(shim_aio_poll_events(&aio, ev, 2, PATIENCE), 1))
		return -SHIM_ETIME;
	CHECK_EQ(ev[0].token, token);
	return ev[0].result;
}

static inline int open_dir(const char *path)
{
	int fd = (int)shim_openat(SHIM_AT_FDCWD, path,
				  SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);

	CHECK(fd >= 0);
	return fd;
}

/* The start of a file of task tid's; an empty text when that is gone. */
static inline void read_of_task(int tasks, const char *tid, const char *name,
				char *text, size_t size)
{
	char path[32] = "", *p = path;
	long n = -1;
	int fd;

	while (*tid)
		*p++ = *tid++;
	while (*name)
		*p++ = *name++;
	fd = (int)shim_openat(tasks, path, SHIM_O_CLOEXEC, 0);
	if (fd >= 0) {
		n = shim_read(fd, text, size - 1);
		shim_close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

/*
 * Whether the task is none of ours: the kernel's workers for io_uring come and
 * go as they like, and who waits for a thread's end sees it before it is gone.
 */
static inline bool is_worker_or_ending(int tasks, const char *tid)
{
	/* A worker has its flag before it has its name. */
	enum { FLAGS = 7, PF_EXITING = 0x4, PF_IO_WORKER = 0x10 };
	char text[512];
	const char *p = text, *end = NULL;
	unsigned long flags = 0;

	read_of_task(tasks, tid, "/comm", text, sizeof(text));
	if (contains(text, "iou-"))
		return true;
	read_of_task(tasks, tid, "/stat", text, sizeof(text));
	/* The name before may have any form. */
	for (; *p; p++)
		if (*p == ')')
			end = p;
	if (!end)
		return true;
	for (int field = 0; *end && field < FLAGS; end++)
		field += *end == ' ';
	for (; *end >= '0' && *end <= '9'; end++)
		flags = flags * 10 + (unsigned long)(*end - '0');
	return flags & (PF_EXITING | PF_IO_WORKER);
}

/* How many names in a directory are numbers: descriptors, or our threads. */
static inline int nr_numbers(const char *path, bool tasks)
{
	_Alignas(8) char buf[4096];
	int n = 0, dir = open_dir(path);
	long size;

	while ((size = shim_getdents64(dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < size;) {
			struct shim_linux_dirent64 *d = (void *)(buf + at);

			at += d->d_reclen;
			n += d->d_name[0] != '.' &&
			     !(tasks && is_worker_or_ending(dir, d->d_name));
		}
	}
	shim_close(dir);
	return n;
}

static inline int nr_threads(void)
{
	return nr_numbers("/proc/self/task", true);
}

/* What the process holds: descriptors, threads, mapped bytes. */
struct holdings {
	int fds, threads;
	long size;
};

/* The bytes of address space, from the process's own account. */
static inline long mapped_size(void)
{
	char buf[64] = "";
	long n = 0;
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/self/statm",
				  SHIM_O_CLOEXEC, 0);

	CHECK(shim_read(fd, buf, sizeof(buf) - 1) > 0);
	shim_close(fd);
	for (const char *p = buf; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + *p - '0';
	return n;
}

static inline struct holdings holdings(void)
{
	return (struct holdings){
		.fds = nr_numbers("/proc/self/fd", false),
		.threads = nr_threads(),
		.size = mapped_size(),
	};
}

/* Checks that nothing has come or gone since before. */
static inline void check_holdings(struct holdings before)
{
	struct holdings now = holdings();

	CHECK_EQ(now.fds, before.fds);
	CHECK_EQ(now.threads, before.threads);
	CHECK_EQ(now.size, before.size);
}

static const char *const engines[] = { "io_uring", "epoll" };

/* Runs test on every engine that the kernel has, and looks what it leaves. */
static inline void each_engine(void (*test)(void))
{
	for (int i = 0; i < 2; i++) {
		struct holdings before = holdings();
		int err = open_aio(engines[i]);

		if (i == 0 && (err == -SHIM_ENOSYS || err == -SHIM_EPERM))
			continue;
		check_case(engines[i]);
		if (CHECK_EQ(err, 0)) {
			test();
			CHECK_EQ(shim_aio_exit(&aio), 0);
		}
		check_holdings(before);
	}
	check_case("");
}

/* Reaps nr events and returns how many of them have the result. */
static inline int nr_results(int nr, int result)
{
	struct shim_aio_event ev[8];
	int n = 0, found = 0;

	while (n < nr) {
		int got = shim_aio_poll_events(&aio, ev, 8, PATIENCE);

		if (!CHECK(got > 0))
			break;
		for (int k = 0; k < got; k++)
			found += ev[k].result == result;
		n += got;
	}
	CHECK_EQ(n, nr);
	return found;
}

#endif
