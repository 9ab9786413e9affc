// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"

	"example.com/syshim/gobind/spawn/internal/startlimit"
	"example.com/syshim/gobind/sys"
)

// Start starts a program and returns when it runs, or cannot: then there is no
// child, and the error is an [*StepError]. pidfd is close-on-exec and the caller's,
// as is the child, which must be waited for; it is -1 with NoPidfd, and where the
// kernel has none.
// The program gets the RLIMIT_NOFILE that this program was started with, unless
// this program has set its own.
//
// A child that a signal kills before it runs the program was started: waiting
// for it tells.
func Start(o *Options) (pid, pidfd int, err error) {
	l, err := newPlan(o, noFile())
	if err != nil {
		return -1, -1, about(o.Path, err)
	}
	c, err := l.start(nil)
	return c.pid, c.pidfd, about(o.Path, err)
}

// start is Start. edit, unless it is nil, changes the program before it runs.
func (l *plan) start(edit func(*program)) (child, error) {
	if !l.KeepFDs {
		l.unclosed = missingCloseRange()
	}
	if l.waits() {
		var err error
		if l.gate, err = openGate(); err != nil {
			return noChild, err
		}
		defer l.gate.close()
	}
	return l.onItsThread(func() (child, error) {
		c, err := l.startSomewhere(edit)
		if err == errNoCgroup {
			l.enters = true
			c, err = l.startSomewhere(edit)
		}
		return c, err
	})
}

// startSomewhere starts where and as the options want it; the rest is found out.
func (l *plan) startSomewhere(edit func(*program)) (child, error) {
	if l.copies() {
		return l.startCopy(edit, copiedMemory)
	}
	if l.changesUser() {
		giveBack := keepDumpable()
		if giveBack == nil {
			return l.startCopy(edit, copiedMemory)
		}
		defer giveBack()
	}
	c, err := l.runIn(newArena, edit, l.share)
	if err == errNotShared {
		return l.startCopy(edit, unsharedMemory)
	}
	return c, err
}

// runIn makes the program in an arena and lets run start it, and wait until the
// memory of the child and this program's are two.
func (l *plan) runIn(newArena func(int) (*arena, error), edit func(*program), run func(*program, *launch) (child, error)) (child, error) {
	a, err := newArena(l.size())
	if err != nil {
		return noChild, &StepError{Step: "mmap", Err: err}
	}
	defer a.release()
	p, err := l.compile(a)
	if err != nil {
		return noChild, err
	}
	if edit != nil {
		edit(p)
	}
	c, err := run(p, &vector[launch](a, 1)[0])
	if err == nil && p.err != 0 {
		c.discard()
		return noChild, stepError(l.Options, a, p, syscall.Errno(p.err))
	}
	return c, err
}

// share runs the program in a child that shares this program's memory.
func (l *plan) share(p *program, launch *launch) (child, error) {
	c, err := l.launch(p, launch, sharedMemory)
	if err != nil {
		return c, err
	}
	if err := l.attend(p, c); err != nil {
		return noChild, l.dismiss(p, c, err)
	}
	if errno := p.wait(); errno != 0 {
		return noChild, c.abandon(p, &StepError{Step: "futex", Err: errno})
	}
	return c, nil
}

// launch makes the child. One that keeps descriptors must not be made while
// another goroutine has one that is not yet close-on-exec; of the others'
// descriptors none reaches the program, and what this package opens is
// close-on-exec from the beginning.
func (l *plan) launch(p *program, launch *launch, s sharing) (child, error) {
	if l.KeepFDs {
		syscall.ForkLock.Lock()
		defer syscall.ForkLock.Unlock()
	}
	launch.noPidfd = l.NoPidfd
	return launch.start(p, s)
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
