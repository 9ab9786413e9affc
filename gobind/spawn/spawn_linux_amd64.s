// SPDX-License-Identifier: MIT

#include "go_asm.h"
#include "textflag.h"

// ARG(i, reg): argument i of the step, or the value of the register that it
// numbers. Clobbers CX.
#define ARG(i, reg) \
	MOVQ	(step_args+8*i)(R13), reg; \
	MOVQ	reg, CX; \
	ANDL	$(const_nrRegs-1), CX; \
	MOVQ	program_regs(R12)(CX*8), CX; \
	TESTL	$(const_stepArg<<i), BP; \
	CMOVQNE	CX, reg

// func startChild(args *cloneArgs, size uintptr, p *program, all, mask *uint64) (pid int)
//
//	         parent    rt_sigprocmask    clone3    clone, when size is 0
//	args     BX                          DI        its fields: flags DI, stack SI,
//	                                               pidfd DX, childTid R10; no tls: R8
//	size                                 SI
//	p        R12                         kept for the child
//	all                SI
//	mask     R13       DX, then SI
//
// The signals stay blocked from before clone3 to after it, and no Go code runs
// in between, so all is done by one thread. The child has the memory of its
// parent, or a copy, and a stack of its own. It gives the signals of heard their
// default action: none, when clone3 has done it. Its registers:
//
//	R12    program                 BP     flags of the step
//	R13    signals, then step      R14    retries left
//	BX     number of the step      R15    last value of stepEach
//	DI SI DX R10 R8 R9             arguments of the call, kept by the kernel
//
// The kernel clobbers CX and R11.
TEXT ·startChild(SB),NOSPLIT|NOFRAME,$0-48
	MOVQ	args+0(FP), BX
	MOVQ	p+16(FP), R12
	MOVQ	mask+32(FP), R13
	MOVL	$const_nrRtSigprocmask, AX
	MOVL	$const_sigSetmask, DI
	MOVQ	all+24(FP), SI
	MOVQ	R13, DX
	MOVL	$const_sigsetSize, R10
	SYSCALL

	MOVL	$const_nrClone3, AX
	MOVQ	BX, DI
	MOVQ	size+8(FP), SI
	TESTQ	SI, SI
	JNZ	clone
	MOVL	$const_nrClone, AX
	MOVQ	cloneArgs_flags(BX), DI
	ORQ	cloneArgs_exitSignal(BX), DI
	MOVQ	cloneArgs_stack(BX), SI
	ADDQ	cloneArgs_stackSize(BX), SI
	MOVQ	cloneArgs_pidfd(BX), DX
	MOVQ	cloneArgs_childTid(BX), R10
	XORL	R8, R8

clone:
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, pid+40(FP)

	MOVL	$const_nrRtSigprocmask, AX
	MOVL	$const_sigSetmask, DI
	MOVQ	R13, SI
	XORL	DX, DX
	MOVL	$const_sigsetSize, R10
	SYSCALL
	RET

child:
	MOVQ	program_heard(R12), R13
	MOVL	program_nrSteps(R12), BX

signal:
	BSFQ	R13, DI
	JEQ	first
	BTRQ	DI, R13
	INCL	DI
	LEAQ	program_action(R12), SI
	XORL	DX, DX
	MOVL	$const_sigsetSize, R10
	MOVL	$const_nrRtSigaction, AX
	SYSCALL
	TESTL	AX, AX
	JEQ	signal
	NEGL	AX
	JMP	fail

first:
	MOVQ	program_steps(R12), R13
	XORL	BX, BX

begin:
	CMPL	BX, program_nrSteps(R12)
	JCC	end
	MOVL	step_flags(R13), BP
	MOVL	BP, R14
	SHRL	$const_stepRetryShift, R14
	ARG(0, DI)
	ARG(1, SI)
	ARG(2, DX)
	ARG(3, R10)
	ARG(4, R8)
	ARG(5, R9)
	TESTL	$const_stepEach, BP
	JZ	call
	MOVQ	R9, R15
	XORL	R9, R9
	CMPQ	DI, R15
	JHI	next

call:
	MOVL	step_nr(R13), AX
	SYSCALL
	CMPQ	AX, $-const_errnoMax
	JCC	error

result:
	TESTL	$const_stepSave, BP
	JZ	saved
	MOVL	BP, CX
	SHRL	$const_stepRegShift, CX
	ANDL	$(const_nrRegs-1), CX
	MOVQ	AX, program_regs(R12)(CX*8)

saved:
	TESTL	$const_stepWait, BP
	JNZ	waited
	TESTL	$const_stepParent, BP
	JNZ	parent
	TESTL	$const_stepTry, BP
	JNZ	success
	TESTL	$const_stepEach, BP
	JZ	next
	CMPQ	DI, R15
	JEQ	next
	INCQ	DI
	JMP	call

	// Not that of argument 5: there is none, or it cannot be seen.
parent:
	TESTQ	AX, AX
	JZ	next
	CMPQ	AX, R9
	JEQ	next
	MOVL	$const_errnoECANCELED, AX
	JMP	fail

	// Of nothing but the end: there is no parent.
waited:
	TESTQ	AX, AX
	JNZ	next
	MOVL	$const_errnoECANCELED, AX
	JMP	fail

next:
	ADDQ	$step__size, R13
	INCL	BX
	JMP	begin

error:
	NEGL	AX
	TESTL	$const_stepWait, BP
	JZ	retry
	CMPL	AX, $const_errnoEINTR
	JEQ	call

retry:
	CMPL	AX, $const_errnoETXTBSY
	JNE	final
	SUBL	$1, R14
	JCC	pause

final:
	TESTL	$const_stepTry, BP
	JNZ	try
	TESTL	$const_stepIgnore, BP
	JZ	fail
	NEGL	AX
	MOVLQSX	AX, AX
	JMP	result

	// The pause wants some of the arguments' registers.
pause:
	PUSHQ	DI
	PUSHQ	SI
	PUSHQ	DX
	PUSHQ	R10
	MOVL	$const_nrClockNanosleep, AX
	MOVL	$const_clockMonotonic, DI
	XORL	SI, SI
	LEAQ	program_pause(R12), DX
	XORL	R10, R10
	SYSCALL
	POPQ	R10
	POPQ	DX
	POPQ	SI
	POPQ	DI
	JMP	call

	// The first EACCES, else the last.
try:
	CMPL	AX, $const_errnoENOENT
	JEQ	note
	CMPL	AX, $const_errnoENOTDIR
	JEQ	note
	CMPL	AX, $const_errnoEACCES
	JNE	fail

note:
	CMPL	program_tryErr(R12), $const_errnoEACCES
	JEQ	next
	MOVL	AX, program_tryErr(R12)
	MOVL	BX, program_tryFailed(R12)
	JMP	next

end:
	MOVL	program_tryErr(R12), AX
	MOVL	program_tryFailed(R12), BX
	TESTL	AX, AX
	JZ	success

	// The parent reads both once the kernel has made tid 0.
fail:
	MOVL	BX, program_failed(R12)
	MOVL	AX, program_err(R12)
	MOVL	$const_exitFailed, DI
	JMP	exit

success:
	XORL	DI, DI

exit:
	MOVL	$const_nrExitGroup, AX
	SYSCALL
	INT	$3
