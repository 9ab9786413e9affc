/* SPDX-License-Identifier: MIT */
/* How a function begins and ends, for the assembler. */
#ifndef SHIM_ASM_H
#define SHIM_ASM_H

/* Each in a section of its own, with a landing pad (bti c, a hint). */
#define FUNC(name)                               \
	.section .text.name, "ax", %progbits;    \
	.globl name;                             \
	.type name, %function;                   \
	.p2align 4;                              \
	name:                                    \
	.cfi_startproc;                          \
	hint 34

#define HIDDEN(name) .hidden name

#define END(name)                                \
	.cfi_endproc;                            \
	.size name, . - name

/* The stack is not executable; indirect branches are checked. */
#define PROPERTY_AARCH64_FEATURE_1_AND 0xc0000000
#define BTI 1

	.section .note.GNU-stack, "", %progbits
	.section .note.gnu.property, "a", %note
	.p2align 3
	.long 4, 16, 5
	.asciz "GNU"
	.long PROPERTY_AARCH64_FEATURE_1_AND, 4, BTI, 0

#endif
