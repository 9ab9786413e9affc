// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// needSeccomp skips a test that denies calls where nobody can.
func needSeccomp(t *testing.T) {
	t.Helper()
	if _, err := sys.Seccomp(sys.SECCOMP_GET_ACTION_AVAIL, 0, nil); err == sys.ENOSYS {
		t.Skipf("no seccomp: %v", err)
	}
}

// denied calls f on a thread of its own for which a call fails.
func denied(t *testing.T, nr uint32, errno syscall.Errno, f func() error) error {
	t.Helper()
	return behind(func() error { return spawn.Deny(nr, errno) }, f)
}

// behind calls f on a thread of its own, behind the filter that deny sets up.
func behind(deny, f func() error) error {
	result := make(chan error)
	go func() {
		// The thread ends with the goroutine.
		runtime.LockOSThread()
		if err := deny(); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

func TestCallThatTheKernelLacksIsNamed(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	for _, tc := range []struct {
		nr    uint32
		errno syscall.Errno
		want  string
	}{
		{sys.SYS_EXECVE, sys.EPERM, "spawn: execve /bin/true: operation not permitted"},
	} {
		err := denied(t, tc.nr, tc.errno, spawn.Command("/bin/true").Run)
		var e *spawn.StepError
		if !errors.As(err, &e) || err.Error() != tc.want || !errors.Is(err, tc.errno) {
			t.Errorf("error %v, want %s", err, tc.want)
		}
	}
	noChild(t)
}

func TestCallOfTheParentThatFailsLeavesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector maps memory on its own")
	}
	// The supervisor of the calls is a child until the test is over.
	t.Cleanup(func() { noChild(t) })
	spawn.DropArenas()
	calls := []uintptr{sys.SYS_MMAP, sys.SYS_PIPE2, sys.SYS_OPENAT, sys.SYS_FCNTL}
	errs := faultkernel.Each(t, calls, sys.ENOMEM, func() error {
		defer spawn.DropArenas()
		c := spawn.Command("/bin/true")
		c.Stdout = io.Discard
		if err := c.Start(); err != nil {
			return err
		}
		return c.Wait()
	})
	var failed []string
	for i, err := range errs {
		// The open of the list of what a child must close.
		var e *spawn.StepError
		if spawn.LacksCloseRange() && errors.As(err, &e) && e.Step == "close_range" {
			continue
		}
		// Package os does without some calls of fcntl.
		if err != nil {
			failed = append(failed, err.Error())
		}
		if err != nil && !errors.Is(err, sys.ENOMEM) {
			t.Errorf("run %d: error %v, want ENOMEM", i+1, err)
		}
	}
	want := []string{"open /dev/null", "pipe2", "fcntl", "open /dev/null", "spawn: mmap"}
	if !spawn.SharesMemory() {
		want = append(want, "spawn: pipe2", "spawn: mmap")
	}
	if spawn.LacksCloseRange() {
		// The child waits at a pipe.
		want = slices.Insert(want, 4, "spawn: pipe2")
	}
	for i := range want {
		want[i] += ": cannot allocate memory"
	}
	if !slices.Equal(failed, want) {
		t.Errorf("errors %q, want %q", failed, want)
	}
}

func TestStartFailsAsTheTableSays(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector maps memory on its own")
	}
	t.Cleanup(func() { noChild(t) })
	shared := spawn.SharesMemory()
	for _, row := range spawnFaults {
		want, wantStep := row.want, row.step
		if !shared || row.call == "pipe2" && spawn.LacksCloseRange() {
			want, wantStep = row.copy, row.copied
		}
		spawn.DropArenas()
		started := false
		err := faultkernel.Named(t, row.call, row.nth, row.errno, func() error {
			defer spawn.DropArenas()
			c := spawn.Command("/bin/true")
			in, err := c.StdinPipe()
			if err != nil {
				return err
			}
			if _, err := c.StdoutPipe(); err != nil {
				// What is never started keeps its pipe.
				in.Close()
				c.Stdin.(io.Closer).Close()
				return err
			}
			if err := c.Start(); err != nil {
				return err
			}
			started = true
			return c.Wait()
		})
		if err == faultkernel.ErrRefused {
			t.Logf("%s: %v", row.call, err)
			continue
		}
		var e *spawn.StepError
		var call *os.SyscallError
		step := ""
		if errors.As(err, &e) {
			step = e.Step
		} else if errors.As(err, &call) {
			step = call.Syscall
		}
		ok := errors.Is(err, syscall.Errno(-want))
		if want == 0 {
			ok = err == nil
		}
		if !ok || started != (want == 0) || step != wantStep {
			t.Errorf("%s %d with errno %d: %v in %q; want errno %d in %q",
				row.call, row.nth, row.errno, err, step, -want, wantStep)
		}
	}
}

func TestChildIsKilledWhenItCannotBeWaitedFor(t *testing.T) {
	needSharedMemory(t)
	leakcheck.Check(t)
	t.Cleanup(func() { noChild(t) })
	spawn.DropArenas()
	seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_FUTEX}, 1, sys.EINVAL, func() error {
		defer spawn.DropArenas()
		_, _, err := spawn.StartEdited(&spawn.Options{Path: "/bin/true", KeepFDs: true}, func(steps []spawn.Step) []spawn.Step {
			return append([]spawn.Step{sleep(time.Hour)}, steps...)
		})
		return err
	})
	if seen != 1 || err == nil || err.Error() != "spawn: futex: invalid argument" {
		t.Errorf("%d calls, error %v", seen, err)
	}
}

func TestChildThatCannotBeKilledDoesNotHoldUpAStart(t *testing.T) {
	leakcheck.Check(t)
	call, step := uintptr(sys.SYS_FUTEX), "futex"
	if !spawn.SharesMemory() {
		call, step = sys.SYS_READ, "read"
	}
	// The child may be quicker than the wait.
	for {
		spawn.DropArenas()
		seen, err := faultkernel.Nth(t, []uintptr{call}, 1, sys.EINVAL, func() error {
			defer spawn.DropArenas()
			if err := spawn.DenyKill(sys.EPERM); err != nil {
				return err
			}
			pid, pidfd, err := spawn.StartEdited(&spawn.Options{Path: "/bin/true", NoPidfd: true, KeepFDs: true}, func(steps []spawn.Step) []spawn.Step {
				return append([]spawn.Step{sleep(100 * time.Millisecond)}, steps...)
			})
			if err == nil {
				reap(t, pid, pidfd)
			}
			return err
		})
		if seen == 0 && err == nil {
			continue
		}
		var e *spawn.StepError
		if !errors.As(err, &e) || e.Step != step || e.Err != sys.EINVAL || !errors.Is(err, sys.EPERM) {
			t.Errorf("error %v", err)
		}
		return
	}
}

func TestChildThatWaitsIsLetGoWhereItCannotBeKilled(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	needNamespaces(t, ownUser(0))
	for _, copies := range []bool{false, true} {
		a := ownUser(0)
		a.NewUIDMap, a.Copy = "/bin/false", copies
		err := behind(func() error { return spawn.DenyKill(sys.EPERM) }, func() error {
			_, _, err := spawn.Start(&spawn.Options{Path: "/bin/true", NoPidfd: true, Attr: *a})
			return err
		})
		var e *spawn.StepError
		if !errors.As(err, &e) || e.Step != "newuidmap" {
			t.Errorf("error %v", err)
		}
		noChild(t)
	}
}

func TestChildIsWaitedForWithoutThePoller(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	err := denied(t, sys.SYS_EPOLL_CTL, sys.ENOSPC, func() error {
		c := spawn.Command("sleep", "1000")
		if err := c.Start(); err != nil {
			return err
		}
		for range 2 {
			if err := c.WaitTimeout(time.Millisecond); err != os.ErrDeadlineExceeded {
				t.Errorf("error %v, want a timeout", err)
			}
		}
		c.Kill()
		return c.Wait()
	})
	if err == nil || err.Error() != "signal: killed" {
		t.Errorf("error %v", err)
	}
	noChild(t)
}
