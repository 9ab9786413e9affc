// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// reportLimit is a helper that writes which limit of descriptors a program gets
// from it: as it is, and when it has set its own.
func reportLimit([]string) {
	show := func() {
		out, err := shell("ulimit -S -n; ulimit -H -n").Output()
		fmt.Println(strings.Fields(string(out)), err)
	}
	show()
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 70, Max: 80})
	show()
}

func TestProgramGetsTheLimitOfTheStart(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	exe, err := os.Executable()
	check(t, err)
	c := shell(`ulimit -S -n 90; ulimit -H -n 100; exec "$0"`, exe)
	c.Env = helper("limit").Env
	wantOutput(t, c, "[90 100] <nil>\n[70 80] <nil>\n")
	// There was nothing to raise.
	c = shell(`ulimit -S -n 100; ulimit -H -n 100; exec "$0"`, exe)
	c.Env = helper("limit").Env
	wantOutput(t, c, "[100 100] <nil>\n[70 80] <nil>\n")
}

// limitFDs leaves room for so many new descriptors, and returns what undoes it.
func limitFDs(t *testing.T, room int) (undo func()) {
	t.Helper()
	var old sys.Rlimit
	check(t, sys.Prlimit(0, sys.RLIMIT_NOFILE, nil, &old))
	end := 0
	for ; room > 0; end++ {
		if _, err := sys.FcntlInt(uintptr(end), sys.F_GETFD, 0); err != nil {
			room--
		}
	}
	check(t, sys.Prlimit(0, sys.RLIMIT_NOFILE, &sys.Rlimit{Cur: uint64(end), Max: old.Max}, nil))
	return func() { check(t, sys.Prlimit(0, sys.RLIMIT_NOFILE, &old, nil)) }
}

func TestNoDescriptorIsLeftForAStart(t *testing.T) {
	const most = 16
	leakcheck.Check(t)
	for room := range most + 1 {
		undo := limitFDs(t, room)
		_, pidfd, err := spawn.Start(&spawn.Options{Path: "/bin/true"})
		undo()
		var step *spawn.StepError
		switch {
		case err == nil:
			check(t, sys.Waitid(sys.P_ALL, 0, nil, sys.WEXITED, nil))
			if pidfd >= 0 {
				sys.Close(pidfd)
			}
		case room == most || !errors.As(err, &step):
			t.Errorf("room for %d: %v", room, err)
		// Where it is missing, and what is open cannot be listed.
		case step.Step != "close_range" && !errors.Is(err, sys.EMFILE):
			t.Errorf("room for %d: %v", room, err)
		}
		undo = limitFDs(t, room)
		out, err := spawn.Command("/bin/echo", "-n", "x").Output()
		undo()
		if room == most && (err != nil || string(out) != "x") || room < 2 && !errors.Is(err, sys.EMFILE) {
			t.Errorf("room for %d: output %q, %v", room, out, err)
		}
		noChild(t)
	}
}

func TestNoProcessIsLeftForAUser(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 64123, Gid: 64123}}
	// The user's first process.
	first := spawn.Command("/bin/cat")
	first.SysProcAttr = user
	in, err := first.StdinPipe()
	check(t, err)
	check(t, first.Start())
	c := withAttr(&spawn.Attr{Limits: []spawn.Limit{{Resource: sys.RLIMIT_NPROC}}}, "/bin/true")
	c.SysProcAttr = user
	err = c.Run()
	want := "spawn: execve /bin/true: resource temporarily unavailable"
	if !errors.Is(err, sys.EAGAIN) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	check(t, in.Close())
	check(t, first.Wait())
	noChild(t)
}

// startAtTheLimit is a helper that becomes a user without rights, lets its
// processes reach their limit, and writes what is not as it should be.
func startAtTheLimit([]string) {
	runtime.GC()
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(limitedUser), syscall.Setuid(limitedUser),
			// Or what a child has open cannot be listed, where it must be.
			sys.Prctl(sys.PR_SET_DUMPABLE, 1, 0, 0, 0)); err != nil {
			fmt.Println(err)
			return
		}
	}
	run := func() error { return spawn.Command("/bin/true").Run() }
	// What the runtime wants for a start, it has then: it cannot make a thread.
	for range 3 {
		if err := run(); err != nil {
			fmt.Println("before:", err)
		}
	}
	keepThreads(20)
	var old sys.Rlimit
	err := sys.Prlimit(0, sys.RLIMIT_NPROC, nil, &old)
	before, err2 := leakcheck.Take()
	if err := errors.Join(err, err2, sys.Prlimit(0, sys.RLIMIT_NPROC, &sys.Rlimit{Cur: 1, Max: old.Max}, nil)); err != nil {
		fmt.Println(err)
		return
	}
	for range 20 {
		err := run()
		var step *spawn.StepError
		if !errors.Is(err, sys.EAGAIN) || !errors.As(err, &step) || !strings.HasPrefix(step.Step, "clone") {
			fmt.Println("at the limit:", err)
		}
		_, _, err = spawn.Start(&spawn.Options{Path: "/bin/true", Attr: spawn.Attr{Copy: true}})
		if !errors.Is(err, sys.EAGAIN) {
			fmt.Println("at the limit, in a copy:", err)
		}
	}
	// The runtime goes on.
	runtime.GC()
	if err := sys.Prlimit(0, sys.RLIMIT_NPROC, &old, nil); err != nil {
		fmt.Println(err)
	}
	if err := run(); err != nil {
		fmt.Println("after:", err)
	}
	for _, leak := range before.Leaks() {
		fmt.Println(leak)
	}
	if _, err := sys.Wait4(-1, nil, sys.WNOHANG, nil); err != sys.ECHILD {
		fmt.Println("a child is left:", err)
	}
}

const limitedUser = 64124

// keepThreads makes threads that the runtime keeps.
func keepThreads(n int) {
	var all, started sync.WaitGroup
	over := make(chan bool)
	for range n {
		all.Add(1)
		started.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			started.Done()
			<-over
		}()
	}
	started.Wait()
	close(over)
	all.Wait()
}

func TestRuntimeSurvivesTheLimitOfProcesses(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	wantOutput(t, helper("no process"), "")
}
