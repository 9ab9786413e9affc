// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// The flags of steps.
const (
	StepIgnore = stepIgnore
	StepSave   = stepSave
	StepTry    = stepTry
	StepWait   = stepWait
	StepParent = stepParent
	StepEach   = stepEach
	StepArg    = stepArg
	StepReg    = 1 << stepRegShift
	StepRetry  = 1 << stepRetryShift
)

// A Step is a step with fields that tests can reach.
type Step struct {
	Nr    uint32
	Flags uint32
	Args  [6]uint64
}

// StepsOf returns the steps that options become.
func StepsOf(o *Options) ([]Step, error) {
	var steps []Step
	l, err := newPlan(o, nil)
	if err != nil {
		return nil, err
	}
	a, err := newArena(l.size())
	if err != nil {
		return nil, err
	}
	defer a.release()
	p, err := l.compile(a)
	if err != nil {
		return nil, err
	}
	for _, s := range p.list() {
		steps = append(steps, Step{s.nr, s.flags, s.args})
	}
	return steps, nil
}

// Copies reports whether a child with these gets a copy of the memory.
func Copies(a *Attr) bool {
	return a.copies()
}

// StartEdited is Start for a program that edit has changed. The program has a
// step for the limit of descriptors, too.
func StartEdited(o *Options, edit func([]Step) []Step) (pid, pidfd int, err error) {
	limit := limitNow()
	l, err := newPlan(o, &limit)
	if err != nil {
		return -1, -1, err
	}
	c, err := l.start(func(p *program) {
		var steps []Step
		for _, s := range p.list() {
			steps = append(steps, Step{s.nr, s.flags, s.args})
		}
		p.nrSteps = 0
		for _, s := range edit(steps) {
			p.add(s.Nr, s.Flags, s.Args[:]...)
		}
	})
	return c.pid, c.pidfd, err
}

// An Outcome is what became of steps without exec.
type Outcome struct {
	Err    syscall.Errno
	Failed int
	Regs   [nrRegs]uint64
	Status int // Or a signal.
}

// RunSteps lets a child run steps. Memory that they may use, all zero, is at the
// address that make is given. during is called when the child runs.
func RunSteps(make func(memory uint64) []Step, during func(pid int)) (Outcome, error) {
	a, err := newArena(arenaSize)
	if err != nil {
		return Outcome{}, err
	}
	defer a.release()
	memory := vector[uint64](a, 64)
	steps := make(address(&memory[0]))
	p := newProgram(a, len(steps)+1)
	for _, s := range steps {
		p.add(s.Nr, s.Flags, s.Args[:]...)
	}
	p.pause.Nsec = pauseNs
	l := &vector[launch](a, 1)[0]
	c, err := l.start(p, sharedMemory)
	if err != nil {
		return Outcome{}, err
	}
	during(c.pid)
	if errno := p.wait(); errno != 0 {
		return Outcome{}, errno
	}
	if c.pidfd >= 0 {
		defer sys.Close(c.pidfd)
	}
	var info sys.Siginfo
	if err := c.wait(&info, sys.WEXITED); err != nil {
		return Outcome{}, err
	}
	return Outcome{syscall.Errno(p.err), int(p.failed), p.regs, int(info.Status)}, nil
}

// ReapsChildren is reapsChildren.
func ReapsChildren() bool {
	return reapsChildren()
}

// KeepNoStatus lets the kernel reap the children of this program, whose SIGCHLD
// is handled as before.
func KeepNoStatus() error {
	var a sigaction
	if errno := a.read(uintptr(sys.SIGCHLD)); errno != 0 {
		return errno
	}
	a.flags |= sys.SA_NOCLDWAIT
	_, _, errno := syscall.RawSyscall6(sys.SYS_RT_SIGACTION, uintptr(sys.SIGCHLD),
		uintptr(unsafe.Pointer(&a)), 0, sigsetSize, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// SharesMemory reports whether a child can use this program's memory, as steps
// that are run by hand must.
func SharesMemory() bool {
	_, err := RunSteps(func(uint64) []Step { return nil }, func(int) {})
	return err == nil
}

// LacksCloseRange reports whether there is no close_range.
func LacksCloseRange() bool {
	return missingCloseRange() != 0
}

// DropArenas unmaps the memory that is kept, and returns how often.
func DropArenas() (n int) {
	for a := takeArena(); a != nil; a = takeArena() {
		sys.RawMunmap(a.base, a.size)
		n++
	}
	return n
}

// ArenasKept is the most that DropArenas returns.
const ArenasKept = arenasKept

// Deny makes a call fail for the calling thread and its children, for good.
func Deny(nr uint32, errno syscall.Errno) error {
	return DenySome([]Denial{{Call: nr, Errno: errno}})
}

// A Denial is a call that fails: always, or when argument 0 has Value in Bits.
type Denial struct {
	Call        uint32
	Errno       syscall.Errno
	Bits, Value uint32
}

// DenySome is Deny for several calls; the first that is meant counts.
func DenySome(some []Denial) error {
	const firstArg = 16
	var prog []syscall.SockFilter
	for _, d := range some {
		prog = append(prog, []syscall.SockFilter{
			{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS},
			{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: d.Call, Jf: 4},
			{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: firstArg},
			{Code: syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, K: d.Bits},
			{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: d.Value, Jf: 1},
			{Code: syscall.BPF_RET | syscall.BPF_K, K: sys.SECCOMP_RET_ERRNO | uint32(d.Errno)},
		}...)
	}
	return install(append(prog, syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: sys.SECCOMP_RET_ALLOW}))
}

// DenyKill makes a signal to one process fail with EPERM, and one to a group do
// nothing but return the errno, or success, likewise.
func DenyKill(group syscall.Errno) error {
	const sign = 1 << 31
	return DenySome([]Denial{
		{sys.SYS_KILL, group, sign, sign},
		{sys.SYS_KILL, sys.EPERM, 0, 0},
	})
}

// install puts the filter on the calling thread.
func install(prog []syscall.SockFilter) error {
	if err := sys.Prctl(sys.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := syscall.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, err := sys.Seccomp(sys.SECCOMP_SET_MODE_FILTER, 0, unsafe.Pointer(&fprog))
	return err
}

// Variable returns memory for steps, which stays for good, and its address.
func Variable(ts sys.Timespec) (*sys.Timespec, uint64) {
	kept := constants.alloc(unsafe.Sizeof(ts), unsafe.Alignof(ts))
	*(*sys.Timespec)(kept) = ts
	return (*sys.Timespec)(kept), uint64(uintptr(kept))
}

// Constant returns the address of a value for steps.
func Constant(ts sys.Timespec) uint64 {
	_, address := Variable(ts)
	return address
}

var constants = func() *arena {
	a, err := newArena(arenaSize)
	if err != nil {
		panic(err)
	}
	return a
}()
