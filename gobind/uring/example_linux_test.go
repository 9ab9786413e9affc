// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"fmt"
	"log"
	"os"

	"example.com/syshim/gobind/uring"
)

// Two reads are in flight at once. Each has a buffer of its own, which is kept
// until its completion: here by bufs, which is used behind the loop.
func ExampleRing() {
	ring, err := uring.New(8)
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	f, err := os.Open("/etc/passwd")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	bufs := [2][]byte{make([]byte, 16), make([]byte, 16)}
	for i, b := range bufs {
		sqe := ring.NextSQE()
		sqe.Read(int(f.Fd()), b, int64(16*i))
		sqe.UserData = uint64(i)
	}
	for reaped := 0; reaped < len(bufs); {
		if _, err := ring.SubmitAndWait(1); err != nil {
			log.Fatal(err)
		}
		for cqe := range ring.Completions() {
			reaped++
			i := cqe.UserData
			if err := cqe.Err(); err != nil {
				log.Fatal(err)
			}
			bufs[i] = bufs[i][:cqe.Res]
		}
	}
	fmt.Printf("%s%s\n", bufs[0], bufs[1])
}
