// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
)

func TestMain(m *testing.M) {
	if os.Getenv(deniedEnv) != "" {
		if err := denied(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leakcheck.Main(m)
}

// recorder is a testing.TB that keeps failures to itself.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func pipe() (p [2]int, err error) {
	err = syscall.Pipe2(p[:], syscall.O_CLOEXEC)
	return p, err
}

// twoPipes makes three calls that can fail, and undoes them.
func twoPipes() error {
	p, err := pipe()
	if err != nil {
		return err
	}
	defer syscall.Close(p[0])
	defer syscall.Close(p[1])
	q, err := pipe()
	if err != nil {
		return err
	}
	defer syscall.Close(q[0])
	defer syscall.Close(q[1])
	b, err := syscall.Mmap(-1, 0, 5000, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return err
	}
	return syscall.Munmap(b)
}

var pipeAndMmap = []uintptr{syscall.SYS_PIPE2, syscall.SYS_MMAP}

func TestEachFailsEveryCallOnce(t *testing.T) {
	errs := Each(t, pipeAndMmap, syscall.ENFILE, twoPipes)
	if len(errs) != 4 {
		t.Fatalf("%d runs, want 4: %v", len(errs), errs)
	}
	for i, err := range errs[:3] {
		if err != syscall.ENFILE {
			t.Errorf("run %d gives %v", i+1, err)
		}
	}
	if errs[3] != nil {
		t.Errorf("last run gives %v", errs[3])
	}
}

func TestNthFailsOnlyThatCall(t *testing.T) {
	for _, tc := range []struct {
		n, seen int
		err     error
	}{
		{0, 3, nil},
		{1, 1, syscall.EMFILE},
		{2, 2, syscall.EMFILE},
		{3, 3, syscall.EMFILE},
		{4, 3, nil},
	} {
		seen, err := Nth(t, pipeAndMmap, tc.n, syscall.EMFILE, twoPipes)
		if seen != tc.seen || err != tc.err {
			t.Errorf("call %d: %d seen, %v; want %d, %v", tc.n, seen, err, tc.seen, tc.err)
		}
	}
}

func TestFailedCallDoesNothing(t *testing.T) {
	fd := -1
	_, err := Nth(t, []uintptr{syscall.SYS_OPENAT}, 1, syscall.EINTR, func() (err error) {
		fd, err = syscall.Openat(-1, "/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		return err
	})
	if err != syscall.EINTR || fd != -1 {
		t.Errorf("Openat gives %d, %v", fd, err)
	}
}

func TestLeaksAreFound(t *testing.T) {
	defer func(old time.Duration) { leakcheck.Patience = old }(leakcheck.Patience)
	leakcheck.Patience = 10 * time.Millisecond
	leaked := [2]int{-1, -1}
	page := os.Getpagesize()
	for _, tc := range []struct {
		name, want string
		fn         func() error
	}{
		{"descriptor", "descriptor", func() (err error) {
			leaked, err = pipe()
			return err
		}},
		{"mapping", fmt.Sprint(2*page, " bytes mapped"), func() error {
			_, err := syscall.Mmap(-1, 0, page+1, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
			return err
		}},
		{"double munmap", fmt.Sprint(-page, " bytes mapped"), func() error {
			_, _, e := syscall.Syscall(syscall.SYS_MUNMAP, 1<<30, 1, 0)
			return errnoOrNil(e)
		}},
	} {
		r := &recorder{TB: t}
		if _, err := Nth(r, pipeAndMmap, 0, 0, tc.fn); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if len(r.errors) == 0 || !strings.Contains(r.errors[0], tc.want) {
			t.Errorf("%s: reported %q", tc.name, r.errors)
		}
	}
	for _, fd := range leaked {
		syscall.Close(fd)
	}
}

func errnoOrNil(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

func TestErrorWithoutAFaultIsReported(t *testing.T) {
	r := &recorder{TB: t}
	Each(r, pipeAndMmap, syscall.ENOMEM, func() error { return syscall.EDOM })
	if len(r.errors) != 1 {
		t.Errorf("reported %q, want one failure", r.errors)
	}
}

func TestGoexitIsAnError(t *testing.T) {
	_, err := Nth(t, pipeAndMmap, 0, 0, func() error {
		runtime.Goexit()
		return nil
	})
	if !errors.Is(err, errExit) {
		t.Errorf("err %v", err)
	}
}

// Other threads call as ever, and the runtime's own calls never fail: the heap
// grows while mmap fails.
func TestOnlyThatThreadAndOnlyThatCodeFails(t *testing.T) {
	var kept [][]byte
	_, err := Nth(t, []uintptr{syscall.SYS_MMAP}, 1, syscall.ENOMEM, func() error {
		for range 64 {
			kept = append(kept, make([]byte, 1<<20))
		}
		other := make(chan error)
		go func() {
			b, err := syscall.Mmap(-1, 0, 1, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
			if err == nil {
				err = syscall.Munmap(b)
			}
			other <- err
		}()
		if err := <-other; err != nil {
			return errors.New("another thread's mmap failed")
		}
		_, err := syscall.Mmap(-1, 0, 1, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		return err
	})
	if err != syscall.ENOMEM {
		t.Errorf("err %v, want ENOMEM", err)
	}
	runtime.KeepAlive(kept)
}

// RawSyscall keeps its P while the supervisor thinks: with a single one, and
// under a collector that wants to stop the world, nothing may hang.
func TestWorldIsStoppedMeanwhile(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	defer wg.Wait()
	defer close(stop)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	seen, err := Nth(t, []uintptr{syscall.SYS_GETPPID}, 2000, syscall.EIO, func() error {
		for {
			if _, _, e := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0); e != 0 {
				return e
			}
		}
	})
	if seen != 2000 || err != syscall.EIO {
		t.Errorf("%d calls seen, %v", seen, err)
	}
}

func TestTooManyCallsAreRefused(t *testing.T) {
	if _, err := filter(0, make([]uintptr, 101)); err == nil {
		t.Error("no error")
	}
}
