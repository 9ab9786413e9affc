// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

func TestWaitTellsHowTheProgramEnded(t *testing.T) {
	leakcheck.Check(t)
	for _, tc := range []struct {
		line   string
		exit   int
		signal syscall.Signal
		text   string
	}{
		{"exit 0", 0, -1, ""},
		{"exit 3", 3, -1, "exit status 3"},
		{"kill -TERM $$", -1, sys.SIGTERM, "signal: terminated"},
		{"kill -KILL $$", -1, sys.SIGKILL, "signal: killed"},
	} {
		c := shell(tc.line)
		err := c.Run()
		var exit *exec.ExitError
		if tc.text == "" {
			check(t, err)
		} else if !errors.As(err, &exit) || err.Error() != tc.text || exit.ProcessState != c.ProcessState {
			t.Errorf("%s: error %v, want %s", tc.line, err, tc.text)
		}
		status := c.ProcessState.Sys().(syscall.WaitStatus)
		if c.ProcessState.ExitCode() != tc.exit || status.Signaled() != (tc.signal > 0) || status.Signal() != tc.signal {
			t.Errorf("%s: %v", tc.line, c.ProcessState)
		}
		if c.ProcessState.Pid() != c.Process.Pid || c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss == 0 {
			t.Errorf("%s: state %+v", tc.line, c.ProcessState)
		}
		if err := c.Wait(); err == nil {
			t.Errorf("%s: a second Wait", tc.line)
		}
		if err := c.Kill(); err != os.ErrProcessDone {
			t.Errorf("%s: Kill after the end: %v", tc.line, err)
		}
	}
	noChild(t)
}

func TestNothingThatWasNotStartedIsWaitedFor(t *testing.T) {
	c := spawn.Command("/bin/true")
	for name, f := range map[string]func() error{"Wait": c.Wait, "Kill": c.Kill} {
		if f() == nil {
			t.Errorf("%s without Start", name)
		}
	}
}

func TestOutputShowsWhatTheProgramComplainsOf(t *testing.T) {
	_, err := shell("echo no >&2; exit 1").Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || string(exit.Stderr) != "no\n" {
		t.Errorf("error %+v", err)
	}
	// Of much, both ends.
	_, err = shell("yes no | head -n 200000 >&2; echo last >&2; exit 1").Output()
	if !errors.As(err, &exit) || !strings.HasPrefix(string(exit.Stderr), "no\nno\n") ||
		!strings.HasSuffix(string(exit.Stderr), "no\nlast\n") || len(exit.Stderr) != 64<<10+len("\n... omitting 534469 bytes ...\n") {
		t.Errorf("%d bytes of error", len(exit.Stderr))
	}
}

// running starts a program that runs until it is killed.
func running(t *testing.T, c *spawn.Cmd) *spawn.Cmd {
	t.Helper()
	check(t, c.Start())
	t.Cleanup(func() {
		c.Kill()
		c.Wait()
	})
	return c
}

func TestWaitTakesNoLongerThanAllowed(t *testing.T) {
	leakcheck.Check(t)
	c := running(t, spawn.Command("sleep", "1000"))
	begin := time.Now()
	for _, d := range []time.Duration{-1, 0, time.Nanosecond, 10 * time.Millisecond} {
		if err := c.WaitTimeout(d); err != os.ErrDeadlineExceeded {
			t.Errorf("%v: %v", d, err)
		}
	}
	if d := time.Since(begin); d < 10*time.Millisecond || d > 5*time.Second {
		t.Errorf("waited for %v", d)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	because := errors.New("because")
	time.AfterFunc(time.Millisecond, func() { cancel(because) })
	if err := c.WaitContext(ctx); err != because {
		t.Errorf("cancelled: %v", err)
	}
	check(t, c.Kill())
	// The end of the program counts even when there is no time.
	waitUntil(t, "the program ends", func() bool {
		return c.WaitTimeout(-1) != os.ErrDeadlineExceeded
	})
	if s := c.ProcessState.String(); s != "signal: killed" {
		t.Errorf("state %s", s)
	}
	noChild(t)
}

func TestTimeoutCountsForOutputsToo(t *testing.T) {
	leakcheck.Check(t)
	c := shell("sleep 1000 & echo $!")
	var out strings.Builder
	c.Stdout = &out
	check(t, c.Start())
	for range 2 {
		if err := c.WaitTimeout(100 * time.Millisecond); err != os.ErrDeadlineExceeded {
			t.Errorf("error %v", err)
		}
	}
	if c.ProcessState == nil {
		t.Error("the shell has not ended")
	}
	c.WaitDelay = time.Millisecond
	if err := c.Wait(); err != exec.ErrWaitDelay {
		t.Errorf("error %v", err)
	}
	check(t, shell("kill "+strings.TrimSpace(out.String())).Run())
}

func TestReaderThatBlocksIsLeftAlone(t *testing.T) {
	leakcheck.Check(t)
	r, w := io.Pipe()
	defer w.Close()
	c := spawn.Command("/bin/true")
	c.Stdin = r
	c.WaitDelay = 10 * time.Millisecond
	if err := c.Run(); err != exec.ErrWaitDelay {
		t.Errorf("error %v", err)
	}
}

func TestContextEndsTheProgram(t *testing.T) {
	leakcheck.Check(t)
	ctx, cancel := context.WithCancel(context.Background())
	c := spawn.CommandContext(ctx, "sleep", "1000")
	check(t, c.Start())
	cancel()
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || err.Error() != "signal: killed" {
		t.Errorf("error %v", err)
	}
	if err := spawn.CommandContext(ctx, "sleep", "1000").Start(); err != context.Canceled {
		t.Errorf("start with a context that is done: %v", err)
	}
	// One that ends first is not cancelled.
	ctx, cancel = context.WithCancel(context.Background())
	c = spawn.CommandContext(ctx, "/bin/true")
	c.Cancel = func() error { t.Error("cancelled"); return nil }
	check(t, c.Run())
	cancel()
	noChild(t)
}

func TestCancelIsUpToTheCaller(t *testing.T) {
	leakcheck.Check(t)
	ctx, cancel := context.WithCancel(context.Background())
	c := spawn.CommandContext(ctx, "/bin/sh", "-c", "trap 'exit 0' TERM; echo; while :; do sleep 0.01; done")
	c.Cancel = func() error { return c.Signal(sys.SIGTERM) }
	out, err := c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	io.ReadFull(out, make([]byte, 1))
	cancel()
	// It ends well, but was cancelled.
	if err := c.Wait(); err != context.Canceled || !c.ProcessState.Success() {
		t.Errorf("error %v, %v", err, c.ProcessState)
	}

	ctx, cancel = context.WithCancel(context.Background())
	c = spawn.CommandContext(ctx, "/bin/sh", "-c", "trap '' TERM; echo; exec sleep 1000")
	c.Cancel = func() error { return c.Signal(sys.SIGTERM) }
	c.WaitDelay = 50 * time.Millisecond
	out, err = c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	io.ReadFull(out, make([]byte, 1))
	cancel()
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || err.Error() != "signal: killed" {
		t.Errorf("error %v", err)
	}
	noChild(t)
}

// loseChildren is a helper in which no status of a child is kept: that cannot be
// undone.
func loseChildren(how []string) {
	var err error
	switch how[0] {
	case "SIG_IGN":
		signal.Ignore(syscall.SIGCHLD)
	case "SA_NOCLDWAIT":
		err = spawn.KeepNoStatus()
	}
	fmt.Println(err, spawn.ReapsChildren())
	c := spawn.Command("/bin/true")
	err = c.Run()
	fmt.Println(errors.Is(err, sys.ECHILD), err)
	// A failed start is known all the same.
	fmt.Println(spawn.Command("/nosuch").Run())
}

func TestStatusThatTheKernelThrowsAwayIsAnError(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	if spawn.ReapsChildren() {
		t.Error("no status of a child is kept here")
	}
	for _, how := range []string{"SIG_IGN", "SA_NOCLDWAIT"} {
		wantOutput(t, helper("lose children", how), `<nil> true
true spawn: the status of the child is lost, for SIGCHLD is ignored or somebody else waited: waitid: no child processes
spawn: execve /nosuch: no such file or directory
`)
	}
}

func TestStatusThatSomebodyElseTookIsAnError(t *testing.T) {
	leakcheck.Check(t)
	c := spawn.Command("/bin/true")
	check(t, c.Start())
	_, err := c.Process.Wait()
	check(t, err)
	if err := c.Wait(); !errors.Is(err, sys.ECHILD) {
		t.Errorf("error %v", err)
	}
}
