/* SPDX-License-Identifier: MIT */
/*
 * long shim_clone(unsigned long flags, void *stack_top, int *parent_tid,
 *		   void *tls, int *child_tid, int (*fn)(void *), void *arg);
 *
 *                 C     kernel
 *   number              x8
 *   flags         x0    x0
 *   stack_top     x1    x1
 *   parent_tid    x2    x2
 *   tls           x3    x3
 *   child_tid     x4    x4
 *   fn            x5    on the child's stack
 *   arg           x6    on the child's stack
 *   result              x0: the thread's number or -errno
 *
 * The child begins with its stack pointer at fn; it never returns into the
 * code of its parent.
 */
#include "asm.h"
#include "znr.h"

FUNC(shim_clone)
	and	x1, x1, #-16
	stp	x5, x6, [x1, #-16]!
	mov	x8, #SHIM_NR_clone
	svc	#0
	cbz	x0, 1f
	ret

	/* The child: a frame without a caller. */
1:	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	ldp	x1, x0, [sp], #16
	blr	x1
	mov	x8, #SHIM_NR_exit
	svc	#0
	brk	#1
END(shim_clone)
