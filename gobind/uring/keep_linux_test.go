// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

func TestWhatIsInFlightIsFoundUntilItEnds(t *testing.T) {
	var f uring.InFlight[string]
	if f.At(uring.CQE{}) != nil || f.End(uring.CQE{}) || f.Len() != 0 {
		t.Error("something in flight at first")
	}
	a, b := f.Add("a"), f.Add("b")
	if a == b || a == 0 || f.Len() != 2 {
		t.Errorf("%#x, %#x, %d", a, b, f.Len())
	}
	more := uring.CQE{UserData: a, Flags: uring.CQEMore}
	if p := f.At(more); p == nil || *p != "a" || f.End(more) || f.At(more) == nil {
		t.Error("a has ended")
	}
	last := uring.CQE{UserData: a}
	if !f.End(last) || f.At(last) != nil || f.End(last) || f.Len() != 1 {
		t.Error("a has not ended once")
	}
	c := f.Add("c")
	if c == a || f.At(last) != nil || *f.At(uring.CQE{UserData: c}) != "c" || *f.At(uring.CQE{UserData: b}) != "b" {
		t.Error("c took the place of a, and its name")
	}
	for _, other := range []uint64{0, 1, 5, 1<<32 | 9, c ^ 1<<33} {
		if f.At(uring.CQE{UserData: other}) != nil {
			t.Errorf("%#x is in flight", other)
		}
	}
}

// Nothing but the table knows the buffers, while collections and allocations go
// on.
func TestBuffersInFlightAreNotCollected(t *testing.T) {
	r := newRing(t, 8)
	fd := tempFile(t, "0123456789abcdef")
	var f uring.InFlight[[]byte]
	rd, wr := pipe(t)
	for round := range 20 {
		for range 8 {
			b := make([]byte, 16)
			s := next(t, r, f.Add(b))
			if round%2 == 0 {
				s.Read(rd, b, 0)
			} else {
				s.Read(fd, b, 0)
			}
		}
		_, err := r.Submit()
		check(t, err)
		runtime.GC()
		for range 100 {
			junk = make([]byte, 16)
		}
		if round%2 == 0 {
			_, err := sys.Write(wr, bytes.Repeat([]byte("0123456789abcdef"), 8))
			check(t, err)
		}
		for f.Len() > 0 {
			check(t, r.Wait(1))
			for c := range r.Completions() {
				wantRes(t, "Read", c.Res, 16)
				if b := *f.At(c); string(b) != "0123456789abcdef" {
					t.Fatalf("the buffer has %q", b)
				}
				f.End(c)
			}
		}
	}
}

var junk []byte

func TestArenaGivesAlignedMemory(t *testing.T) {
	a, err := uring.NewArena(10000)
	check(t, err)
	page := os.Getpagesize()
	if n := len(a.Bytes()); n < 10000 || n%page != 0 {
		t.Errorf("%d bytes", n)
	}
	one, two := a.Alloc(100, 1), a.Alloc(512, 512)
	if len(one) != 100 || cap(one) != 100 || len(two) != 512 || uintptr(unsafe.Pointer(&two[0]))%512 != 0 {
		t.Errorf("%d, %d bytes, at %p", len(one), len(two), two)
	}
	for _, n := range []int{-1, len(a.Bytes()), 1 << 62} {
		if a.Alloc(n, 1) != nil {
			t.Errorf("%d bytes more", n)
		}
	}
	for _, align := range []int{0, 3, 2 * page} {
		if a.Alloc(1, align) != nil {
			t.Errorf("aligned to %d", align)
		}
	}
	a.Reset()
	if b := a.Alloc(len(a.Bytes()), page); b == nil {
		t.Error("not free after Reset")
	}
	check(t, a.Close())
	wantErr(t, "Close again", a.Close(), os.ErrClosed)
	if a.Bytes() != nil || a.Alloc(1, 1) != nil {
		t.Error("memory of a closed arena")
	}
	_, err = uring.NewArena(0)
	wantErr(t, "NewArena(0)", err, sys.EINVAL)
}

// In a process of its own, because the memory stays.
func TestDroppedArenaIsReportedAndStays(t *testing.T) {
	if !alone(t) {
		return
	}
	r, w, err := os.Pipe()
	check(t, err)
	os.Stderr = w
	b := func() []byte {
		a, err := uring.NewArena(1)
		check(t, err)
		return a.Bytes()
	}()
	closed, err := uring.NewArena(1)
	check(t, err)
	check(t, closed.Close())
	closed = nil
	go func() {
		for range 10 {
			runtime.GC()
		}
		fmt.Fprintln(w, "end")
	}()
	lines := bufio.NewScanner(r)
	want := fmt.Sprintf("uring: an arena of %d bytes was dropped without Close", len(b))
	for _, want := range []string{want, "end"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("%q, %v; want %q", lines.Text(), lines.Err(), want)
		}
	}
	b[0] = 1
	os.Exit(0)
}

func TestArenaIsRegisteredAndReadPastTheCache(t *testing.T) {
	r := newRing(t, 4)
	a, err := uring.NewArena(8192)
	check(t, err)
	defer a.Close()
	check(t, r.RegisterBuffers([][]byte{a.Bytes()}))
	fd := tempFile(t, string(bytes.Repeat([]byte("x"), 8192)))
	direct, err := sys.Openat(sys.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), sys.O_RDONLY|sys.O_DIRECT|sys.O_CLOEXEC, 0)
	if errors.Is(err, sys.EINVAL) {
		t.Skip("the file system refuses O_DIRECT")
	}
	check(t, err)
	closing(t, direct)
	b := a.Alloc(4096, 4096)
	next(t, r, 1).ReadFixed(direct, b, 4096, 0)
	wantRes(t, "ReadFixed", result(t, r), 4096)
	if b[0] != 'x' || b[4095] != 'x' {
		t.Error("wrong bytes")
	}
	check(t, r.UnregisterBuffers())
}
