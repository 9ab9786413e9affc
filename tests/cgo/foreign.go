// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

// Package cgo tests package spawn in a program in which C starts programs, too.
package cgo

// #include "foreign.h"
import "C"

import "syscall"

// What a program with a status sees beside its descriptors 0 to 2 is added to
// that.
const (
	common = C.FOREIGN_COMMON
	more   = C.FOREIGN_MORE
)

// startForeign lets threads of C start programs until the stop, which returns
// how many there were; -1: one of them has ended in another way than it should.
func startForeign() error {
	if e := C.foreign_start(); e != 0 {
		return syscall.Errno(e)
	}
	return nil
}

func stopForeign() int {
	return int(C.foreign_stop())
}

// waitForAny takes the status of any child.
func waitForAny() (pid, status int) {
	var s C.int
	pid = int(C.foreign_wait(&s))
	return pid, int(s)
}

// handler is what is done on a signal.
func handler(sig syscall.Signal) uintptr {
	return uintptr(C.foreign_handler(C.int(sig)))
}

// blocked is the signals that this thread blocks.
func blocked() uint64 {
	return uint64(C.foreign_mask())
}
