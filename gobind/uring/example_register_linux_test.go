// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"fmt"
	"log"
	"syscall"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// Receiving again and again, into buffers from which the kernel chooses.
func ExampleBufRing() {
	ring := must(uring.New(8))
	defer ring.Close()
	bufs := must(ring.NewBufRing(0, 8, 4096))
	defer bufs.Close()
	fds := must(sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0))
	defer sys.Close(fds[0])

	sqe := ring.NextSQE()
	sqe.RecvMultishot(fds[0], nil, 0)
	sqe.Flags |= uring.SQEBufferSelect
	sqe.BufIndex = bufs.Group()
	must(ring.Submit())
	must(sys.Write(fds[1], []byte("hello")))
	sys.Close(fds[1])

	for more := true; more; {
		if err := ring.Wait(1); err != nil {
			log.Fatal(err)
		}
		for cqe := range ring.Completions() {
			fmt.Printf("%q\n", bufs.Bytes(cqe))
			bufs.Recycle(cqe)
			more = cqe.Flags&uring.CQEMore != 0
		}
	}
}

// A ring that reads and writes what is open, and nothing else: for a process
// whose seccomp filter does not see what a ring does.
func ExampleRestriction() {
	ring := must(uring.New(8, uring.WithFlags(uring.SetupRDisabled)))
	defer ring.Close()
	err := ring.Restrict(uring.AllowOp(uring.OpRead), uring.AllowOp(uring.OpWrite))
	if err != nil {
		log.Fatal(err)
	}
	if err := ring.Enable(); err != nil {
		log.Fatal(err)
	}

	ring.NextSQE().Socket(sys.AF_INET, sys.SOCK_STREAM, 0, 0)
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(errors.Is(cqe.Err(), syscall.EACCES))
	}
}
