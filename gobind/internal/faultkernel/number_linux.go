// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"syscall"
	"testing"

	"example.com/syshim/gobind/sys"
)

var numbers = map[string]uintptr{
	"clone3":         sys.SYS_CLONE3,
	"epoll_create1":  sys.SYS_EPOLL_CREATE1,
	"epoll_ctl":      sys.SYS_EPOLL_CTL,
	"epoll_pwait2":   sys.SYS_EPOLL_PWAIT2,
	"eventfd2":       sys.SYS_EVENTFD2,
	"io_uring_enter": sys.SYS_IO_URING_ENTER,
	"io_uring_setup": sys.SYS_IO_URING_SETUP,
	"mmap":           sys.SYS_MMAP,
	"pipe2":          sys.SYS_PIPE2,
	"waitid":         sys.SYS_WAITID,
}

// Named is [Nth] for the call of that name. The tables of faults that C and Go
// share (tests/*_fault.tab) name calls.
func Named(t testing.TB, call string, n, errno int, fn func() error) error {
	t.Helper()
	nr, ok := numbers[call]
	if !ok {
		t.Fatalf("%s has no number here", call)
	}
	_, err := Nth(t, []uintptr{nr}, n, syscall.Errno(errno), fn)
	return err
}
