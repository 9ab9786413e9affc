// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"example.com/syshim/gobind/aio"
	"example.com/syshim/gobind/sys"
)

func ExampleAIO() {
	a, err := aio.New()
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	var p [2]int
	if err := sys.Pipe2(p[:], sys.O_CLOEXEC); err != nil {
		log.Fatal(err)
	}

	buf := make([]byte, 100)
	a.Read(p[0], buf, -1, 1)
	a.Write(p[1], []byte("hello"), -1, 2)
	for left := 2; left > 0; {
		events, err := a.PollEvents(-1)
		if err != nil {
			log.Fatal(err)
		}
		for _, ev := range events {
			if ev.Op == aio.OpRead {
				fmt.Printf("%s\n", buf[:ev.N])
			}
		}
		left -= len(events)
	}

	// Descriptors leave through the AIO, too.
	a.CloseFD(p[0], 3)
	a.CloseFD(p[1], 4)
	for left := 2; left > 0; {
		events, err := a.PollEvents(-1)
		if err != nil {
			log.Fatal(err)
		}
		left -= len(events)
	}
	// Output: hello
}

// Tokens tell operations apart.
func ExampleEvent() {
	a, err := aio.New()
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	a.Timeout(time.Millisecond, 1)
	a.Timeout(time.Hour, 2)
	a.Cancel(2, 3)
	for left := 3; left > 0; {
		events, err := a.PollEvents(-1)
		if err != nil {
			log.Fatal(err)
		}
		for _, ev := range events {
			if ev.Err != nil {
				fmt.Printf("%d %v: %v\n", ev.Token, ev.Op, ev.Err)
			}
		}
		left -= len(events)
	}
	// Output: 2 timeout: operation canceled
}

// The last line of a file, through the interface that every engine offers.
func ExampleAsyncIO() {
	f, err := os.CreateTemp("", "lines")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	a, err := aio.New()
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()

	// one does one operation.
	one := func(io aio.AsyncIO, submit func(fd int, buf []byte, offset int64) error, buf []byte, offset int64) int {
		if err := submit(int(f.Fd()), buf, offset); err != nil {
			log.Fatal(err)
		}
		events, err := io.PollEvents(-1)
		if err != nil {
			log.Fatal(err)
		}
		if events[0].Err != nil {
			log.Fatal(events[0].Err)
		}
		return events[0].N
	}
	one(a, a.SubmitWrite, []byte("first\nlast\n"), 0)
	buf := make([]byte, 100)
	n := one(a, a.SubmitRead, buf, 6)
	fmt.Printf("%s", buf[:n])
	// Output: last
}

// A few operations at a time, on the engine that every kernel has.
func ExampleOption() {
	a, err := aio.New(aio.WithEngine(aio.EngineEpoll), aio.WithSlots(16), aio.WithHelpers(1))
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	fmt.Println(a.Reason())
	// Output: epoll: forced by WithEngine
}

func ExampleOp() {
	fmt.Println(aio.OpRead, aio.OpAccept)
	// Output: read accept
}
