// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// A load is a row of tests/uring_load.tab, which says what each kind is. C runs
// the same table.
type load struct {
	kind                             string
	flags, entries, cq, count, small int
}

// A loaded ring.
type loaded struct {
	*Ring
	load
	t *testing.T
}

// times is how often it is done.
func (l *loaded) times() int {
	if testing.Short() || os.Getenv("TEST_SCALE") == "small" {
		return l.small
	}
	return l.count
}

func (l *loaded) check(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *loaded) nop(userData int, flags SQEFlags) {
	l.t.Helper()
	s := l.NextSQE()
	if s == nil {
		l.t.Fatal("no SQE is free")
	}
	s.Nop()
	s.UserData, s.Flags = uint64(userData), flags
}

func (l *loaded) submitAll(n int) {
	l.t.Helper()
	if m, err := l.Submit(); m != n || err != nil {
		l.t.Fatalf("Submit gives %d, %v; want %d", m, err, n)
	}
}

// take waits for a completion.
func (l *loaded) take() CQE {
	l.t.Helper()
	l.check(l.WaitTimeout(1, time.Minute))
	var c [1]CQE
	l.Reap(c[:])
	return c[0]
}

// takeReady takes what is ready, and returns how many.
func (l *loaded) takeReady(seen []bool) (n int) {
	l.t.Helper()
	for c := range l.Completions() {
		if c.UserData >= uint64(len(seen)) || seen[c.UserData] {
			l.t.Fatalf("completion %+v", c)
		}
		seen[c.UserData] = true
		n++
	}
	return n
}

func (l *loaded) loseNothing(flags SQEFlags) {
	seen := make([]bool, l.times())
	sent, got := 0, 0
	for sent < len(seen) || l.Queued() > 0 {
		for sent < len(seen) && l.Queued() < l.SQEntries() {
			l.nop(sent, flags)
			sent++
		}
		if _, err := l.Submit(); errors.Is(err, sys.EBUSY) {
			// Before Linux 5.19 it takes no more now.
			got += l.takeReady(seen)
		} else {
			l.check(err)
		}
	}
	if got == 0 && flags == 0 && l.Ready() != l.CQEntries() {
		l.t.Errorf("%d ready", l.Ready())
	}
	for got < len(seen) {
		l.check(l.WaitTimeout(1, time.Minute))
		got += l.takeReady(seen)
	}
	if slices.Contains(seen, false) || l.Ready() != 0 {
		l.t.Errorf("%d of %d completions, %d ready", got, len(seen), l.Ready())
	}
}

func (l *loaded) links() {
	for range l.times() {
		for l.Queued() > 0 {
			// A thread of the kernel may not have freed all entries.
			_, err := l.Submit()
			l.check(err)
		}
		for i := range l.entries {
			flags := SQEFlags(0)
			if i%2 == 1 {
				flags = SQEAsync
			}
			if i < l.entries-1 {
				flags |= SQEIOLink
			}
			l.nop(i, flags)
		}
		l.submitAll(l.entries)
		for i := range l.entries {
			if c := l.take(); c.UserData != uint64(i) || c.Res != 0 {
				l.t.Fatalf("completion %d: %+v", i, c)
			}
		}
	}
}

// Reading a directory fails, when its turn has come.
func (l *loaded) broken() {
	dir, err := sys.Openat(sys.AT_FDCWD, "/", sys.O_DIRECTORY|sys.O_CLOEXEC, 0)
	l.check(err)
	defer sys.Close(dir)
	middle := l.entries / 2
	for range l.times() {
		for i := range l.entries {
			s := l.NextSQE()
			if i == middle {
				s.Read(dir, make([]byte, 8), 0)
			} else {
				s.Nop()
			}
			s.UserData = uint64(i)
			if i < l.entries-1 {
				s.Flags = SQEIOLink
			}
		}
		l.submitAll(l.entries)
		for range l.entries {
			c := l.take()
			want := int32(0)
			switch {
			case c.UserData == uint64(middle):
				want = -int32(sys.EISDIR)
			case c.UserData > uint64(middle):
				want = -int32(sys.ECANCELED)
			}
			if c.Res != want {
				l.t.Fatalf("completion %+v, want %d", c, want)
			}
		}
	}
}

func (l *loaded) drain() {
	last := l.entries - 1
	for range l.times() {
		for i := range last - 1 {
			l.nop(i, SQEAsync)
		}
		l.nop(last-1, SQEIODrain)
		l.nop(last, 0)
		l.submitAll(l.entries)
		for i := range l.entries {
			c := l.take()
			if behind := c.UserData >= uint64(last-1); c.Res != 0 || behind != (i >= last-1) {
				l.t.Fatalf("completion %d is %+v", i, c)
			}
		}
	}
}

// wake submits when the kernel's thread has fallen asleep, or about then.
func (l *loaded) wake(asleep bool) {
	for i := range l.times() {
		deadline := time.Now().Add(time.Minute)
		for asleep && atomic.LoadUint32(l.sq.flags)&sys.IORING_SQ_NEED_WAKEUP == 0 {
			if time.Now().After(deadline) {
				l.t.Fatal("the thread does not fall asleep")
			}
			time.Sleep(200 * time.Microsecond)
		}
		if !asleep {
			time.Sleep(700*time.Microsecond + time.Duration(i%100)*10*time.Microsecond)
		}
		l.nop(i, 0)
		l.submitAll(1)
		if c := l.take(); c.UserData != uint64(i) || c.Res != 0 {
			l.t.Fatalf("completion %+v, want %d", c, i)
		}
	}
}

func (l *loaded) run() {
	switch l.kind {
	case "overflow":
		l.loseNothing(0)
	case "workers":
		l.loseNothing(SQEAsync)
	case "links":
		l.links()
	case "broken":
		l.broken()
	case "drain":
		l.drain()
	case "asleep", "drowsy":
		l.wake(l.kind == "asleep")
	default:
		l.t.Fatalf("no load %q", l.kind)
	}
}

func TestRingBearsTheLoadsOfTheTable(t *testing.T) {
	for i, row := range uringLoads {
		t.Run(fmt.Sprintf("%d_%s", i+1, row.kind), func(t *testing.T) {
			opts := []Option{WithSQPoll(time.Millisecond)}
			if SetupFlags(row.flags)&SetupSQPoll == 0 {
				opts = []Option{WithFlags(SetupFlags(row.flags))}
			}
			if row.cq > 0 {
				opts = append(opts, WithCQEntries(uint32(row.cq)))
			}
			// Some rings belong to one thread.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			r, err := New(uint32(row.entries), opts...)
			if row.flags != 0 && errors.Is(err, sys.EINVAL) {
				t.Skipf("this kernel lacks what the ring asks for: %v", err)
			}
			ringMade(t, err)
			defer r.Close()
			(&loaded{r, load(row), t}).run()
		})
	}
}
