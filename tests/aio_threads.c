/* SPDX-License-Identifier: MIT */
/*
 * Threads and processes: those of the epoll engine, which a write to a blocking
 * eventfd needs, always; and a forked child.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio.h"

static int on_epoll(void)
{
	return same(shim_aio_engine(&aio), "epoll");
}

static int counter_at(unsigned n)
{
	return (int)shim_eventfd2(n, SHIM_EFD_CLOEXEC);
}

static void count(int fd, uint64_t token)
{
	static const uint64_t one = 1;

	CHECK_EQ(shim_aio_write(&aio, fd, &one, 8, -1, token), 0);
}

static void threads_come_and_go(void)
{
	int threads = nr_threads(), helpers = on_epoll();
	int fd = counter_at(0);
	uint64_t n = 0;

	for (uint64_t i = 1; i <= 3; i++) {
		count(fd, i);
		CHECK_EQ(result_of(i), 8);
		if (helpers)
			CHECK_EQ(nr_threads(), threads + 1);
		CHECK_EQ(shim_aio_quiesce(&aio), 0);
		CHECK(!helpers || nr_threads() == threads);
	}
	CHECK_EQ(shim_read(fd, &n, 8), 8);
	CHECK_EQ(n, 3);
	count(fd, 4);
	CHECK_EQ(shim_aio_quiesce(&aio), 0);
	/* What was given to the threads is done first. */
	if (helpers) {
		CHECK_EQ(shim_read(fd, &n, 8), 8);
		CHECK_EQ(n, 1);
	}
	CHECK_EQ(result_of(4), 8);
	CHECK_EQ(shim_aio_close(&aio, fd, 5), 0);
	CHECK_EQ(result_of(5), 0);
}

static void threads_end_when_they_are_told_to(void)
{
	each_engine(threads_come_and_go);
}

/* Leaves one unit of room, so that a write of 2 blocks though poll says yes. */
static int nearly_full(void)
{
	const uint64_t n = UINT64_MAX - 2;
	int fd = counter_at(0);

	CHECK_EQ(shim_write(fd, &n, 8), 8);
	return fd;
}

/* Writes to a nearly full counter until a thread cannot be interrupted. */
static void hold_a_thread(int fd)
{
	static const uint64_t two = 2;
	struct shim_aio_event ev[2];
	int n;

	do {
		CHECK_EQ(shim_aio_write(&aio, fd, &two, 8, -1, 1), 0);
		shim_sched_yield();
		CHECK_EQ(shim_aio_cancel(&aio, 1, 2), 0);
		n = shim_aio_poll_events(&aio, ev, 2, PATIENCE);
	} while (n == 2);
	CHECK_EQ(n, 1);
	CHECK_EQ(ev[0].token, 2);
	CHECK_EQ(ev[0].result, -SHIM_EALREADY);
}

static void a_running_thread_cannot_be_interrupted(void)
{
	struct holdings before = holdings();
	int fd = nearly_full();
	uint64_t n;

	CHECK_FATAL(CHECK_EQ(open_aio("epoll"), 0));
	hold_a_thread(fd);
	CHECK_EQ(nr_threads(), before.threads + 1);
	/* The event of forget comes after that of the write. */
	CHECK_EQ(shim_aio_forget(&aio, fd, 4), 0);
	CHECK_EQ(shim_aio_write(&aio, fd, &n, 8, -1, 5), -SHIM_EBADF);
	CHECK_EQ(shim_read(fd, &n, 8), 8);
	CHECK_EQ(nr_results(2, 8), 1);
	CHECK_EQ(shim_read(fd, &n, 8), 8);
	CHECK_EQ(n, 2);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	shim_close(fd);
	check_holdings(before);
}

/* Several writers, one thread: those that wait for it are cancelled. */
static void the_queue_of_the_threads_can_be_cancelled(void)
{
	struct shim_aio_params params = aio_params("epoll");
	int full = nearly_full(), fds[3];
	uint64_t value;

	params.nr_helpers = 1;
	CHECK_FATAL(CHECK_EQ(shim_aio_init(&aio, &params), 0));
	hold_a_thread(full);
	for (int i = 0; i < 3; i++) {
		fds[i] = counter_at(0);
		count(fds[i], 3);
	}
	CHECK_EQ(shim_aio_cancel(&aio, 3, 4), 0);
	CHECK_EQ(nr_results(4, -SHIM_ECANCELED), 3);
	CHECK_EQ(shim_read(full, &value, 8), 8);
	CHECK_EQ(result_of(1), 8);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(shim_aio_close(&aio, fds[i], 5), 0);
	CHECK_EQ(nr_results(3, 0), 3);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	shim_close(full);
}

/* The status of the only task of ours that is not this one. */
static void read_status_of_other(char *text, size_t size)
{
	_Alignas(8) char dir[1024];
	int tasks = open_dir("/proc/self/task");
	long self = shim_gettid(), n = shim_getdents64(tasks, dir, sizeof(dir));

	text[0] = '\0';
	for (long at = 0; at < n;) {
		struct shim_linux_dirent64 *d = (void *)(dir + at);
		long tid = 0;

		at += d->d_reclen;
		for (const char *c = d->d_name; *c >= '0' && *c <= '9'; c++)
			tid = tid * 10 + *c - '0';
		if (tid && tid != self &&
		    !is_worker_or_ending(tasks, d->d_name)) {
			read_of_task(tasks, d->d_name, "/status", text, size);
			break;
		}
	}
	shim_close(tasks);
}

/* The thread that is not the caller blocks every signal that can be. */
static void threads_take_no_signals(void)
{
	char status[2048];
	int fd = counter_at(0);

	CHECK_FATAL(CHECK_EQ(open_aio("epoll"), 0));
	count(fd, 1);
	CHECK_EQ(result_of(1), 8);
	read_status_of_other(status, sizeof(status));
	CHECK(contains(status, "SigBlk:\tfffffffffffbfeff\n"));
	CHECK_EQ(shim_aio_exit(&aio), 0);
	shim_close(fd);
}

/* The child's exit must not touch the parent's operations. */
static void child_exits(void)
{
	struct shim_clone_args args = { .exit_signal = SHIM_SIGCHLD };
	struct shim_aio_event ev;
	char c;
	int p[2], status = -1, fd = counter_at(0);
	long pid;

	CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC), 0);
	CHECK_EQ(shim_aio_read(&aio, p[0], &c, 1, -1, 1), 0);
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 0), 0);
	/* The child has no thread, but its stack. */
	count(fd, 3);
	CHECK_EQ(result_of(3), 8);
	CHECK_EQ(shim_aio_forget(&aio, fd, 4), 0);
	CHECK_EQ(result_of(4), 0);
	CHECK_EQ(shim_close(fd), 0);
	pid = shim_clone3(&args, sizeof(args));
	if (pid == 0)
		shim_exit_group(shim_aio_exit(&aio) ? 1 : 0);
	CHECK(pid > 0);
	CHECK_EQ(shim_wait4((int)pid, &status, 0, NULL), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 0), 0);
	CHECK_EQ(shim_write(p[1], "x", 1), 1);
	CHECK_EQ(result_of(1), 1);
	CHECK_EQ(shim_aio_close(&aio, p[0], 2), 0);
	CHECK_EQ(result_of(2), 0);
	shim_close(p[1]);
}

static void a_forked_child_only_lets_go(void)
{
	each_engine(child_exits);
}

static const struct check_test aio_threads_tests[] = {
	TEST(threads_end_when_they_are_told_to),
	TEST(a_running_thread_cannot_be_interrupted),
	TEST(the_queue_of_the_threads_can_be_cancelled),
	TEST(threads_take_no_signals),
	TEST(a_forked_child_only_lets_go),
};

CHECK_MAIN(aio_threads, aio_threads_tests)
