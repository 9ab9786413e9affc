/* SPDX-License-Identifier: MIT */
/*
 * refuse ERROR NUMBER[,NUMBER...] PROGRAM ARGUMENTS...: becomes a program for
 * which these calls fail, with ENOSYS or EPERM. For machines without a libc;
 * tests/tool/deny knows names and more errors.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "../../bench/shim/calls.h"
#include "../../bench/text.h"

enum { CALLS_MAX = 200, STDERR = 2, FAILED = 126 };
enum { LOAD = 0x20, JUMP_IF_EQUAL = 0x15, RETURN = 0x06 };

static int fail(const char *why)
{
	static struct text out;

	text_add(&out, "refuse: ");
	text_add(&out, why);
	text_add(&out, "\n");
	text_flush(&out, STDERR);
	return FAILED;
}

/* The numbers of a list. Returns how many, 0 if there is a mistake. */
static size_t parse_calls(const char *list, uint32_t calls[CALLS_MAX])
{
	size_t nr = 0;
	uint64_t n;

	while (nr < CALLS_MAX && parse_number(&list, &n)) {
		calls[nr++] = (uint32_t)n;
		if (!*list)
			return nr;
		if (*list++ != ',')
			return 0;
	}
	return 0;
}

static long forbid(const uint32_t *calls, size_t nr, uint32_t error)
{
	struct shim_sock_filter code[CALLS_MAX + 3];
	struct shim_sock_fprog filter = { (uint16_t)(nr + 3), code };
	long err;

	code[0] = (struct shim_sock_filter){
		LOAD, 0, 0, offsetof(struct shim_seccomp_data, nr)
	};
	for (size_t i = 0; i < nr; i++)
		code[i + 1] = (struct shim_sock_filter){ JUMP_IF_EQUAL,
							 (uint8_t)(nr - i), 0,
							 calls[i] };
	code[nr + 1] = (struct shim_sock_filter){ RETURN, 0, 0,
						  SHIM_SECCOMP_RET_ALLOW };
	code[nr + 2] =
		(struct shim_sock_filter){ RETURN, 0, 0,
					   SHIM_SECCOMP_RET_ERRNO | error };
	err = shim_prctl(SHIM_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return err ? err
		   : shim_seccomp(SHIM_SECCOMP_SET_MODE_FILTER, 0, &filter);
}

int main(int argc, char **argv, char **envp)
{
	uint32_t calls[CALLS_MAX];
	size_t nr = argc > 3 ? parse_calls(argv[2], calls) : 0;
	uint32_t error = SHIM_EPERM;

	if (!nr)
		return fail("usage: refuse ERROR NUMBER,... PROGRAM ...");
	if (text_equal(argv[1], "ENOSYS"))
		error = SHIM_ENOSYS;
	else if (!text_equal(argv[1], "EPERM"))
		return fail("the error is neither ENOSYS nor EPERM");
	if (forbid(calls, nr, error))
		return fail("no filter of system calls");
	shim_execve(argv[3], argv + 3, envp);
	return fail("the program cannot be started");
}
