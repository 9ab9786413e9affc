// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"strings"
	"syscall"

	"example.com/syshim/gobind/sys"
)

const (
	pauseNs = 1000000
	// stackSize is enough for a few words; only a signal or an emulator writes
	// more there.
	stackSize = 1024
	// fixedSteps: wait, session, group, directory twice, limit, signal mask.
	fixedSteps = 7
	// slack is more than headers and alignment take.
	slack = 1024
)

// A plan is what options become a program from.
type plan struct {
	*Options
	// places are the paths that are tried.
	places []string
	// noFile is the RLIMIT_NOFILE that the program gets; nil: this program's.
	noFile *sys.Rlimit
	// unclosed is not 0 where there is no close_range, and the error of that.
	unclosed syscall.Errno
	// spared is a descriptor of the child that closes by exec, or -1.
	spared int
	// noPidfd: the child is known by its number alone.
	noPidfd bool
}

func newPlan(o *Options, noFile *sys.Rlimit) (*plan, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	l := &plan{Options: o, noFile: noFile, spared: -1}
	if !o.searches() {
		l.places = []string{o.Path}
		return l, nil
	}
	for _, dir := range strings.Split(o.Search, ":") {
		if dir != "" {
			dir += "/"
		}
		l.places = append(l.places, dir+o.Path)
	}
	return l, nil
}

func (l *plan) steps() int {
	return fixedSteps + moveSteps(len(l.FDs)+1) + len(l.places)
}

// size is how much memory the program takes, and a launch.
func (l *plan) size() int {
	n := slack + stackSize + l.steps()*stepSize
	for _, list := range [][]string{l.places, l.Args, l.Env, {l.Dir}} {
		n += pointerSize
		for _, s := range list {
			n += pointerSize + len(s) + 1
		}
	}
	return n
}

// compile makes the program in an arena of this size. The steps and their order
// are those of C.
func (l *plan) compile(a *arena) (*program, error) {
	p := newProgram(a, l.steps())
	p.pause.Nsec = pauseNs
	if l.unclosed != 0 {
		p.waitForFilling()
	}
	l.addGroup(p)
	l.addDirectory(p, a)
	if err := l.addFDs(p); err != nil {
		return nil, err
	}
	l.addLimit(p, a)
	l.addMask(p)
	l.addExec(p, a)
	return p, nil
}

func (l *plan) addGroup(p *program) {
	if l.Setsid {
		p.add(sys.SYS_SETSID, 0)
	}
	if l.Setpgid {
		p.add(sys.SYS_SETPGID, 0, 0, uint64(l.Pgid))
	}
}

func (l *plan) addDirectory(p *program, a *arena) {
	if l.Fchdir {
		p.add(sys.SYS_FCHDIR, 0, uint64(l.DirFD))
	}
	if l.Dir != "" {
		p.add(sys.SYS_CHDIR, 0, a.text(l.Dir))
	}
}

func (l *plan) addFDs(p *program) error {
	moves, err := newMoves(l.FDs, l.spared)
	if err != nil {
		return err
	}
	moves.add(p)
	if !l.KeepFDs {
		moves.addClose(p, l.unclosed != 0)
	}
	return nil
}

// addLimit comes after the descriptors, which may be above the limit.
func (l *plan) addLimit(p *program, a *arena) {
	if l.noFile == nil {
		return
	}
	limit := vector[sys.Rlimit](a, 1)
	limit[0] = *l.noFile
	p.add(sys.SYS_PRLIMIT64, 0, 0, sys.RLIMIT_NOFILE, address(&limit[0]), 0)
}

// addMask makes the last step before exec: a signal that waits takes effect now.
func (l *plan) addMask(p *program) {
	p.add(sys.SYS_RT_SIGPROCMASK, 0, sys.SIG_SETMASK, address(&p.mask), 0, sigsetSize)
	if l.Mask != nil {
		p.mask = *l.Mask
		p.hasMask = 1
	}
}

func (l *plan) addExec(p *program, a *arena) {
	flags := uint32(l.Retries) << stepRetryShift
	if l.searches() {
		flags |= stepTry
	}
	args, env := a.texts(l.Args), a.texts(l.Env)
	for _, path := range l.places {
		p.add(sys.SYS_EXECVE, flags, a.text(path), args, env)
	}
}
