// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import (
	"syscall"
	"unsafe"
)

// Errno is the error of every function of this package.
type Errno = syscall.Errno

// Signal is a signal number.
type Signal = syscall.Signal

// zero is what an empty slice points to. It is as aligned as any type is.
var zero uint64

// base returns the address of the first element of p. An empty slice may have
// none, and a null pointer is EFAULT to some calls even with length zero, so it
// gives the address of a zero byte.
func base[T any](p []T) *T {
	if len(p) == 0 {
		return (*T)(unsafe.Pointer(&zero))
	}
	return &p[0]
}
