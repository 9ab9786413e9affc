// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"syscall"

	"example.com/syshim/gobind/sys"
)

// misuse is an error of the kernel's that is explained.
type misuse struct {
	text  string
	errno syscall.Errno
}

func (m *misuse) Error() string { return m.text + ": " + m.errno.Error() }

func (m *misuse) Unwrap() error { return m.errno }

// ErrOtherThread is the error of a call from a thread that may not use the
// ring: it belongs to the one that made it ([SetupSingleIssuer]), or that
// called [Ring.Enable]. The kernel says EEXIST. A goroutine stays on its thread
// only after runtime.LockOSThread.
var ErrOtherThread error = &misuse{
	"the ring belongs to another thread (SetupSingleIssuer): call runtime.LockOSThread before New", sys.EEXIST}

// These errors are part of ordinary operation and must not cost an allocation.
var (
	errTime   = os.NewSyscallError("io_uring_enter", sys.ETIME)
	errBusy   = os.NewSyscallError("io_uring_enter", sys.EBUSY)
	errAgain  = os.NewSyscallError("io_uring_enter", sys.EAGAIN)
	errThread = os.NewSyscallError("io_uring_enter", ErrOtherThread)
)

func enterError(err error) error {
	switch err {
	case sys.ETIME:
		return errTime
	case sys.EBUSY:
		return errBusy
	case sys.EAGAIN:
		return errAgain
	case sys.EEXIST:
		// The kernel has no other reason for it.
		return errThread
	}
	return os.NewSyscallError("io_uring_enter", err)
}

// registerError tells the EEXIST of a thread from that of something that is
// registered already.
func (r *Ring) registerError(err error) error {
	if err == sys.EEXIST && r.owner != 0 && r.owner != sys.Gettid() {
		err = ErrOtherThread
	}
	return os.NewSyscallError("io_uring_register", err)
}

// invalid is the error of an argument that no kernel takes.
func invalid(call string) error {
	return os.NewSyscallError(call, sys.EINVAL)
}
