/* SPDX-License-Identifier: MIT */
/*
 * Each call of a set-up, and of the start of a thread, fails in turn: nothing
 * must stay behind, no descriptor, no mapping, no thread.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio.h"
#include "aio_kernel.h"
#include "zaio_fault_tab.h"

static int try_to_open(const char *engine, int n, long err)
{
	struct shim_aio_params params = aio_params(engine);
	int res;

	fail_at(n, err);
	res = shim_aio_init(&aio, &params);
	be_normal();
	return res;
}

/* How many calls a set-up makes; 0 if the engine is not there. */
static int nr_calls(const char *engine)
{
	if (try_to_open(engine, 0, 0))
		return 0;
	CHECK_EQ(shim_aio_exit(&aio), 0);
	return kernel.calls;
}

/* Fails every call of a set-up once. Returns how often it was refused. */
static int fail_each_call(const char *engine, int err)
{
	struct holdings before = holdings();
	int refused = 0, calls = nr_calls(engine);

	for (int n = 1; n <= calls; n++) {
		int res = try_to_open(engine, n, err);

		if (res) {
			CHECK_EQ(res, err);
			CHECK(contains(shim_aio_reason(&aio), " failed with "));
			refused++;
		} else {
			CHECK_EQ(shim_aio_exit(&aio), 0);
		}
		check_holdings(before);
	}
	return refused;
}

static int nr_set_ups;

static bool counts_set_ups(long nr, const long *args, long *result)
{
	(void)args;
	(void)result;
	nr_set_ups += nr == SHIM_NR_io_uring_setup;
	return false;
}

static void io_uring_set_up_fails_at_each_call(void)
{
	int err;

	answer_with(counts_set_ups);
	err = open_aio("io_uring");
	be_normal();
	if (is_missing(err))
		SKIP(shim_aio_reason(&aio));
	CHECK_FATAL(err == 0);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	/*
	 * Its call, once for each set of flags up to one that the kernel knows,
	 * two mappings, and a first request.
	 */
	CHECK(nr_set_ups >= 1 && nr_set_ups <= 3);
	CHECK_EQ(fail_each_call("io_uring", -SHIM_EMFILE), nr_set_ups + 3);
	/* Less memory is asked for again, unless there is no limit to it. */
	CHECK(fail_each_call("io_uring", -SHIM_ENOMEM) <= nr_set_ups + 3);
}

static void epoll_set_up_fails_at_each_call(void)
{
	CHECK_EQ(fail_each_call("epoll", -SHIM_EMFILE), 3);
	CHECK_EQ(fail_each_call("epoll", -SHIM_ENOMEM), 3);
}

static void count(int fd)
{
	static const uint64_t one = 1;

	CHECK_EQ(shim_aio_write(&aio, fd, &one, 8, -1, 1), 0);
}

static uint64_t signal_mask(void)
{
	uint64_t mask = 0;

	shim_rt_sigprocmask(SHIM_SIG_BLOCK, NULL, &mask);
	return mask;
}

/* A write to a blocking eventfd is done by a thread, which must be started. */
static void a_thread_start_fails_at_each_call(void)
{
	int fd = (int)shim_eventfd2(0, SHIM_EFD_CLOEXEC);
	struct holdings before = holdings();
	uint64_t mask = signal_mask();
	int failed = 0, calls = 0;

	/* The first run fails nowhere and counts. */
	for (int n = 0; n <= calls; n++) {
		int res;

		CHECK_FATAL(CHECK_EQ(open_aio("epoll"), 0));
		fail_at(n, -SHIM_ENOMEM);
		count(fd);
		if (be_normal() > calls)
			calls = kernel.calls;
		CHECK_EQ(signal_mask(), mask);
		res = result_of(1);
		failed += res == -SHIM_ENOMEM;
		CHECK(res == 8 || res == -SHIM_ENOMEM);
		CHECK_EQ(shim_aio_exit(&aio), 0);
		check_holdings(before);
	}
	/* At least the stack, its protection and the mask; not all. */
	CHECK(failed >= 3);
	CHECK(failed < calls);
	shim_close(fd);
}

static void without_threads_an_operation_fails_and_a_close_does_not(void)
{
	struct holdings before = holdings();
	int fd = (int)shim_eventfd2(0, SHIM_EFD_CLOEXEC);
	int file = (int)shim_memfd_create("aio", SHIM_MFD_CLOEXEC);
	char c;

	CHECK_FATAL(CHECK_EQ(open_aio("epoll"), 0));
	kernel.clone_err = -SHIM_EAGAIN;
	count(fd);
	CHECK_EQ(result_of(1), -SHIM_EAGAIN);
	CHECK_EQ(shim_aio_read(&aio, file, &c, 1, 0, 2), 0);
	result_of(2);
	CHECK_EQ(shim_aio_close(&aio, file, 3), 0);
	CHECK_EQ(result_of(3), 0);
	CHECK_EQ(shim_fcntl(file, SHIM_F_GETFD, 0), -SHIM_EBADF);
	be_normal();
	/* The next one starts its thread. */
	count(fd);
	CHECK_EQ(result_of(1), 8);
	CHECK_EQ(shim_aio_close(&aio, fd, 4), 0);
	CHECK_EQ(result_of(4), 0);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	check_holdings(before);
}

/* One thread is there; that there is no second one only takes time. */
static void one_thread_is_enough(void)
{
	struct holdings before = holdings();
	int fds[4], reaped = 0;

	CHECK_FATAL(CHECK_EQ(open_aio("epoll"), 0));
	for (int i = 0; i < 4; i++) {
		fds[i] = (int)shim_eventfd2(0, SHIM_EFD_CLOEXEC);
		count(fds[i]);
		kernel.clone_err = -SHIM_EAGAIN;
	}
	CHECK_EQ(nr_threads(), before.threads + 1);
	reaped = nr_results(4, 8);
	CHECK_EQ(reaped, 4);
	be_normal();
	for (int i = 0; i < 4; i++)
		CHECK_EQ(shim_aio_close(&aio, fds[i], 2), 0);
	CHECK_EQ(nr_results(4, 0), 4);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	check_holdings(before);
}

/* No descriptor of any kind is leaked or lost when operations fail. */
static void operations_fail_at_each_call(void)
{
	struct holdings before = holdings();
	int calls = 0;
	char c;

	for (int i = 0; i < 2; i++, calls = 0) {
		for (int n = 0; n <= calls; n++) {
			int p[2];

			if (open_aio(i ? "epoll" : "io_uring"))
				break;
			CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC), 0);
			fail_at(n, -SHIM_ENOMEM);
			CHECK_EQ(shim_aio_read(&aio, p[0], &c, 1, -1, 1), 0);
			CHECK_EQ(shim_aio_write(&aio, p[1], "x", 1, -1, 2), 0);
			CHECK_EQ(shim_aio_close(&aio, p[0], 3), 0);
			CHECK_EQ(shim_aio_forget(&aio, p[1], 4), 0);
			if (be_normal() > calls)
				calls = kernel.calls;
			nr_results(4, 0);
			CHECK_EQ(shim_fcntl(p[0], SHIM_F_GETFD, 0),
				 -SHIM_EBADF);
			CHECK_EQ(shim_close(p[1]), 0);
			CHECK_EQ(shim_aio_exit(&aio), 0);
			check_holdings(before);
		}
	}
}

static bool enter_fails(long nr, const long *args, long *result)
{
	(void)args;
	*result = -SHIM_EBADF;
	return nr == SHIM_NR_io_uring_enter;
}

/* The kernel may still write to the buffer: nothing may be given back. */
static void exit_that_cannot_end_gives_nothing_back(void)
{
	struct holdings before = holdings();
	int err = open_aio("io_uring"), p[2];
	char c;

	if (is_missing(err))
		SKIP(shim_aio_reason(&aio));
	CHECK_FATAL(err == 0);
	CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC), 0);
	CHECK_EQ(shim_aio_read(&aio, p[0], &c, 1, -1, 1), 0);
	answer_with(enter_fails);
	CHECK_EQ(shim_aio_exit(&aio), -SHIM_EBADF);
	be_normal();
	CHECK_EQ(shim_fcntl(shim_aio_fd(&aio), SHIM_F_GETFD, 0),
		 SHIM_FD_CLOEXEC);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	shim_close(p[0]);
	shim_close(p[1]);
	check_holdings(before);
}

/*
 * A counter that has room for 1 is ready, and does not take 2. To try again at
 * once would go on for ever.
 */
static void what_is_ready_and_blocks_is_not_tried_for_ever(void)
{
	static const uint64_t two = 2, most = UINT64_MAX - 2;

	for (int i = 0; i < 2; i++) {
		struct shim_aio_event ev;
		uint64_t value;
		int fd = (int)shim_eventfd2(0, SHIM_EFD_CLOEXEC |
						       SHIM_EFD_NONBLOCK);

		CHECK_EQ(shim_write(fd, &most, 8), 8);
		if (!open_aio(i ? "epoll" : "io_uring")) {
			check_case(shim_aio_engine(&aio));
			CHECK_EQ(shim_aio_write(&aio, fd, &two, 8, 0, 1), 0);
			fail_at(0, 0);
			CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 20), 0);
			CHECK(be_normal() < 1000);
			CHECK_EQ(shim_read(fd, &value, 8), 8);
			CHECK_EQ(result_of(1), 8);
			CHECK_EQ(shim_aio_exit(&aio), 0);
		}
		shim_close(fd);
	}
	check_case("");
}

/* ---- tests/aio_fault.tab ---- */

static void init_row(const struct aio_faults *row)
{
	struct holdings before = holdings();
	int res;

	fail_named_call(row->call, row->nth, row->errno);
	res = open_aio(*row->engine ? row->engine : NULL);
	be_normal();
	CHECK_EQ(res, row->want);
	if (!res) {
		CHECK(same(shim_aio_engine(&aio), row->becomes));
		CHECK_EQ(shim_aio_exit(&aio), 0);
	}
	check_holdings(before);
}

static void wait_row(const struct aio_faults *row)
{
	struct shim_aio_event ev;
	int res;

	CHECK_FATAL(CHECK_EQ(open_aio(row->engine), 0));
	/* Longer than it takes to begin to wait. */
	CHECK_EQ(shim_aio_timeout(&aio, 50000000, 1), 0);
	fail_named_call(row->call, row->nth, row->errno);
	res = shim_aio_poll_events(&aio, &ev, 1, PATIENCE);
	be_normal();
	CHECK_EQ(res, row->want);
	CHECK_EQ(res == 1 ? ev.result : result_of(1), 0);
	CHECK_EQ(shim_aio_exit(&aio), 0);
}

static void read_row(const struct aio_faults *row)
{
	char c;
	int p[2];

	CHECK_FATAL(CHECK_EQ(open_aio(row->engine), 0));
	CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC), 0);
	fail_named_call(row->call, row->nth, row->errno);
	CHECK_EQ(shim_aio_read(&aio, p[0], &c, 1, -1, 1), 0);
	CHECK_EQ(shim_write(p[1], "xy", 2), 2);
	CHECK_EQ(result_of(1), row->want);
	be_normal();
	CHECK_EQ(shim_aio_read(&aio, p[0], &c, 1, -1, 2), 0);
	CHECK_EQ(result_of(2), 1);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	shim_close(p[0]);
	shim_close(p[1]);
}

static void faults_do_what_the_table_says(void)
{
	const size_t nr = sizeof(aio_faults) / sizeof(aio_faults[0]);
	bool ring = nr_calls("io_uring") > 0;

	for (const struct aio_faults *row = aio_faults; row < aio_faults + nr;
	     row++) {
		if (!ring && !same(row->engine, "epoll"))
			continue;
		if (same(row->verb, "init"))
			init_row(row);
		else if (same(row->verb, "wait"))
			wait_row(row);
		else if (CHECK(same(row->verb, "read")))
			read_row(row);
	}
	check_case("");
}

static const struct check_test aio_fault_tests[] = {
	TEST(io_uring_set_up_fails_at_each_call),
	TEST(epoll_set_up_fails_at_each_call),
	TEST(faults_do_what_the_table_says),
	TEST(a_thread_start_fails_at_each_call),
	TEST(without_threads_an_operation_fails_and_a_close_does_not),
	TEST(one_thread_is_enough),
	TEST(operations_fail_at_each_call),
	TEST(what_is_ready_and_blocks_is_not_tried_for_ever),
	TEST(exit_that_cannot_end_gives_nothing_back),
};

CHECK_MAIN(aio_fault, aio_fault_tests)
