/* SPDX-License-Identifier: MIT */
/*
 * void *memcpy(void *to, const void *from, size_t n);
 * void *memmove(void *to, const void *from, size_t n);
 * void *memset(void *to, int c, size_t n);
 * int memcmp(const void *a, const void *b, size_t n);
 *
 *   to, a        x0
 *   from, b, c   x1
 *   n            x2
 *   result       x0
 *
 * Compilers call these on their own. 16 bytes at a time, then one at a time;
 * copies go backwards when the target begins within the source, which also
 * makes memcpy good for memmove. Clobbered: x1 to x6.
 */
#include "asm.h"

HIDDEN(memcpy)
HIDDEN(memmove)
HIDDEN(memset)
HIDDEN(memcmp)

FUNC(memcpy)
	b	memmove
END(memcpy)

FUNC(memmove)
	mov	x3, x0
	sub	x4, x0, x1
	cmp	x4, x2
	b.lo	3f
1:	cmp	x2, #16
	b.lo	2f
	ldp	x5, x6, [x1], #16
	stp	x5, x6, [x3], #16
	sub	x2, x2, #16
	b	1b
2:	cbz	x2, 6f
	ldrb	w5, [x1], #1
	strb	w5, [x3], #1
	sub	x2, x2, #1
	b	2b

	/* Backwards, from behind the last byte. */
3:	add	x1, x1, x2
	add	x3, x3, x2
4:	cmp	x2, #16
	b.lo	5f
	ldp	x5, x6, [x1, #-16]!
	stp	x5, x6, [x3, #-16]!
	sub	x2, x2, #16
	b	4b
5:	cbz	x2, 6f
	ldrb	w5, [x1, #-1]!
	strb	w5, [x3, #-1]!
	sub	x2, x2, #1
	b	5b
6:	ret
END(memmove)

FUNC(memset)
	mov	x3, x0
	and	x1, x1, #255
	mov	x4, #0x0101010101010101
	mul	x4, x4, x1
1:	cmp	x2, #16
	b.lo	2f
	stp	x4, x4, [x3], #16
	sub	x2, x2, #16
	b	1b
2:	cbz	x2, 3f
	strb	w4, [x3], #1
	sub	x2, x2, #1
	b	2b
3:	ret
END(memset)

FUNC(memcmp)
	mov	x3, x0
	mov	w0, #0
1:	cbz	x2, 2f
	ldrb	w4, [x3], #1
	ldrb	w5, [x1], #1
	sub	x2, x2, #1
	subs	w0, w4, w5
	b.eq	1b
2:	ret
END(memcmp)
