/* SPDX-License-Identifier: MIT */
/* The names of errors and what they mean, against libc's. */
#define _GNU_SOURCE 1 /* strerrorname_np */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include <shim/sys.h>

#include "check.h"

static int equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* libc has a name of its own for one, ENOTSUP. */
static const char *libc_name(int err)
{
	return err == EOPNOTSUPP ? "EOPNOTSUPP" : strerrorname_np(err);
}

static void names_and_meanings_are_libc_s(void)
{
	int known = 0;

	for (int err = 1; err <= SHIM_ERRNO_MAX; err++) {
		const char *name = shim_errname(err);

		CHECK(equal(name, libc_name(err)));
		if (!name)
			continue;
		known++;
		CHECK(equal(shim_strerror(err), strerror(err)));
	}
	CHECK_EQ(known, 131);
}

static void a_result_is_as_good_as_a_number(void)
{
	CHECK(equal(shim_errname(shim_close(-1)), "EBADF"));
	CHECK(equal(shim_strerror(shim_close(-1)), strerror(EBADF)));
	for (int err = 1; err <= SHIM_ERRNO_MAX; err++) {
		CHECK(shim_errname(err) == shim_errname(-err));
		CHECK(shim_strerror(err) == shim_strerror(-err));
	}
}

static void what_is_no_error_has_no_name(void)
{
	static const long numbers[] = { 41,   58,	58 + 65536, 134,
					4095, LONG_MAX, LONG_MIN };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		CHECK(!shim_errname(numbers[i]));
		CHECK(equal(shim_strerror(numbers[i]), "Unknown error"));
	}
	CHECK(!shim_errname(0));
	CHECK(equal(shim_strerror(0), strerror(0)));
}

static const struct check_test sys_errno_tests[] = {
	{ "names_and_meanings_are_libc_s", names_and_meanings_are_libc_s },
	{ "a_result_is_as_good_as_a_number", a_result_is_as_good_as_a_number },
	{ "what_is_no_error_has_no_name", what_is_no_error_has_no_name },
};

CHECK_MAIN(sys_errno, sys_errno_tests)
