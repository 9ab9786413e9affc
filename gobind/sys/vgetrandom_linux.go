// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64) && !nolinkname

package sys

import _ "unsafe" // for linkname

// vgetrandom is a function of the Go runtime, which keeps a state per thread
// for the vDSO. It exports it for golang.org/x/sys/unix, as package runtime
// says there; a build with the tag nolinkname does without.
//
//go:linkname vgetrandom runtime.vgetrandom
//go:noescape
func vgetrandom(p []byte, flags uint32) (n int, ok bool)
