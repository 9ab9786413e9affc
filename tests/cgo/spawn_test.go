// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package cgo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/syshim/gobind/spawn"
)

func TestMain(m *testing.M) {
	// What this program has inherited is not for others to see.
	for fd := 3; fd < 1024; fd++ {
		syscall.CloseOnExec(fd)
	}
	os.Exit(m.Run())
}

// checkFDs fails t when more, or fewer, descriptors are open at its end.
func checkFDs(t *testing.T) {
	t.Helper()
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	// The first pipe opens what the poller keeps.
	spawn.Command("/nosuch").Output()
	before := count()
	t.Cleanup(func() {
		if n := count(); n != before {
			t.Errorf("%d descriptors are open, before %d", n, before)
		}
	})
}

// statusEnv makes this program one that ends with that status, plus what it sees.
func statusEnv(status int) []string {
	return []string{fmt.Sprintf("SYSHIM_TEST_STATUS=%d", status)}
}

// bySpawn and byExec return the status of this program, started with pipes, and
// what Run says.
func bySpawn(status int) (int, error) {
	c := spawn.Command("/proc/self/exe")
	c.Env = statusEnv(status)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader("x"), io.Discard, io.Discard
	return exitCode(c.Run(), &c.ProcessState)
}

func byExec(status int) (int, error) {
	c := exec.Command("/proc/self/exe")
	c.Env = statusEnv(status)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader("x"), io.Discard, io.Discard
	return exitCode(c.Run(), &c.ProcessState)
}

// exitCode is -1 for a program that was not started. The state is there when Run
// has returned.
func exitCode(err error, state **os.ProcessState) (int, error) {
	if *state == nil {
		return -1, err
	}
	return (*state).ExitCode(), err
}

func TestNobodyDisturbsAnother(t *testing.T) {
	const rounds, statuses = 25, 50
	checkFDs(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGCHLD, syscall.SIGURG}
	state := func() (s []uint64) {
		for _, sig := range signals {
			s = append(s, uint64(handler(sig)))
		}
		return append(s, blocked())
	}
	before := state()
	if err := startForeign(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 6 {
		way, sees := bySpawn, 0
		if i == 0 {
			way, sees = byExec, common
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range rounds {
				want := n % statuses
				if got, err := way(want); got != want+sees {
					t.Errorf("program %d of %d: status %d, want %d (%v)", n, i, got, want+sees, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	if n := stopForeign(); n <= 0 {
		t.Errorf("a program of C has not ended as it should: %d", n)
	}
	if after := state(); !slices.Equal(before, after) {
		t.Errorf("handlers and mask %#x, before %#x", after, before)
	}
	if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("a child is left: %v", err)
	}
}

func TestStatusThatAnotherTookIsTold(t *testing.T) {
	checkFDs(t)
	c := spawn.Command("/proc/self/exe")
	c.Env = statusEnv(3)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid, status := waitForAny()
	if pid != c.Process.Pid || syscall.WaitStatus(status).ExitStatus() != 3 {
		t.Errorf("C has waited for %d, status %#x", pid, status)
	}
	if err := c.Wait(); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("Wait gives %v", err)
	}
	if err := c.Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Kill gives %v", err)
	}
}
