/* SPDX-License-Identifier: MIT */
/*
 * The kernel as the aio suites wish it: shim_syscall and shim_clone forward to
 * the real ones unless a test has said otherwise. Only calls of the thread that
 * runs the tests are changed.
 */
#ifndef TESTS_AIO_KERNEL_H
#define TESTS_AIO_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "fault.h"
#include "znr.h"

long real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long real_clone(unsigned long flags, void *stack_top, int *parent_tid,
		void *tls, int *child_tid, int (*fn)(void *), void *arg);

/* Answers a call instead of the kernel and returns true, or false. */
typedef bool answer_fn(long nr, const long *args, long *result);

static struct {
	long tid;    /* whose calls are looked at; 0: nobody's */
	int calls;   /* so many were made */
	int fail_at; /* this one fails */
	long err;    /* ... with this */
	answer_fn *answer;
	long clone_err; /* no thread can be started, if not 0 */
} kernel;

static bool ours(void)
{
	return kernel.tid &&
	       kernel.tid == real_syscall(SHIM_NR_gettid, 0, 0, 0, 0, 0, 0);
}

/*
 * What does not fail on any kernel: a close leaves nothing open, and the signal
 * mask can be put back.
 */
static bool counts(long nr, const long *args)
{
	return nr != SHIM_NR_close && (nr != SHIM_NR_rt_sigprocmask || args[2]);
}

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	const long args[6] = { a, b, c, d, e, f };
	long result;

	if (ours()) {
		if (counts(nr, args) && ++kernel.calls == kernel.fail_at)
			return kernel.err;
		if (is_named_fault(nr))
			return named_fault.error;
		if (kernel.answer && kernel.answer(nr, args, &result))
			return result;
	}
	return real_syscall(nr, a, b, c, d, e, f);
}

long shim_clone(unsigned long flags, void *stack_top, int *parent_tid,
		void *tls, int *child_tid, int (*fn)(void *), void *arg)
{
	if (kernel.clone_err)
		return kernel.clone_err;
	return real_clone(flags, stack_top, parent_tid, tls, child_tid, fn,
			  arg);
}

/* What kernels before 6.18 do not know: to say what they have. */
static inline bool is_query(long nr, const long *args)
{
	return nr == SHIM_NR_io_uring_register &&
	       args[1] == SHIM_IORING_REGISTER_QUERY;
}

/* An early io_uring: it knows no set-up flags of later ones, nor what to say
 * about itself, and lacks these features. */
static inline bool early_set_up(long nr, const long *args, long *result,
				unsigned hidden)
{
	struct shim_io_uring_params *p = (void *)args[1];

	*result = -SHIM_EINVAL;
	if (is_query(nr, args))
		return true;
	if (nr != SHIM_NR_io_uring_setup)
		return false;
	if (p->flags &
	    ~(unsigned)(SHIM_IORING_SETUP_CQSIZE | SHIM_IORING_SETUP_CLAMP))
		return true;
	*result = real_syscall(nr, args[0], args[1], 0, 0, 0, 0);
	p->features &= ~hidden;
	return true;
}

/* From now on call n fails with err; n = 0: none does, they are counted. */
static inline void fail_at(int n, long err)
{
	kernel.calls = 0;
	kernel.fail_at = n;
	kernel.err = err;
	kernel.tid = real_syscall(SHIM_NR_gettid, 0, 0, 0, 0, 0, 0);
}

static inline void answer_with(answer_fn *answer)
{
	fail_at(0, 0);
	kernel.answer = answer;
}

/* From now on the nth call of that name fails. */
static inline void fail_named_call(const char *name, long nth, long error)
{
	fail_at(0, 0);
	fail_named(name, nth, error);
}

/* The kernel is the real one again. Returns how many calls were made. */
static inline int be_normal(void)
{
	kernel.tid = 0;
	kernel.answer = NULL;
	kernel.clone_err = 0;
	named_fault.nr = -1;
	return kernel.calls;
}

#endif
