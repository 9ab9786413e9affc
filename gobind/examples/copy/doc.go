// SPDX-License-Identifier: MIT

// Command copy copies a file by 32 pairs of requests at once: a read and, linked
// to it, the write of the same block, which the kernel starts when the read has
// filled it. The pairs end in any order.
//
//	$ go run ./examples/copy LICENSE /tmp/LICENSE && echo copied
//	copied
//	$ go run ./examples/copy missing /tmp/x
//	copy: open missing: no such file or directory
//
// The exit status is 1 if anything failed; the copy is not complete then. It is
// the twin of shim/examples/copy.c, and needs Linux on amd64 or arm64.
package main
