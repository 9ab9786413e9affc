// SPDX-License-Identifier: MIT

#include "textflag.h"

#define NR_prlimit64	261
#define RLIMIT_NOFILE	7

// func prlimit(old *Limit) (errno int)
//
//	            kernel
//	number      R8      prlimit64
//	pid         R0      0: this process
//	resource    R1      RLIMIT_NOFILE
//	new         R2      none
//	old         R3
TEXT ·prlimit(SB),NOSPLIT,$0-16
	MOVD	$NR_prlimit64, R8
	MOVD	ZR, R0
	MOVD	$RLIMIT_NOFILE, R1
	MOVD	ZR, R2
	MOVD	old+0(FP), R3
	SVC
	MOVD	R0, errno+8(FP)
	RET
