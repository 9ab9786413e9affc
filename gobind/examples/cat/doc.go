// SPDX-License-Identifier: MIT

// Command cat copies files to standard output through an io_uring ring.
//
//	$ go run ./examples/cat LICENSE | head -1
//	MIT License
//
// Without a file, or for the name "-", it copies standard input. It is the twin
// of shim/examples/cat.c, and needs Linux on amd64 or arm64.
package main
