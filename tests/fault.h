/* SPDX-License-Identifier: MIT */
/* For the tables of faults, which C and Go share: the n-th call of a name. */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stdbool.h>

#include "check.h"
#include "text.h"
#include "znr.h"

/* Which call fails; nr is -1 when none does. */
static struct {
	long nr, left, error;
} named_fault = { -1, 0, 0 };

/* The nth call of that name fails. */
static inline void fail_named(const char *name, long nth, long error)
{
	static const struct {
		const char *name;
		long nr;
	} calls[] = {
		{ "clone3", SHIM_NR_clone3 },
		{ "epoll_create1", SHIM_NR_epoll_create1 },
		{ "epoll_ctl", SHIM_NR_epoll_ctl },
		{ "epoll_pwait2", SHIM_NR_epoll_pwait2 },
		{ "eventfd2", SHIM_NR_eventfd2 },
		{ "fcntl", SHIM_NR_fcntl },
		{ "io_uring_enter", SHIM_NR_io_uring_enter },
		{ "io_uring_register", SHIM_NR_io_uring_register },
		{ "io_uring_setup", SHIM_NR_io_uring_setup },
		{ "mmap", SHIM_NR_mmap },
		{ "openat", SHIM_NR_openat },
		{ "pidfd_open", SHIM_NR_pidfd_open },
		{ "pipe2", SHIM_NR_pipe2 },
		{ "prctl", SHIM_NR_prctl },
		{ "prlimit64", SHIM_NR_prlimit64 },
		{ "read", SHIM_NR_read },
		{ "rt_sigaction", SHIM_NR_rt_sigaction },
		{ "waitid", SHIM_NR_waitid },
		{ "write", SHIM_NR_write },
	};

	named_fault.nr = -1;
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (same(calls[i].name, name))
			named_fault.nr = calls[i].nr;
	CHECK(named_fault.nr >= 0);
	named_fault.left = nth;
	named_fault.error = -error;
	check_case(name);
}

static inline void fail_no_more(void)
{
	named_fault.nr = -1;
	check_case("");
}

/* Whether this call is the one, and must return named_fault.error. */
static inline bool is_named_fault(long nr)
{
	return nr == named_fault.nr && !--named_fault.left;
}

#endif
