// SPDX-License-Identifier: MIT

//go:build linux && !race && (amd64 || arm64)

package sys

import "unsafe"

// Without -race nothing of this is left in the program.
const raceenabled = false

var ioSync int64

func raceAcquire(addr unsafe.Pointer)              {}
func raceReleaseMerge(addr unsafe.Pointer)         {}
func raceReadRange(addr unsafe.Pointer, size int)  {}
func raceWriteRange(addr unsafe.Pointer, size int) {}
