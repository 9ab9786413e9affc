// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

func TestAsyncIOReadsAndWritesAFile(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		var a AsyncIO = open(t, engine)
		fd := tempFile(t, nil)
		poll := func(op Op) {
			t.Helper()
			events, err := a.PollEvents(patience)
			check(t, err)
			if len(events) != 1 || events[0] != (Event{fd, op, 5000, nil, 0}) {
				t.Fatalf("events %v", events)
			}
		}
		check(t, a.SubmitWrite(fd, pattern(5000), 0))
		poll(OpWrite)
		buf := make([]byte, 5000)
		check(t, a.SubmitRead(fd, buf, 0))
		poll(OpRead)
		if !bytes.Equal(buf, pattern(5000)) {
			t.Error("other bytes were read")
		}
	})
}

func TestASubmissionTakesEffectWhilePollEventsWaits(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		r, w := pipe(t, 0)
		other, _ := pipe(t, 0)
		buf := make([]byte, 8)
		check(t, a.Read(r, buf, 0, 1))
		for token, submit := range map[uint64]func() error{
			1: func() error { return a.Write(w, []byte("hello"), 0, 2) },
			3: func() error { return a.Timeout(time.Millisecond, 3) },
			4: func() error { return a.Cancel(99, 4) },
			5: func() error { return a.Forget(w, 5) },
			6: func() error { return a.Poll(w, sys.POLLOUT, 6) },
			7: func() error { return a.CloseFD(other, 7) },
		} {
			errs := make(chan error)
			go func() {
				asleep(a)
				errs <- submit()
			}()
			start := time.Now()
			for found := false; !found; {
				events, err := a.PollEvents(patience)
				check(t, err)
				// Who has waited in vain begins what was not begun.
				if len(events) == 0 || time.Since(start) >= patience*time.Millisecond {
					t.Fatalf("no event with token %d in time", token)
				}
				for _, ev := range events {
					found = found || ev.Token == token
				}
			}
			check(t, <-errs)
		}
	})
}

// asleep returns when PollEvents sleeps, or is about to.
func asleep(a *AIO) {
	for {
		a.c.mu.Lock()
		waiting := a.c.waiting
		a.c.mu.Unlock()
		if waiting {
			return
		}
		runtime.Gosched()
	}
}

func TestPollEventsEndsInTime(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		quiet(t, a, 0)
		start := time.Now()
		quiet(t, a, 20)
		if d := time.Since(start); d < 20*time.Millisecond {
			t.Errorf("only %v passed", d)
		}
	})
}

func TestTimeoutsEndInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		const n, unit = 20, 5 * time.Millisecond
		a := open(t, engine)
		// Each ends between these two, which is not in order of the tokens
		// when the machine is slow.
		var earliest, latest [n]time.Time
		for i := range n {
			token := i * 7 % n
			d := time.Duration(token+1) * unit
			earliest[token] = time.Now().Add(d)
			check(t, a.Timeout(d, uint64(token)))
			latest[token] = time.Now().Add(d)
		}
		var last time.Time
		for left := n; left > 0; {
			events, err := a.PollEvents(-1)
			check(t, err)
			left -= len(events)
			for _, ev := range events {
				want(t, ev, 0, nil)
				if latest[ev.Token].Before(last) {
					t.Errorf("timeout %d comes too late", ev.Token)
				}
				last = earliest[ev.Token]
				if time.Now().Before(last) {
					t.Errorf("timeout %d comes too early", ev.Token)
				}
			}
		}
	})
}

func TestOnlyOnePollEventsAtATime(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		ended := make(chan error)
		go func() {
			_, err := a.PollEvents(-1)
			ended <- err
		}()
		asleep(a)
		if _, err := a.PollEvents(0); err != ErrPolling {
			t.Errorf("PollEvents: %v, want %v", err, ErrPolling)
		}
		check(t, a.Close())
		if err := <-ended; err != ErrClosed {
			t.Errorf("PollEvents that was closed: %v", err)
		}
	})
}

func TestAClosedAIORefusesEverything(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		check(t, a.Close())
		check(t, a.Close())
		r, _ := pipe(t, 0)
		for name, err := range map[string]error{
			"Read":    a.Read(r, make([]byte, 1), 0, 0),
			"Timeout": a.Timeout(0, 0),
			"Cancel":  a.Cancel(0, 0),
			"CloseFD": a.CloseFD(r, 0),
		} {
			if err != ErrClosed {
				t.Errorf("%s: %v, want %v", name, err, ErrClosed)
			}
		}
		if _, err := a.PollEvents(0); err != ErrClosed {
			t.Errorf("PollEvents: %v, want %v", err, ErrClosed)
		}
	})
}

func TestCloseEndsWhatIsInFlight(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		s, peer := socketpair(t)
		l, addr := listener(t, 0)
		r, w := pipe(t, 0)
		buf := make([]byte, 100)
		check(t, a.Recv(s, buf, 0, 1))
		check(t, a.Accept(l, 0, 2))
		check(t, a.Read(r, buf, 0, 3))
		check(t, a.Timeout(time.Hour, 4))
		quiet(t, a, 0)
		check(t, a.Close())
		// The descriptors are still there, and nobody reads from them.
		_, err := sys.Write(peer, []byte("x"))
		check(t, err)
		_, err = sys.Write(w, []byte("y"))
		check(t, err)
		connect(t, addr)
		if n, err := sys.Read(s, buf); n != 1 || err != nil || buf[0] != 'x' {
			t.Errorf("Read: %d, %v, %q", n, err, buf[0])
		}
	})
}

// An event that nobody reaped holds a connection: it must not stay open, which
// the peer sees.
func TestCloseClosesAConnectionThatNobodyReaped(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		l, addr := listener(t, 0)
		check(t, a.Accept(l, 0, 1))
		c := connect(t, addr)
		if err := a.Timeout(0, 2); err != nil {
			t.Fatal(err)
		}
		// The wait hands the accept to the kernel, whatever it returns.
		events, err := a.PollEvents(patience)
		check(t, err)
		accepted := false
		for _, ev := range events {
			if ev.Op == OpAccept {
				accepted = true
				sys.Close(ev.N)
			}
		}
		check(t, a.Close())
		if !accepted {
			sys.Shutdown(c, sys.SHUT_WR)
			sys.Close(l)
		}
		if n, err := sys.Read(c, make([]byte, 1)); n != 0 && err != sys.ECONNRESET {
			t.Errorf("Read: %d, %v; want the end", n, err)
		}
	})
}

func TestCloseDoesThePendingCloseFD(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		s, peer := socketpair(t)
		check(t, a.Recv(s, make([]byte, 1), 0, 1))
		check(t, a.CloseFD(s, 2))
		check(t, a.Close())
		if n, err := sys.Read(peer, make([]byte, 1)); n != 0 || err != nil {
			t.Errorf("Read: %d, %v; want the end", n, err)
		}
	})
}

// The close has ended, and its event waits to be reaped.
func TestANumberIsFreeWhenItsCloseHasEnded(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		old, _ := pipe(t, 0)
		buf := make([]byte, 8)
		check(t, a.CloseFD(old, 1))
		a.c.mu.Lock()
		err := a.c.eng.poll(0)
		a.c.mu.Unlock()
		check(t, err)
		// Nobody has the number, or another does.
		if err := a.Read(old, buf, -1, 2); err != sys.EBADF {
			t.Errorf("a read of what is closed: %v", err)
		}
		r, w := pipe(t, 0)
		if r != old {
			t.Fatalf("the new descriptor is %d, not %d", r, old)
		}
		check(t, a.Read(r, buf, -1, 2))
		want(t, next(t, a), 0, nil)
		_, err = sys.Write(w, []byte("abc"))
		check(t, err)
		want(t, next(t, a), 3, nil)
	})
}

func TestWildDescriptorsAreBad(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		if err := a.Read(1<<40, nil, 0, 0); err != sys.EBADF {
			t.Errorf("fd 1<<40: %v", err)
		}
		const fd = 1<<31 - 1
		check(t, a.Read(fd, make([]byte, 1), 0, 1))
		want(t, next(t, a), -1, sys.EBADF)
		check(t, a.CloseFD(fd, 2))
		want(t, next(t, a), -1, sys.EBADF)
		check(t, a.Forget(fd, 3))
		want(t, next(t, a), 0, nil)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for _, opt := range []Option{
		WithSlots(0), WithSlots(-1), WithSlots(1 << 30),
		WithHelpers(0), WithHelpers(1 << 30), WithEngine("kqueue"),
	} {
		if a, err := New(opt); !errors.Is(err, sys.EINVAL) {
			t.Errorf("New: %v, want %v", err, sys.EINVAL)
			if err == nil {
				a.Close()
			}
		}
	}
}

// MSG_TRUNC makes the count of a message greater than the buffer.
func TestATruncatedMessageEndsTheWaitForAll(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		p, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_SEQPACKET|sys.SOCK_CLOEXEC, 0)
		check(t, err)
		_, err = sys.Write(closing(t, p[0]), make([]byte, 100))
		check(t, err)
		b := make([]byte, 10)
		check(t, a.Recv(closing(t, p[1]), b, sys.MSG_TRUNC|sys.MSG_WAITALL, 1))
		want(t, next(t, a), 100, nil)
	})
}
