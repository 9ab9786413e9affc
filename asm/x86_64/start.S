/* SPDX-License-Identifier: MIT */
/*
 * _start: where the kernel begins a program without libc.
 *
 *   rsp    argc, argv, NULL, envp, NULL, auxv
 *
 * Gives the stack to shim_start, which calls main and does not return.
 */
#include "asm.h"

HIDDEN(shim_start)

FUNC(_start)
	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	shim_start
	ud2
END(_start)
