/* SPDX-License-Identifier: MIT */
/*
 * void *memcpy(void *to, const void *from, size_t n);
 * void *memmove(void *to, const void *from, size_t n);
 * void *memset(void *to, int c, size_t n);
 * int memcmp(const void *a, const void *b, size_t n);
 *
 *   to, a        rdi
 *   from, b, c   rsi
 *   n            rdx
 *   result       rax
 *
 * Compilers call these on their own. Up to 32 bytes go through two registers
 * that may overlap, which also makes memcpy good for memmove; the rest is done
 * by the string instructions, forwards. Clobbered: rcx, rsi, rdi, xmm0, xmm1.
 */
#include "asm.h"

#define SMALL 16
#define TWICE_SMALL 32

HIDDEN(memcpy)
HIDDEN(memmove)
HIDDEN(memset)
HIDDEN(memcmp)

FUNC(memcpy)
	jmp	memmove
END(memcpy)

FUNC(memmove)
	mov	%rdi, %rax
	cmp	$SMALL, %rdx
	jb	2f
	cmp	$TWICE_SMALL, %rdx
	ja	1f
	movups	(%rsi), %xmm0
	movups	-SMALL(%rsi, %rdx), %xmm1
	movups	%xmm0, (%rdi)
	movups	%xmm1, -SMALL(%rdi, %rdx)
	ret

	/* Forwards, unless the target begins within the source. */
1:	mov	%rdi, %rcx
	sub	%rsi, %rcx
	cmp	%rdx, %rcx
	jb	6f
	mov	%rdx, %rcx
	rep movsb
	ret

	/* Less than 16: two of the largest power of two that fits. */
2:	cmp	$8, %edx
	jb	3f
	mov	(%rsi), %rcx
	mov	-8(%rsi, %rdx), %r8
	mov	%rcx, (%rdi)
	mov	%r8, -8(%rdi, %rdx)
	ret
3:	cmp	$4, %edx
	jb	4f
	mov	(%rsi), %ecx
	mov	-4(%rsi, %rdx), %r8d
	mov	%ecx, (%rdi)
	mov	%r8d, -4(%rdi, %rdx)
	ret
4:	test	%edx, %edx
	jz	5f
	movzbl	(%rsi), %ecx
	cmp	$1, %edx
	je	7f
	movzwl	-2(%rsi, %rdx), %r8d
	mov	%cl, (%rdi)
	mov	%r8w, -2(%rdi, %rdx)
5:	ret
7:	mov	%cl, (%rdi)
	ret

	/* Backwards, 16 at a time; the first 16, read now, are written last. */
6:	movups	(%rsi), %xmm1
8:	movups	-SMALL(%rsi, %rdx), %xmm0
	movups	%xmm0, -SMALL(%rdi, %rdx)
	sub	$SMALL, %rdx
	cmp	$SMALL, %rdx
	ja	8b
	movups	%xmm1, (%rdi)
	ret
END(memmove)

FUNC(memset)
	mov	%rdi, %r8
	mov	%esi, %eax
	mov	%rdx, %rcx
	rep stosb
	mov	%r8, %rax
	ret
END(memset)

FUNC(memcmp)
	xor	%eax, %eax
	xor	%ecx, %ecx
1:	cmp	%rdx, %rcx
	je	2f
	movzbl	(%rdi, %rcx), %eax
	movzbl	(%rsi, %rcx), %r8d
	inc	%rcx
	sub	%r8d, %eax
	jz	1b
2:	ret
END(memcmp)
