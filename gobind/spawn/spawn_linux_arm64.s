// SPDX-License-Identifier: MIT

#include "go_asm.h"
#include "textflag.h"

// ARG(i, reg): argument i of the step, or the value of the register that it
// numbers. Clobbers R16 and the flags.
#define ARG(i, reg) \
	MOVD	(step_args+8*i)(R10), reg; \
	AND	$(const_nrRegs-1), reg, R16; \
	ADD	R16<<3, R9, R16; \
	MOVD	program_regs(R16), R16; \
	TST	$(const_stepArg<<i), R12; \
	CSEL	NE, R16, reg, reg

// func startChild(args *cloneArgs, size uintptr, p *program, all, mask *uint64) (pid int)
//
//	         parent    rt_sigprocmask    clone3    clone, when size is 0
//	args     R10                         R0        its fields: flags R0, stack R1,
//	                                               pidfd R2, childTid R4; no tls: R3
//	size                                 R1
//	p        R9                          kept for the child
//	all                R1
//	mask     R11       R2, then R1
//
// The signals stay blocked from before clone3 to after it, and no Go code runs
// in between, so all is done by one thread. The child has the memory of its
// parent, or a copy, and a stack of its own. It gives the signals of heard their
// default action: none, when clone3 has done it. Its registers:
//
//	R9     program                 R12    flags of the step
//	R10    signals, then step      R13    retries left
//	R11    number of the step      R15    last value of stepEach
//	R14    argument 0              R1-R5  the others, kept by the kernel
//
// The kernel clobbers R0.
TEXT ·startChild(SB),NOSPLIT|NOFRAME,$0-48
	MOVD	args+0(FP), R10
	MOVD	p+16(FP), R9
	MOVD	mask+32(FP), R11
	MOVD	$const_nrRtSigprocmask, R8
	MOVD	$const_sigSetmask, R0
	MOVD	all+24(FP), R1
	MOVD	R11, R2
	MOVD	$const_sigsetSize, R3
	SVC

	MOVD	$const_nrClone3, R8
	MOVD	R10, R0
	MOVD	size+8(FP), R1
	CBNZ	R1, clone
	MOVD	$const_nrClone, R8
	MOVD	cloneArgs_flags(R10), R0
	MOVD	cloneArgs_exitSignal(R10), R16
	ORR	R16, R0
	MOVD	cloneArgs_stack(R10), R1
	MOVD	cloneArgs_stackSize(R10), R16
	ADD	R16, R1
	MOVD	cloneArgs_pidfd(R10), R2
	MOVD	ZR, R3
	MOVD	cloneArgs_childTid(R10), R4

clone:
	SVC
	CBZ	R0, child
	MOVD	R0, pid+40(FP)

	MOVD	$const_nrRtSigprocmask, R8
	MOVD	$const_sigSetmask, R0
	MOVD	R11, R1
	MOVD	ZR, R2
	MOVD	$const_sigsetSize, R3
	SVC
	RET

child:
	MOVD	program_heard(R9), R10
	MOVWU	program_nrSteps(R9), R11

signal:
	CBZ	R10, first
	RBIT	R10, R0
	CLZ	R0, R0
	ADD	$1, R0
	SUB	$1, R10, R16
	AND	R16, R10
	ADD	$program_action, R9, R1
	MOVD	ZR, R2
	MOVD	$const_sigsetSize, R3
	MOVD	$const_nrRtSigaction, R8
	SVC
	CBZ	R0, signal
	NEG	R0, R0
	B	fail

first:
	MOVD	program_steps(R9), R10
	MOVD	ZR, R11

begin:
	MOVWU	program_nrSteps(R9), R16
	CMPW	R16, R11
	BCS	end
	MOVWU	step_flags(R10), R12
	LSR	$const_stepRetryShift, R12, R13
	ARG(0, R14)
	ARG(1, R1)
	ARG(2, R2)
	ARG(3, R3)
	ARG(4, R4)
	ARG(5, R5)
	TST	$const_stepEach, R12
	BEQ	call
	MOVD	R5, R15
	MOVD	ZR, R5
	CMP	R15, R14
	BHI	next

call:
	MOVWU	step_nr(R10), R8
	MOVD	R14, R0
	SVC
	CMN	$const_errnoMax, R0
	BCS	error

result:
	TST	$const_stepSave, R12
	BEQ	saved
	LSR	$const_stepRegShift, R12, R16
	AND	$(const_nrRegs-1), R16
	ADD	R16<<3, R9, R16
	MOVD	R0, program_regs(R16)

saved:
	TST	$const_stepWait, R12
	BNE	waited
	TST	$const_stepParent, R12
	BNE	parent
	TST	$const_stepTry, R12
	BNE	success
	TST	$const_stepEach, R12
	BEQ	next
	CMP	R15, R14
	BEQ	next
	ADD	$1, R14
	B	call

	// Not that of argument 5: there is none, or it cannot be seen.
parent:
	CBZ	R0, next
	CMP	R5, R0
	BEQ	next
	MOVD	$const_errnoECANCELED, R0
	B	fail

	// Of nothing but the end: there is no parent.
waited:
	CBNZ	R0, next
	MOVD	$const_errnoECANCELED, R0
	B	fail

next:
	ADD	$step__size, R10
	ADD	$1, R11
	B	begin

error:
	NEG	R0, R0
	TST	$const_stepWait, R12
	BEQ	retry
	CMP	$const_errnoEINTR, R0
	BEQ	call

retry:
	CMP	$const_errnoETXTBSY, R0
	BNE	final
	CBZ	R13, final
	SUB	$1, R13

	// The pause wants some of the arguments' registers.
	MOVD	R1, R19
	MOVD	R2, R20
	MOVD	R3, R21
	MOVD	$const_nrClockNanosleep, R8
	MOVD	$const_clockMonotonic, R0
	MOVD	ZR, R1
	ADD	$program_pause, R9, R2
	MOVD	ZR, R3
	SVC
	MOVD	R19, R1
	MOVD	R20, R2
	MOVD	R21, R3
	B	call

final:
	TST	$const_stepTry, R12
	BNE	try
	TST	$const_stepIgnore, R12
	BEQ	fail
	NEG	R0, R0
	B	result

	// The first EACCES, else the last.
try:
	CMP	$const_errnoENOENT, R0
	BEQ	note
	CMP	$const_errnoENOTDIR, R0
	BEQ	note
	CMP	$const_errnoEACCES, R0
	BNE	fail

note:
	MOVWU	program_tryErr(R9), R16
	CMP	$const_errnoEACCES, R16
	BEQ	next
	MOVW	R0, program_tryErr(R9)
	MOVW	R11, program_tryFailed(R9)
	B	next

end:
	MOVWU	program_tryErr(R9), R0
	MOVWU	program_tryFailed(R9), R11
	CBZ	R0, success

fail:
	MOVW	R11, program_failed(R9)
	MOVW	R0, program_err(R9)
	// Who sees the kernel's 0 in tid sees these, too.
	DMB	$0xb
	MOVD	$const_exitFailed, R0
	B	exit

success:
	MOVD	ZR, R0

exit:
	MOVD	$const_nrExitGroup, R8
	SVC
	BRK
