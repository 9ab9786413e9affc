/* SPDX-License-Identifier: MIT */
/*
 * long shim_spawn_child(struct shim_clone_args *args, size_t size,
 *			 struct shim_spawn_program *program);
 *
 *              C      clone3    clone, when size is 0
 *   number            x8        x8
 *   args       x0     x0        its fields: flags x0, stack x1, pidfd x2,
 *   size       x1     x1        child_tid x4; no tls: x3
 *   program    x2     x5        x5, kept
 *   result            x0: the child's number or -errno
 *
 * The child gives the signals of heard their default action: none, when clone3
 * has done it. Then it runs the steps of the program, and never returns;
 * <shim/spawn.h> says what a step is. Its registers:
 *
 *   x19    program                 w22    flags of the step
 *   x20    signals, then step      w23    retries left
 *   w21    number of the step      x24    last value of EACH
 *   x25 x1 x2 x3 x4 x5             arguments of the call
 *   x26 x27 x28                    x1 to x3 over a pause
 */
#include <shim/spawn.h>
#include <shim/zconst.h>

#include "asm.h"
#include "znr.h"

#define ERRNO_MAX 4095
#define SIGSET_SIZE 8

/* Argument i of the step: the value itself, or that of a register. */
.macro ARGUMENT i, to
	ldr	\to, [x20, #SHIM_SPAWN_STEP_ARGS + 8 * \i]
	tst	w22, #SHIM_SPAWN_STEP_ARG(\i)
	b.eq	1f
	and	\to, \to, #SHIM_SPAWN_REG_MASK
	add	x9, x19, \to, lsl #3
	ldr	\to, [x9, #SHIM_SPAWN_PROGRAM_REGS]
1:
.endm

FUNC(shim_spawn_child)
	mov	x5, x2
	mov	x8, #SHIM_NR_clone3
	cbnz	x1, 1f
	ldr	x1, [x0, #SHIM_SPAWN_ARGS_STACK]
	ldr	x9, [x0, #SHIM_SPAWN_ARGS_STACK_SIZE]
	add	x1, x1, x9
	ldr	x2, [x0, #SHIM_SPAWN_ARGS_PIDFD]
	mov	x3, #0
	ldr	x4, [x0, #SHIM_SPAWN_ARGS_CHILD_TID]
	ldr	x9, [x0, #SHIM_SPAWN_ARGS_FLAGS]
	ldr	x0, [x0, #SHIM_SPAWN_ARGS_EXIT_SIGNAL]
	orr	x0, x0, x9
	mov	x8, #SHIM_NR_clone
1:	svc	#0
	cbz	x0, 1f
	ret

	/* The child: a frame without a caller. */
1:	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	mov	x19, x5
	ldr	x20, [x19, #SHIM_SPAWN_PROGRAM_HEARD]
	ldr	w21, [x19, #SHIM_SPAWN_PROGRAM_NR_STEPS]

.Lsignal:
	cbz	x20, .Lfirst
	rbit	x0, x20
	clz	x0, x0
	add	x0, x0, #1
	sub	x9, x20, #1
	and	x20, x20, x9
	add	x1, x19, #SHIM_SPAWN_PROGRAM_ACTION
	mov	x2, #0
	mov	x3, #SIGSET_SIZE
	mov	x8, #SHIM_NR_rt_sigaction
	svc	#0
	cbz	x0, .Lsignal
	neg	x0, x0
	b	.Lfail

.Lfirst:
	ldr	x20, [x19, #SHIM_SPAWN_PROGRAM_STEPS]
	mov	w21, #0

.Lstep:
	ldr	w9, [x19, #SHIM_SPAWN_PROGRAM_NR_STEPS]
	cmp	w21, w9
	b.hs	.Lend
	ldr	w22, [x20, #SHIM_SPAWN_STEP_FLAGS]
	lsr	w23, w22, #SHIM_SPAWN_STEP_RETRY_SHIFT
	ARGUMENT 0, x25
	ARGUMENT 1, x1
	ARGUMENT 2, x2
	ARGUMENT 3, x3
	ARGUMENT 4, x4
	ARGUMENT 5, x5
	tst	w22, #SHIM_SPAWN_STEP_EACH
	b.eq	.Lcall
	mov	x24, x5
	mov	x5, #0
	cmp	x25, x24
	b.hi	.Lnext

.Lcall:
	mov	x0, x25
	ldr	w8, [x20, #SHIM_SPAWN_STEP_NR]
	svc	#0
	cmn	x0, #ERRNO_MAX
	b.hs	.Lerror

.Lresult:
	tst	w22, #SHIM_SPAWN_STEP_SAVE
	b.eq	1f
	lsr	w9, w22, #SHIM_SPAWN_STEP_REG_SHIFT
	and	x9, x9, #SHIM_SPAWN_REG_MASK
	add	x9, x19, x9, lsl #3
	str	x0, [x9, #SHIM_SPAWN_PROGRAM_REGS]
1:	tst	w22, #SHIM_SPAWN_STEP_WAIT
	b.ne	.Lwaited
	tst	w22, #SHIM_SPAWN_STEP_PARENT
	b.ne	.Lparent
	tst	w22, #SHIM_SPAWN_STEP_TRY
	b.ne	.Lsuccess
	tst	w22, #SHIM_SPAWN_STEP_EACH
	b.eq	.Lnext
	cmp	x25, x24
	b.eq	.Lnext
	add	x25, x25, #1
	b	.Lcall

	/* Not that of argument 5: there is none, or it cannot be seen. */
.Lparent:
	cbz	x0, .Lnext
	cmp	x0, x5
	b.eq	.Lnext
	mov	x0, #SHIM_ECANCELED
	b	.Lfail

	/* Of nothing but the end: there is no parent. */
.Lwaited:
	cbnz	x0, .Lnext
	mov	x0, #SHIM_ECANCELED
	b	.Lfail

.Lnext:
	add	x20, x20, #SHIM_SPAWN_STEP_SIZE
	add	w21, w21, #1
	b	.Lstep

.Lerror:
	neg	x0, x0
	tst	w22, #SHIM_SPAWN_STEP_WAIT
	b.eq	1f
	cmp	x0, #SHIM_EINTR
	b.eq	.Lcall
1:	cmp	x0, #SHIM_ETXTBSY
	b.ne	2f
	subs	w23, w23, #1
	b.hs	.Lpause
2:	tst	w22, #SHIM_SPAWN_STEP_TRY
	b.ne	.Ltry
	tst	w22, #SHIM_SPAWN_STEP_IGNORE
	b.eq	.Lfail
	neg	x0, x0
	b	.Lresult

	/* The pause wants three of the arguments' registers. */
.Lpause:
	mov	x26, x1
	mov	x27, x2
	mov	x28, x3
	mov	x0, #SHIM_CLOCK_MONOTONIC
	mov	x1, #0
	add	x2, x19, #SHIM_SPAWN_PROGRAM_PAUSE
	mov	x3, #0
	mov	x8, #SHIM_NR_clock_nanosleep
	svc	#0
	mov	x1, x26
	mov	x2, x27
	mov	x3, x28
	b	.Lcall

.Ltry:
	cmp	x0, #SHIM_ENOENT
	b.eq	1f
	cmp	x0, #SHIM_ENOTDIR
	b.eq	1f
	cmp	x0, #SHIM_EACCES
	b.ne	.Lfail
1:	ldr	w9, [x19, #SHIM_SPAWN_PROGRAM_TRY_ERROR]
	cmp	w9, #SHIM_EACCES
	b.eq	.Lnext
	str	w0, [x19, #SHIM_SPAWN_PROGRAM_TRY_ERROR]
	str	w21, [x19, #SHIM_SPAWN_PROGRAM_TRY_FAILED]
	b	.Lnext

.Lend:
	ldr	w0, [x19, #SHIM_SPAWN_PROGRAM_TRY_ERROR]
	ldr	w21, [x19, #SHIM_SPAWN_PROGRAM_TRY_FAILED]
	cbz	w0, .Lsuccess

	/* The parent reads both once the kernel has made tid 0. */
.Lfail:
	str	w21, [x19, #SHIM_SPAWN_PROGRAM_FAILED]
	str	w0, [x19, #SHIM_SPAWN_PROGRAM_ERROR]
	mov	x0, #SHIM_SPAWN_EXIT_FAILED
	b	.Lexit

.Lsuccess:
	mov	x0, #0
	/* Before the kernel's store to tid, whose load by the parent acquires. */
.Lexit:
	dmb	ish
	mov	x8, #SHIM_NR_exit_group
	svc	#0
	brk	#1
END(shim_spawn_child)
