// SPDX-License-Identifier: MIT

//go:build linux && race && (amd64 || arm64)

package uring

import (
	"runtime"
	"unsafe"
)

// ioSync stands for the kernel between those who submit and those who reap: the
// detector does not see what they have in common, a pipe for instance.
var ioSync int64

func raceAcquire() {
	runtime.RaceAcquire(unsafe.Pointer(&ioSync))
}

func raceRelease() {
	runtime.RaceReleaseMerge(unsafe.Pointer(&ioSync))
}
