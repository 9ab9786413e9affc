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
// as is the child, which must be waited for; it is -1 where the kernel has none.
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

// startByNumber is [Start] without a pidfd.
func startByNumber(o *Options) (child, error) {
	l, err := newPlan(o, noFile())
	if err != nil {
		return noChild, about(o.Path, err)
	}
	l.noPidfd = true
	c, err := l.start(nil)
	return c, about(o.Path, err)
}

// start is Start. edit, unless it is nil, changes the program before it runs.
func (l *plan) start(edit func(*program)) (child, error) {
	if !l.KeepFDs {
		l.unclosed = missingCloseRange()
	}
	c, err := l.runIn(newArena, edit, l.share)
	if err == errNotShared {
		return l.startCopy(edit)
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
		return noChild, stepError(l.Options, p, syscall.Errno(p.err))
	}
	return c, err
}

// share runs the program in a child that shares this program's memory.
func (l *plan) share(p *program, launch *launch) (child, error) {
	c, err := l.launch(p, launch, false)
	if err != nil {
		return c, err
	}
	if err := l.fill(p, c); err != nil {
		return noChild, c.abandon(err)
	}
	if errno := p.wait(); errno != 0 {
		return noChild, c.abandon(&StepError{Step: "futex", Err: errno})
	}
	return c, nil
}

// launch makes the child. One that keeps descriptors must not be made while
// another goroutine has one that is not yet close-on-exec; of the others'
// descriptors none reaches the program, and what this package opens is
// close-on-exec from the beginning.
func (l *plan) launch(p *program, launch *launch, copied bool) (child, error) {
	if l.KeepFDs {
		syscall.ForkLock.Lock()
		defer syscall.ForkLock.Unlock()
	}
	launch.noPidfd = l.noPidfd
	return launch.start(p, copied)
}

// fill does what the child waits for, where there is no close_range.
func (l *plan) fill(p *program, c child) error {
	if l.unclosed == 0 || p.fill(c.pid) == nil {
		return nil
	}
	return &StepError{Step: "close_range", Err: l.unclosed}
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
