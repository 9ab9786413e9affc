/* SPDX-License-Identifier: MIT */
/*
 * long shim_syscall(long nr, long a, long b, long c, long d, long e, long f);
 *
 *             C     kernel
 *   nr        x0    x8
 *   a         x1    x0
 *   b         x2    x1
 *   c         x3    x2
 *   d         x4    x3
 *   e         x5    x4
 *   f         x6    x5
 *   result          x0
 *
 * The kernel clobbers nothing else. Alone in its object, so that a program can
 * define the symbol itself.
 */
#include "asm.h"

FUNC(shim_syscall)
	mov	x8, x0
	mov	x0, x1
	mov	x1, x2
	mov	x2, x3
	mov	x3, x4
	mov	x4, x5
	mov	x5, x6
	svc	#0
	ret
END(shim_syscall)
