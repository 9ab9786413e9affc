// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// onThreadThatEnds runs f on a thread of its own, and returns when that is gone.
func onThreadThatEnds(t *testing.T, f func()) {
	t.Helper()
	tid := make(chan int)
	var run func()
	run = func() {
		runtime.LockOSThread()
		if sys.Gettid() == sys.Getpid() {
			// The first thread of a process never ends.
			done := make(chan struct{})
			go func() { defer close(done); run() }()
			<-done
			runtime.UnlockOSThread()
			return
		}
		f()
		tid <- sys.Gettid()
	}
	go run()
	name := fmt.Sprintf("/proc/self/task/%d", <-tid)
	for deadline := time.Now().Add(patience * time.Millisecond); ; runtime.Gosched() {
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread does not end")
		}
	}
}

// dying is what can be in flight when its thread ends.
type dying struct {
	r, w, s, peer, l int
	addr             sys.Sockaddr
}

const (
	nrDying      = 5
	timeoutDying = 500 * time.Millisecond
)

func (d *dying) submit(t *testing.T, a *AIO) {
	for _, err := range []error{
		a.Read(d.r, make([]byte, 10), -1, 1),
		a.Recv(d.s, make([]byte, 10), sys.MSG_WAITALL, 2),
		a.Accept(d.l, 0, 3),
		a.Poll(d.peer, sys.POLLRDHUP, 4),
		a.Timeout(timeoutDying, 5),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// inFlight calls PollEvents while all of them are: when the machine stopped for so
// long that the timeout is over, there is another, of twice the time.
func inFlight(t *testing.T, a *AIO) {
	for after := 2 * timeoutDying; ; after *= 2 {
		events, err := a.PollEvents(0)
		if err == nil && len(events) == 0 {
			return
		}
		if err != nil || len(events) != 1 || events[0].Token != 5 {
			t.Error(events, err)
			return
		}
		want(t, events[0], 0, nil)
		if err := a.Timeout(after, 5); err != nil {
			t.Error(err)
			return
		}
	}
}

// finish does what all of them wait for, and wants their results.
func (d *dying) finish(t *testing.T, a *AIO) {
	t.Helper()
	for _, put := range []struct{ fd, n int }{{d.w, 4}, {d.peer, 5}, {d.peer, 5}} {
		_, err := sys.Write(put.fd, pattern(put.n))
		check(t, err)
	}
	connect(t, d.addr)
	check(t, sys.Shutdown(d.s, sys.SHUT_WR))
	got := collect(t, a, nrDying)
	closing(t, got[3].N)
	for token, n := range map[uint64]int{1: 4, 2: 10, 3: got[3].N, 4: sys.POLLRDHUP, 5: 0} {
		want(t, got[token], n, nil)
	}
}

func newDying(t *testing.T) *dying {
	var d dying
	d.r, d.w = pipe(t, 0)
	d.s, d.peer = socketpair(t)
	d.l, d.addr = listener(t, 0)
	return &d
}

func TestOperationsOutliveTheThreadOfPollEvents(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		d := newDying(t)
		onThreadThatEnds(t, func() {
			d.submit(t, a)
			inFlight(t, a)
		})
		d.finish(t, a)
	})
}

func TestOperationsOutliveTheThreadThatSubmits(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		d := newDying(t)
		go func() {
			asleep(a)
			onThreadThatEnds(t, func() { d.submit(t, a) })
			check(t, a.Timeout(0, 6))
		}()
		events, err := a.PollEvents(patience)
		check(t, err)
		for _, ev := range events {
			if ev.Token < 5 {
				t.Errorf("event %v", ev)
			}
		}
		// The two timeouts may come in one or in two.
		if len(events) == 1 {
			want(t, next(t, a), 0, nil)
		}
		check(t, a.Timeout(0, 5))
		d.finish(t, a)
	})
}

// Many goroutines submit on their own descriptors, and cancel now and then;
// every operation has one event.
func TestManyGoroutinesSubmit(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		const workers, slots = 8, 64
		rounds := 300
		if small() {
			rounds = 30
		}
		a := open(t, engine, WithSlots(slots))
		var ended [workers]chan Event
		var left sync.WaitGroup
		for k := range workers {
			ended[k] = make(chan Event, slots)
			s, peer := socketpair(t)
			left.Add(1)
			go func() {
				defer left.Done()
				worker(t, a, uint64(k), s, peer, rounds, ended[k])
			}()
		}
		over := make(chan struct{})
		go func() {
			left.Wait()
			close(over)
			a.Timeout(0, workers)
		}()
		for {
			select {
			case <-over:
				return
			default:
			}
			events, err := a.PollEvents(patience)
			check(t, err)
			if len(events) == 0 {
				t.Fatal("no event")
			}
			for _, ev := range events {
				if k := ev.Token &^ cancelToken; k < workers {
					ended[k] <- ev
				}
			}
		}
	})
}

// cancelToken is added to the tokens of cancels.
const cancelToken = 1 << 32

// worker receives what it sends, with another recv in between that it cancels.
func worker(t *testing.T, a *AIO, token uint64, s, peer, rounds int, ended <-chan Event) {
	buf := make([]byte, 16)
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for range rounds {
		must(a.Recv(s, buf, 0, token))
		must(a.Cancel(token, token|cancelToken))
		for range 2 {
			ev := <-ended
			if ev.Op == OpRecv && ev.Err != sys.ECANCELED || ev.Op == OpCancel && ev.Err != nil {
				t.Errorf("event %v", ev)
			}
		}
		must(a.Recv(s, buf, 0, token))
		must(a.Send(peer, buf[:3], 0, token))
		for range 2 {
			if ev := <-ended; ev.N != 3 {
				t.Errorf("event %v", ev)
			}
		}
	}
}
