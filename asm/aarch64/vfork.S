/* SPDX-License-Identifier: MIT */
/*
 * long shim_vfork(void);
 *
 * This CPU has no such call: it is clone(CLONE_VM | CLONE_VFORK | SIGCHLD). The
 * return address is in x30, which the kernel keeps, so the child can do no harm
 * to it.
 */
#include "asm.h"
#include "znr.h"

#define CLONE_VM_VFORK_SIGCHLD 0x4111

FUNC(shim_vfork)
	mov	x0, #CLONE_VM_VFORK_SIGCHLD
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	mov	x4, #0
	mov	x8, #SHIM_NR_clone
	svc	#0
	ret
END(shim_vfork)
