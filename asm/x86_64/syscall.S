/* SPDX-License-Identifier: MIT */
/*
 * long shim_syscall(long nr, long a, long b, long c, long d, long e, long f);
 *
 *             C         kernel
 *   nr        rdi       rax
 *   a         rsi       rdi
 *   b         rdx       rsi
 *   c         rcx       rdx
 *   d         r8        r10
 *   e         r9        r8
 *   f         8(rsp)    r9
 *   result              rax
 *
 * The kernel clobbers rcx and r11. Alone in its object, so that a program can
 * define the symbol itself.
 */
#include "asm.h"

FUNC(shim_syscall)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	ret
END(shim_syscall)
