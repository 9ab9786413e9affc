// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// Flags of a step. What is not set costs nothing; bits without a name are 0.
const (
	// stepIgnore: an error is a result like any other.
	stepIgnore = 0x1
	// stepSave: the result goes into the register of stepReg.
	stepSave = 0x2
	// stepTry: one of several ways to the same end. Success ends the program.
	// ENOENT, ENOTDIR and EACCES lead to the next step; at the end of the
	// program the first EACCES, else the last of these errors, is its error.
	stepTry = 0x4
	// stepWait: the call waits for the parent. EINTR is answered by making it
	// again; a result of 0, the end of a pipe, is the error ECANCELED.
	stepWait = 0x8
	// stepEach: the call is made for argument 0, argument 0 plus 1 and so on
	// up to argument 5, which the kernel does not get.
	stepEach = 0x10
	// stepParent: a result that is neither 0 nor argument 5 is the error
	// ECANCELED: of getppid(2), when the parent has ended. It is 0 in a new PID
	// namespace, which cannot see its parent.
	stepParent = 0x20
	// stepArg, shifted by i: argument i is the number of a register.
	stepArg = 0x100
	// stepReg is the number of the register of stepSave, shifted.
	stepRegShift = 16
	// stepRetry is how often ETXTBSY is answered by another call, shifted.
	stepRetryShift = 24
)

// For the assembler.
const (
	nrClone3         = sys.SYS_CLONE3
	nrClone          = sys.SYS_CLONE
	nrRtSigaction    = sys.SYS_RT_SIGACTION
	nrRtSigprocmask  = sys.SYS_RT_SIGPROCMASK
	nrClockNanosleep = sys.SYS_CLOCK_NANOSLEEP
	nrExitGroup      = sys.SYS_EXIT_GROUP
	sigSetmask       = sys.SIG_SETMASK
	sigsetSize       = 8
	clockMonotonic   = sys.CLOCK_MONOTONIC
	errnoMax         = 4095
	errnoEACCES      = sys.EACCES
	errnoECANCELED   = sys.ECANCELED
	errnoEINTR       = sys.EINTR
	errnoENOENT      = sys.ENOENT
	errnoENOTDIR     = sys.ENOTDIR
	errnoETXTBSY     = sys.ETXTBSY
	//lint:ignore U1000 it is the assembler's
	exitFailed = 127 // The status of a child whose program failed.
)

// A step is one system call of the child. The format is that of C.
type step struct {
	nr    uint32
	flags uint32
	args  [6]uint64
}

const nrRegs = 8

// A program is the steps of a child, and what it and its parent tell each other.
type program struct {
	steps   *step
	nrSteps uint32
	// tid is not 0 from before clone3 until the child runs another program or
	// is gone: then the kernel writes 0 and wakes a shared futex.
	tid uint32
	// err and failed are the child's last word: an errno and the step that
	// gave it, or 0. A step behind the last stands for rt_sigaction, before the
	// first.
	err    uint32
	failed uint32
	// tryErr and tryFailed are those of the steps with stepTry so far.
	tryErr    uint32
	tryFailed uint32
	regs      [nrRegs]uint64
	// pause is between retries.
	pause sys.Timespec
	// mask is the signals that the new program has blocked: it is given, or
	// becomes that of the thread that makes the child.
	mask      uint64
	stack     uint64
	stackSize uint64
	hasMask   uint64
	// heard is the signals that get their default action before the first step,
	// where the kernel does not do that; action is this action, all zero.
	heard    uint64
	action   sigaction
	hasHeard uint32
	// filled is what the parent writes when a child that waits may go on.
	filled uint32
	// cloneFlags is what the child begins in: CLONE_NEW*, and with
	// CLONE_INTO_CGROUP the cgroup of that descriptor.
	cloneFlags uint64
	cgroup     uint64
}

// sigaction is the kernel's.
type sigaction struct {
	handler, flags, restorer, mask uint64
}

// cloneArgs is the kernel's struct clone_args.
type cloneArgs struct {
	flags      uint64
	pidfd      uint64
	childTid   uint64
	_          uint64 // parent_tid
	exitSignal uint64
	stack      uint64
	stackSize  uint64
	_          [3]uint64 // tls, set_tid, set_tid_size
	cgroup     uint64
}

// The layouts are those of C, and of the kernel.
var (
	_ [56]byte  = [unsafe.Sizeof(step{})]byte{}
	_ [4]byte   = [unsafe.Offsetof(step{}.flags)]byte{}
	_ [8]byte   = [unsafe.Offsetof(step{}.args)]byte{}
	_ [208]byte = [unsafe.Sizeof(program{})]byte{}
	_ [8]byte   = [unsafe.Offsetof(program{}.nrSteps)]byte{}
	_ [12]byte  = [unsafe.Offsetof(program{}.tid)]byte{}
	_ [16]byte  = [unsafe.Offsetof(program{}.err)]byte{}
	_ [20]byte  = [unsafe.Offsetof(program{}.failed)]byte{}
	_ [24]byte  = [unsafe.Offsetof(program{}.tryErr)]byte{}
	_ [28]byte  = [unsafe.Offsetof(program{}.tryFailed)]byte{}
	_ [32]byte  = [unsafe.Offsetof(program{}.regs)]byte{}
	_ [96]byte  = [unsafe.Offsetof(program{}.pause)]byte{}
	_ [112]byte = [unsafe.Offsetof(program{}.mask)]byte{}
	_ [120]byte = [unsafe.Offsetof(program{}.stack)]byte{}
	_ [136]byte = [unsafe.Offsetof(program{}.hasMask)]byte{}
	_ [144]byte = [unsafe.Offsetof(program{}.heard)]byte{}
	_ [152]byte = [unsafe.Offsetof(program{}.action)]byte{}
	_ [184]byte = [unsafe.Offsetof(program{}.hasHeard)]byte{}
	_ [188]byte = [unsafe.Offsetof(program{}.filled)]byte{}
	_ [192]byte = [unsafe.Offsetof(program{}.cloneFlags)]byte{}
	_ [200]byte = [unsafe.Offsetof(program{}.cgroup)]byte{}
	_ [88]byte  = [unsafe.Sizeof(cloneArgs{})]byte{}
)

// allSignals is the mask that blocks every signal.
var allSignals uint64 = ^uint64(0)

// startChild blocks all signals of the thread, makes a child as args says, which
// runs p, and restores the mask, having stored it in *mask. The call is clone3,
// or, when size is 0, clone with what that knows of args. It returns the child's
// number, or -errno. The P of the scheduler is held meanwhile, as by package
// syscall when it forks.
//
//go:noescape
func startChild(args *cloneArgs, size uintptr, p *program, all, mask *uint64) (pid int)

const (
	stepSize    = int(unsafe.Sizeof(step{}))
	pointerSize = 8
)

// newProgram returns a program with room for so many steps behind it, and the
// child's stack.
func newProgram(a *arena, steps int) *program {
	p := &vector[program](a, 1)[0]
	p.steps = &vector[step](a, steps)[0]
	stack := vector[[16]byte](a, stackSize/16)
	p.stack = address(&stack[0])
	p.stackSize = stackSize
	return p
}

// add appends a step with flags and arguments. There must be room for it.
func (p *program) add(nr, flags uint32, args ...uint64) {
	p.nrSteps++
	s := &p.list()[p.nrSteps-1]
	*s = step{nr: nr, flags: flags}
	copy(s.args[:], args)
}

// list returns the steps.
func (p *program) list() []step {
	return unsafe.Slice(p.steps, p.nrSteps)
}
