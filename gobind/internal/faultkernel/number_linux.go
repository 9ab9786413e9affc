// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"errors"
	"syscall"
	"testing"

	"example.com/syshim/gobind/sys"
)

var numbers = map[string]uintptr{
	"clone3":            sys.SYS_CLONE3,
	"epoll_create1":     sys.SYS_EPOLL_CREATE1,
	"epoll_ctl":         sys.SYS_EPOLL_CTL,
	"epoll_pwait2":      sys.SYS_EPOLL_PWAIT2,
	"eventfd2":          sys.SYS_EVENTFD2,
	"fcntl":             sys.SYS_FCNTL,
	"io_uring_enter":    sys.SYS_IO_URING_ENTER,
	"io_uring_register": sys.SYS_IO_URING_REGISTER,
	"io_uring_setup":    sys.SYS_IO_URING_SETUP,
	"mmap":              sys.SYS_MMAP,
	"openat":            sys.SYS_OPENAT,
	"pidfd_open":        sys.SYS_PIDFD_OPEN,
	"pipe2":             sys.SYS_PIPE2,
	"prctl":             sys.SYS_PRCTL,
	"prlimit64":         sys.SYS_PRLIMIT64,
	"read":              sys.SYS_READ,
	"rt_sigaction":      sys.SYS_RT_SIGACTION,
	"waitid":            sys.SYS_WAITID,
	"write":             sys.SYS_WRITE,
}

// ErrRefused says that a filter of the system refuses a call before it can fail
// here, so that the fault did not happen.
var ErrRefused = errors.New("refused by a filter of the system")

// Named is [Nth] for the call of that name. The tables of faults that C and Go
// share (tests/*_fault.tab) name calls.
func Named(t testing.TB, call string, n, errno int, fn func() error) error {
	t.Helper()
	nr, ok := numbers[call]
	if !ok {
		t.Fatalf("%s has no number here", call)
	}
	seen, err := Nth(t, []uintptr{nr}, n, syscall.Errno(errno), fn)
	if seen == 0 && refused(nr) {
		return ErrRefused
	}
	return err
}

// refused makes a call that makes no sense to the kernel.
func refused(nr uintptr) bool {
	const no = ^uintptr(0)
	_, _, e := syscall.RawSyscall6(nr, no, no, no, no, no, no)
	return e == syscall.ENOSYS || e == syscall.EPERM
}
