// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// A way of making a child, best first. Each launch finds out which there is by
// trying; a way that is refused costs one call.
type way int

const (
	viaClone3 way = iota
	viaClone
	// withoutPidfd: kernels that ignore CLONE_PIDFD leave the pidfd alone,
	// qemu-user refuses it.
	withoutPidfd
	viaCopy3
	viaCopy
	viaCopyWithoutPidfd
	nrWays
)

var flagsOf = [nrWays]uint64{
	viaClone3: sys.CLONE_VM | sys.CLONE_CHILD_CLEARTID | sys.CLONE_PIDFD |
		sys.CLONE_CLEAR_SIGHAND,
	viaClone:     sys.CLONE_VM | sys.CLONE_CHILD_CLEARTID | sys.CLONE_PIDFD,
	withoutPidfd: sys.CLONE_VM | sys.CLONE_CHILD_CLEARTID,
	viaCopy3:     sys.CLONE_PIDFD | sys.CLONE_CLEAR_SIGHAND,
	viaCopy:      sys.CLONE_PIDFD,
}

// A sharing is which ways are tried.
type sharing struct {
	first, end way
}

var (
	sharedMemory = sharing{viaClone3, viaCopy3}
	copiedMemory = sharing{viaCopy3, nrWays}
	// unsharedMemory: it is known that clone3 is of no use.
	unsharedMemory = sharing{viaCopy, nrWays}
)

func (w way) isClone3() bool {
	return w == viaClone3 || w == viaCopy3
}

// unavailable says that the kernel is too old for a call, or a filter forbids it.
func unavailable(err error) bool {
	return err == sys.ENOSYS || err == sys.EPERM || err == sys.EACCES || err == sys.EOPNOTSUPP
}

// refused says that the kernel does not know the way, or a filter does not like
// it.
func (w way) refused(errno syscall.Errno) bool {
	if w.isClone3() && (unavailable(errno) || errno == sys.E2BIG) {
		return true
	}
	return errno == sys.EINVAL
}

// A launch is what the kernel is given to make a child, beside the program.
type launch struct {
	args  cloneArgs
	pidfd int32
	// noPidfd: the child is known by its number alone.
	noPidfd bool
	old     uint64
	kept    sigaction
}

// errNotShared is that of a launch when memory cannot be shared.
var errNotShared = &StepError{Step: "clone", Err: sys.EINVAL}

// errNoCgroup is that of a launch where no way puts a child into a cgroup.
var errNoCgroup = &StepError{Step: "clone3", Err: sys.ENOSYS}

// start makes the child that runs p: in this program's memory, or in a copy of
// it, of which only what is mapped shared is common.
func (l *launch) start(p *program, s sharing) (child, error) {
	for w := s.first; w < s.end; w++ {
		step, errno := "clone", syscall.Errno(0)
		var pid int
		if w.isClone3() {
			step = "clone3"
		} else if p.cloneFlags&sys.CLONE_INTO_CGROUP != 0 {
			return noChild, errNoCgroup
		} else if errno = l.findHeard(p); errno != 0 {
			return noChild, &StepError{Step: "rt_sigaction", Err: errno}
		}
		pid, errno = l.try(p, w)
		if errno == 0 {
			return child{pid, l.pidfdOf(pid)}, nil
		}
		if !w.refused(errno) || w == nrWays-1 {
			return noChild, &StepError{Step: step, Err: errno}
		}
	}
	return noChild, errNotShared
}

func (l *launch) try(p *program, w way) (pid int, errno syscall.Errno) {
	l.pidfd = -1
	l.args = cloneArgs{
		flags:      flagsOf[w] | p.cloneFlags,
		pidfd:      address(&l.pidfd),
		childTid:   address(&p.tid),
		exitSignal: uint64(sys.SIGCHLD),
		stack:      p.stack,
		stackSize:  p.stackSize,
		cgroup:     p.cgroup,
	}
	if l.noPidfd {
		l.args.flags &^= sys.CLONE_PIDFD
	}
	var size uintptr
	if w.isClone3() {
		size = unsafe.Sizeof(l.args)
	}
	p.tid = 1
	old := &p.mask
	if p.hasMask != 0 {
		old = &l.old
	}
	pid = startChild(&l.args, size, p, &allSignals, old)
	if pid < 0 {
		return -1, syscall.Errno(-pid)
	}
	return pid, 0
}

// pidfdOf is the pidfd of the child, or -1 where clone gives none, and the
// kernel has none or none is free.
func (l *launch) pidfdOf(pid int) int {
	if l.pidfd >= 0 || l.noPidfd {
		return int(l.pidfd)
	}
	fd, err := sys.PidfdOpen(pid, 0)
	if err != nil {
		return -1
	}
	return fd
}

// findHeard finds the signals that are not ignored: another goroutine may have
// one of them handled at any moment. Two cannot be.
func (l *launch) findHeard(p *program) syscall.Errno {
	if p.hasHeard != 0 {
		return 0
	}
	p.heard = 0
	for sig := uintptr(1); sig <= 64; sig++ {
		if sig == uintptr(sys.SIGKILL) || sig == uintptr(sys.SIGSTOP) {
			continue
		}
		if e := l.kept.read(sig); e != 0 {
			return e
		}
		if l.kept.handler != ignored {
			p.heard |= 1 << (sig - 1)
		}
	}
	p.hasHeard = 1
	return 0
}

// ignored is SIG_IGN.
const ignored = 1

// read reads what is done on a signal.
func (a *sigaction) read(sig uintptr) syscall.Errno {
	_, _, e := syscall.RawSyscall6(sys.SYS_RT_SIGACTION, sig, 0,
		uintptr(unsafe.Pointer(a)), sigsetSize, 0, 0)
	return e
}

// reapsChildren reports whether the kernel may reap children of this program
// without a wait.
func reapsChildren() bool {
	var a sigaction
	e := a.read(uintptr(sys.SIGCHLD))
	return e != 0 || a.handler == ignored || a.flags&sys.SA_NOCLDWAIT != 0
}

// look is wait where no call waits.
func (p *program) look() {
	for atomic.LoadUint32(&p.tid) != 0 {
		time.Sleep(time.Millisecond)
	}
}

// wait waits until the child that runs p has left this memory. The thread is in
// a system call for the scheduler and the garbage collector, which go on.
func (p *program) wait() syscall.Errno {
	for {
		// The child's last word comes before the kernel's 0.
		tid := atomic.LoadUint32(&p.tid)
		if tid == 0 {
			return 0
		}
		// The wake comes to a shared futex: FUTEX_PRIVATE_FLAG would miss it.
		_, _, e := syscall.Syscall6(sys.SYS_FUTEX, uintptr(unsafe.Pointer(&p.tid)),
			sys.FUTEX_WAIT, uintptr(tid), 0, 0, 0)
		if e != 0 && e != sys.EAGAIN && e != sys.EINTR {
			return e
		}
	}
}
