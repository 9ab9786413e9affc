/* SPDX-License-Identifier: MIT */
/*
 * long shim_spawn_child(struct shim_clone_args *args, size_t size,
 *			 struct shim_spawn_program *program);
 *
 *              C      clone3    clone, when size is 0
 *   number            rax       rax
 *   args       rdi    rdi       its fields: flags rdi, stack rsi, pidfd rdx,
 *   size       rsi    rsi       child_tid r10; no tls: r8
 *   program    rdx    r9        r9, kept
 *   result            rax: the child's number or -errno
 *
 * The kernel clobbers rcx and r11. The child gives the signals of heard their
 * default action: none, when clone3 has done it. Then it runs the steps of the
 * program, and never returns; <shim/spawn.h> says what a step is. Its registers:
 *
 *   rbx    program                 r14d   flags of the step
 *   r12    signals, then step      r15d   retries left
 *   r13d   number of the step      rbp    last value of EACH
 *   rdi rsi rdx r10 r8 r9          arguments of the call, kept by the kernel
 */
#include <shim/spawn.h>
#include <shim/zconst.h>

#include "asm.h"
#include "znr.h"

#define ERRNO_MAX 4095
#define SIGSET_SIZE 8

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
	mov	%rdx, %r9
	mov	$SHIM_NR_clone3, %eax
	test	%rsi, %rsi
	jnz	1f
	mov	SHIM_SPAWN_ARGS_STACK(%rdi), %rsi
	add	SHIM_SPAWN_ARGS_STACK_SIZE(%rdi), %rsi
	mov	SHIM_SPAWN_ARGS_PIDFD(%rdi), %rdx
	mov	SHIM_SPAWN_ARGS_CHILD_TID(%rdi), %r10
	xor	%r8d, %r8d
	mov	SHIM_SPAWN_ARGS_FLAGS(%rdi), %rax
	or	SHIM_SPAWN_ARGS_EXIT_SIGNAL(%rdi), %rax
	mov	%rax, %rdi
	mov	$SHIM_NR_clone, %eax
1:	syscall
	test	%rax, %rax
	jz	1f
	ret

	/* The child: a frame without a caller. */
1:	.cfi_undefined rip
	mov	%r9, %rbx
	mov	SHIM_SPAWN_PROGRAM_HEARD(%rbx), %r12
	mov	SHIM_SPAWN_PROGRAM_NR_STEPS(%rbx), %r13d

.Lsignal:
	bsf	%r12, %rdi
	jz	.Lfirst
	btr	%rdi, %r12
	inc	%edi
	lea	SHIM_SPAWN_PROGRAM_ACTION(%rbx), %rsi
	xor	%edx, %edx
	mov	$SIGSET_SIZE, %r10d
	mov	$SHIM_NR_rt_sigaction, %eax
	syscall
	test	%eax, %eax
	jz	.Lsignal
	neg	%eax
	jmp	.Lfail

.Lfirst:
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
	mov	SHIM_SPAWN_STEP_NR(%r12), %eax
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
	jnz	.Lwaited
	test	$SHIM_SPAWN_STEP_PARENT, %r14d
	jnz	.Lparent
	test	$SHIM_SPAWN_STEP_TRY, %r14d
	jnz	.Lsuccess
	test	$SHIM_SPAWN_STEP_EACH, %r14d
	jz	.Lnext
	cmp	%rbp, %rdi
	je	.Lnext
	inc	%rdi
	jmp	.Lcall

	/* Not that of argument 5: there is none, or it cannot be seen. */
.Lparent:
	test	%rax, %rax
	jz	.Lnext
	cmp	%r9, %rax
	je	.Lnext
	mov	$SHIM_ECANCELED, %eax
	jmp	.Lfail

	/* Of nothing but the end: there is no parent. */
.Lwaited:
	test	%rax, %rax
	mov	$SHIM_ECANCELED, %eax
	jz	.Lfail

.Lnext:
	add	$SHIM_SPAWN_STEP_SIZE, %r12
	inc	%r13d
	jmp	.Lstep

.Lerror:
	neg	%eax
	test	$SHIM_SPAWN_STEP_WAIT, %r14d
	jz	1f
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
