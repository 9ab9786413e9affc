/* SPDX-License-Identifier: MIT */
/*
 * long shim_vfork(void);
 *
 * The child runs on the stack of its parent, which waits, and may overwrite
 * what lies below its stack pointer: the return address stays in rdx, which
 * the kernel keeps. The child jumps to it, since a "ret" would also pop the
 * shadow stack, which the parent needs.
 */
#include "asm.h"
#include "znr.h"

FUNC(shim_vfork)
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, rdx
	mov	$SHIM_NR_vfork, %eax
	syscall
	test	%rax, %rax
	jz	1f
	push	%rdx
	.cfi_remember_state
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rip, 0
	ret
	.cfi_restore_state
1:	jmp	*%rdx
END(shim_vfork)
