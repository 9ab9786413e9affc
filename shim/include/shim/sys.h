/* SPDX-License-Identifier: MIT */
/*
 * The kernel's calls, one function each, without libc.
 *
 * A function shim_X makes the system call X and nothing else. It returns the
 * call's result, which is not negative, or -errno (-4095..-1); there is no
 * errno variable. Pointer results carry the error in the same range:
 * shim_ptr_err() reads it. Nothing is retried: -EINTR goes to the caller.
 *
 * Structures and constants are the kernel's, by its names behind our prefix,
 * so this header and <linux/...> can be included together.
 */
#ifndef SHIM_SYS_H
#define SHIM_SYS_H

#include <stddef.h>
#include <stdint.h>

#include "zarch.h"
#include <shim/zconst.h>
#include <shim/zstruct.h>
#include <shim/zsys.h>

/* The largest errno; results from -SHIM_ERRNO_MAX to -1 are errors. */
#define SHIM_ERRNO_MAX 4095

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Make the system call nr and return what the kernel returns. Every call of
 * this library goes through this symbol, which is alone in its object: a
 * program that defines it itself is the kernel for the library.
 */
long shim_syscall(long nr, long a, long b, long c, long d, long e, long f);

/*
 * Start a thread that runs fn(arg) on the stack that ends at stack_top, and
 * exits with its result; the stack must stay until it has. The flags are
 * those of clone(2), which reads the other arguments as they say. Returns
 * the thread's number, or -errno.
 */
long shim_clone(unsigned long flags, void *stack_top, int *parent_tid,
		void *tls, int *child_tid, int (*fn)(void *), void *arg);

/*
 * The name of an error, as "ENOENT", and what it means, as strerror(3) says in
 * English. err is a result, -errno, or the number itself. A number without a
 * name has NULL and "Unknown error". The texts are constant.
 */
const char *shim_errname(long err);
const char *shim_strerror(long err);

/*
 * Start a process that borrows the memory and the stack of the caller, which
 * waits until the child has called execve or exit_group; the child may do
 * nothing else, and must not return from the function that called this.
 * Returns 0 in the child, and its number, or -errno, in the parent. vfork(2);
 * where a CPU has none, clone(2) that does the same.
 */
long shim_vfork(void) __attribute__((returns_twice));

/*
 * The restorer of a signal handler, for struct shim_sigaction, with
 * SHIM_SA_RESTORER in its flags: the handler returns to it. rt_sigreturn(2).
 * Never call it.
 */
void shim_rt_sigreturn(void);

/* The error that a pointer result carries: -errno, or 0 for none. */
static inline long shim_ptr_err(const void *p)
{
	uintptr_t u = (uintptr_t)p;

	return u > UINTPTR_MAX - SHIM_ERRNO_MAX ? (long)u : 0;
}

#ifdef __cplusplus
}
#endif

#endif
