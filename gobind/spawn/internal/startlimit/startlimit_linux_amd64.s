// SPDX-License-Identifier: MIT

#include "textflag.h"

#define NR_prlimit64	302
#define RLIMIT_NOFILE	7

// func prlimit(old *Limit) (errno int)
//
//	            kernel
//	number      AX      prlimit64
//	pid         DI      0: this process
//	resource    SI      RLIMIT_NOFILE
//	new         DX      none
//	old         R10
//
// The kernel clobbers CX and R11.
TEXT ·prlimit(SB),NOSPLIT,$0-16
	MOVL	$NR_prlimit64, AX
	XORL	DI, DI
	MOVL	$RLIMIT_NOFILE, SI
	XORL	DX, DX
	MOVQ	old+0(FP), R10
	SYSCALL
	MOVQ	AX, errno+8(FP)
	RET
