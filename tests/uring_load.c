/* SPDX-License-Identifier: MIT */
/*
 * Much at once, on the real kernel: this runs the table tests/uring_load.tab,
 * which says what each kind of load is.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "zuring_load_tab.h"

enum { COUNT_MAX = 100000, BATCH = 16, IDLE_MS = 1 };

typedef const struct uring_loads *load;

static const struct shim_timespec deadline = { 60, 0 };
static struct shim_uring ring;
static bool seen[COUNT_MAX];

static bool is(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static unsigned count_of(load l)
{
	return (unsigned)(check_small() ? l->small : l->count);
}

static void put_nop(uint64_t user_data, unsigned flags)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(&ring);

	CHECK_FATAL(sqe);
	shim_uring_prep_nop(sqe);
	shim_uring_sqe_set_data64(sqe, user_data);
	sqe->flags = (uint8_t)flags;
}

static int wait_for_one(struct shim_io_uring_cqe **cqe)
{
	return shim_uring_wait_cqe_timeout(&ring, cqe, &deadline);
}

/* ---- Overflows ---- */

/* Take what is ready or held back, and return how many that were. */
static unsigned take_ready(unsigned count)
{
	struct shim_io_uring_cqe *cqes[BATCH];
	unsigned got = 0, n;

	while ((n = shim_uring_peek_batch_cqe(&ring, cqes, BATCH))) {
		for (unsigned i = 0; i < n; i++) {
			uint64_t data = cqes[i]->user_data;

			if (!CHECK(data < count && !seen[data]))
				return got;
			seen[data] = true;
		}
		got += n;
		shim_uring_cq_advance(&ring, n);
	}
	return got;
}

/* Submit count nops. Returns how many completions had to be taken meanwhile. */
static unsigned submit_nops(unsigned count, unsigned flags)
{
	unsigned sent = 0, got = 0;

	while (sent < count || shim_uring_sq_ready(&ring)) {
		int n;

		while (sent < count && shim_uring_sq_space_left(&ring))
			put_nop(sent++, flags);
		n = shim_uring_submit(&ring);
		if (n == -SHIM_EBUSY)
			got += take_ready(count);
		else if (!CHECK(n > 0))
			break;
	}
	return got;
}

static void lose_nothing(load l, unsigned flags)
{
	unsigned count = count_of(l), got;
	struct shim_io_uring_cqe *cqe;

	for (unsigned i = 0; i < count; i++)
		seen[i] = false;
	got = submit_nops(count, flags);
	CHECK(got || flags || shim_uring_cq_has_overflow(&ring));
	while (got < count) {
		if (!CHECK_EQ(wait_for_one(&cqe), 0))
			return;
		got += take_ready(count);
	}
	CHECK_EQ(got, count);
	CHECK_EQ(*ring.cq.koverflow, 0);
	CHECK_EQ(shim_uring_peek_cqe(&ring, &cqe), -SHIM_EAGAIN);
	CHECK(!shim_uring_cq_has_overflow(&ring));
}

static void overflow(load l)
{
	lose_nothing(l, 0);
}

static void workers(load l)
{
	lose_nothing(l, SHIM_IOSQE_ASYNC);
}

/* ---- Chains ---- */

/* Take the next completion: its user_data, or -errno; its result in *res. */
static long take(int *res)
{
	struct shim_io_uring_cqe *cqe;
	int err = wait_for_one(&cqe);
	long data;

	if (err)
		return err;
	data = (long)cqe->user_data;
	*res = cqe->res;
	shim_uring_cqe_seen(&ring, cqe);
	return data;
}

static void submit_all(unsigned n)
{
	CHECK_EQ(shim_uring_submit(&ring), n);
}

static void links(load l)
{
	unsigned n = (unsigned)l->entries;

	for (unsigned round = 0; round < count_of(l); round++) {
		/* SQPOLL's thread may not have freed all entries. */
		while (shim_uring_sq_space_left(&ring) < n)
			CHECK(shim_uring_sqring_wait(&ring) >= 0);
		for (unsigned i = 0; i < n; i++)
			put_nop(i,
				(i & 1 ? SHIM_IOSQE_ASYNC : 0U) |
					(i < n - 1 ? SHIM_IOSQE_IO_LINK : 0U));
		submit_all(n);
		for (unsigned i = 0; i < n; i++) {
			int res = -1;

			if (!CHECK_EQ(take(&res), i))
				return;
			CHECK_EQ(res, 0);
		}
	}
}

/* Reading a directory fails, when its turn has come. */
static void broken(load l)
{
	unsigned n = (unsigned)l->entries, middle = n / 2;
	int dir = (int)shim_openat(SHIM_AT_FDCWD, "/",
				   SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	static char buf[8];

	for (unsigned round = 0; round < count_of(l); round++) {
		for (unsigned i = 0; i < n; i++) {
			struct shim_io_uring_sqe *sqe =
				shim_uring_get_sqe(&ring);

			CHECK_FATAL(sqe);
			if (i == middle)
				shim_uring_prep_read(sqe, dir, buf, 8, 0);
			else
				shim_uring_prep_nop(sqe);
			shim_uring_sqe_set_data64(sqe, i);
			if (i < n - 1)
				sqe->flags = SHIM_IOSQE_IO_LINK;
		}
		submit_all(n);
		for (unsigned i = 0; i < n; i++) {
			int res = 1;
			long data = take(&res);

			if (!CHECK(data >= 0 && data < n))
				return;
			CHECK_EQ(res, data < middle    ? 0
				      : data == middle ? -SHIM_EISDIR
						       : -SHIM_ECANCELED);
		}
	}
	CHECK_EQ(shim_close(dir), 0);
}

static void drain(load l)
{
	unsigned n = (unsigned)l->entries;

	for (unsigned round = 0; round < count_of(l); round++) {
		for (unsigned i = 0; i < n; i++)
			put_nop(i, i < n - 2	? SHIM_IOSQE_ASYNC
				   : i == n - 2 ? SHIM_IOSQE_IO_DRAIN
						: 0U);
		submit_all(n);
		for (unsigned i = 0; i < n; i++) {
			int res = -1;
			long data = take(&res);

			CHECK_EQ(res, 0);
			if (!CHECK((data >= n - 2) == (i >= n - 2)))
				return;
		}
	}
}

/* ---- The thread that polls ---- */

/* Whether it wants to be awakened, asked for a minute at most. */
static bool falls_asleep(void)
{
	const struct shim_timespec pause = { 0, 200000 };

	for (int i = 0; i < 300000; i++) {
		if (shim_uring_load_relaxed(ring.sq.kflags) &
		    SHIM_IORING_SQ_NEED_WAKEUP)
			return true;
		shim_nanosleep(&pause, NULL);
	}
	return false;
}

static void wake(load l, bool asleep)
{
	for (unsigned round = 0; round < count_of(l); round++) {
		/* Around the time after which it falls asleep. */
		const struct shim_timespec pause = {
			0, IDLE_MS * 700000 + (round % 100) * 10000
		};
		int res = -1;

		if (asleep)
			CHECK_FATAL(falls_asleep());
		else
			shim_nanosleep(&pause, NULL);
		put_nop(round, 0);
		submit_all(1);
		if (!CHECK_EQ(take(&res), round))
			return;
		CHECK_EQ(res, 0);
	}
}

static void asleep(load l)
{
	wake(l, true);
}

static void drowsy(load l)
{
	wake(l, false);
}

/* ---- The runner ---- */

static int set_up(load l)
{
	struct shim_io_uring_params p = { .flags = (uint32_t)l->flags,
					  .sq_thread_idle = IDLE_MS };

	if (l->cq) {
		p.flags |= SHIM_IORING_SETUP_CQSIZE;
		p.cq_entries = (uint32_t)l->cq;
	}
	return shim_uring_queue_init_params((unsigned)l->entries, &ring, &p);
}

/* The rows of a kind; one that the kernel cannot do is left out. */
static void run_kind(const char *kind, void (*run_load)(load l))
{
	const size_t nr = sizeof(uring_loads) / sizeof(uring_loads[0]);
	int done = 0;

	for (load l = uring_loads; l < uring_loads + nr; l++) {
		int err;

		if (!is(l->kind, kind))
			continue;
		err = set_up(l);
		if (err == -SHIM_ENOSYS || err == -SHIM_EPERM ||
		    (l->flags && err == -SHIM_EINVAL))
			continue;
		CHECK_EQ(err, 0);
		run_load(l);
		shim_uring_queue_exit(&ring);
		done++;
	}
	if (!done)
		SKIP("this kernel has no io_uring, or forbids it");
}

static void an_overflow_loses_nothing(void)
{
	run_kind("overflow", overflow);
}

static void an_overflow_by_workers_loses_nothing(void)
{
	run_kind("workers", workers);
}

static void long_chains_keep_their_order(void)
{
	run_kind("links", links);
}

static void a_failure_breaks_the_rest_of_a_chain(void)
{
	run_kind("broken", broken);
}

static void a_drained_request_waits_for_all_before_it(void)
{
	run_kind("drain", drain);
}

static void a_thread_that_sleeps_is_awakened(void)
{
	run_kind("asleep", asleep);
}

static void a_thread_that_falls_asleep_is_awakened(void)
{
	run_kind("drowsy", drowsy);
}

static const struct check_test uring_load_tests[] = {
	{ "an_overflow_loses_nothing", an_overflow_loses_nothing },
	{ "an_overflow_by_workers_loses_nothing",
	  an_overflow_by_workers_loses_nothing },
	{ "long_chains_keep_their_order", long_chains_keep_their_order },
	{ "a_failure_breaks_the_rest_of_a_chain",
	  a_failure_breaks_the_rest_of_a_chain },
	{ "a_drained_request_waits_for_all_before_it",
	  a_drained_request_waits_for_all_before_it },
	{ "a_thread_that_sleeps_is_awakened",
	  a_thread_that_sleeps_is_awakened },
	{ "a_thread_that_falls_asleep_is_awakened",
	  a_thread_that_falls_asleep_is_awakened },
};

CHECK_MAIN(uring_load, uring_load_tests)
