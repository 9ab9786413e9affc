// SPDX-License-Identifier: MIT

//go:build linux && race && (amd64 || arm64)

package sys

import (
	"runtime"
	"unsafe"
)

const raceenabled = true

// ioSync stands for the kernel between writers and readers: what writes
// releases it, what reads acquires it.
var ioSync int64

func raceAcquire(addr unsafe.Pointer) {
	runtime.RaceAcquire(addr)
}

func raceReleaseMerge(addr unsafe.Pointer) {
	runtime.RaceReleaseMerge(addr)
}

func raceReadRange(addr unsafe.Pointer, size int) {
	runtime.RaceReadRange(addr, size)
}

func raceWriteRange(addr unsafe.Pointer, size int) {
	runtime.RaceWriteRange(addr, size)
}
