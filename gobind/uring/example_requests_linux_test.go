// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"syscall"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// must ends an example that the kernel refuses.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// A request for which SQE has no method.
func ExampleOp() {
	ring := must(uring.New(8))
	defer ring.Close()
	f := must(os.CreateTemp("", "op"))
	defer os.Remove(f.Name())
	defer f.Close()

	sqe := ring.NextSQE()
	sqe.Opcode = uring.OpFsync
	sqe.FD = int32(f.Fd())
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.Err())
	}
}

func ExampleProbe() {
	ring := must(uring.New(8))
	defer ring.Close()
	probe := must(ring.Probe())
	fmt.Println(probe.Supported(uring.OpRead), probe.Supported(uring.OpSendZC))
}

// Every SQE that NextSQE hands out is empty; nil says that the queue is full.
func ExampleSQE() {
	ring := must(uring.New(8))
	defer ring.Close()
	text := []byte("hello\n")
	sqe := ring.NextSQE()
	if sqe == nil {
		log.Fatal("submit first")
	}
	sqe.Write(1, text, 0)
	sqe.UserData = 1
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.UserData, cqe.Res == int32(len(text)))
	}
}

// The read begins when the write is done.
func ExampleSQEFlags() {
	ring := must(uring.New(8))
	defer ring.Close()
	f := must(os.CreateTemp("", "link"))
	defer os.Remove(f.Name())
	defer f.Close()

	text, buf := []byte("one by one"), make([]byte, 16)
	sqe := ring.NextSQE()
	sqe.Write(int(f.Fd()), text, 0)
	sqe.Flags |= uring.SQEIOLink
	ring.NextSQE().Read(int(f.Fd()), buf, 0)
	must(ring.SubmitAndWait(2))
	for cqe := range ring.Completions() {
		if err := cqe.Err(); err != nil {
			log.Fatal(err)
		}
		buf = buf[:cqe.Res] // The read's is the last.
	}
	fmt.Printf("%s %d\n", buf, len(text))
}

func ExampleCQE() {
	ring := must(uring.New(8))
	defer ring.Close()
	ring.NextSQE().Close(1 << 20)
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.Err(), errors.Is(cqe.Err(), syscall.EBADF))
	}
}

// One request, many completions: CQEMore says whether another one comes.
func ExampleCQEFlags() {
	ring := must(uring.New(8))
	defer ring.Close()
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	sqe := ring.NextSQE()
	sqe.PollAdd(int(r.Fd()), sys.POLLIN)
	sqe.Len = uring.PollMultishot
	must(ring.Submit())
	io.WriteString(w, "x")
	must(0, ring.Wait(1))
	w.Close()
	must(0, ring.Wait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.Res&sys.POLLIN != 0, cqe.Flags&uring.CQEMore != 0)
	}
}

// A ring as new as the kernel: an older one says EINVAL.
func ExampleSetupFlags() {
	ring, err := uring.New(64, uring.WithFlags(uring.SetupCoopTaskrun|uring.SetupSubmitAll))
	if errors.Is(err, syscall.EINVAL) {
		ring, err = uring.New(64)
	}
	must(ring, err).Close()
}

func ExampleOption() {
	ring := must(uring.New(64, uring.WithCQEntries(1024), uring.WithSQPoll(time.Second)))
	defer ring.Close()
	fmt.Println(ring.SQEntries(), ring.CQEntries())
}

func ExampleFeatures() {
	ring := must(uring.New(8))
	defer ring.Close()
	if ring.Features()&uring.FeatNodrop != 0 {
		fmt.Println("no completion is lost")
	}
}

// A timeout at a point in time of the clock that is set.
func ExampleTimeoutFlags() {
	ring := must(uring.New(8))
	defer ring.Close()
	at := time.Now().Add(time.Millisecond)
	ts := &sys.Timespec{Sec: at.Unix(), Nsec: int64(at.Nanosecond())}
	ring.NextSQE().Timeout(ts, 0, uring.TimeoutAbs|uring.TimeoutRealtime)
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(errors.Is(cqe.Err(), syscall.ETIME), time.Now().Before(at))
	}
}

// Everything that is in flight on a descriptor.
func ExampleCancelFlags() {
	ring := must(uring.New(8))
	defer ring.Close()
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for range 2 {
		ring.NextSQE().PollAdd(int(r.Fd()), sys.POLLIN)
	}
	sqe := ring.NextSQE()
	sqe.CancelFD(int(r.Fd()), uring.CancelAll)
	sqe.UserData = 1
	must(ring.SubmitAndWait(3))
	for cqe := range ring.Completions() {
		if cqe.UserData == 1 {
			fmt.Println("cancelled:", cqe.Res)
		}
	}
}

// The data of a file, without its times.
func ExampleFsyncFlags() {
	ring := must(uring.New(8))
	defer ring.Close()
	f := must(os.CreateTemp("", "example"))
	defer os.Remove(f.Name())
	defer f.Close()
	ring.NextSQE().Fsync(int(f.Fd()), uring.FsyncDatasync)
	must(ring.SubmitAndWait(1))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.Res)
	}
}

// A poll that is in flight waits for something else from now on.
func ExamplePollUpdateFlags() {
	ring := must(uring.New(8))
	defer ring.Close()
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	sqe := ring.NextSQE()
	sqe.PollAdd(int(w.Fd()), sys.POLLERR)
	sqe.UserData = 1
	sqe = ring.NextSQE()
	sqe.PollUpdate(1, 0, sys.POLLOUT, uring.PollUpdateEvents)
	sqe.UserData = 2
	must(ring.SubmitAndWait(2))
	for cqe := range ring.Completions() {
		fmt.Println(cqe.UserData, cqe.Res)
	}
}

// A completion for another ring, of 7 and 8.
func ExampleMsgRingFlags() {
	from, to := must(uring.New(8)), must(uring.New(8))
	defer from.Close()
	defer to.Close()
	var none uring.MsgRingFlags
	from.NextSQE().MsgRing(to.FD(), 7, 8, none)
	must(from.Submit())
	must(to.SubmitAndWait(1))
	for cqe := range to.Completions() {
		fmt.Println(cqe.Res, cqe.UserData)
	}
}
