// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import (
	"strings"
	"syscall"
)

// stringBuf has room for the most of paths; longer strings are allocated.
type stringBuf [256]byte

// cstring returns s with a NUL behind it, in buf when it fits. A NUL in s is
// EINVAL.
func cstring(buf *stringBuf, s string) (*byte, error) {
	if len(s) >= len(buf) {
		return syscall.BytePtrFromString(s)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return nil, EINVAL
	}
	copy(buf[:], s)
	return &buf[0], nil
}
