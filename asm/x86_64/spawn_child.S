/* SPDX-License-Identifier: MIT */
/*
 * long shim_spawn_child(struct shim_clone_args *args, size_t size,
 *			 struct shim_spawn_program *program);
 *
 *              C      kernel
 *   number            rax
 *   args       rdi    rdi
 *   size       rsi    rsi
 *   program    rdx    kept
 *   result            rax: the child's number or -errno
 *
 * The kernel clobbers rcx and r11. The child runs the steps of the program and
 * never returns; <shim/spawn.h> says what a step is. Its registers:
 *
 *   rbx    program                 r14d   flags of the step
 *   r12    step                    r15d   retries left
 *   r13d   number of the step      rbp    last value of EACH
 *   rdi rsi rdx r10 r8 r9          arguments of the call, kept by the kernel
 */
#include <shim/spawn.h>
#include <shim/zconst.h>

#include "asm.h"
#include "znr.h"

#define ERRNO_MAX 4095

/* Argument i of the step: the value itself, or that of a register. */
.macro ARGUMENT i, to
	mov	SHIM_SPAWN_STEP_ARGS + 8 * \i(%r12), \to
	test	$SHIM_SPAWN_STEP_ARG(\i), %r14d
	jz	1f
	and	$SHIM_SPAWN_REG_MASK, \to
	mov	SHIM_SPAWN_PROGRAM_REGS(%rbx, \to, 8), \to
1:
.endm

FUNC(shim_spawn_child)
	mov	$SHIM_NR_clone3, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret

	/* The child: a frame without a caller. */
1:	.cfi_undefined rip
	mov	%rdx, %rbx
	mov	SHIM_SPAWN_PROGRAM_STEPS(%rbx), %r12
	xor	%r13d, %r13d

.Lstep:
	cmp	SHIM_SPAWN_PROGRAM_NR_STEPS(%rbx), %r13d
	jae	.Lend
	mov	SHIM_SPAWN_STEP_FLAGS(%r12), %r14d
	mov	%r14d, %r15d
	shr	$SHIM_SPAWN_STEP_RETRY_SHIFT, %r15d
	ARGUMENT 0, %rdi
	ARGUMENT 1, %rsi
	ARGUMENT 2, %rdx
	ARGUMENT 3, %r10
	ARGUMENT 4, %r8
	ARGUMENT 5, %r9
	test	$SHIM_SPAWN_STEP_EACH, %r14d
	jz	.Lcall
	mov	%r9, %rbp
	xor	%r9d, %r9d
	cmp	%rbp, %rdi
	ja	.Lnext

.Lcall:
	test	$SHIM_SPAWN_STEP_WAIT, %r14d
	jz	1f
	cmp	%edx, (%rdi)
	jne	.Lnext
1:	mov	SHIM_SPAWN_STEP_NR(%r12), %eax
	syscall
	cmp	$-ERRNO_MAX, %rax
	jae	.Lerror

.Lresult:
	test	$SHIM_SPAWN_STEP_SAVE, %r14d
	jz	1f
	mov	%r14d, %ecx
	shr	$SHIM_SPAWN_STEP_REG_SHIFT, %ecx
	and	$SHIM_SPAWN_REG_MASK, %ecx
	mov	%rax, SHIM_SPAWN_PROGRAM_REGS(%rbx, %rcx, 8)
1:	test	$SHIM_SPAWN_STEP_WAIT, %r14d
	jnz	.Lcall
	test	$SHIM_SPAWN_STEP_TRY, %r14d
	jnz	.Lsuccess
	test	$SHIM_SPAWN_STEP_EACH, %r14d
	jz	.Lnext
	cmp	%rbp, %rdi
	je	.Lnext
	inc	%rdi
	jmp	.Lcall

.Lnext:
	add	$SHIM_SPAWN_STEP_SIZE, %r12
	inc	%r13d
	jmp	.Lstep

.Lerror:
	neg	%eax
	test	$SHIM_SPAWN_STEP_WAIT, %r14d
	jz	1f
	cmp	$SHIM_EAGAIN, %eax
	je	.Lcall
	cmp	$SHIM_EINTR, %eax
	je	.Lcall
1:	cmp	$SHIM_ETXTBSY, %eax
	jne	2f
	sub	$1, %r15d
	jae	.Lpause
2:	test	$SHIM_SPAWN_STEP_TRY, %r14d
	jnz	.Ltry
	test	$SHIM_SPAWN_STEP_IGNORE, %r14d
	jz	.Lfail
	neg	%eax
	cltq
	jmp	.Lresult

	/* The pause wants three of the arguments' registers. */
.Lpause:
	push	%rdi
	push	%rsi
	push	%rdx
	push	%r10
	mov	$SHIM_CLOCK_MONOTONIC, %edi
	xor	%esi, %esi
	lea	SHIM_SPAWN_PROGRAM_PAUSE(%rbx), %rdx
	xor	%r10d, %r10d
	mov	$SHIM_NR_clock_nanosleep, %eax
	syscall
	pop	%r10
	pop	%rdx
	pop	%rsi
	pop	%rdi
	jmp	.Lcall

.Ltry:
	cmp	$SHIM_ENOENT, %eax
	je	1f
	cmp	$SHIM_ENOTDIR, %eax
	je	1f
	cmp	$SHIM_EACCES, %eax
	jne	.Lfail
1:	cmpl	$SHIM_EACCES, SHIM_SPAWN_PROGRAM_TRY_ERROR(%rbx)
	je	.Lnext
	mov	%eax, SHIM_SPAWN_PROGRAM_TRY_ERROR(%rbx)
	mov	%r13d, SHIM_SPAWN_PROGRAM_TRY_FAILED(%rbx)
	jmp	.Lnext

.Lend:
	mov	SHIM_SPAWN_PROGRAM_TRY_ERROR(%rbx), %eax
	mov	SHIM_SPAWN_PROGRAM_TRY_FAILED(%rbx), %r13d
	test	%eax, %eax
	jz	.Lsuccess

	/* The parent reads both once the kernel has made tid 0. */
.Lfail:
	mov	%r13d, SHIM_SPAWN_PROGRAM_FAILED(%rbx)
	mov	%eax, SHIM_SPAWN_PROGRAM_ERROR(%rbx)
	mov	$SHIM_SPAWN_EXIT_FAILED, %edi
	jmp	.Lexit

.Lsuccess:
	xor	%edi, %edi
.Lexit:
	mov	$SHIM_NR_exit_group, %eax
	syscall
	ud2
END(shim_spawn_child)
