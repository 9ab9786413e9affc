// SPDX-License-Identifier: MIT

//go:build linux && race && (amd64 || arm64)

package uring_test

import "testing"

// What is written before a byte goes into a pipe is seen after it came out. The
// detector knows that only from the hooks: without them this test fails.
func TestSubmittingHappensBeforeReaping(t *testing.T) {
	in, out := newRing(t, 1), newRing(t, 1)
	rd, wr := pipe(t)
	one, b := []byte{1}, make([]byte, 1)
	shared := 0
	done := make(chan error)
	go func() {
		shared = 1
		s := out.NextSQE()
		s.Write(wr, one, 0)
		_, err := out.SubmitAndWait(1)
		out.Advance(1)
		done <- err
	}()
	next(t, in, 1).Read(rd, b, 0)
	wantRes(t, "Read", result(t, in), 1)
	if shared != 1 {
		t.Errorf("shared is %d", shared)
	}
	check(t, <-done)
}
