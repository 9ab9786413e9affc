/* SPDX-License-Identifier: MIT */
/*
 * Other kernels than this one, played by shim_syscall: without io_uring,
 * without its newer flags, short of memory that may be locked, without newer
 * calls, and with signals. Operations must end as they always do.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio.h"
#include "aio_kernel.h"

/* What the kernels below answer. */
static struct {
	long err;	  /* of io_uring_setup */
	unsigned entries; /* the biggest ring that there is memory for */
	uint64_t locked_max;
	long mapped; /* the last stack of a helper */
	int left;    /* so many calls are still answered */
	long secure; /* AT_SECURE, or the error of PR_GET_AUXV */
} world;

/* What an application does: waits, reads, cancels, closes. */
static void live(void)
{
	struct holdings before = holdings();
	static const char text[] = "text";
	char buf[8] = "";
	int p[2], fd = (int)shim_memfd_create("aio", SHIM_MFD_CLOEXEC);
	int64_t start = now_ns();

	CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC), 0);
	CHECK_EQ(shim_aio_read(&aio, p[0], buf, 8, -1, 1), 0);
	CHECK_EQ(shim_aio_timeout(&aio, 3500000, 2), 0);
	CHECK_EQ(result_of(2), 0);
	CHECK(now_ns() - start >= 3500000);
	CHECK_EQ(shim_aio_write(&aio, p[1], text, 5, -1, 3), 0);
	CHECK_EQ(nr_results(2, 5), 2);
	CHECK(same(buf, text));
	CHECK_EQ(shim_aio_read(&aio, p[0], buf, 8, 0, 1), 0);
	CHECK_EQ(shim_aio_cancel(&aio, 1, 2), 0);
	CHECK_EQ(nr_results(2, -SHIM_ECANCELED), 1);
	CHECK_EQ(shim_aio_write(&aio, fd, text, 5, 0, 1), 0);
	CHECK_EQ(result_of(1), 5);
	CHECK_EQ(shim_aio_read(&aio, fd, buf, 8, 1, 1), 0);
	CHECK_EQ(result_of(1), 4);
	CHECK(same(buf, text + 1));
	CHECK_EQ(shim_aio_read(&aio, p[0], buf, 8, 0, 1), 0);
	CHECK_EQ(shim_aio_close(&aio, p[0], 2), 0);
	CHECK_EQ(shim_aio_close(&aio, p[1], 3), 0);
	CHECK_EQ(shim_aio_close(&aio, fd, 4), 0);
	CHECK_EQ(nr_results(4, 0), 3);
	CHECK_EQ(shim_aio_quiesce(&aio), 0);

	CHECK_EQ(holdings().fds, before.fds);
}

/* The same on the engine, in the world that answer makes. */
static void live_on(const char *engine, answer_fn *answer)
{
	struct holdings before = holdings();

	answer_with(answer);
	if (CHECK_EQ(open_aio(engine), 0)) {
		live();
		CHECK_EQ(shim_aio_exit(&aio), 0);
	}
	be_normal();
	check_holdings(before);
}

static bool has_io_uring(void)
{
	int err = open_aio("io_uring");

	if (is_missing(err))
		return false;
	if (CHECK_EQ(err, 0))
		CHECK_EQ(shim_aio_exit(&aio), 0);
	return true;
}

/* A kernel without io_uring. */

static bool no_ring(long nr, const long *args, long *result)
{
	(void)args;
	*result = world.err;
	return nr == SHIM_NR_io_uring_setup;
}

static void without_io_uring_epoll_says_why(void)
{
	static const struct {
		long err;
		const char *reason;
	} rows[] = {
		{ -SHIM_ENOSYS, "(ENOSYS)" },
		{ -SHIM_EPERM,
		  "epoll: io_uring_setup failed with errno 1 (EPERM)" },
		{ -SHIM_EACCES, "(EACCES)" },
		{ -SHIM_EOPNOTSUPP, "(EOPNOTSUPP)" },
	};

	for (int i = 0; i < 4; i++) {
		world.err = rows[i].err;
		answer_with(no_ring);
		CHECK_EQ(open_aio("io_uring"), rows[i].err);
		CHECK(contains(shim_aio_reason(&aio), "forced by"));
		if (CHECK_EQ(open_aio(NULL), 0)) {
			CHECK(same(shim_aio_engine(&aio), "epoll"));
			CHECK(contains(shim_aio_reason(&aio), rows[i].reason));
			live();
			CHECK_EQ(shim_aio_exit(&aio), 0);
		}
		be_normal();
	}
}

static bool no_enter(long nr, const long *args, long *result)
{
	(void)args;
	*result = -SHIM_EPERM;
	return nr == SHIM_NR_io_uring_enter;
}

static void a_ring_that_may_not_be_used_is_none(void)
{
	struct holdings before;

	if (!has_io_uring())
		SKIP(shim_aio_reason(&aio));
	before = holdings();
	answer_with(no_enter);
	if (CHECK_EQ(open_aio(NULL), 0)) {
		CHECK(same(shim_aio_reason(&aio),
			   "epoll: io_uring_enter failed with errno 1 "
			   "(EPERM)"));
		CHECK_EQ(shim_aio_exit(&aio), 0);
	}
	be_normal();
	check_holdings(before);
}

static void an_engine_that_fails_is_not_replaced(void)
{
	world.err = -SHIM_EMFILE;
	answer_with(no_ring);
	CHECK_EQ(open_aio(NULL), -SHIM_EMFILE);
	be_normal();
	CHECK(same(shim_aio_reason(&aio),
		   "io_uring: io_uring_setup failed with errno 24 (EMFILE)"));
}

/* A kernel with an early io_uring. */

static bool early_ring(long nr, const long *args, long *result)
{
	return early_set_up(nr, args, result,
			    SHIM_IORING_FEAT_EXT_ARG |
				    SHIM_IORING_FEAT_SINGLE_MMAP);
}

/* Before 5.5 completions can get lost. */
static bool lossy_ring(long nr, const long *args, long *result)
{
	struct shim_io_uring_params *p = (void *)args[1];

	if (nr != SHIM_NR_io_uring_setup)
		return false;
	*result = real_syscall(nr, args[0], args[1], 0, 0, 0, 0);
	p->features &= ~(unsigned)SHIM_IORING_FEAT_NODROP;
	return true;
}

static void a_ring_that_loses_completions_is_none(void)
{
	if (!has_io_uring())
		SKIP(shim_aio_reason(&aio));
	answer_with(lossy_ring);
	CHECK_EQ(open_aio("io_uring"), -SHIM_EOPNOTSUPP);
	be_normal();
	live_on(NULL, lossy_ring);
	CHECK(contains(shim_aio_reason(&aio),
		       "epoll: io_uring_setup failed with errno 95 "
		       "(EOPNOTSUPP)"));
}

/* Between the two: COOP_TASKRUN, no DEFER_TASKRUN. */
static bool middle_ring(long nr, const long *args, long *result)
{
	struct shim_io_uring_params *p = (void *)args[1];

	*result = -SHIM_EINVAL;
	return nr == SHIM_NR_io_uring_setup &&
	       (p->flags & SHIM_IORING_SETUP_DEFER_TASKRUN);
}

static void unknown_flags_are_left_out(void)
{
	if (!has_io_uring())
		SKIP(shim_aio_reason(&aio));
	live_on("io_uring", early_ring);
	live_on("io_uring", middle_ring);
}

/* A kernel that counts rings as locked memory. */

static bool little_memory(long nr, const long *args, long *result)
{
	*result = -SHIM_ENOMEM;
	if (nr == SHIM_NR_io_uring_setup)
		return (unsigned)args[0] > world.entries;
	if (nr != SHIM_NR_prlimit64)
		return false;
	*(struct shim_rlimit64 *)args[3] = (struct shim_rlimit64){
		.rlim_cur = world.locked_max,
		.rlim_max = world.locked_max,
	};
	*result = 0;
	return true;
}

static void with_little_memory_the_ring_is_small(void)
{
	if (!has_io_uring())
		SKIP(shim_aio_reason(&aio));
	world.locked_max = 65536;
	world.entries = 16;
	live_on("io_uring", little_memory);
	world.entries = 8;
	live_on("io_uring", little_memory);
}

/* The same with pages of 4 KiB, whatever the real ones are. */
static bool little_memory_in_small_pages(long nr, const long *args,
					 long *result)
{
	uint64_t *auxv = (void *)args[1];

	if (nr != SHIM_NR_prctl || args[0] != SHIM_PR_GET_AUXV)
		return little_memory(nr, args, result);
	auxv[0] = SHIM_AT_PAGESZ;
	auxv[1] = 4096;
	*result = 16;
	return true;
}

static void with_no_memory_epoll_says_how_much(void)
{
	world.locked_max = 4711;
	world.entries = 0;
	answer_with(little_memory_in_small_pages);
	CHECK_EQ(open_aio("io_uring"), -SHIM_ENOMEM);
	if (CHECK_EQ(open_aio(NULL), 0)) {
		CHECK(same(shim_aio_engine(&aio), "epoll"));
		CHECK(contains(shim_aio_reason(&aio),
			       "epoll: io_uring_setup failed with errno 12 "
			       "(ENOMEM): the smallest ring locks 8192 bytes, "
			       "RLIMIT_MEMLOCK is 4711"));
		CHECK_EQ(shim_aio_exit(&aio), 0);
	}
	/* Without a limit it is an error like others. */
	world.locked_max = UINT64_MAX;
	CHECK_EQ(open_aio(NULL), -SHIM_ENOMEM);
	be_normal();
}

/* Pages of 64 KiB: what is mapped is given back, or protected, in whole pages.
 */

enum { PAGE = 65536 };

static bool large_pages(long nr, const long *args, long *result)
{
	uint64_t *auxv = (void *)args[1];

	if (little_memory(nr, args, result))
		return true;
	if (nr == SHIM_NR_mmap && args[4] == -1) {
		*result = real_syscall(nr, args[0], args[1], args[2], args[3],
				       args[4], args[5]);
		world.mapped = *result;
		return true;
	}
	*result = -SHIM_EINVAL;
	if (nr == SHIM_NR_mprotect || nr == SHIM_NR_munmap)
		return args[1] % PAGE || (args[0] - world.mapped) % PAGE;
	if (nr != SHIM_NR_prctl || args[0] != SHIM_PR_GET_AUXV)
		return false;
	auxv[0] = SHIM_AT_PAGESZ;
	auxv[1] = PAGE;
	*result = 16;
	return true;
}

static void pages_may_be_large(void)
{
	world.locked_max = 4711;
	world.entries = 0;
	live_on(NULL, large_pages);
	CHECK(world.mapped != 0);
	CHECK(contains(shim_aio_reason(&aio),
		       "the smallest ring locks 131072 bytes"));
}

/* A ring that takes nothing for a while. */

static bool busy_ring(long nr, const long *args, long *result)
{
	if (little_memory(nr, args, result))
		return true;
	*result = -SHIM_EBUSY;
	return nr == SHIM_NR_io_uring_enter && world.left;
}

static void a_full_queue_refuses_without_a_trace(void)
{
	struct holdings before = holdings();
	int err, s[2], calls;
	char c[12];

	world.entries = 8;
	world.locked_max = 65536;
	world.left = 0;
	answer_with(busy_ring);
	err = open_aio("io_uring");
	if (err)
		be_normal();
	if (is_missing(err))
		SKIP(shim_aio_reason(&aio));
	CHECK_FATAL(err == 0);
	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, s),
		 0);
	world.left = 1;
	for (int i = 0; i < 7; i++)
		CHECK_EQ(shim_aio_recv(&aio, s[0], c + i, 1, 0, 1), 0);
	/* Seven to stop, room for one; the others are stopped later. */
	CHECK_EQ(shim_aio_close(&aio, s[0], 2), 0);
	CHECK_EQ(shim_aio_recv(&aio, s[1], c + 8, 1, 0, 3), -SHIM_EBUSY);
	CHECK_EQ(shim_aio_cancel(&aio, 1, 3), -SHIM_EBUSY);
	CHECK_EQ(shim_aio_sleep_ns(&aio), 0);
	world.left = 0;
	CHECK_EQ(nr_results(8, -SHIM_ECANCELED), 7);
	CHECK_EQ(shim_aio_recv(&aio, s[1], c + 8, 1, 0, 3), 0);
	CHECK_EQ(result_of(3), 0);
	CHECK_EQ(shim_aio_close(&aio, s[1], 4), 0);
	CHECK_EQ(result_of(4), 0);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	calls = be_normal();
	CHECK(calls > 0);
	check_holdings(before);
}

/* Older kernels under epoll. */

static bool no_pwait2(long nr, const long *args, long *result)
{
	(void)args;
	*result = world.err;
	return nr == SHIM_NR_epoll_pwait2;
}

static void epoll_waits_without_epoll_pwait2(void)
{
	world.err = -SHIM_ENOSYS;
	live_on("epoll", no_pwait2);
	/* So answers a filter that does not know the call. */
	world.err = -SHIM_EPERM;
	live_on("epoll", no_pwait2);
}

static bool no_nowait(long nr, const long *args, long *result)
{
	*result = -SHIM_EOPNOTSUPP;
	return (nr == SHIM_NR_preadv2 || nr == SHIM_NR_pwritev2) &&
	       (args[5] & SHIM_RWF_NOWAIT);
}

static void epoll_reads_without_RWF_NOWAIT(void)
{
	live_on("epoll", no_nowait);
}

/* Signals. */

static bool is_wait(long nr, const long *args)
{
	return nr == SHIM_NR_epoll_pwait2 || nr == SHIM_NR_epoll_pwait ||
	       (nr == SHIM_NR_io_uring_enter && args[2]);
}

static bool interrupted(long nr, const long *args, long *result)
{
	*result = -SHIM_EINTR;
	return is_wait(nr, args) && world.left-- > 0;
}

static void a_signal_does_not_end_a_wait(void)
{
	for (int i = 0; i < 2; i++) {
		struct shim_aio_event ev;
		int64_t start;

		if (open_aio(i ? "epoll" : "io_uring"))
			continue;
		check_case(shim_aio_engine(&aio));
		answer_with(interrupted);
		world.left = 5;
		start = now_ns();
		CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 20), 0);
		CHECK(now_ns() - start >= 20000000);
		CHECK(world.left < 0);
		world.left = 5;
		CHECK_EQ(shim_aio_timeout(&aio, 5000000, 1), 0);
		CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, -1), 1);
		world.left = 100;
		live();
		CHECK_EQ(shim_aio_exit(&aio), 0);
		be_normal();
	}
	check_case("");
}

/* A program with the rights of its file. */

static bool secure_program(long nr, const long *args, long *result)
{
	uint64_t *auxv = (void *)args[1];

	if (nr == SHIM_NR_openat && world.left) {
		*result = -SHIM_ENOENT;
		return true;
	}
	if (nr != SHIM_NR_prctl || args[0] != SHIM_PR_GET_AUXV)
		return false;
	*result = world.secure;
	if (world.secure < 0)
		return true;
	auxv[0] = SHIM_AT_SECURE;
	auxv[1] = (uint64_t)world.secure;
	*result = 16;
	return true;
}

/* Whether SHIM_AIO_ENGINE=none, which would fail, is ignored. */
static bool ignores_environment(long secure, int no_proc)
{
	char *envp[] = { (char *)"SHIM_AIO_ENGINE=none", NULL };
	struct shim_aio_params params = aio_params(NULL);
	int err;

	params.envp = envp;
	world.secure = secure;
	world.left = no_proc;
	answer_with(secure_program);
	err = shim_aio_init(&aio, &params);
	be_normal();
	if (err) {
		CHECK_EQ(err, -SHIM_EINVAL);
		return false;
	}
	CHECK_EQ(shim_aio_exit(&aio), 0);
	return true;
}

static void a_secure_program_ignores_its_environment(void)
{
	CHECK(!ignores_environment(0, 0));
	CHECK(ignores_environment(1, 0));
	/* Before 6.4 the vector is only in /proc; this program is not secure.
	 */
	CHECK(!ignores_environment(-SHIM_EINVAL, 0));
	/* When the kernel does not tell, it may be. */
	CHECK(ignores_environment(-SHIM_EINVAL, 1));
}

/* A kernel that cannot start the thread that a request needs. */

static struct {
	struct shim_io_uring_params params;
	char *pages;
} ring;

/* The oldest completion becomes one of a request that was given up. */
static bool give_up(void)
{
	const struct shim_io_cqring_offsets *off = &ring.params.cq_off;
	uint32_t head = *(uint32_t *)(ring.pages + off->head);
	uint32_t at = head & (ring.params.cq_entries - 1);
	struct shim_io_uring_cqe *cqes = (void *)(ring.pages + off->cqes);

	if (head == *(uint32_t *)(ring.pages + off->tail))
		return false;
	cqes[at].res = -SHIM_ECANCELED;
	return true;
}

static bool no_threads(long nr, const long *args, long *result)
{
	*result = real_syscall(nr, args[0], args[1], args[2], args[3], args[4],
			       args[5]);
	if (nr == SHIM_NR_io_uring_setup)
		ring.params = *(struct shim_io_uring_params *)args[1];
	if (nr == SHIM_NR_mmap && args[5] == SHIM_IORING_OFF_SQ_RING)
		ring.pages = (char *)*result;
	if (nr == SHIM_NR_io_uring_enter && world.left && give_up())
		world.left--;
	return true;
}

static void what_the_kernel_gives_up_is_begun_again(void)
{
	struct shim_aio_event ev[2];
	int p[2];

	if (!has_io_uring())
		SKIP(shim_aio_reason(&aio));
	CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC), 0);
	world.left = 0;
	answer_with(no_threads);
	if (CHECK_EQ(open_aio("io_uring"), 0)) {
		world.left = 20;
		CHECK_EQ(shim_aio_poll(&aio, p[1], SHIM_POLLOUT, 1), 0);
		CHECK_EQ(result_of(1), SHIM_POLLOUT);
		CHECK_EQ(world.left, 0);
		/* It does not keep a cancel from ending it. */
		world.left = 20;
		CHECK_EQ(shim_aio_poll(&aio, p[1], SHIM_POLLOUT, 2), 0);
		CHECK_EQ(shim_aio_poll_events(&aio, ev, 1, 0), 0);
		CHECK_EQ(shim_aio_cancel(&aio, 2, 3), 0);
		CHECK_EQ(shim_aio_poll_events(&aio, ev, 2, PATIENCE), 2);
		CHECK_EQ(ev[0].result, -SHIM_ECANCELED);
		CHECK_EQ(ev[1].result, 0);
		CHECK_EQ(shim_aio_exit(&aio), 0);
	}
	be_normal();
	shim_close(p[0]);
	shim_close(p[1]);
}

static const struct check_test aio_old_fault_tests[] = {
	TEST(without_io_uring_epoll_says_why),
	TEST(a_ring_that_may_not_be_used_is_none),
	TEST(an_engine_that_fails_is_not_replaced),
	TEST(unknown_flags_are_left_out),
	TEST(with_little_memory_the_ring_is_small),
	TEST(with_no_memory_epoll_says_how_much),
	TEST(a_full_queue_refuses_without_a_trace),
	TEST(a_ring_that_loses_completions_is_none),
	TEST(pages_may_be_large),
	TEST(epoll_waits_without_epoll_pwait2),
	TEST(epoll_reads_without_RWF_NOWAIT),
	TEST(a_signal_does_not_end_a_wait),
	TEST(a_secure_program_ignores_its_environment),
	TEST(what_the_kernel_gives_up_is_begun_again),
};

CHECK_MAIN(aio_old_fault, aio_old_fault_tests)
