// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64) && !race

package uring_test

import (
	"errors"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// free fails t when call allocates.
func free(t *testing.T, name string, call func()) {
	t.Helper()
	if n := testing.AllocsPerRun(100, call); n != 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

func TestWaitsOfEveryKindDoNotAllocate(t *testing.T) {
	onThread(t)
	r := newRing(t, 4, uring.WithFlags(uring.SetupRDisabled))
	w, err := r.NewWaitRegion(1)
	registered := err == nil
	check(t, r.Enable())
	mask := &sys.Sigset_t{}
	mask.Val[0] = 1 << (sys.SIGURG - 1)
	nop := func() { r.NextSQE().Nop() }
	// With a completion, and without.
	for _, prep := range []func(){nop, func() {}} {
		free(t, "SubmitAndWaitMask", func() {
			prep()
			r.SubmitAndWaitMask(1, 0, mask)
			r.Advance(r.Ready())
		})
		if r.Features()&uring.FeatMinTimeout != 0 {
			free(t, "SubmitAndWaitMin", func() {
				prep()
				r.SubmitAndWaitMin(1, 0, 0)
				r.Advance(r.Ready())
			})
			free(t, "SubmitAndWaitUntil", func() {
				prep()
				r.SubmitAndWaitUntil(1, sys.Timespec{Sec: 1})
				r.Advance(r.Ready())
			})
		}
		if registered {
			w.Set(0, 0, time.Nanosecond)
			free(t, "WaitRegion", func() {
				prep()
				w.SubmitAndWait(1, 0)
				r.Advance(r.Ready())
			})
		}
	}
}

func TestLargeEntriesDoNotAllocate(t *testing.T) {
	r := newRing(t, 4, uring.WithFlags(uring.SetupSQE128|uring.SetupCQE32))
	cqes := make([]uring.CQE32, 4)
	free(t, "Reap32", func() {
		r.NextSQE128().Nop()
		r.SubmitAndWait(1)
		r.Reap32(cqes)
	})
	sum := uint64(0)
	free(t, "Completions32", func() {
		r.NextSQE128().Nop()
		r.SubmitAndWait(1)
		for c := range r.Completions32() {
			sum += c.Extra[0]
		}
	})
}

func TestTableOfRequestsDoesNotAllocate(t *testing.T) {
	var f uring.InFlight[[]byte]
	b := make([]byte, 8)
	names := make([]uint64, 0, 8)
	free(t, "InFlight", func() {
		names = names[:0]
		for range 8 {
			names = append(names, f.Add(b))
		}
		for _, name := range names {
			if c := (uring.CQE{UserData: name}); f.At(c) == nil || !f.End(c) {
				t.Error("not in flight")
			}
		}
	})
}

func TestReceivingManyDoesNotAllocate(t *testing.T) {
	r := newRing(t, 8)
	bufs, err := r.NewBufRing(1, 4, 16)
	registers(t, err)
	defer bufs.Close()
	a, b := socketpair(t)
	text := []byte("text")
	got := 0
	m := uring.RecvMany(a, bufs, 0, 1)
	free(t, "RecvMany, Bytes, Pieces, Recycle", func() {
		sys.Write(b, text)
		m.Arm(r)
		r.SubmitAndWait(1)
		for c := range r.Completions() {
			m.Take(c)
			got += len(bufs.Bytes(c))
			for piece := range bufs.Pieces(c) {
				got -= len(piece)
			}
			bufs.Recycle(c)
		}
	})
	if got != 0 {
		t.Errorf("%d bytes more than pieces", got)
	}
	stopped(t, r, &m)
	free(t, "Events", func() {
		r.NextSQE().Nop()
		for c, err := range r.Events() {
			if err != nil || c.Res != 0 {
				t.Errorf("%+v, %v", c, err)
			}
			break
		}
	})
}

func TestFixedBuffersAndFilesDoNotAllocate(t *testing.T) {
	r := newRing(t, 4)
	fd := tempFile(t, "12345678")
	b := make([]byte, 8)
	check(t, r.RegisterBuffers([][]byte{b}))
	check(t, r.RegisterFiles([]int32{int32(fd)}))
	cqes := make([]uring.CQE, 1)
	free(t, "ReadFixed", func() {
		s := r.NextSQE()
		s.ReadFixed(0, b, 0, 0)
		s.Flags = uring.SQEFixedFile
		r.SubmitAndWait(1)
		if r.Reap(cqes) != 1 || cqes[0].Res != 8 {
			t.Errorf("%+v", cqes[0])
		}
	})
}

// An error that says more is made once.
func TestOtherThreadsErrorDoesNotAllocate(t *testing.T) {
	r := defers(t, 4)
	next(t, r, 1).Nop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		free(t, "Submit", func() {
			if _, err := r.Submit(); !errors.Is(err, uring.ErrOtherThread) {
				t.Error(err)
			}
		})
	}()
	<-done
	wantRes(t, "Nop", result(t, r), 0)
}
