// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64) && !race

package uring_test

import (
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// The race detector allocates on its own, so this is not built with -race.
func TestOperationsDoNotAllocate(t *testing.T) {
	r := newRing(t, 8)
	rd, _ := pipe(t)
	b := make([]byte, 8)
	iovs := []sys.Iovec{{Base: &b[0], Len: 8}}
	ts := &sys.Timespec{Sec: 60}
	cqes := make([]uring.CQE, 8)
	seen := 0
	one := func(prep func(*uring.SQE)) func() {
		return func() {
			prep(r.NextSQE())
			r.SubmitAndWait(1)
			seen += r.Reap(cqes)
		}
	}
	for _, tc := range []struct {
		name string
		call func()
	}{
		{"Nop", one(func(s *uring.SQE) { s.Nop() })},
		{"Read", one(func(s *uring.SQE) { s.Read(-1, b, 0) })},
		{"Write", one(func(s *uring.SQE) { s.Write(-1, b, 0) })},
		{"Readv", one(func(s *uring.SQE) { s.Readv(-1, iovs, 0) })},
		{"Writev", one(func(s *uring.SQE) { s.Writev(-1, iovs, 0) })},
		{"Accept", one(func(s *uring.SQE) { s.Accept(-1, nil, nil, 0) })},
		{"Recv", one(func(s *uring.SQE) { s.Recv(-1, b, 0) })},
		{"Send", one(func(s *uring.SQE) { s.Send(-1, b, 0) })},
		{"PollAdd", one(func(s *uring.SQE) { s.PollAdd(-1, 0) })},
		{"PollRemove", one(func(s *uring.SQE) { s.PollRemove(1) })},
		{"Timeout", func() {
			r.NextSQE().Timeout(ts, 0, 0)
			r.NextSQE().TimeoutRemove(0)
			r.SubmitAndWait(2)
			seen += r.Reap(cqes)
		}},
		{"Cancel", one(func(s *uring.SQE) { s.Cancel(1, 0) })},
		{"CancelFD", one(func(s *uring.SQE) { s.CancelFD(rd, 0) })},
		{"Close", one(func(s *uring.SQE) { s.Close(-1) })},
		{"Completions", func() {
			r.NextSQE().Nop()
			r.Submit()
			for c := range r.Completions() {
				seen += int(c.Res) + 1
			}
		}},
		{"Err", func() {
			if (uring.CQE{Res: -int32(sys.ECANCELED)}).Err() != nil {
				seen++
			}
		}},
		{"a wait without success", func() { r.WaitTimeout(1, 0) }},
		{"a timed wait", func() {
			r.NextSQE().Nop()
			r.SubmitAndWaitTimeout(1, time.Minute)
			seen += r.Reap(cqes)
		}},
	} {
		if n := testing.AllocsPerRun(100, tc.call); n != 0 {
			t.Errorf("%s: %v allocations", tc.name, n)
		}
		if r.Ready() != 0 || r.Queued() != 0 {
			t.Errorf("%s: %d ready, %d queued", tc.name, r.Ready(), r.Queued())
		}
	}
	if seen < 17*100 {
		t.Errorf("only %d completions", seen)
	}
}

// A buffer on a stack would move away from under the kernel. Each of these is
// one allocation, although nothing but the SQE has the address.
func TestWhatAnSQEPointsToIsOnTheHeap(t *testing.T) {
	s := new(uring.SQE)
	for name, prep := range map[string]func(){
		"Read": func() {
			var b [64]byte
			s.Read(0, b[:], 0)
		},
		"Write": func() {
			var b [64]byte
			s.Write(0, b[:], 0)
		},
		"Recv": func() {
			var b [64]byte
			s.Recv(0, b[:], 0)
		},
		"Send": func() {
			var b [64]byte
			s.Send(0, b[:], 0)
		},
		"Readv": func() {
			var iovs [1]sys.Iovec
			s.Readv(0, iovs[:], 0)
		},
		"Writev": func() {
			var iovs [1]sys.Iovec
			s.Writev(0, iovs[:], 0)
		},
		"Timeout": func() {
			var ts sys.Timespec
			s.Timeout(&ts, 0, 0)
		},
		"Accept, address": func() {
			var addr sys.RawSockaddrAny
			s.Accept(0, &addr, nil, 0)
		},
		"Accept, size": func() {
			var size uint32
			s.Accept(0, nil, &size, 0)
		},
	} {
		if n := testing.AllocsPerRun(100, prep); n != 1 {
			t.Errorf("%s: %v allocations, want 1", name, n)
		}
	}
	// What an iovec points to goes the same way.
	prep := func() {
		var b [64]byte
		var iovs [1]sys.Iovec
		iovs[0].Base = &b[0]
		s.Readv(0, iovs[:], 0)
	}
	if n := testing.AllocsPerRun(100, prep); n != 2 {
		t.Errorf("an iovec and its buffer: %v allocations, want 2", n)
	}
}
