// SPDX-License-Identifier: MIT

// Command echo sends back what it receives, to up to 64 clients at once over TCP
// on 127.0.0.1, until its standard input ends. One goroutine serves them all.
// The port is the argument; 0, or none, takes a free one. SHIM_AIO_ENGINE=epoll
// forces the engine.
//
//	$ SHIM_AIO_ENGINE=epoll go run ./examples/echo 7007
//	echo: port 7007, epoll: forced by SHIM_AIO_ENGINE
//
// and in another terminal
//
//	$ exec 3<>/dev/tcp/127.0.0.1/7007; echo hello >&3; head -n 1 <&3
//	hello
//
// It is the twin of shim/examples/echo.c, and needs Linux on amd64 or arm64.
package main
