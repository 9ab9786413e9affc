// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// asked returns what the rows of the tables ask for.
func asked(t *testing.T, what string) *spawn.Options {
	t.Helper()
	o := &spawn.Options{Path: "/bin/true"}
	switch what {
	case "maps":
		o.Attr = *ownUser(0)
	case "helped":
		o.Attr = *ownUser(0)
		o.NewUIDMap = "/bin/true"
	case "copy":
		o.Copy = true
	case "dodge":
		o.Copy = true
		for fd := 3; fd < 123; fd++ {
			o.FDs = append(o.FDs, spawn.FD{From: -1, To: fd})
		}
	case "cgroup":
		dir, err := os.Open("/")
		check(t, err)
		t.Cleanup(func() { dir.Close() })
		o.UseCgroupFD, o.CgroupFD = true, int(dir.Fd())
	case "user":
		o.UID = ptr(uint32(os.Geteuid()))
	case "clone":
	default:
		t.Fatalf("nothing is called %q", what)
	}
	return o
}

// signalMask is that of the calling thread.
func signalMask() (mask sys.Sigset_t, err error) {
	err = sys.RawRtSigprocmask(sys.SIG_BLOCK, nil, &mask)
	return mask, err
}

// startAndWait is Start, and the wait for the program. The thread must have its
// signal mask afterwards.
func startAndWait(t *testing.T, o *spawn.Options) error {
	before, err := signalMask()
	if err != nil {
		return err
	}
	pid, pidfd, err := spawn.Start(o)
	after, e := signalMask()
	if e != nil || after != before {
		t.Errorf("signal mask %x, %v; %x before", after, e, before)
	}
	if err == nil {
		reap(t, pid, pidfd)
	}
	return err
}

// stepOf is the step of a StepError, or "".
func stepOf(err error) string {
	var e *spawn.StepError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Step
}

// failAsked runs the rows of the table that want maps, or the others.
func failAsked(t *testing.T, withMaps bool) {
	if raceEnabled {
		t.Skip("the race detector maps memory on its own")
	}
	// The supervisor of the calls is a child until the test is over.
	t.Cleanup(func() { noChild(t) })
	for _, row := range spawnAskedFaults {
		if (row.asks == "maps" || row.asks == "helped") != withMaps {
			continue
		}
		o := asked(t, row.asks)
		spawn.DropArenas()
		err := faultkernel.Named(t, row.call, row.nth, row.errno, func() error {
			defer spawn.DropArenas()
			if row.asks == "clone" {
				if err := spawn.Deny(sys.SYS_CLONE3, sys.ENOSYS); err != nil {
					return err
				}
			}
			return startAndWait(t, o)
		})
		if err == faultkernel.ErrRefused {
			t.Logf("%s %s: %v", row.asks, row.call, err)
			continue
		}
		if row.want == 0 && err != nil || row.want != 0 && !errors.Is(err, syscall.Errno(-row.want)) || stepOf(err) != row.step {
			t.Errorf("%s: %s %d with errno %d: %v; want errno %d in %q",
				row.asks, row.call, row.nth, row.errno, err, -row.want, row.step)
		}
	}
}

func TestStartFailsAsTheTableOfWhatIsAskedForSays(t *testing.T) {
	failAsked(t, false)
}

func TestStartWithMapsFailsAsTheTableSays(t *testing.T) {
	needNamespaces(t, ownUser(0))
	failAsked(t, true)
}

// script is a script of the shell that does this, as a path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := func(fd int) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd) }
	fd, err := sys.MemfdCreate("script", sys.MFD_CLOEXEC)
	check(t, err)
	f := os.NewFile(uintptr(fd), "script")
	_, err = f.WriteString("#!/bin/sh\n" + text)
	check(t, err)
	// What is open for writing is not executed.
	r, err := os.Open(path(fd))
	check(t, err)
	f.Close()
	t.Cleanup(func() { r.Close() })
	return path(int(r.Fd()))
}

func TestProgramThatWritesNoMapIsTold(t *testing.T) {
	leakcheck.Check(t)
	needNamespaces(t, ownUser(0))
	for _, row := range spawnMapPrograms {
		program := row.program
		if !strings.HasPrefix(program, "/") {
			program = script(t, program)
		}
		for _, step := range []string{"newuidmap", "newgidmap"} {
			o := asked(t, "maps")
			if step == "newuidmap" {
				o.NewUIDMap = program
			} else {
				o.NewGIDMap = program
			}
			err := startAndWait(t, o)
			if !errors.Is(err, syscall.Errno(-row.want)) || stepOf(err) != step {
				t.Errorf("%s: error %v; want errno %d in %q", row.program, err, -row.want, step)
			}
			noChild(t)
		}
	}
}

func TestCallForMapsThatFailsLeavesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector maps memory on its own")
	}
	needNamespaces(t, ownUser(0))
	t.Cleanup(func() { noChild(t) })
	calls := []uintptr{
		sys.SYS_CLONE3, sys.SYS_MMAP, sys.SYS_OPENAT, sys.SYS_PIDFD_OPEN, sys.SYS_PIPE2,
		sys.SYS_WAITID, sys.SYS_WRITE,
	}
	for _, what := range []string{"maps", "helped"} {
		o := asked(t, what)
		failed := 0
		spawn.DropArenas()
		for i, err := range faultkernel.Each(t, calls, sys.EIO, func() error {
			defer spawn.DropArenas()
			return startAndWait(t, o)
		}) {
			if err == nil {
				continue
			}
			failed++
			// Of the list of what a child must close.
			if spawn.LacksCloseRange() && strings.Contains(err.Error(), "close_range") {
				continue
			}
			if !errors.Is(err, sys.EIO) || stepOf(err) == "" {
				t.Errorf("run %d: error %v", i+1, err)
			}
		}
		// A pipe, memory, a child, three files that are opened and written, and
		// the byte.
		if failed < 9 {
			t.Errorf("%s: %d calls have failed", what, failed)
		}
	}
}
