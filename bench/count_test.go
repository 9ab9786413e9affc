// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheTracepointCountsEveryCall(t *testing.T) {
	trace, err := findTracepoint()
	if err != nil {
		t.Skip(err)
	}
	const n = 5000
	calls, err := trace.count(os.Getpid(), func() error {
		for range n {
			unix.Getppid()
		}
		return nil
	})
	// The runtime makes calls of its own.
	if err != nil || calls < n || calls > n+n/10 {
		t.Errorf("%d calls, %v; want %d", calls, err, n)
	}
}
