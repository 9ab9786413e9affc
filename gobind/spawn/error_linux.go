// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"

	"example.com/syshim/gobind/sys"
)

// A StepError is why a program could not be started.
type StepError struct {
	// Step is the call that failed: one of the child ("chdir", "dup3",
	// "execve", ...) or of this program ("mmap", "clone", "futex", ...); or
	// "options", a mistake in these.
	Step string
	// Arg is what the step was about, if anything: a path or a descriptor.
	Arg string
	// Err is a [syscall.Errno], or wraps one.
	Err error

	searched bool
	// program is the path of what was to be started.
	program string
}

func (e *StepError) Error() string {
	if e.Arg == "" {
		return "spawn: " + e.Step + ": " + e.Err.Error()
	}
	return "spawn: " + e.Step + " " + e.Arg + ": " + e.Err.Error()
}

func (e *StepError) Unwrap() error {
	return e.Err
}

// Is lets a program that was found nowhere be [exec.ErrNotFound].
func (e *StepError) Is(target error) bool {
	return target == exec.ErrNotFound && e.searched && e.Err == sys.ENOENT
}

// As lets it be what package os makes of such an error, an [*fs.PathError] about
// the program, or about its directory.
func (e *StepError) As(target any) bool {
	t, ok := target.(**fs.PathError)
	if !ok {
		return false
	}
	*t = &fs.PathError{Op: "fork/exec", Path: e.program, Err: e.Err}
	if e.Step == "chdir" {
		(*t).Op, (*t).Path = e.Step, e.Arg
	}
	return true
}

// mistake is a StepError about options.
func mistake(format string, args ...any) error {
	return &StepError{Step: "options", Err: fmt.Errorf(format+": %w", append(args, sys.EINVAL)...)}
}

// about notes which program could not be started.
func about(program string, err error) error {
	var e *StepError
	if errors.As(err, &e) {
		e.program = program
	}
	return err
}

// stepError is the StepError of the step of p that failed. p was made from o, in
// the arena.
func stepError(o *Options, a *arena, p *program, err sys.Errno) error {
	if p.failed >= p.nrSteps {
		return &StepError{Step: "rt_sigaction", Err: err}
	}
	s := &p.list()[p.failed]
	e := &StepError{Step: s.name(), Err: err, searched: s.flags&stepTry != 0}
	number := func(i int) string {
		if s.flags&(stepArg<<i) != 0 {
			return "(kept)"
		}
		return strconv.Itoa(int(s.args[i]))
	}
	switch s.nr {
	case sys.SYS_CHDIR, sys.SYS_CHROOT, sys.SYS_UMOUNT2:
		e.Arg = a.textAt(s.args[0])
	case sys.SYS_MOUNT, sys.SYS_OPENAT:
		e.Arg = a.textAt(s.args[1])
	case sys.SYS_PIVOT_ROOT:
		e.Arg = o.PivotRoot
	case sys.SYS_EXECVE:
		e.Arg = o.Path
	case sys.SYS_FCHDIR, sys.SYS_FCNTL, sys.SYS_CLOSE, sys.SYS_EXECVEAT:
		e.Arg = number(0)
	case sys.SYS_DUP3, sys.SYS_CLOSE_RANGE:
		e.Arg = number(0) + " " + number(1)
	case sys.SYS_SETPGID, sys.SYS_SETRESUID, sys.SYS_SETRESGID:
		e.Arg = number(1)
	}
	return e
}

// hasNUL reports whether the kernel would see less than all of s.
func hasNUL(s string) bool {
	return strings.IndexByte(s, 0) >= 0
}
