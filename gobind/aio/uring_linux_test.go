// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
)

// ringOf returns the engine of an AIO on io_uring.
func ringOf(a *AIO) *ring {
	return a.c.eng.(*ring)
}

// More is in flight and complete than either queue of the ring holds.
func TestASmallRingLosesNothing(t *testing.T) {
	open(t, EngineIOUring)
	const slots = 1000
	c := newCore(slots)
	r, err := setUp(fewestEntries, fewestEntries)
	check(t, err)
	c.eng = newURing(c, r)
	registry.Store(c, struct{}{})
	a := &AIO{c: c}
	t.Cleanup(func() { check(t, a.Close()) })

	fd := tempFile(t, pattern(slots))
	buf := make([]byte, slots)
	for i := range slots {
		check(t, a.Read(fd, buf[i:][:1], int64(i), uint64(i)))
	}
	for _, ev := range collect(t, a, slots) {
		want(t, ev, 1, nil)
	}
	for i, b := range pattern(slots) {
		if buf[i] != b {
			t.Fatalf("byte %d is %d, want %d", i, buf[i], b)
		}
	}

	p, w := pipe(t, 0)
	for range slots - 1 {
		check(t, a.Read(p, buf[:1], -1, 7))
	}
	quiet(t, a, 0)
	check(t, a.Cancel(7, 8))
	for left := slots; left > 0; {
		events, err := a.PollEvents(patience)
		check(t, err)
		if len(events) == 0 {
			t.Fatalf("%d events are missing", left)
		}
		for _, ev := range events {
			if ev.Token == 8 {
				want(t, ev, 0, nil)
			} else {
				want(t, ev, -1, sys.ECANCELED)
			}
		}
		left -= len(events)
	}
	check(t, a.Read(p, buf[:1], -1, 9))
	check(t, a.CloseFD(p, 10))
	got := collect(t, a, 2)
	want(t, got[9], -1, sys.ECANCELED)
	want(t, got[10], 0, nil)
	check(t, a.Write(w, buf[:1], -1, 11))
	want(t, next(t, a), -1, sys.EPIPE)
}

// The kernel may not find what it is about to move from one queue to another.
// The wrong generation makes it not find what is there.
func TestWhatTheKernelDoesNotFindIsCancelledLater(t *testing.T) {
	a := open(t, EngineIOUring)
	r, _ := pipe(t, 0)
	check(t, a.Read(r, make([]byte, 1), -1, 1))
	quiet(t, a, 0)
	var read *slot
	for i := range a.c.slots {
		if s := &a.c.slots[i]; s.op == OpRead && s.inFlight() {
			read = s
		}
	}
	read.gen++
	check(t, a.Cancel(1, 2))
	quiet(t, a, 0)
	if read.phase&restop == 0 {
		t.Fatal("the kernel found it")
	}
	read.gen--
	// It is not cancelled twice, and both have their answer.
	check(t, a.Cancel(1, 3))
	got := collect(t, a, 3)
	want(t, got[1], -1, sys.ECANCELED)
	want(t, got[2], 0, nil)
	want(t, got[3], -1, sys.ENOENT)
}

// Before Linux 5.11 io_uring_enter has no timeout.
func TestOldKernelsWaitInPpoll(t *testing.T) {
	a := open(t, EngineIOUring)
	ringOf(a).waiter.timed = false
	start := time.Now()
	quiet(t, a, 20)
	if d := time.Since(start); d < 20*time.Millisecond {
		t.Errorf("only %v passed", d)
	}
	r, w := pipe(t, 0)
	check(t, a.Read(r, make([]byte, 4), -1, 1))
	check(t, a.Timeout(10*time.Millisecond, 2))
	want(t, next(t, a), 0, nil)
	go func() {
		asleep(a)
		sys.Write(w, []byte("x"))
	}()
	want(t, next(t, a), 1, nil)
	go func() {
		asleep(a)
		a.Forget(r, 3)
	}()
	want(t, next(t, a), 0, nil)
}

// A counter that is ready for a small number, but not for this one: the engine
// must not spin.
func TestAReadyDescriptorThatBlocksIsTriedInPeace(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		fd, err := sys.Eventfd(0, sys.EFD_CLOEXEC|sys.EFD_NONBLOCK)
		check(t, err)
		closing(t, fd)
		_, err = sys.Write(fd, number(-3))
		check(t, err)
		check(t, a.Write(fd, number(5), -1, 1))
		const ms = 100
		seen, err := faultkernel.Nth(t, waitCalls, 0, 0, func() error {
			events, err := a.PollEvents(ms)
			if len(events) != 0 {
				t.Errorf("events %v", events)
			}
			return err
		})
		// The operation and its poll, once a millisecond, and some leeway.
		if seen > 5*ms || err != nil {
			t.Errorf("%d calls in %d ms, %v", seen, ms, err)
		}
		_, err = sys.Read(fd, make([]byte, 8))
		check(t, err)
		want(t, next(t, a), 8, nil)
	})
}

// A kernel that is short of memory or time gives less than a file has.
func TestAShortCountGoesOnWhereItIsNoEnd(t *testing.T) {
	u := ringOf(open(t, EngineIOUring))
	r, _ := pipe(t, 0)
	s, _ := socketpair(t)
	for _, tc := range []struct {
		name string
		slot slot
		want bool
	}{
		{"read of a file", slot{op: OpRead, fd: int32(tempFile(t, nil))}, true},
		{"write to a file", slot{op: OpWrite, fd: int32(tempFile(t, nil))}, true},
		{"read of a pipe", slot{op: OpRead, fd: int32(r)}, false},
		{"recv", slot{op: OpRecv, fd: int32(s)}, false},
		{"recv of all", slot{op: OpRecv, fd: int32(s), arg: sys.MSG_WAITALL}, true},
		{"cancelled", slot{op: OpRead, fd: int32(tempFile(t, nil)), cancelled: true}, false},
	} {
		u.fds.add(tc.slot.fd)
		if got := u.goesOn(&tc.slot); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
