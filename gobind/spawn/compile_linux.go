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
	// fixedSteps is more than the steps that come once at most.
	fixedSteps = 64
	// slack is more than headers, structures and alignment take.
	slack = 4096
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
	// gate is where a child that waits does so.
	gate gate
	// spared is a descriptor of the child that closes by exec, or -1.
	spared int
	// enters: clone3 does not put the child into its cgroup.
	enters bool
	// inherited are the child's capabilities, if that matters.
	inherited Caps
}

func newPlan(o *Options, noFile *sys.Rlimit) (*plan, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	l := &plan{Options: o, noFile: noFile, spared: -1, gate: noGate}
	if len(o.ambient) > 0 {
		var err error
		if l.inherited, err = inheritedCaps(o.Namespaces | o.Unshare); err != nil {
			return nil, err
		}
	}
	switch {
	case o.UseExecFD:
	case o.searches():
		for _, dir := range strings.Split(o.Search, ":") {
			if dir != "" {
				dir += "/"
			}
			l.places = append(l.places, dir+o.Path)
		}
	default:
		l.places = []string{o.Path}
	}
	return l, nil
}

// steps is how many there are at most.
func (l *plan) steps() int {
	n := fixedSteps + moveSteps(len(l.FDs)+3) + len(l.places) + len(l.Limits) + len(l.Mounts)
	if l.Defaults|l.Ignore != 0 {
		n += 64
	}
	if l.Caps != nil || len(l.ambient) > 0 {
		n += 2*nrCaps + 4
	}
	return n
}

// size is how much memory the program takes, and a launch.
func (l *plan) size() int {
	n := slack + stackSize + l.steps()*stepSize
	for _, list := range [][]string{l.places, l.Args, l.Env, {l.Path, l.Dir, l.Chroot, l.PivotRoot}} {
		n += pointerSize
		for _, s := range list {
			n += 2*pointerSize + len(s) + 1
		}
	}
	for _, m := range l.Mounts {
		n += len(m.Source) + len(m.Target) + len(m.FSType) + len(m.Data) + 4
	}
	if l.Unshare&sys.CLONE_NEWUSER != 0 {
		n += mapTextSize * (len(l.UIDs) + len(l.GIDs))
	}
	return n + 8*len(l.CPUs) + 4*len(l.Groups) + 8*len(l.Filter) + 16*len(l.Limits)
}

// compile makes the program in an arena of this size. The steps and their order
// are those of C.
func (l *plan) compile(a *arena) (*program, error) {
	p := newProgram(a, l.steps())
	p.pause.Nsec = pauseNs
	b := &build{l, p, a}
	b.addGate()
	b.addCgroup()
	b.addSession()
	b.addSignals()
	b.addPriority()
	b.addNamespaces()
	b.addRoot()
	if b.Fchdir {
		b.add(sys.SYS_FCHDIR, 0, uint64(b.DirFD))
	}
	b.addLandlock()
	program, err := b.addFDs()
	if err != nil {
		return nil, err
	}
	b.addTerminal()
	b.addLimits()
	b.addIdentity()
	if b.Dir != "" {
		b.add(sys.SYS_CHDIR, 0, b.text(b.Dir))
	}
	b.addParent()
	b.addFilter()
	b.addMask()
	b.addExec(program)
	return p, nil
}

// waits reports whether the child waits for what this program does meanwhile.
func (l *plan) waits() bool {
	return l.unclosed != 0 && !l.KeepFDs || l.writesMaps()
}

// addMask makes the last step before exec: a signal that waits takes effect now.
func (b *build) addMask() {
	b.add(sys.SYS_RT_SIGPROCMASK, 0, sys.SIG_SETMASK, address(&b.mask), 0, sigsetSize)
	if b.Mask != nil {
		b.mask = *b.Mask
		b.hasMask = 1
	}
}

// addExec makes the steps that run the program: a descriptor, or one of places.
func (b *build) addExec(program execFD) {
	flags := uint32(b.Retries) << stepRetryShift
	list := b.Args
	if len(list) == 0 {
		list = []string{b.Path}
	}
	args, env := b.texts(list), b.texts(b.Env)
	if b.UseExecFD {
		b.add(sys.SYS_EXECVEAT, flags|program.flags, uint64(program.fd), b.text(""), args, env, sys.AT_EMPTY_PATH)
		return
	}
	if b.searches() {
		flags |= stepTry
	}
	for _, path := range b.places {
		b.add(sys.SYS_EXECVE, flags, b.text(path), args, env)
	}
}
