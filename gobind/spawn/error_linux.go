// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"example.com/syshim/gobind/sys"
)

// An Error is why a program could not be started.
type Error struct {
	// Step is the call that failed: one of the child ("chdir", "dup3",
	// "execve", ...) or of this program ("mmap", "clone", "futex", ...); or
	// "options", a mistake in these.
	Step string
	// Arg is what the step was about, if anything: a path or a descriptor.
	Arg string
	// Err is a [syscall.Errno], or wraps one.
	Err error

	searched bool
}

func (e *Error) Error() string {
	if e.Arg == "" {
		return e.Step + ": " + e.Err.Error()
	}
	return e.Step + " " + e.Arg + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error {
	return e.Err
}

// Is lets a program that was found nowhere be [exec.ErrNotFound].
func (e *Error) Is(target error) bool {
	return target == exec.ErrNotFound && e.searched && e.Err == sys.ENOENT
}

// mistake is an Error about options.
func mistake(format string, args ...any) error {
	return &Error{Step: "options", Err: fmt.Errorf(format+": %w", append(args, sys.EINVAL)...)}
}

// names of the calls that are steps.
var names = map[uint32]string{
	sys.SYS_CHDIR:          "chdir",
	sys.SYS_CLOSE:          "close",
	sys.SYS_CLOSE_RANGE:    "close_range",
	sys.SYS_DUP3:           "dup3",
	sys.SYS_EXECVE:         "execve",
	sys.SYS_FCHDIR:         "fchdir",
	sys.SYS_FCNTL:          "fcntl",
	sys.SYS_FUTEX:          "futex",
	sys.SYS_PRLIMIT64:      "prlimit64",
	sys.SYS_RT_SIGPROCMASK: "rt_sigprocmask",
	sys.SYS_SETPGID:        "setpgid",
	sys.SYS_SETSID:         "setsid",
}

// stepError is the Error of the step of p that failed. p was made from o.
func stepError(o *Options, p *program, err sys.Errno) error {
	if p.failed >= p.nrSteps {
		return &Error{Step: "rt_sigaction", Err: err}
	}
	s := &p.list()[p.failed]
	e := &Error{Step: names[s.nr], Err: err, searched: s.flags&stepTry != 0}
	number := func(i int) string {
		if s.flags&(stepArg<<i) != 0 {
			return "(kept)"
		}
		return strconv.Itoa(int(s.args[i]))
	}
	switch s.nr {
	case sys.SYS_CHDIR:
		e.Arg = o.Dir
	case sys.SYS_EXECVE:
		e.Arg = o.Path
	case sys.SYS_FCHDIR, sys.SYS_FCNTL, sys.SYS_CLOSE:
		e.Arg = number(0)
	case sys.SYS_DUP3, sys.SYS_CLOSE_RANGE:
		e.Arg = number(0) + " " + number(1)
	case sys.SYS_SETPGID:
		e.Arg = number(1)
	}
	if e.Step == "" {
		e.Step = "step " + strconv.Itoa(int(s.nr))
	}
	return e
}

// hasNUL reports whether the kernel would see less than all of s.
func hasNUL(s string) bool {
	return strings.IndexByte(s, 0) >= 0
}
