// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"os"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// waiter waits for completions of a ring while others use it. What the kernel
// reads meanwhile is here, for this does not move.
type waiter struct {
	arg   sys.IoUringGeteventsArg
	left  sys.Timespec
	ready [1]sys.PollFd
	fd    int
	// timed is that io_uring_enter can wait for a limited time.
	timed bool
}

// init binds w, which must be on the heap, to the ring fd.
func (w *waiter) init(fd int, timed bool) {
	w.fd = fd
	w.timed = timed
	w.arg.Ts = uint64(uintptr(unsafe.Pointer(&w.left)))
	w.ready[0] = sys.PollFd{Fd: int32(fd), Events: sys.POLLIN}
}

// wait hands over todo requests and waits for a completion, up to d, for ever
// when d is negative. It may return early.
func (w *waiter) wait(todo int, d time.Duration) error {
	flags, arg, size := uint32(sys.IORING_ENTER_GETEVENTS), unsafe.Pointer(nil), uintptr(0)
	if d >= 0 {
		w.left = sys.Timespec{Sec: int64(d / time.Second), Nsec: int64(d % time.Second)}
		if !w.timed {
			return w.poll(todo)
		}
		flags |= sys.IORING_ENTER_EXT_ARG
		arg, size = unsafe.Pointer(&w.arg), unsafe.Sizeof(w.arg)
	}
	return enterError(sys.IoUringEnter(w.fd, uint32(todo), 1, flags, arg, size))
}

// poll is wait for the time w.left before Linux 5.11, which cannot do it in one
// call.
func (w *waiter) poll(todo int) error {
	if todo > 0 {
		if err := enterError(sys.IoUringEnter(w.fd, uint32(todo), 0, 0, nil, 0)); err != nil {
			return err
		}
	}
	_, err := sys.Ppoll(w.ready[:], &w.left, nil)
	if err != nil && err != sys.EINTR {
		return os.NewSyscallError("ppoll", err)
	}
	return nil
}

// enterError leaves out what does not matter to who waits again.
func enterError(_ int, err error) error {
	if err == nil || err == sys.EINTR || err == sys.ETIME || err == sys.EBUSY {
		return nil
	}
	return os.NewSyscallError("io_uring_enter", err)
}
