/* SPDX-License-Identifier: MIT */
/*
 * The wrappers without a kernel: this program defines shim_syscall, and sees
 * what every wrapper puts into the registers, and what it does with a result.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "check.h"
#include "zsys_calls.h"

/* What packed pairs of arguments look like in memory. */
struct pair {
	const void *p;
	size_t size;
};

/* The last call, and what it is answered with. */
static struct {
	long nr, args[6];
	int calls;
	int pair_at; /* the argument that is the address of a pair, or -1 */
	struct pair pair;
	long result;
	int leave; /* do not return: the caller would call again for ever */
	void *back[5];
} kernel = { .pair_at = -1 };

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	const long args[6] = { a, b, c, d, e, f };

	kernel.nr = nr;
	kernel.calls++;
	for (int i = 0; i < 6; i++)
		kernel.args[i] = args[i];
	if (kernel.pair_at >= 0)
		kernel.pair = *(struct pair *)args[kernel.pair_at];
	if (kernel.leave)
		__builtin_longjmp(kernel.back, 1);
	return kernel.result;
}

enum { NR_WRAPPERS = sizeof(wrappers) / sizeof(wrappers[0]) };

static void arguments_keep_order_and_width(void)
{
	for (int i = 0; i < NR_WRAPPERS; i++) {
		const struct wrapper *w = &wrappers[i];

		check_case(w->name);
		kernel.calls = 0;
		kernel.pair_at = -1;
		for (int j = 0; j < 6; j++)
			if (w->args[j] == PAIR)
				kernel.pair_at = j;
		w->call();
		CHECK_EQ(kernel.calls, 1);
		CHECK_EQ(kernel.nr, w->nr);
		for (int j = 0; j < 6; j++)
			if (j != kernel.pair_at)
				CHECK_EQ(kernel.args[j], w->args[j]);
	}
	kernel.pair_at = -1;
	check_case("");
}

static void a_packed_pair_is_pointer_and_size(void)
{
	static const uint64_t mask = 1;

	kernel.pair_at = 5;
	shim_pselect6(0, NULL, NULL, NULL, NULL, &mask);
	CHECK(kernel.pair.p == &mask);
	CHECK_EQ(kernel.pair.size, 8);
	kernel.pair_at = -1;
}

static void results_are_returned_unchanged(void)
{
	static const long results[] = {
		0,     1,     INT32_MAX,   1L << 32,	 INT64_MAX, -1,
		-4095, -4096, -SHIM_EINTR, -SHIM_ENOSYS, INT64_MIN,
	};

	for (int i = 0; i < NR_WRAPPERS; i++) {
		check_case(wrappers[i].name);
		for (size_t j = 0; j < sizeof(results) / sizeof(results[0]);
		     j++) {
			kernel.calls = 0;
			kernel.result = results[j];
			CHECK_EQ(wrappers[i].call(), results[j]);
			/* EINTR neither is retried nor becomes anything. */
			CHECK_EQ(kernel.calls, 1);
		}
	}
	kernel.result = 0;
	check_case("");
}

static void exit_does_not_return(void)
{
	kernel.leave = 1;
	if (!__builtin_setjmp(kernel.back))
		shim_exit(-7);
	CHECK_EQ(kernel.nr, SHIM_NR_exit);
	CHECK_EQ(kernel.args[0], -7);
	if (!__builtin_setjmp(kernel.back))
		shim_exit_group(7);
	CHECK_EQ(kernel.nr, SHIM_NR_exit_group);
	CHECK_EQ(kernel.args[0], 7);
	kernel.leave = 0;
}

static void only_the_last_4095_addresses_are_errors(void)
{
	CHECK_EQ(shim_ptr_err(NULL), 0);
	CHECK_EQ(shim_ptr_err((void *)4096), 0);
	CHECK_EQ(shim_ptr_err((void *)INTPTR_MAX), 0);
	CHECK_EQ(shim_ptr_err((void *)-4096L), 0);
	CHECK_EQ(shim_ptr_err((void *)-4095L), -4095);
	CHECK_EQ(shim_ptr_err((void *)-1L), -1);
}

static const struct check_test sys_fault_tests[] = {
	{ "arguments_keep_order_and_width", arguments_keep_order_and_width },
	{ "a_packed_pair_is_pointer_and_size",
	  a_packed_pair_is_pointer_and_size },
	{ "results_are_returned_unchanged", results_are_returned_unchanged },
	{ "exit_does_not_return", exit_does_not_return },
	{ "only_the_last_4095_addresses_are_errors",
	  only_the_last_4095_addresses_are_errors },
};

CHECK_MAIN(sys_fault, sys_fault_tests)
