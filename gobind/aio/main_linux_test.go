// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/sys"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	leakcheck.Main(m)
}

// small says that the run is to be short.
func small() bool {
	return os.Getenv("TEST_SCALE") == "small" || testing.Short()
}

// patience is how many milliseconds something may take that happens at once.
const patience = 20_000

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eachEngine runs f as a subtest on every engine.
func eachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	for _, cand := range candidates {
		t.Run(cand.name, func(t *testing.T) { f(t, cand.name) })
	}
}

// open makes an AIO that is closed at the end of t.
func open(t testing.TB, engine string, opts ...Option) *AIO {
	t.Helper()
	a, err := New(append([]Option{WithEngine(engine)}, opts...)...)
	if unavailable(err) {
		t.Skipf("no %s: %v", engine, err)
	}
	check(t, err)
	t.Cleanup(func() { check(t, a.Close()) })
	return a
}

// next returns the next event. Events are copied: they are valid only until
// the next PollEvents.
func next(t testing.TB, a *AIO) Event {
	t.Helper()
	events, err := a.PollEvents(patience)
	check(t, err)
	if len(events) != 1 {
		t.Fatalf("%d events %v, want 1", len(events), events)
	}
	return events[0]
}

// collect returns n events by their tokens.
func collect(t testing.TB, a *AIO, n int) map[uint64]Event {
	t.Helper()
	got := make(map[uint64]Event)
	for len(got) < n {
		events, err := a.PollEvents(patience)
		check(t, err)
		if len(events) == 0 {
			t.Fatalf("%d events %v, want %d", len(got), got, n)
		}
		for _, ev := range events {
			if _, double := got[ev.Token]; double {
				t.Fatalf("two events for token %d", ev.Token)
			}
			got[ev.Token] = ev
		}
	}
	return got
}

// quiet fails t when there is an event.
func quiet(t testing.TB, a *AIO, ms int) {
	t.Helper()
	events, err := a.PollEvents(ms)
	check(t, err)
	if len(events) != 0 {
		t.Fatalf("events %v, want none", events)
	}
}

func want(t testing.TB, ev Event, n int, err error) {
	t.Helper()
	if ev.N != n || !errors.Is(ev.Err, err) || err == nil && ev.Err != nil {
		t.Errorf("%v of fd %d, token %d: %d, %v; want %d, %v",
			ev.Op, ev.FD, ev.Token, ev.N, ev.Err, n, err)
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func closing(t testing.TB, fd int) int {
	t.Helper()
	t.Cleanup(func() { sys.Close(fd) })
	return fd
}

func pipe(t testing.TB, flags int) (r, w int) {
	t.Helper()
	var p [2]int
	check(t, sys.Pipe2(p[:], sys.O_CLOEXEC|flags))
	return closing(t, p[0]), closing(t, p[1])
}

func socketpair(t testing.TB) (a, b int) {
	t.Helper()
	p, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	return closing(t, p[0]), closing(t, p[1])
}

// tempFile opens a new file that holds data.
func tempFile(t testing.TB, data []byte) int {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(name, data, 0o600))
	fd, err := sys.Openat(sys.AT_FDCWD, name, sys.O_RDWR|sys.O_CLOEXEC, 0)
	check(t, err)
	return closing(t, fd)
}

// unlinkedFile makes a file without a name.
func unlinkedFile(t testing.TB, flags int) int {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	fd, err := sys.Openat(sys.AT_FDCWD, name, sys.O_RDWR|sys.O_CREAT|sys.O_CLOEXEC|flags, 0o600)
	check(t, err)
	check(t, sys.Unlinkat(sys.AT_FDCWD, name, 0))
	return fd
}

func listener(t testing.TB, flags int) (fd int, addr sys.Sockaddr) {
	t.Helper()
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC|flags, 0)
	check(t, err)
	closing(t, fd)
	check(t, sys.Bind(fd, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(t, sys.Listen(fd, 128))
	addr, err = sys.Getsockname(fd)
	check(t, err)
	return fd, addr
}

func connect(t testing.TB, addr sys.Sockaddr) int {
	t.Helper()
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	closing(t, fd)
	check(t, sys.Connect(fd, addr))
	return fd
}
