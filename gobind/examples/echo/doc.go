// SPDX-License-Identifier: MIT

// Command echo is a TCP server on 127.0.0.1 that sends back what it receives.
// One goroutine serves all connections: each has one operation in flight, and
// its token tells the connection. It ends when standard input does.
//
//	$ go run ./examples/echo 7777
//	listening on 127.0.0.1:7777, engine io_uring
//
// and elsewhere
//
//	$ echo hello | nc 127.0.0.1 7777
//	hello
//
// Without a port, or with 0, the kernel chooses one. It is the twin of
// shim/examples/echo.c, and needs Linux on amd64 or arm64.
package main
