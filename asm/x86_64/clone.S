/* SPDX-License-Identifier: MIT */
/*
 * long shim_clone(unsigned long flags, void *stack_top, int *parent_tid,
 *		   void *tls, int *child_tid, int (*fn)(void *), void *arg);
 *
 *                 C         kernel
 *   number                  rax
 *   flags         rdi       rdi
 *   stack_top     rsi       rsi
 *   parent_tid    rdx       rdx
 *   tls           rcx       r8
 *   child_tid     r8        r10
 *   fn            r9        on the child's stack
 *   arg           8(rsp)    on the child's stack
 *   result                  rax: the thread's number or -errno
 *
 * The kernel clobbers rcx and r11. The child begins with its stack pointer at
 * fn; it never returns into the code of its parent.
 */
#include "asm.h"
#include "znr.h"

FUNC(shim_clone)
	mov	8(%rsp), %rax
	and	$-16, %rsi
	sub	$16, %rsi
	mov	%r9, (%rsi)
	mov	%rax, 8(%rsi)
	mov	%r8, %r10
	mov	%rcx, %r8
	mov	$SHIM_NR_clone, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret

	/* The child: a frame without a caller. */
1:	.cfi_undefined rip
	xor	%ebp, %ebp
	pop	%rax
	pop	%rdi
	call	*%rax
	mov	%eax, %edi
	mov	$SHIM_NR_exit, %eax
	syscall
	ud2
END(shim_clone)
