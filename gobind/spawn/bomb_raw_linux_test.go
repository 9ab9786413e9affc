// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// multiply makes this process, and all that it starts, start more, but never more
// than most. It returns in the first of them, when that has been refused so often:
// 0, or another error than that of the limit. Go does not run in the others:
// nothing in here needs its runtime. Refusals of the first make a pause, those of
// the others another.
//
//go:norace
//go:nosplit
func multiply(nr *atomic.Uint32, most uint32, refusals int, pauses *[2]sys.Timespec) syscall.Errno {
	first, refused := true, 0
	for !first || refused < refusals {
		pid, errno := uintptr(1), sys.EAGAIN
		if nr.Load() < most {
			pid, _, errno = syscall.RawSyscall6(sys.SYS_CLONE, uintptr(sys.SIGCHLD), 0, 0, 0, 0, 0)
		}
		switch {
		case errno == sys.EAGAIN:
			refused++
			pause := &pauses[1]
			if first {
				pause = &pauses[0]
			}
			syscall.RawSyscall(sys.SYS_NANOSLEEP, uintptr(unsafe.Pointer(pause)), 0, 0)
		case errno != 0:
			return errno
		case pid == 0:
			first = false
		default:
			nr.Add(1)
		}
	}
	return 0
}

// last writes the text to standard output and lasts, without a new thread, which
// the runtime might not get.
func last(text []byte, pause *sys.Timespec) {
	syscall.RawSyscall(sys.SYS_WRITE, 1, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	for {
		syscall.RawSyscall(sys.SYS_NANOSLEEP, uintptr(unsafe.Pointer(pause)), 0, 0)
	}
}

// sharedCounter is a number that processes have in common.
func sharedCounter() (*atomic.Uint32, error) {
	page, err := sys.Mmap(-1, 0, os.Getpagesize(), sys.PROT_READ|sys.PROT_WRITE, sys.MAP_SHARED|sys.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	return (*atomic.Uint32)(unsafe.Pointer(&page[0])), nil
}
