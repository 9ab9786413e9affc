// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// RaceRelease tells the race detector that what happened before is known to who
// calls [RaceAcquire] later, or a function of this package that reads: the
// kernel may pass it on. It is for packages that hand data to the kernel without
// a call, as requests of a ring. Without -race it does nothing.
func RaceRelease() {
	if raceenabled {
		raceReleaseMerge(unsafe.Pointer(&ioSync))
	}
}

// RaceAcquire is the other side of [RaceRelease], and of the functions of this
// package that write.
func RaceAcquire() {
	if raceenabled {
		raceAcquire(unsafe.Pointer(&ioSync))
	}
}
