// SPDX-License-Identifier: MIT

#include "funcdata.h"
#include "textflag.h"

// func callClock(fn uintptr, clockid int32, time *Timespec) (r int32)
//
//	           C
//	fn         AX
//	clockid    DI
//	time       SI
//	r          AX
//
// What C calls needs an aligned stack, and room on it. A function that is not
// NOSPLIT has 800 bytes below its frame; the vDSO uses about a hundred, which
// tests/vdso.c measures on every kernel.
//
// A signal finds g in thread-local storage, which the vDSO does not touch. It
// finds a program counter that is not Go's, so that it neither preempts nor
// unwinds: a profile counts the vDSO. On an instruction between ANDQ and the
// second MOVQ, SP may be 8 bytes low: where the return address should be is
// then the saved BP, which is none, and unwinding ends there.
TEXT ·callClock(SB),0,$16-28
	NO_LOCAL_POINTERS
	MOVQ	fn+0(FP), AX
	MOVL	clockid+8(FP), DI
	MOVQ	time+16(FP), SI
	MOVQ	SP, R12		// kept by C
	ANDQ	$~15, SP
	CALL	AX
	MOVQ	R12, SP
	MOVL	AX, r+24(FP)
	RET
