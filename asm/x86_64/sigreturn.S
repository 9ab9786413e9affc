/* SPDX-License-Identifier: MIT */
/*
 * shim_rt_sigreturn: what a signal handler returns to. The stack pointer is at
 * the frame that the kernel has made, so it is nothing that C could call.
 * Debuggers know the frame by exactly these instructions.
 */
#include "asm.h"
#include "znr.h"

	.section .text.shim_rt_sigreturn, "ax", %progbits
	.p2align 4
	/* Unwinders look at the byte before a return address. */
	nop
	.globl shim_rt_sigreturn
	.type shim_rt_sigreturn, %function
shim_rt_sigreturn:
	.byte	0x48, 0xc7, 0xc0, SHIM_NR_rt_sigreturn, 0, 0, 0 /* mov rax */
	syscall
	.size shim_rt_sigreturn, . - shim_rt_sigreturn
