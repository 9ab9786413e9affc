// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// A refusal is a call of the child that fails, and what that is called.
type refusal struct {
	call uint32
	step string
	o    spawn.Options
}

func allowAll() []sys.SockFilter {
	return []sys.SockFilter{{Code: 6, K: sys.SECCOMP_RET_ALLOW}}
}

func refusals() []refusal {
	attr := func(a spawn.Attr) spawn.Options { return spawn.Options{Attr: a} }
	return []refusal{
		{sys.SYS_SETSID, "setsid", spawn.Options{Setsid: true}},
		{sys.SYS_SETPGID, "setpgid 0", spawn.Options{Setpgid: true}},
		{sys.SYS_GETPGID, "getpgid", attr(spawn.Attr{Foreground: true})},
		{sys.SYS_IOCTL, "ioctl TIOCSPGRP", attr(spawn.Attr{Foreground: true})},
		{sys.SYS_IOCTL, "ioctl TIOCNOTTY", attr(spawn.Attr{Noctty: true})},
		{sys.SYS_IOCTL, "ioctl TIOCSCTTY", spawn.Options{Setsid: true, Attr: spawn.Attr{Setctty: true}}},
		{sys.SYS_UMASK, "umask", attr(spawn.Attr{Umask: ptr(0)})},
		{sys.SYS_SETPRIORITY, "setpriority", attr(spawn.Attr{Nice: ptr(1)})},
		{sys.SYS_SCHED_SETATTR, "sched_setattr", attr(spawn.Attr{Sched: &sys.SchedAttr{Size: 48}})},
		{sys.SYS_SCHED_SETAFFINITY, "sched_setaffinity", attr(spawn.Attr{CPUs: []uint64{1}})},
		{sys.SYS_PRLIMIT64, "rlimit NOFILE", attr(spawn.Attr{Limits: []spawn.Limit{{Resource: sys.RLIMIT_NOFILE, Cur: 9, Max: 9}}})},
		{sys.SYS_PRCTL, "prctl NO_NEW_PRIVS", attr(spawn.Attr{NoNewPrivs: true})},
		{sys.SYS_SECCOMP, "seccomp", attr(spawn.Attr{Filter: allowAll()})},
		{sys.SYS_LANDLOCK_RESTRICT_SELF, "landlock_restrict_self", attr(spawn.Attr{UseLandlockFD: true})},
		{sys.SYS_GETPPID, "getppid", attr(spawn.Attr{PDeathSig: sys.SIGTERM, CallersThread: true})},
		{sys.SYS_PTRACE, "ptrace", attr(spawn.Attr{Ptrace: true})},
		{sys.SYS_FCHDIR, "fchdir 0", spawn.Options{Fchdir: true}},
		{sys.SYS_CHDIR, "chdir /", spawn.Options{Dir: "/"}},
		{sys.SYS_DUP3, "dup3 1 2", spawn.Options{FDs: []spawn.FD{{From: 1, To: 2}}}},
		{sys.SYS_UNSHARE, "unshare", attr(spawn.Attr{Unshare: sys.CLONE_NEWNS})},
		{sys.SYS_MOUNT, "mount /", attr(spawn.Attr{Unshare: sys.CLONE_FILES, Namespaces: sys.CLONE_NEWNS, PivotRoot: "/tmp"})},
		{sys.SYS_PIVOT_ROOT, "pivot_root /tmp", attr(spawn.Attr{Namespaces: sys.CLONE_NEWNS, PivotRoot: "/tmp"})},
		{sys.SYS_UMOUNT2, "umount2 .", attr(spawn.Attr{Namespaces: sys.CLONE_NEWNS, PivotRoot: "/tmp"})},
		{sys.SYS_CHROOT, "chroot /tmp", attr(spawn.Attr{Chroot: "/tmp"})},
		{sys.SYS_SETGROUPS, "setgroups", attr(spawn.Attr{Groups: []uint32{1}})},
		{sys.SYS_SETRESGID, "setresgid 1", attr(spawn.Attr{GID: ptr(uint32(1))})},
		{sys.SYS_SETRESUID, "setresuid 1", attr(spawn.Attr{UID: ptr(uint32(1))})},
		{sys.SYS_CAPSET, "capset", attr(spawn.Attr{Caps: &spawn.Caps{Bounding: ^uint64(0)}})},
		{sys.SYS_SETNS, "setns", attr(spawn.Attr{Namespaces: sys.CLONE_NEWTIME})},
		{sys.SYS_WRITE, "write", attr(spawn.Attr{Namespaces: sys.CLONE_NEWTIME, Clocks: &spawn.Clocks{Monotonic: 1}})},
		{sys.SYS_EXECVE, "execve /bin/true", spawn.Options{}},
	}
}

// TestEachCallOfTheChildThatIsRefusedIsNamed lets the kernel itself refuse each
// call, whatever it is asked for.
func TestEachCallOfTheChildThatIsRefusedIsNamed(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	for _, tc := range refusals() {
		o := tc.o
		o.Path = "/bin/true"
		named := func(err error) bool {
			var e *spawn.StepError
			return errors.As(err, &e) && strings.TrimSpace(e.Step+" "+e.Arg) == tc.step
		}
		err := denied(t, tc.call, sys.EXDEV, func() error {
			pid, pidfd, err := spawn.Start(&o)
			if err == nil {
				reap(t, pid, pidfd)
			}
			return err
		})
		switch {
		case named(err) && errors.Is(err, sys.EXDEV):
		case os.Geteuid() != 0 && errors.Is(err, sys.EPERM):
			t.Logf("%s: not as this user: %v", tc.step, err)
		case errors.Is(err, sys.EINVAL) && o.Namespaces != 0, errors.Is(err, sys.ENOSPC):
			t.Logf("%s: there are no such namespaces here: %v", tc.step, err)
		default:
			t.Errorf("%s: error %v", tc.step, err)
		}
		noChild(t)
	}
}
