// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

func TestFullQueueHasNoSQE(t *testing.T) {
	r := newRing(t, 4)
	for range 3 {
		for i := range 4 {
			next(t, r, uint64(i)).Nop()
		}
		if r.NextSQE() != nil {
			t.Fatal("a fifth SQE")
		}
		if n := r.Queued(); n != 4 {
			t.Errorf("%d queued", n)
		}
		submit(t, r, 4)
		if n := r.Queued(); n != 0 {
			t.Errorf("%d queued after Submit", n)
		}
		reap(t, r, 4)
	}
}

func TestSQEIsZero(t *testing.T) {
	r := newRing(t, 1)
	s := next(t, r, 9)
	s.Read(-1, make([]byte, 3), 4)
	s.Flags, s.IOPrio, s.BufIndex, s.FileIndex, s.Addr3 = uring.SQEIOLink, 1, 2, 3, 4
	result(t, r)
	if s := next(t, r, 0); *s != (uring.SQE{}) {
		t.Errorf("SQE %+v", *s)
	}
	result(t, r)
}

func TestNothingToSubmitIsNoCall(t *testing.T) {
	r := newRing(t, 1)
	seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 0, 0, func() error {
		if n, err := r.Submit(); n != 0 || err != nil {
			return errors.Join(err, errors.New("Submit"))
		}
		return r.Wait(0)
	})
	if seen != 0 || err != nil {
		t.Errorf("%d calls, %v", seen, err)
	}
}

func TestFailedEnterKeepsTheEntries(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	next(t, r, 2).Nop()
	for _, errno := range []syscall.Errno{sys.EBUSY, sys.EAGAIN, sys.EBADR} {
		_, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 1, errno, func() error {
			n, err := r.Submit()
			if n != 0 || r.Queued() != 2 {
				t.Errorf("%d taken, %d queued", n, r.Queued())
			}
			return err
		})
		var call *os.SyscallError
		if !errors.As(err, &call) || call.Err != errno || call.Syscall != "io_uring_enter" {
			t.Errorf("err %v, want %v", err, errno)
		}
	}
	submit(t, r, 2)
	reap(t, r, 2)
}

func TestSignalsAreNoError(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 1, sys.EINTR, func() error {
		n, err := r.SubmitAndWait(1)
		if n != 1 || r.Ready() != 1 {
			t.Errorf("%d taken, %d ready", n, r.Ready())
		}
		return err
	})
	if seen != 2 || err != nil {
		t.Errorf("%d calls, %v", seen, err)
	}
	r.Advance(1)

	// With the time that is left.
	start := time.Now()
	seen, err = faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 1, sys.EINTR, func() error {
		return r.WaitTimeout(1, 5*time.Millisecond)
	})
	if seen != 2 || !errors.Is(err, sys.ETIME) {
		t.Errorf("%d calls, %v", seen, err)
	}
	if d := time.Since(start); d < 5*time.Millisecond {
		t.Errorf("ETIME after %v", d)
	}
}

// The kernel stops at an entry that it does not understand.
func TestBadEntryDoesNotStopTheOthers(t *testing.T) {
	r := newRing(t, 4)
	next(t, r, 1).Nop()
	next(t, r, 2).Opcode = 255
	next(t, r, 3).Nop()
	submit(t, r, 3)
	cqes := reap(t, r, 3)
	wantRes(t, "before", cqes[1].Res, 0)
	wantRes(t, "unknown operation", cqes[2].Res, -int32(sys.EINVAL))
	wantRes(t, "behind", cqes[3].Res, 0)
}

func TestTimedWaitEnds(t *testing.T) {
	r := newRing(t, 4)
	for _, d := range []time.Duration{0, 3 * time.Millisecond} {
		start := time.Now()
		if err := r.WaitTimeout(1, d); !errors.Is(err, sys.ETIME) {
			t.Errorf("WaitTimeout gives %v", err)
		}
		if e := time.Since(start); e < d {
			t.Errorf("%v instead of %v", e, d)
		}
	}
	rd, _ := pipe(t)
	next(t, r, 1).PollAdd(rd, sys.POLLIN)
	if n, err := r.SubmitAndWaitTimeout(1, time.Millisecond); n != 1 || !errors.Is(err, sys.ETIME) {
		t.Errorf("SubmitAndWaitTimeout gives %d, %v", n, err)
	}
	next(t, r, 2).Nop()
	if n, err := r.SubmitAndWaitTimeout(2, time.Millisecond); n != 1 || err != nil {
		t.Errorf("SubmitAndWaitTimeout with one completion of two gives %d, %v", n, err)
	}
	if n, err := r.SubmitAndWaitTimeout(1, -1); n != 0 || err != nil {
		t.Errorf("SubmitAndWaitTimeout for ever gives %d, %v", n, err)
	}
	next(t, r, 3).Cancel(1, 0)
	reap(t, r, 3)
}

// The kernel must wait already when the time is over, else it waits for ever.
func TestTimeoutRequestEndsTheWait(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Timeout(&sys.Timespec{Nsec: 2e8}, 0, 0)
	if n, err := r.SubmitAndWait(2); n != 1 || err != nil || r.Ready() != 1 {
		t.Errorf("SubmitAndWait gives %d, %v; %d ready", n, err, r.Ready())
	}
	r.Advance(1)
}

// Of a number that the kernel would cut to 0, too.
func TestWaitForMoreThanTheRingHoldsIsOneCall(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Timeout(&sys.Timespec{Nsec: 2e8}, 0, 0)
	seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 0, 0, func() error {
		_, err := r.SubmitAndWait(1 << 32)
		return err
	})
	if seen != 1 || err != nil || r.Ready() != 1 {
		t.Errorf("%d calls, %v, %d ready", seen, err, r.Ready())
	}
	r.Advance(1)
}

func TestWaitSubmitsNothing(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	if err := r.WaitTimeout(1, time.Millisecond); !errors.Is(err, sys.ETIME) {
		t.Errorf("WaitTimeout gives %v", err)
	}
	reap(t, r, 1)
	check(t, r.Wait(0))
}

func userData(cqes []uring.CQE) (data []uint64) {
	for _, c := range cqes {
		data = append(data, c.UserData)
	}
	return data
}

// From every position in the queue, so that batches wrap around.
func TestBatchesKeepTheOrder(t *testing.T) {
	r := newRing(t, 4, uring.WithCQEntries(8))
	n := uint64(0)
	for range 8 {
		want := []uint64{}
		for range 3 {
			n++
			want = append(want, n)
			next(t, r, n).Nop()
		}
		submit(t, r, 3)
		check(t, r.Wait(3))
		if r.Ready() != 3 {
			t.Fatalf("%d ready", r.Ready())
		}
		dst := make([]uring.CQE, 5)
		for range 2 {
			if k := r.Peek(dst); !slices.Equal(userData(dst[:k]), want) {
				t.Errorf("Peek gives %v, want %v", userData(dst[:k]), want)
			}
		}
		if k := r.Reap(dst[:2]); !slices.Equal(userData(dst[:k]), want[:2]) {
			t.Errorf("Reap gives %v, want %v", userData(dst[:k]), want[:2])
		}
		if k := r.Reap(dst); !slices.Equal(userData(dst[:k]), want[2:]) {
			t.Errorf("Reap gives %v, want %v", userData(dst[:k]), want[2:])
		}
		r.Advance(1)
		if k := r.Reap(dst); k != 0 {
			t.Errorf("Reap of nothing gives %d", k)
		}
	}
}

func TestLoopThatBreaksKeepsTheRest(t *testing.T) {
	r := newRing(t, 4)
	for i := range uint64(4) {
		next(t, r, i).Nop()
	}
	submit(t, r, 4)
	for want := range uint64(4) {
		for c := range r.Completions() {
			if c.UserData != want {
				t.Errorf("completion %d, want %d", c.UserData, want)
			}
			break
		}
	}
	for c := range r.Completions() {
		t.Errorf("completion %d twice", c.UserData)
	}
}

func TestLoopMaySubmitAndReap(t *testing.T) {
	r := newRing(t, 4)
	next(t, r, 1).Nop()
	next(t, r, 2).Nop()
	submit(t, r, 2)
	var seen []uint64
	for c := range r.Completions() {
		seen = append(seen, c.UserData)
		if c.UserData == 1 {
			next(t, r, 3).Nop()
			_, err := r.SubmitAndWait(2)
			check(t, err)
			for c := range r.Completions() {
				seen = append(seen, c.UserData)
			}
		}
	}
	if !slices.Equal(seen, []uint64{1, 2, 3}) {
		t.Errorf("completions %v", seen)
	}
}

// What was yielded does not count as ready.
func TestLoopMayWait(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	submit(t, r, 1)
	for range r.Completions() {
		if err := r.WaitTimeout(1, time.Millisecond); !errors.Is(err, sys.ETIME) {
			t.Errorf("WaitTimeout gives %v", err)
		}
	}
}

func TestLoopMayCloseTheRing(t *testing.T) {
	r, err := uring.New(2)
	available(t, err)
	check(t, err)
	next(t, r, 1).Nop()
	next(t, r, 2).Nop()
	submit(t, r, 2)
	for range r.Completions() {
		check(t, r.Close())
	}
}

func TestOverflowLosesNothing(t *testing.T) {
	r := newRing(t, 4, uring.WithCQEntries(4))
	if r.Features()&uring.FeatNodrop == 0 {
		t.Skip("this kernel drops completions")
	}
	const all = 64
	sent, seen := 0, make(map[uint64]bool)
	for sent < all {
		s := r.NextSQE()
		if s == nil {
			_, err := r.Submit()
			if errors.Is(err, sys.EBUSY) {
				// Before Linux 5.19 it takes no more now.
				break
			}
			check(t, err)
			continue
		}
		s.Nop()
		s.UserData = uint64(sent)
		sent++
	}
	if r.Ready() != r.CQEntries() {
		t.Errorf("%d ready", r.Ready())
	}
	for len(seen) < sent {
		before := len(seen)
		for c := range r.Completions() {
			seen[c.UserData] = true
		}
		if len(seen) == before {
			t.Fatalf("Submit has not fetched the rest of %d", sent-before)
		}
		if _, err := r.Submit(); !errors.Is(err, sys.EBUSY) {
			check(t, err)
		}
	}
	if r.Ready() != 0 || r.Queued() != 0 {
		t.Errorf("%d ready, %d queued at the end", r.Ready(), r.Queued())
	}
}
