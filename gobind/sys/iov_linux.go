// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// smallIovs is how many buffers are passed without an allocation.
const smallIovs = 8

// appendIovs describes bufs to the kernel in iovs. It is small enough to be
// inlined, so that a caller's array can stay on the stack.
func appendIovs(iovs []Iovec, bufs [][]byte) []Iovec {
	for _, b := range bufs {
		iovs = append(iovs, Iovec{Base: base(b), Len: uint64(len(b))})
	}
	return iovs
}

// The raw forms order writers before readers; they do not look behind iovs.

// raceFilled tells the race detector that the kernel wrote n bytes.
func raceFilled(iovs []Iovec, n int) {
	for i := 0; raceenabled && n > 0 && i < len(iovs); i++ {
		m := min(n, int(iovs[i].Len))
		if m > 0 {
			raceWriteRange(unsafe.Pointer(iovs[i].Base), m)
		}
		n -= m
	}
}

// raceDrained tells the race detector that the kernel read n bytes.
func raceDrained(iovs []Iovec, n int) {
	for i := 0; raceenabled && n > 0 && i < len(iovs); i++ {
		m := min(n, int(iovs[i].Len))
		if m > 0 {
			raceReadRange(unsafe.Pointer(iovs[i].Base), m)
		}
		n -= m
	}
}

// Readv calls readv(2): it fills the buffers of iovs one after the other.
func Readv(fd int, iovs [][]byte) (n int, err error) {
	vec := appendIovs(make([]Iovec, 0, smallIovs), iovs)
	n, err = RawReadv(fd, vec)
	raceFilled(vec, n)
	return n, err
}

// Writev calls writev(2): it writes the buffers of iovs one after the other.
func Writev(fd int, iovs [][]byte) (n int, err error) {
	vec := appendIovs(make([]Iovec, 0, smallIovs), iovs)
	n, err = RawWritev(fd, vec)
	raceDrained(vec, n)
	return n, err
}

// Preadv2 calls preadv2(2). An offset of -1 is the position of the file.
func Preadv2(fd int, iovs [][]byte, offset int64, flags int) (n int, err error) {
	vec := appendIovs(make([]Iovec, 0, smallIovs), iovs)
	n, err = RawPreadv2(fd, vec, offset, flags)
	raceFilled(vec, n)
	return n, err
}

// Pwritev2 calls pwritev2(2). An offset of -1 is the position of the file.
func Pwritev2(fd int, iovs [][]byte, offset int64, flags int) (n int, err error) {
	vec := appendIovs(make([]Iovec, 0, smallIovs), iovs)
	n, err = RawPwritev2(fd, vec, offset, flags)
	raceDrained(vec, n)
	return n, err
}

// Preadv calls preadv(2).
func Preadv(fd int, iovs [][]byte, offset int64) (n int, err error) {
	vec := appendIovs(make([]Iovec, 0, smallIovs), iovs)
	n, err = RawPreadv(fd, vec, offset)
	raceFilled(vec, n)
	return n, err
}

// Pwritev calls pwritev(2).
func Pwritev(fd int, iovs [][]byte, offset int64) (n int, err error) {
	vec := appendIovs(make([]Iovec, 0, smallIovs), iovs)
	n, err = RawPwritev(fd, vec, offset)
	raceDrained(vec, n)
	return n, err
}
