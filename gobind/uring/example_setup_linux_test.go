// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"fmt"
	"log"
	"runtime"
	"syscall"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// A command that needs more room than an entry of 64 bytes has: for a driver
// that takes it, as NVMe's does.
func ExampleSQE128() {
	ring := must(uring.New(8, uring.WithFlags(uring.SetupSQE128)))
	defer ring.Close()
	sqe := ring.NextSQE128()
	sqe.Opcode = uring.OpUringCmd
	sqe.FD = -1
	copy(sqe.Command()[:], "80 bytes")
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.Err())
	}
}

// The second half of a large completion: here what the request said.
func ExampleCQE32() {
	ring := must(uring.New(8, uring.WithFlags(uring.SetupCQE32)))
	defer ring.Close()
	sqe := ring.NextSQE()
	sqe.Nop()
	sqe.OpFlags = sys.IORING_NOP_CQE32
	sqe.Off, sqe.Addr = 1, 2
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions32() {
		fmt.Println(cqe.Res, cqe.Extra)
	}
}

// The cheapest ring, which one thread uses alone.
func ExampleWithSingleIssuer() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ring, err := uring.New(64, uring.WithSingleIssuer())
	if errors.Is(err, syscall.EINVAL) {
		log.Fatal("before Linux 6.1")
	}
	must(ring, err)
	defer ring.Close()

	done := make(chan error)
	go func() {
		ring.NextSQE().Nop()
		_, err := ring.Submit()
		done <- err
	}()
	fmt.Println(errors.Is(<-done, uring.ErrOtherThread))
}
