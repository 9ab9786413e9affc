// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"strconv"

	"example.com/syshim/gobind/sys"
)

// limitNames are the names of limits in errors.
var limitNames = [sys.RLIM_NLIMITS]string{
	sys.RLIMIT_CPU:        "CPU",
	sys.RLIMIT_FSIZE:      "FSIZE",
	sys.RLIMIT_DATA:       "DATA",
	sys.RLIMIT_STACK:      "STACK",
	sys.RLIMIT_CORE:       "CORE",
	sys.RLIMIT_RSS:        "RSS",
	sys.RLIMIT_NPROC:      "NPROC",
	sys.RLIMIT_NOFILE:     "NOFILE",
	sys.RLIMIT_MEMLOCK:    "MEMLOCK",
	sys.RLIMIT_AS:         "AS",
	sys.RLIMIT_LOCKS:      "LOCKS",
	sys.RLIMIT_SIGPENDING: "SIGPENDING",
	sys.RLIMIT_MSGQUEUE:   "MSGQUEUE",
	sys.RLIMIT_NICE:       "NICE",
	sys.RLIMIT_RTPRIO:     "RTPRIO",
	sys.RLIMIT_RTTIME:     "RTTIME",
}

// names of the calls that are steps.
var names = map[uint32]string{
	sys.SYS_CAPSET:                 "capset",
	sys.SYS_CHDIR:                  "chdir",
	sys.SYS_CHROOT:                 "chroot",
	sys.SYS_CLOSE:                  "close",
	sys.SYS_CLOSE_RANGE:            "close_range",
	sys.SYS_DUP3:                   "dup3",
	sys.SYS_EXECVE:                 "execve",
	sys.SYS_EXECVEAT:               "execveat",
	sys.SYS_FCHDIR:                 "fchdir",
	sys.SYS_FCNTL:                  "fcntl",
	sys.SYS_FUTEX:                  "futex",
	sys.SYS_GETPGID:                "getpgid",
	sys.SYS_GETPPID:                "getppid",
	sys.SYS_IOCTL:                  "ioctl",
	sys.SYS_LANDLOCK_RESTRICT_SELF: "landlock_restrict_self",
	sys.SYS_MOUNT:                  "mount",
	sys.SYS_OPENAT:                 "openat",
	sys.SYS_PIVOT_ROOT:             "pivot_root",
	sys.SYS_PPOLL:                  "ppoll",
	sys.SYS_PRCTL:                  "prctl",
	sys.SYS_PTRACE:                 "ptrace",
	sys.SYS_READ:                   "read",
	sys.SYS_RT_SIGACTION:           "rt_sigaction",
	sys.SYS_RT_SIGPROCMASK:         "rt_sigprocmask",
	sys.SYS_SCHED_SETAFFINITY:      "sched_setaffinity",
	sys.SYS_SCHED_SETATTR:          "sched_setattr",
	sys.SYS_SECCOMP:                "seccomp",
	sys.SYS_SETGROUPS:              "setgroups",
	sys.SYS_SETNS:                  "setns",
	sys.SYS_SETPGID:                "setpgid",
	sys.SYS_SETPRIORITY:            "setpriority",
	sys.SYS_SETRESGID:              "setresgid",
	sys.SYS_SETRESUID:              "setresuid",
	sys.SYS_SETSID:                 "setsid",
	sys.SYS_UMASK:                  "umask",
	sys.SYS_UMOUNT2:                "umount2",
	sys.SYS_UNSHARE:                "unshare",
	sys.SYS_WRITE:                  "write",
}

// A wish is an argument by which a call does one of several things.
type wish struct {
	nr  uint32
	arg uint64
}

var wishes = map[wish]string{
	{sys.SYS_IOCTL, sys.TIOCNOTTY}:           "TIOCNOTTY",
	{sys.SYS_IOCTL, sys.TIOCSCTTY}:           "TIOCSCTTY",
	{sys.SYS_IOCTL, sys.TIOCSPGRP}:           "TIOCSPGRP",
	{sys.SYS_PRCTL, sys.PR_CAPBSET_DROP}:     "CAPBSET_DROP",
	{sys.SYS_PRCTL, sys.PR_CAP_AMBIENT}:      "CAP_AMBIENT",
	{sys.SYS_PRCTL, sys.PR_SET_KEEPCAPS}:     "KEEPCAPS",
	{sys.SYS_PRCTL, sys.PR_SET_NO_NEW_PRIVS}: "NO_NEW_PRIVS",
	{sys.SYS_PRCTL, sys.PR_SET_PDEATHSIG}:    "PDEATHSIG",
}

// name is that of the step in errors: that of its call, with what it is about
// where there are many. The names are those of C.
func (s *step) name() string {
	which := s.args[0]
	switch {
	case s.nr == sys.SYS_PRLIMIT64 && s.args[1] < uint64(len(limitNames)):
		return "rlimit " + limitNames[s.args[1]]
	case s.nr == sys.SYS_IOCTL:
		which = s.args[1]
	}
	name := names[s.nr]
	if name == "" {
		return "step " + strconv.Itoa(int(s.nr))
	}
	if w := wishes[wish{s.nr, which}]; w != "" {
		name += " " + w
	}
	return name
}
