// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"errors"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
)

// most bounds the runs of Each: more means that a failure makes fn try again
// without end.
const most = 1000

// errExit is the result of an fn that ended its goroutine.
var errExit = errors.New("the function called runtime.Goexit, as t.FailNow does")

// Each calls fn again and again. In the n-th run the n-th of calls (numbers of
// system calls, as syscall.SYS_MMAP) that fn makes fails with errno. It stops
// after the run in which none failed, because fn made fewer.
//
// After each run t fails when more descriptors or goroutines are there than
// before, or when fn mapped more memory than it unmapped. So fn must undo what
// it did when it succeeds, too, and calls should not list what undoes (close,
// munmap): a close that fails closes nothing.
//
// Each returns the error of every run; the last, of the run without a failure,
// must be nil, or t fails. fn must not call methods of t that end the test. The
// test is skipped where the kernel has no seccomp notifications.
func Each(t testing.TB, calls []uintptr, errno syscall.Errno, fn func() error) []error {
	t.Helper()
	s := start(t)
	var errs []error
	for n := 1; n <= most; n++ {
		seen, err := nth(t, s, job{calls, n, errno}, fn)
		errs = append(errs, err)
		if seen < n {
			if err != nil {
				t.Errorf("without a failed call: %v", err)
			}
			return errs
		}
	}
	t.Fatalf("still failing after %d runs", most)
	return nil
}

// Nth calls fn once. The n-th of calls that it makes, if it makes so many,
// fails with errno; for an n of 0 none does. Nth returns how many it made and
// the result of fn. Everything else is as for [Each].
func Nth(t testing.TB, calls []uintptr, n int, errno syscall.Errno, fn func() error) (seen int, err error) {
	t.Helper()
	return nth(t, start(t), job{calls, n, errno}, fn)
}

// start starts a supervisor that ends with t, or skips t.
func start(t testing.TB) *supervisor {
	t.Helper()
	if err := available(); err != nil {
		t.Skipf("no seccomp notifications: %v", err)
	}
	s, err := startSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("supervisor: %v", err)
		}
	})
	return s
}

// nth is one run on a thread of its own.
func nth(t testing.TB, s *supervisor, j job, fn func() error) (seen int, err error) {
	t.Helper()
	before, err := leakcheck.Take()
	if err != nil {
		t.Fatal(err)
	}
	r, err := run(s, j, fn)
	if r == nil {
		t.Fatal(err)
	}
	for _, leak := range before.Leaks() {
		t.Errorf("run %d (%v): %s", j.N, err, leak)
	}
	if r.Mapped != 0 {
		t.Errorf("run %d (%v): %d bytes mapped more than unmapped", j.N, err, r.Mapped)
	}
	return r.Seen, err
}

// run returns fn's result with the supervisor's report, or an error and no
// report when fn could not be run.
func run(s *supervisor, j job, fn func() error) (*report, error) {
	ip, err := callSite()
	if err != nil {
		return nil, err
	}
	// What is mapped is always looked at.
	seen := append(slices.Clone(j.Calls), syscall.SYS_MMAP, syscall.SYS_MUNMAP)
	prog, err := filter(ip, seen)
	if err != nil {
		return nil, err
	}

	th := &thread{
		listener:   make(chan int),
		supervised: make(chan bool),
		result:     make(chan error, 1),
	}
	go th.run(prog, fn)
	fd, ok := <-th.listener
	if !ok {
		return nil, <-th.result
	}
	err = s.give(fd, j)
	// The supervisor has its own; without one the calls fail with ENOSYS.
	syscall.Close(fd)
	th.supervised <- err == nil
	if err != nil {
		return nil, err
	}
	err = <-th.result
	r, reportErr := s.report()
	if reportErr != nil {
		return nil, reportErr
	}
	return &r, err
}

// thread is the goroutine that runs the code under test.
type thread struct {
	listener   chan int
	supervised chan bool
	result     chan error
}

// run ends with its goroutine locked, so that the filtered thread ends too.
func (th *thread) run(prog []syscall.SockFilter, fn func() error) {
	runtime.LockOSThread()
	if syscall.Gettid() == syscall.Getpid() {
		// The first thread of a process never ends: keep it busy here,
		// so that the next goroutine gets another one.
		done := make(chan struct{})
		go func() {
			defer close(done)
			th.run(prog, fn)
		}()
		<-done
		runtime.UnlockOSThread()
		return
	}
	fd, err := install(prog)
	if err != nil {
		th.result <- err
		close(th.listener)
		return
	}
	th.listener <- fd
	if !<-th.supervised {
		return
	}
	err = errExit
	defer func() { th.result <- err }()
	err = fn()
}
