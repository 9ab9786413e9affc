// SPDX-License-Identifier: MIT

//go:build linux && race && (amd64 || arm64)

package aio

import (
	"runtime"
	"unsafe"
)

// raceRead tells the race detector that the kernel reads b, from now on.
func raceRead(b []byte) {
	if len(b) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&b[0]), len(b))
	}
}

// raceWrite tells the race detector that the kernel wrote b.
func raceWrite(b []byte) {
	if len(b) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&b[0]), len(b))
	}
}
