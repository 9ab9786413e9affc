/* SPDX-License-Identifier: MIT */
/*
 * aio.tab once more on older kernels, played by shim_syscall: none that knows
 * what came after 5.10 may give other results.
 */
#include <shim/sys.h>

#include "aio_kernel.h"
#include "aio_script.h"
#include "check.h"

/* No set-up flags, and no time to wait in io_uring_enter. */
static bool early_ring(long nr, const long *args, long *result)
{
	return early_set_up(nr, args, result, SHIM_IORING_FEAT_EXT_ARG);
}

/* No epoll_pwait2, and RWF_NOWAIT for nothing. */
static bool early_calls(long nr, const long *args, long *result)
{
	*result = nr == SHIM_NR_epoll_pwait2 ? -SHIM_ENOSYS : -SHIM_EOPNOTSUPP;
	return nr == SHIM_NR_epoll_pwait2 ||
	       ((nr == SHIM_NR_preadv2 || nr == SHIM_NR_pwritev2) &&
		(args[5] & SHIM_RWF_NOWAIT));
}

static void run_on(const char *engine, int mode, answer_fn *answer)
{
	answer_with(answer);
	run_table(engine, mode);
	be_normal();
}

static void early_io_uring_blocking(void)
{
	run_on("io_uring", 0, early_ring);
}

static void early_io_uring_nonblocking(void)
{
	run_on("io_uring", SHIM_O_NONBLOCK, early_ring);
}

static void early_epoll_blocking(void)
{
	run_on("epoll", 0, early_calls);
}

static void early_epoll_nonblocking(void)
{
	run_on("epoll", SHIM_O_NONBLOCK, early_calls);
}

static const struct check_test aio_table_fault_tests[] = {
	{ "early_io_uring_blocking", early_io_uring_blocking },
	{ "early_io_uring_nonblocking", early_io_uring_nonblocking },
	{ "early_epoll_blocking", early_epoll_blocking },
	{ "early_epoll_nonblocking", early_epoll_nonblocking },
};

CHECK_MAIN(aio_table_fault, aio_table_fault_tests)
