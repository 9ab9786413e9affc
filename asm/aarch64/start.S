/* SPDX-License-Identifier: MIT */
/*
 * _start: where the kernel begins a program without libc.
 *
 *   sp    argc, argv, NULL, envp, NULL, auxv
 *
 * Gives the stack to shim_start, which calls main and does not return.
 */
#include "asm.h"

HIDDEN(shim_start)

FUNC(_start)
	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	mov	x0, sp
	and	sp, x0, #-16
	bl	shim_start
	brk	#1
END(_start)
