// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"

	"example.com/syshim/gobind/spawn/internal/startlimit"
	"example.com/syshim/gobind/sys"
)

// Start starts a program and returns when it runs, or cannot: then there is no
// child, and the error is an [*Error]. pidfd is close-on-exec and the caller's,
// as is the child, which must be waited for. The program gets the RLIMIT_NOFILE
// that this program was started with, unless this program has set its own.
//
// A child that a signal kills before it runs the program was started: waiting
// for it tells.
func Start(o *Options) (pid, pidfd int, err error) {
	l, err := newPlan(o, noFile())
	if err != nil {
		return -1, -1, err
	}
	return l.start(nil)
}

// start is Start. edit, unless it is nil, changes the program before it runs.
func (l *plan) start(edit func(*program)) (pid, pidfd int, err error) {
	a, err := newArena(l.size())
	if err != nil {
		return -1, -1, &Error{Step: "mmap", Err: err}
	}
	defer a.release()
	p, err := l.compile(a)
	if err != nil {
		return -1, -1, err
	}
	if edit != nil {
		edit(p)
	}
	return l.run(p, &vector[launch](a, 1)[0])
}

// run lets a child run the program, and waits until the memory of both is this
// program's alone again.
func (l *plan) run(p *program, child *launch) (pid, pidfd int, err error) {
	pid, errno := l.launch(p, child)
	if errno != 0 {
		return -1, -1, &Error{Step: "clone3", Err: errno}
	}
	pidfd = int(child.pidfd)
	if errno := p.wait(); errno != 0 {
		sys.PidfdSendSignal(pidfd, sys.SIGKILL, nil, 0)
		err = &Error{Step: "futex", Err: errno}
	} else if p.err != 0 {
		err = stepError(l.Options, &p.list()[p.failed], syscall.Errno(p.err))
	}
	if err != nil {
		reap(pidfd)
		sys.Close(pidfd)
		return -1, -1, err
	}
	return pid, pidfd, nil
}

// launch makes the child. One that keeps descriptors must not be made while
// another goroutine has one that is not yet close-on-exec; of the others'
// descriptors none reaches the program, and what this package opens is
// close-on-exec from the beginning.
func (l *plan) launch(p *program, child *launch) (pid int, errno syscall.Errno) {
	if l.KeepFDs {
		syscall.ForkLock.Lock()
		defer syscall.ForkLock.Unlock()
	}
	return child.start(p)
}

// raised is the RLIMIT_NOFILE that package syscall, initialised before, has made
// of that of the start.
var raised = limitNow()

func limitNow() (l sys.Rlimit) {
	sys.Prlimit(0, sys.RLIMIT_NOFILE, nil, &l)
	return l
}

// noFile returns the limit of the start, or nil if this program's is right: it
// was not raised, or set to something else since.
func noFile() *sys.Rlimit {
	start := sys.Rlimit(startlimit.NoFile)
	if !startlimit.Known || start == raised || limitNow() != raised {
		return nil
	}
	return &start
}
