/* SPDX-License-Identifier: MIT */
/* What aio does, for every engine: aio.tab. */
#include <shim/sys.h>

#include "aio_script.h"
#include "check.h"

static void io_uring_blocking(void)
{
	run_table("io_uring", 0);
}

static void io_uring_nonblocking(void)
{
	run_table("io_uring", SHIM_O_NONBLOCK);
}

static void epoll_blocking(void)
{
	run_table("epoll", 0);
}

static void epoll_nonblocking(void)
{
	run_table("epoll", SHIM_O_NONBLOCK);
}

static const struct check_test aio_table_tests[] = {
	{ "io_uring_blocking", io_uring_blocking },
	{ "io_uring_nonblocking", io_uring_nonblocking },
	{ "epoll_blocking", epoll_blocking },
	{ "epoll_nonblocking", epoll_nonblocking },
};

CHECK_MAIN(aio_table, aio_table_tests)
