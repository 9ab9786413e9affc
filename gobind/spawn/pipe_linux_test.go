// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

func TestPipeIsAsItsFlagsSay(t *testing.T) {
	leakcheck.Check(t)
	for _, flags := range []int{sys.O_DIRECT, sys.O_DIRECT | sys.O_NONBLOCK} {
		r, w, err := spawn.Pipe(0, flags)
		check(t, err)
		// Each write is a packet, of which a short read loses the rest.
		for _, s := range []string{"abc", "de", "f"} {
			io.WriteString(w, s)
		}
		var got []string
		b := make([]byte, 10)
		for _, n := range []int{10, 1, 10} {
			n, err := r.Read(b[:n])
			check(t, err)
			got = append(got, string(b[:n]))
		}
		if s := strings.Join(got, " "); s != "abc d f" {
			t.Errorf("packets %q", s)
		}
		// Both are polled.
		check(t, r.SetReadDeadline(time.Unix(0, 1)))
		if _, err := r.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v, want a timeout", err)
		}
		for _, f := range []*os.File{r, w} {
			status, err := sys.FcntlInt(f.Fd(), sys.F_GETFL, 0)
			want := flags
			if f == r {
				// That writes are packets is the writer's.
				want &^= sys.O_DIRECT
			}
			if err != nil || status&(sys.O_DIRECT|sys.O_NONBLOCK) != want {
				t.Errorf("status %#x, %v; want %#x", status, err, want)
			}
			cloexec, err := sys.FcntlInt(f.Fd(), sys.F_GETFD, 0)
			if err != nil || cloexec != sys.FD_CLOEXEC {
				t.Errorf("flags %#x, %v", cloexec, err)
			}
			f.Close()
		}
	}
}

func TestWrongPipesAreNotMade(t *testing.T) {
	leakcheck.Check(t)
	for _, tc := range []struct{ size, flags int }{
		{-1, 0}, {0, sys.O_CLOEXEC}, {0, sys.O_APPEND}, {0, -1},
	} {
		if _, _, err := spawn.Pipe(tc.size, tc.flags); !errors.Is(err, sys.EINVAL) {
			t.Errorf("%v: error %v", tc, err)
		}
	}
	var none *os.File
	if _, err := spawn.PipeSize(none); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

func TestSizeOfAPipeCanBeChanged(t *testing.T) {
	leakcheck.Check(t)
	r, w, err := spawn.Pipe(100, 0)
	check(t, err)
	size, err := spawn.SetPipeSize(r, 70000)
	if err != nil || size < 70000 {
		t.Fatalf("size %d, %v", size, err)
	}
	put(t, w, 70000)
	if _, err := spawn.SetPipeSize(w, 1); !errors.Is(err, sys.EBUSY) {
		t.Errorf("error %v, want EBUSY", err)
	}
	for _, wrong := range []int{0, -1} {
		if _, err := spawn.SetPipeSize(r, wrong); !errors.Is(err, sys.EINVAL) {
			t.Errorf("error %v, want EINVAL", err)
		}
	}
	if n, err := spawn.PipeSize(w); err != nil || n != size {
		t.Errorf("size %d, %v; want %d", n, err, size)
	}
	r.Close()
	w.Close()
	if _, err := spawn.PipeSize(r); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want that it is closed", err)
	}
	file := plainFile(t, 0)
	defer file.Close()
	if _, err := spawn.PipeSize(file); callErrno(t, err) != -int(sys.EBADF) {
		t.Errorf("error %v, want EBADF", err)
	}
}

func TestPipeThatFailsLeavesNothing(t *testing.T) {
	leakcheck.Check(t)
	for _, flags := range []int{0, sys.O_DIRECT, sys.O_DIRECT | sys.O_NONBLOCK} {
		calls := []uintptr{sys.SYS_PIPE2, sys.SYS_FCNTL}
		failed := 0
		for _, err := range faultkernel.Each(t, calls, sys.EPERM, func() error {
			r, w, err := spawn.Pipe(4096, flags)
			if err == nil {
				r.Close()
				w.Close()
			}
			return err
		}) {
			if errors.Is(err, sys.EPERM) {
				failed++
			} else if err != nil {
				t.Errorf("error %v, want EPERM", err)
			}
		}
		if failed < 2 {
			t.Errorf("flags %#x: %d calls", flags, failed)
		}
	}
}

// greatestPipe is that of those without CAP_SYS_RESOURCE.
func greatestPipe(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	check(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	return n
}

// withoutResource calls f on a thread of its own without CAP_SYS_RESOURCE.
func withoutResource(f func() error) error {
	result := make(chan error)
	go func() {
		// The thread ends with the goroutine.
		runtime.LockOSThread()
		header := sys.CapUserHeader{Version: sys.LINUX_CAPABILITY_VERSION_3}
		var caps [2]sys.CapUserData
		err := sys.Capget(&header, &caps[0])
		caps[0].Effective &^= 1 << sys.CAP_SYS_RESOURCE
		if err == nil {
			err = sys.Capset(&header, &caps[0])
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return <-result
}

func TestPipeMayNotBeAsGreatAsOneLikes(t *testing.T) {
	leakcheck.Check(t)
	size := 2 * greatestPipe(t)
	check(t, withoutResource(func() error {
		for _, flags := range []int{0, sys.O_DIRECT, sys.O_NONBLOCK} {
			if _, _, err := spawn.Pipe(size, flags); callErrno(t, err) != -int(sys.EPERM) {
				t.Errorf("flags %#x: error %v, want EPERM", flags, err)
			}
		}
		r, w, err := spawn.Pipe(0, 0)
		if err != nil {
			return err
		}
		defer r.Close()
		defer w.Close()
		was, err := spawn.PipeSize(r)
		if err != nil {
			return err
		}
		if _, err := spawn.SetPipeSize(w, size); callErrno(t, err) != -int(sys.EPERM) {
			t.Errorf("error %v, want EPERM", err)
		}
		if is, err := spawn.PipeSize(r); is != was || err != nil {
			t.Errorf("size %d, %v; was %d", is, err, was)
		}
		return nil
	}))
}
