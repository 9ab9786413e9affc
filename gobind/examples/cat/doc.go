// SPDX-License-Identifier: MIT

// Command cat copies files, or standard input, to standard output through a
// ring, which opens them, too. While one block is written the next is read: two
// requests in flight, told apart by their user data, submitted and waited for in
// one system call.
//
//	$ go run ./examples/cat LICENSE | head -n 1
//	MIT License
//	$ go run ./examples/cat missing
//	cat: open missing: no such file or directory
//
// The exit status is 1 if anything failed. It is the twin of
// shim/examples/cat.c, and needs Linux on amd64 or arm64.
package main
