// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"bytes"
	"errors"
	"testing"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// stream makes bytes of which each tells its place.
func stream(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	return b
}

// receive reads all of want from fd by multishot receives into bufs, which go
// back at once.
func receive(t *testing.T, r *uring.Ring, bufs *uring.BufRing, fd int, want []byte) {
	t.Helper()
	got := 0
	m := uring.RecvMany(fd, bufs, 0, 1)
	for m.Arm(r); got < len(want); m.Arm(r) {
		_, err := r.SubmitAndWait(1)
		check(t, err)
		for c := range r.Completions() {
			m.Take(c)
			lacks(t, c)
			if errors.Is(c.Err(), sys.ENOBUFS) {
				continue
			}
			check(t, c.Err())
			for piece := range bufs.Pieces(c) {
				if got+len(piece) > len(want) || !bytes.Equal(piece, want[got:got+len(piece)]) {
					t.Fatalf("wrong bytes from %d on, %d of them: %+v", got, len(piece), c)
				}
				got += len(piece)
			}
			bufs.Recycle(c)
		}
	}
	if m.InFlight() {
		stopped(t, r, &m)
	}
}

// send writes all, in pieces of n bytes, from another goroutine.
func send(t *testing.T, fd int, all []byte, n int) (done chan error) {
	done = make(chan error, 1)
	go func() {
		for len(all) > 0 {
			k, err := sys.Write(fd, all[:min(n, len(all))])
			if err != nil {
				done <- err
				return
			}
			all = all[k:]
		}
		done <- nil
	}()
	return done
}

func TestBuffersOfEveryKindAreFilledInOrder(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []uring.BufRingOption
	}{
		{"plain", nil},
		{"the kernel's ring", []uring.BufRingOption{uring.WithKernelRing()}},
		{"bit by bit", []uring.BufRingOption{uring.WithIncremental(0)}},
		{"bit by bit, the kernel's ring", []uring.BufRingOption{uring.WithIncremental(0), uring.WithKernelRing()}},
		{"bit by bit, with a rest", []uring.BufRingOption{uring.WithIncremental(10)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRing(t, 4)
			bufs, err := r.NewBufRing(3, 4, 100, tc.opts...)
			registers(t, err)
			defer func() { check(t, bufs.Close()) }()
			all := stream(5000)
			a, b := socketpair(t)
			done := send(t, b, all, 37)
			receive(t, r, bufs, a, all)
			check(t, <-done)
			if n, err := bufs.Available(); !errors.Is(err, sys.EINVAL) && (n < 3 || n > 4) {
				t.Errorf("%d available, %v", n, err)
			}
		})
	}
}

func TestAvailableCountsWhatIsLeft(t *testing.T) {
	r := newRing(t, 4)
	bufs, err := r.NewBufRing(3, 4, 8)
	registers(t, err)
	defer bufs.Close()
	n, err := bufs.Available()
	registers(t, err)
	fd := tempFile(t, "abcdefgh")
	var cqes [4]uring.CQE
	for want := 4; want > 0; want-- {
		if n != want {
			t.Errorf("%d available, want %d", n, want)
		}
		s := next(t, r, 1)
		s.Read(fd, nil, 0)
		s.Len, s.Flags, s.BufIndex = 8, uring.SQEBufferSelect, bufs.Group()
		cqes[4-want] = reap(t, r, 1)[1]
		wantRes(t, "Read", cqes[4-want].Res, 8)
		n, err = bufs.Available()
		check(t, err)
	}
	// In another order than they were taken.
	for i, k := range []int{2, 0, 3, 1} {
		bufs.Recycle(cqes[k])
		if n, err := bufs.Available(); n != i+1 || err != nil {
			t.Errorf("%d available after %d came back, %v", n, i+1, err)
		}
	}
}

// One completion has as many buffers as it takes, in the order of the ring.
func TestBundleFillsSeveralBuffers(t *testing.T) {
	r := newRing(t, 4)
	if r.Features()&uring.FeatRecvsendBundle == 0 {
		t.Skip("this kernel lacks what the ring asks for: bundles")
	}
	bufs, err := r.NewBufRing(3, 4, 8)
	registers(t, err)
	defer bufs.Close()
	a, b := socketpair(t)
	all := stream(30)
	for round := range 5 {
		_, err := sys.Write(b, all)
		check(t, err)
		s := next(t, r, 1)
		s.Recv(a, nil, 0)
		s.IOPrio |= uring.RecvsendBundle
		s.Flags, s.BufIndex = uring.SQEBufferSelect, bufs.Group()
		for got := 0; got < len(all); {
			c := reap(t, r, 1)[1]
			check(t, c.Err())
			for piece := range bufs.Pieces(c) {
				if !bytes.Equal(piece, all[got:got+len(piece)]) {
					t.Fatalf("round %d: %v from %d on", round, piece, got)
				}
				got += len(piece)
			}
			bufs.Recycle(c)
			if got < len(all) {
				s := next(t, r, 1)
				s.Recv(a, nil, 0)
				s.IOPrio |= uring.RecvsendBundle
				s.Flags, s.BufIndex = uring.SQEBufferSelect, bufs.Group()
			}
		}
		if n, err := bufs.Available(); err == nil && n != 4 {
			t.Errorf("round %d: %d available", round, n)
		}
	}
}

func TestCompletionWithoutABufferHasNoBytes(t *testing.T) {
	r := newRing(t, 4)
	bufs, err := r.NewBufRing(3, 2, 8)
	registers(t, err)
	defer bufs.Close()
	for _, c := range []uring.CQE{{Res: 5}, {Res: 5, Flags: uring.CQEBuffer | 2<<16}} {
		bufs.Recycle(c)
		for piece := range bufs.Pieces(c) {
			t.Errorf("%+v: %v", c, piece)
		}
		if b := bufs.Bytes(c); b != nil {
			t.Errorf("%+v: %v", c, b)
		}
	}
	if n, err := bufs.Available(); err == nil && n != 2 {
		t.Errorf("%d available", n)
	}
}

// Each call fails in turn, with the ring of buffers mapped by either.
func TestFailedBuffersLeaveNothing(t *testing.T) {
	r := newRing(t, 4)
	for _, opts := range [][]uring.BufRingOption{nil, {uring.WithKernelRing()}} {
		bufs, err := r.NewBufRing(3, 2, 8, opts...)
		if errors.Is(err, sys.EINVAL) {
			t.Skip("this kernel cannot register that")
		}
		check(t, err)
		check(t, bufs.Close())
		calls := []uintptr{sys.SYS_MMAP, sys.SYS_IO_URING_REGISTER}
		errs := faultkernel.Each(t, calls, sys.ENOMEM, func() error {
			bufs, err := r.NewBufRing(3, 2, 8, opts...)
			if err != nil {
				return err
			}
			if err := bufs.Close(); err != nil {
				// The kernel still has it.
				return errors.Join(err, bufs.Close())
			}
			return nil
		})
		// Two mappings, and to register and to unregister.
		if len(errs) != 5 {
			t.Errorf("%v", errs)
		}
	}
}
