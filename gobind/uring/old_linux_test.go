// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// ringMade skips t when err says that io_uring is missing or forbidden, and fails
// it for another error.
func ringMade(t *testing.T, err error) {
	t.Helper()
	for _, e := range []syscall.Errno{sys.ENOSYS, sys.EPERM, sys.EACCES} {
		if errors.Is(err, e) {
			t.Skipf("no io_uring: %v", err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// oldRing makes a ring that does not use features of its kernel, as if it were
// an older one.
func oldRing(t *testing.T, without Features) *Ring {
	t.Helper()
	r, err := New(4)
	ringMade(t, err)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.unmapQueues(); err != nil {
		t.Fatal(err)
	}
	r.params.Features &^= uint32(without)
	if err := r.mapQueues(); err != nil {
		t.Fatal(err)
	}
	return r
}

// Before Linux 5.4.
func TestQueuesMayBeMappedOneByOne(t *testing.T) {
	r := oldRing(t, FeatSingleMmap)
	if r.maps[2].addr == nil {
		t.Fatal("one mapping for both queues")
	}
	for i := range uint64(20) {
		s := r.NextSQE()
		s.Nop()
		s.UserData = i
		if n, err := r.SubmitAndWait(1); n != 1 || err != nil {
			t.Fatalf("SubmitAndWait gives %d, %v", n, err)
		}
		var c [2]CQE
		if n := r.Reap(c[:]); n != 1 || c[0].UserData != i {
			t.Fatalf("Reap gives %d, %+v", n, c)
		}
	}
}

// Before Linux 5.11.
func TestTimedWaitWithoutExtArg(t *testing.T) {
	r := oldRing(t, FeatExtArg)
	wait := func(timeout time.Duration, want error) {
		t.Helper()
		start := time.Now()
		n, err := r.SubmitAndWaitTimeout(2, timeout)
		if n != 1 || !errors.Is(err, want) {
			t.Errorf("SubmitAndWaitTimeout gives %d, %v; want %v", n, err, want)
		}
		if d := time.Since(start); want != nil && d < timeout {
			t.Errorf("%v after %v", want, d)
		}
	}
	if err := r.WaitTimeout(1, 0); !errors.Is(err, sys.ETIME) {
		t.Errorf("WaitTimeout gives %v", err)
	}
	minute := &sys.Timespec{Sec: 60}
	s := r.NextSQE()
	s.UserData = 1
	s.Timeout(minute, 0, 0)
	wait(2*time.Millisecond, sys.ETIME)
	r.NextSQE().Timeout(&sys.Timespec{Nsec: 1e6}, 0, 0)
	wait(time.Minute, nil)
	r.Advance(1)
	r.NextSQE().TimeoutRemove(1)
	wait(0, nil)
	if err := r.Wait(2); err != nil || r.Ready() != 2 {
		t.Errorf("%d ready, %v", r.Ready(), err)
	}
	r.Advance(2)
}
