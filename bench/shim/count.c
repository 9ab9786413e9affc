/* SPDX-License-Identifier: MIT */
/*
 * shim-bench-count: the second build of shim-bench, in which every system call
 * of the library passes by a counter. Its times mean nothing.
 */
#include "calls.h"

/* The library's shim_syscall, which the build gives this name. */
long real_syscall(long nr, long a, long b, long c, long d, long e, long f);

static uint64_t nr_calls;

uint64_t call_count(void)
{
	return __atomic_load_n(&nr_calls, __ATOMIC_RELAXED);
}

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	__atomic_fetch_add(&nr_calls, 1, __ATOMIC_RELAXED);
	return real_syscall(nr, a, b, c, d, e, f);
}
