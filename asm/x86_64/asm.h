/* SPDX-License-Identifier: MIT */
/* How a function begins and ends, for the assembler. */
#ifndef SHIM_ASM_H
#define SHIM_ASM_H

/* Each in a section of its own, with a landing pad for indirect branches. */
#define FUNC(name)                               \
	.section .text.name, "ax", %progbits;    \
	.globl name;                             \
	.type name, %function;                   \
	.p2align 4;                              \
	name:                                    \
	.cfi_startproc;                          \
	endbr64

#define HIDDEN(name) .hidden name

#define END(name)                                \
	.cfi_endproc;                            \
	.size name, . - name

/* The stack is not executable; indirect branches and returns are tracked. */
#define PROPERTY_X86_FEATURE_1_AND 0xc0000002
#define IBT_AND_SHSTK 3

	.section .note.GNU-stack, "", %progbits
	.section .note.gnu.property, "a", %note
	.p2align 3
	.long 4, 16, 5
	.asciz "GNU"
	.long PROPERTY_X86_FEATURE_1_AND, 4, IBT_AND_SHSTK, 0

#endif
