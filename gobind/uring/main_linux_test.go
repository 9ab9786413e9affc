// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

func TestMain(m *testing.M) {
	leakcheck.Main(m)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// available skips t when err says that io_uring is missing or forbidden.
func available(t testing.TB, err error) {
	t.Helper()
	for _, e := range []syscall.Errno{sys.ENOSYS, sys.EPERM, sys.EACCES} {
		if errors.Is(err, e) {
			t.Skipf("no io_uring: %v", err)
		}
	}
}

// newRing makes a ring that lives as long as t. A kernel that lacks what opts
// ask for skips t.
func newRing(t testing.TB, entries uint32, opts ...uring.Option) *uring.Ring {
	t.Helper()
	r, err := uring.New(entries, opts...)
	available(t, err)
	if len(opts) > 0 && errors.Is(err, sys.EINVAL) {
		t.Skipf("this kernel lacks what the ring asks for: %v", err)
	}
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

// next returns an SQE with the user data.
func next(t testing.TB, r *uring.Ring, userData uint64) *uring.SQE {
	t.Helper()
	s := r.NextSQE()
	if s == nil {
		t.Fatal("no SQE is free")
	}
	s.UserData = userData
	return s
}

func submit(t testing.TB, r *uring.Ring, want int) {
	t.Helper()
	if n, err := r.Submit(); n != want || err != nil {
		t.Fatalf("Submit gives %d, %v; want %d", n, err, want)
	}
}

// reap waits for n completions and returns them by their user data.
func reap(t testing.TB, r *uring.Ring, n int) map[uint64]uring.CQE {
	t.Helper()
	cqes := make(map[uint64]uring.CQE)
	for len(cqes) < n {
		_, err := r.SubmitAndWait(1)
		check(t, err)
		for c := range r.Completions() {
			if _, ok := cqes[c.UserData]; ok {
				t.Fatalf("two completions with the user data %d", c.UserData)
			}
			cqes[c.UserData] = c
		}
	}
	if len(cqes) != n {
		t.Fatalf("%d completions, want %d", len(cqes), n)
	}
	return cqes
}

// result submits what is prepared and returns the only completion's result.
func result(t testing.TB, r *uring.Ring) int32 {
	t.Helper()
	for _, c := range reap(t, r, 1) {
		return c.Res
	}
	return 0
}

const aloneEnv = "URING_TEST_ALONE"

// alone reports whether this test has the process for itself, in which it may
// leave something; else it has run in such a one when alone returns.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneEnv) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), aloneEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func wantRes(t testing.TB, name string, got, want int32) {
	t.Helper()
	if got != want {
		t.Errorf("%s: result %d, want %d", name, got, want)
	}
}

func closing(t testing.TB, fd int) int {
	t.Helper()
	t.Cleanup(func() { sys.Close(fd) })
	return fd
}

func pipe(t testing.TB) (r, w int) {
	t.Helper()
	var p [2]int
	check(t, sys.Pipe2(p[:], sys.O_CLOEXEC))
	return closing(t, p[0]), closing(t, p[1])
}

func socketpair(t testing.TB) (a, b int) {
	t.Helper()
	p, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	return closing(t, p[0]), closing(t, p[1])
}

func tempFile(t testing.TB, data string) int {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	fd, err := sys.Openat(sys.AT_FDCWD, name, sys.O_RDWR|sys.O_CREAT|sys.O_EXCL|sys.O_CLOEXEC, 0o600)
	check(t, err)
	closing(t, fd)
	if n, err := sys.Write(fd, []byte(data)); n != len(data) {
		t.Fatalf("Write gives %d, %v", n, err)
	}
	return fd
}
