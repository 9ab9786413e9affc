// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// A thread that fills memory in the vDSO cannot be preempted; and the more
// there is to fill, the less a system call adds.
const vdsoRandomMax = 4096

// Getrandom calls getrandom(2): fill a buffer with random bytes. Up to 4096
// bytes, for no flags but GRND_NONBLOCK, are made in the vDSO where the Go
// runtime can do that (since Linux 6.11 or 6.12), mostly without entering the
// kernel; a tracer or a seccomp filter then sees no call. [RawGetrandom] always
// makes it.
func Getrandom(buf []byte, flags int) (n int, err error) {
	// The vDSO takes some flags together that the kernel refuses.
	if len(buf) > vdsoRandomMax || flags&^GRND_NONBLOCK != 0 {
		return RawGetrandom(buf, flags)
	}
	n, ok := vgetrandom(buf, uint32(flags))
	if !ok {
		return RawGetrandom(buf, flags)
	}
	if n < 0 {
		return -1, Errno(-n)
	}
	if raceenabled && n > 0 {
		raceWriteRange(unsafe.Pointer(&buf[0]), n)
	}
	return n, nil
}
