// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// lacks skips t when the kernel does not know the request of a completion.
func lacks(t testing.TB, c uring.CQE) {
	t.Helper()
	if errors.Is(c.Err(), sys.EINVAL) {
		t.Skip("this kernel lacks what the ring asks for: EINVAL")
	}
}

// one arms m, and returns its next completion.
func one(t *testing.T, r *uring.Ring, m *uring.Multishot) uring.CQE {
	t.Helper()
	if !m.Arm(r) {
		t.Fatal("no entry is free")
	}
	for c, err := range r.Events() {
		check(t, err)
		if !m.Take(c) {
			t.Fatalf("a completion of another: %+v", c)
		}
		lacks(t, c)
		return c
	}
	return uring.CQE{}
}

// stopped ends m: its last completion has none after it.
func stopped(t *testing.T, r *uring.Ring, m *uring.Multishot) {
	t.Helper()
	if !m.InFlight() || !m.Stop(r, 99) {
		t.Fatal("not in flight")
	}
	_, err := r.SubmitAndWait(2)
	check(t, err)
	for c := range r.Completions() {
		if m.Take(c) {
			wantRes(t, "the last", c.Res, canceled)
		} else {
			wantRes(t, "the cancel", c.Res, 0)
		}
	}
	if m.InFlight() || r.Ready() != 0 {
		t.Errorf("in flight: %v; %d ready", m.InFlight(), r.Ready())
	}
}

func listener(t *testing.T) (fd int, at sys.Sockaddr) {
	t.Helper()
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	closing(t, fd)
	check(t, sys.Bind(fd, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(t, sys.Listen(fd, 8))
	at, err = sys.Getsockname(fd)
	check(t, err)
	return fd, at
}

func TestOneRequestAcceptsManyConnections(t *testing.T) {
	r := newRing(t, 4)
	fd, at := listener(t)
	m := uring.AcceptMany(fd, sys.SOCK_CLOEXEC, 1)
	if m.InFlight() {
		t.Error("in flight before Arm")
	}
	for range 3 {
		c, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
		check(t, err)
		closing(t, c)
		check(t, sys.Connect(c, at))
		conn := one(t, r, &m)
		check(t, conn.Err())
		closing(t, int(conn.Res))
		if !m.InFlight() {
			t.Error("not in flight any more")
		}
	}
	stopped(t, r, &m)
}

// When no buffer is left the kernel ends the request, at once or when the next
// message is there, and Arm makes it anew.
func TestReceivingGoesOnWhenBuffersAreBack(t *testing.T) {
	r := newRing(t, 4)
	bufs, err := r.NewBufRing(1, 2, 16)
	registers(t, err)
	defer bufs.Close()
	a, b := socketpair(t)
	m := uring.RecvMany(a, bufs, 0, 1)
	var held []uring.CQE
	ended := 0
	// An odd number: at the end there is a buffer left.
	for i := range byte(21) {
		_, err := sys.Write(b, []byte{i})
		check(t, err)
		c := one(t, r, &m)
		if errors.Is(c.Err(), sys.ENOBUFS) {
			if m.InFlight() || len(held) != 2 {
				t.Fatalf("%+v with %d buffers held", c, len(held))
			}
			for _, h := range held {
				bufs.Recycle(h)
			}
			held = held[:0]
			ended++
			c = one(t, r, &m)
		}
		if got := bufs.Bytes(c); len(got) != 1 || got[0] != i {
			t.Fatalf("message %d: %v in %+v", i, got, c)
		}
		held = append(held, c)
	}
	if ended != 10 {
		t.Errorf("ended %d times, want 10", ended)
	}
	stopped(t, r, &m)
}

func TestMessagesAreTakenApart(t *testing.T) {
	r := newRing(t, 4)
	bufs, err := r.NewBufRing(1, 4, 128)
	registers(t, err)
	defer bufs.Close()
	var fds [2]int
	var at [2]sys.Sockaddr
	for i := range fds {
		fds[i], err = sys.Socket(sys.AF_INET, sys.SOCK_DGRAM|sys.SOCK_CLOEXEC, 0)
		check(t, err)
		closing(t, fds[i])
		check(t, sys.Bind(fds[i], &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		at[i], err = sys.Getsockname(fds[i])
		check(t, err)
	}
	check(t, sys.Connect(fds[1], at[0]))
	msg := &sys.Msghdr{Namelen: 32, Controllen: 16}
	m := uring.RecvmsgMany(fds[0], bufs, msg, 0, 1)
	for _, text := range []string{"hello", "", strings.Repeat("x", 100)} {
		_, err := sys.Write(fds[1], []byte(text))
		check(t, err)
		c := one(t, r, &m)
		check(t, c.Err())
		got, ok := bufs.Message(c, msg)
		// 128 bytes less head, address and control messages.
		cut := min(len(text), 64)
		if !ok || string(got.Payload) != text[:cut] || len(got.Control) != 0 || len(got.Name) != sys.SizeofSockaddrInet4 {
			t.Fatalf("%q: %v, %+v", text, ok, got)
		}
		if truncated := got.Flags&sys.MSG_TRUNC != 0; truncated != (cut < len(text)) {
			t.Errorf("%d bytes: flags %#x, size %d", len(text), got.Flags, got.Size)
		}
		from := at[1].(*sys.SockaddrInet4)
		if port := int(got.Name[2])<<8 | int(got.Name[3]); port != from.Port {
			t.Errorf("from port %d, want %d", port, from.Port)
		}
		bufs.Recycle(c)
	}
	stopped(t, r, &m)
	if _, ok := uring.ParseMessage(make([]byte, 63), msg); ok {
		t.Error("a message in 63 bytes")
	}
	if _, ok := uring.ParseMessage(make([]byte, 63), &sys.Msghdr{Controllen: ^uint64(0)}); ok {
		t.Error("a message with endless control messages")
	}
}

func TestOneRequestReadsAPipe(t *testing.T) {
	r := newRing(t, 4)
	bufs, err := r.NewBufRing(1, 2, 16)
	registers(t, err)
	defer bufs.Close()
	rd, wr := pipe(t)
	m := uring.ReadMany(rd, bufs, 1)
	for _, text := range []string{"one", "two", "three"} {
		_, err := sys.Write(wr, []byte(text))
		check(t, err)
		c := one(t, r, &m)
		if got := string(bufs.Bytes(c)); got != text {
			t.Errorf("%q, want %q in %+v", got, text, c)
		}
		bufs.Recycle(c)
	}
	stopped(t, r, &m)
}

func TestOneRequestPollsAgainAndAgain(t *testing.T) {
	r := newRing(t, 4)
	rd, wr := pipe(t)
	m := uring.PollMany(rd, sys.POLLIN, 1)
	b := make([]byte, 1)
	for range 3 {
		_, err := sys.Write(wr, b)
		check(t, err)
		wantRes(t, "PollMany", one(t, r, &m).Res, sys.POLLIN)
		_, err = sys.Read(rd, b)
		check(t, err)
	}
	stopped(t, r, &m)
}

func TestOneRequestTicks(t *testing.T) {
	r := newRing(t, 4)
	m := uring.Every(time.Millisecond, 1)
	start := time.Now()
	for range 3 {
		wantRes(t, "Every", one(t, r, &m).Res, -int32(sys.ETIME))
	}
	if d := time.Since(start); d < 3*time.Millisecond {
		t.Errorf("three times in %v", d)
	}
	stopped(t, r, &m)
}

func TestFullQueueArmsNothing(t *testing.T) {
	r := newRing(t, 1)
	next(t, r, 1).Nop()
	m := uring.PollMany(0, sys.POLLIN, 1)
	if m.Arm(r) || m.InFlight() || m.Stop(r, 2) {
		t.Error("an entry of a full queue")
	}
	reap(t, r, 1)
}

func TestEventsEndWithAnError(t *testing.T) {
	r, err := uring.New(2)
	available(t, err)
	check(t, err)
	next(t, r, 1).Nop()
	n := 0
	for c, err := range r.Events() {
		n++
		switch n {
		case 1:
			check(t, err)
			wantRes(t, "Nop", c.Res, 0)
			check(t, r.Close())
		case 2:
			wantErr(t, "Events", err, os.ErrClosed)
		}
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
}
