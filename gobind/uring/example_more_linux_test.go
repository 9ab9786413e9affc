// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// A server accepts connections by one request, which is made anew if the kernel
// ends it.
func ExampleMultishot() {
	ring := must(uring.New(64))
	defer ring.Close()
	l := must(sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0))
	defer sys.Close(l)
	must(0, sys.Bind(l, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(0, sys.Listen(l, 128))

	const accepts = 1
	accept := uring.AcceptMany(l, sys.SOCK_CLOEXEC, accepts)
	accept.Arm(ring)
	for cqe, err := range ring.Events() {
		if err != nil {
			log.Fatal(err)
		}
		if !accept.Take(cqe) {
			continue
		}
		if err := cqe.Err(); err != nil {
			log.Fatal(err)
		}
		sys.Close(int(cqe.Res))
		accept.Arm(ring)
	}
}

// Datagrams of any sender, each in a buffer with the sender's address.
func ExampleMessage() {
	ring := must(uring.New(8))
	defer ring.Close()
	bufs := must(ring.NewBufRing(0, 8, 2048))
	defer bufs.Close()
	fd := must(sys.Socket(sys.AF_INET, sys.SOCK_DGRAM|sys.SOCK_CLOEXEC, 0))
	defer sys.Close(fd)

	msg := &sys.Msghdr{Namelen: sys.SizeofSockaddrInet4}
	receive := uring.RecvmsgMany(fd, bufs, msg, 0, 1)
	receive.Arm(ring)
	for cqe, err := range ring.Events() {
		if err != nil {
			log.Fatal(err)
		}
		receive.Take(cqe)
		if m, ok := bufs.Message(cqe, msg); ok {
			fmt.Printf("%q from %v\n", m.Payload, m.Name)
		}
		bufs.Recycle(cqe)
		receive.Arm(ring)
	}
}

// One large buffer for many small messages.
func ExampleBufRingOption() {
	ring := must(uring.New(8))
	defer ring.Close()
	bufs, err := ring.NewBufRing(0, 2, 1<<20, uring.WithIncremental(0))
	if errors.Is(err, syscall.EINVAL) {
		bufs, err = ring.NewBufRing(0, 1024, 2048)
	}
	must(bufs, err).Close()
}

// Each request has a buffer of its own, which stays reachable until it has
// ended.
func ExampleInFlight() {
	ring := must(uring.New(8))
	defer ring.Close()
	f := must(os.Open("/dev/zero"))
	defer f.Close()

	var flying uring.InFlight[[]byte]
	for range 8 {
		buf := make([]byte, 16)
		sqe := ring.NextSQE()
		sqe.Read(int(f.Fd()), buf, 0)
		sqe.UserData = flying.Add(buf)
	}
	for flying.Len() > 0 {
		must(ring.SubmitAndWait(1))
		for cqe := range ring.Completions() {
			fmt.Println(len(*flying.At(cqe)), cqe.Res)
			flying.End(cqe)
		}
	}
}

// What is pinned is reachable, and stays where it is, until it is unpinned:
// for a buffer of the Go heap to which only a request refers.
func ExampleSQE_SetAddr() {
	ring := must(uring.New(8))
	defer ring.Close()
	f := must(os.Open("/dev/zero"))
	defer f.Close()

	var pinner runtime.Pinner
	buf := new([64]byte)
	pinner.Pin(buf)
	sqe := ring.NextSQE()
	sqe.Read(int(f.Fd()), buf[:], 0)
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.Res)
		pinner.Unpin()
	}
}

// Buffers for O_DIRECT begin at a page, and a ring keeps them for good.
func ExampleArena() {
	arena := must(uring.NewArena(32 * 4096))
	defer arena.Close()
	ring := must(uring.New(32))
	defer ring.Close()
	must(0, ring.RegisterBuffers([][]byte{arena.Bytes()}))
	f := must(os.OpenFile("/dev/zero", os.O_RDONLY, 0))
	defer f.Close()

	block := arena.Alloc(4096, 4096)
	ring.NextSQE().ReadFixed(int(f.Fd()), block, 0, 0)
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.Res)
	}
	must(0, ring.UnregisterBuffers())
}
