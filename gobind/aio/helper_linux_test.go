// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"runtime"
	"testing"

	"example.com/syshim/gobind/sys"
)

// counter makes a blocking event counter, and adds n.
func counter(t *testing.T, n int) int {
	t.Helper()
	fd, err := sys.Eventfd(0, sys.EFD_CLOEXEC)
	check(t, err)
	closing(t, fd)
	_, err = sys.Write(fd, number(n))
	check(t, err)
	return fd
}

// busy returns when a helper is at work.
func busy(a *AIO) {
	for n := 0; n == 0; runtime.Gosched() {
		a.c.mu.Lock()
		n = a.c.eng.(*epoll).helpers.busy
		a.c.mu.Unlock()
	}
}

// A counter with little room takes a helper until somebody reads it.
func TestOneBehindACancelledOneGoesOn(t *testing.T) {
	a := open(t, EngineEpoll, WithHelpers(1))
	narrow, wide := counter(t, -3), counter(t, 1)
	check(t, a.Write(narrow, number(5), -1, 1))
	busy(a)
	check(t, a.Write(wide, number(1), -1, 2))
	check(t, a.Write(wide, number(2), -1, 3))
	quiet(t, a, 5)
	check(t, a.Cancel(2, 4))
	got := collect(t, a, 2)
	want(t, got[2], -1, sys.ECANCELED)
	want(t, got[4], 0, nil)
	check(t, a.Cancel(1, 5))
	want(t, next(t, a), -1, sys.EALREADY)
	_, err := sys.Read(narrow, make([]byte, 8))
	check(t, err)
	got = collect(t, a, 2)
	want(t, got[1], 8, nil)
	want(t, got[3], 8, nil)
}

func TestCloseWaitsForAHelper(t *testing.T) {
	a := open(t, EngineEpoll)
	narrow := counter(t, -3)
	check(t, a.Write(narrow, number(5), -1, 1))
	busy(a)
	check(t, a.Forget(narrow, 2))
	quiet(t, a, 5)
	_, err := sys.Read(narrow, make([]byte, 8))
	check(t, err)
	got := collect(t, a, 2)
	want(t, got[1], 8, nil)
	want(t, got[2], 0, nil)
}

func TestHelpersAreBounded(t *testing.T) {
	const helpers, files = 2, 50
	a := open(t, EngineEpoll, WithHelpers(helpers))
	buf := make([]byte, files)
	for i := range files {
		fd := tempFile(t, pattern(files))
		// Not in the way of the helpers, but through them.
		a.c.mu.Lock()
		f := a.c.fds.add(int32(fd))
		f.kind, f.noNowait = file, never
		a.c.mu.Unlock()
		check(t, a.Read(fd, buf[i:][:1], int64(i), uint64(i)))
	}
	for _, ev := range collect(t, a, files) {
		want(t, ev, 1, nil)
	}
	if n := a.c.eng.(*epoll).helpers.started; n < 1 || n > helpers {
		t.Errorf("%d helpers, want 1 to %d", n, helpers)
	}
	if string(buf) != string(pattern(files)) {
		t.Error("other bytes were read")
	}
}
