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
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// shellStatus is how a program has ended, as a shell has it.
func shellStatus(state *os.ProcessState) string {
	ws := state.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return strconv.Itoa(128 + int(ws.Signal()))
	}
	return strconv.Itoa(ws.ExitStatus())
}

// signalsLeftGroups reports whether a group can be signalled when its leader was
// waited for.
func signalsLeftGroups() bool {
	fd, err := sys.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer sys.Close(fd)
	err = sys.PidfdSendSignal(fd, 0, nil, sys.PIDFD_SIGNAL_PROCESS_GROUP)
	return err == nil || err == sys.ESRCH
}

// family starts a shell that starts a sleeper, and waits for it or not. Both
// hold its standard output, where the shell writes the sleeper's number.
func family(t *testing.T, attr *syscall.SysProcAttr, waits bool) (c *spawn.Cmd, sleeper int) {
	t.Helper()
	line := "sleep 1000 & echo $!"
	if waits {
		line += "; wait"
	}
	c = shell(line)
	c.SysProcAttr = attr
	said := make(chan string, 1)
	c.Stdout = writer(func(p []byte) (int, error) { said <- string(p); return len(p), nil })
	check(t, c.Start())
	sleeper, err := strconv.Atoi(strings.TrimSpace(<-said))
	check(t, err)
	return c, sleeper
}

// awaitEnd waits until the program has ended, or its status is known.
func awaitEnd(t *testing.T, c *spawn.Cmd, when string) {
	t.Helper()
	switch when {
	case "ended":
		err := sys.EINTR
		for err == sys.EINTR {
			err, _ = sys.Waitid(sys.P_PID, c.Process.Pid, nil, sys.WEXITED|sys.WNOWAIT, nil).(sys.Errno)
		}
		if err != 0 {
			t.Fatal(err)
		}
	case "waited":
		waitUntil(t, "the end of the shell", func() bool {
			return c.WaitTimeout(time.Millisecond) == os.ErrDeadlineExceeded && c.ProcessState != nil
		})
	}
}

// errnoOf is the result that the tables have for an error.
func errnoOf(err error) int {
	var errno syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.Is(err, os.ErrProcessDone):
		errno = sys.ESRCH
	case errors.Is(err, context.DeadlineExceeded):
		errno = sys.ETIMEDOUT
	case !errors.As(err, &errno):
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return 0
		}
		return 1
	}
	return -int(errno)
}

func TestGroupsAreSignalledAsTheTableSays(t *testing.T) {
	leakcheck.Check(t)
	leader := spawn.Command("sleep", "1000")
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(t, leader.Start())
	known := signalsLeftGroups()
	attrs := map[string]*syscall.SysProcAttr{
		"none":    nil,
		"setsid":  {Setsid: true},
		"setpgid": {Setpgid: true},
		"joined":  {Setpgid: true, Pgid: leader.Process.Pid},
	}
	for _, row := range spawnGroups {
		c, sleeper := family(t, attrs[row.group], row.when == "running")
		awaitEnd(t, c, row.when)
		want := row.want
		if !known {
			want = row.older
		}
		err := c.SignalGroup(syscall.Signal(row.signal))
		if got := errnoOf(err); got != want {
			t.Errorf("%s: %v, want errno %d", row.case_, err, -want)
		}
		if row.ends == 0 || want != 0 {
			check(t, syscall.Kill(sleeper, sys.SIGKILL))
			c.Kill()
		}
		// The pipe ends with the last who holds it.
		c.Wait()
		if got := shellStatus(c.ProcessState); row.status != "*" && got != row.status {
			t.Errorf("%s: status %s, want %s", row.case_, got, row.status)
		}
		if err := c.KillGroup(); attrs[row.group] != nil && row.group != "joined" && err != os.ErrProcessDone {
			t.Errorf("%s: after Wait: %v", row.case_, err)
		}
	}
	check(t, leader.KillGroup())
	leader.Wait()
	noChild(t)
}

func TestWhatIsNoSignalToAGroupIsAnError(t *testing.T) {
	leakcheck.Check(t)
	c := spawn.Command("sleep", "1000")
	if err := c.KillGroup(); err == nil || err == os.ErrProcessDone {
		t.Errorf("before the start: %v", err)
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(t, c.Start())
	if err := c.SignalGroup(notASignal{}); err == nil {
		t.Error("a signal of no known type")
	}
	if err := c.SignalGroup(syscall.Signal(-1)); !errors.Is(err, sys.EINVAL) {
		t.Errorf("signal -1: %v", err)
	}
	check(t, c.KillGroup())
	c.Wait()
	// What the program is told apart by does not matter to a mistake.
	if err := c.SignalGroup(syscall.Signal(65)); !errors.Is(err, sys.EINVAL) {
		t.Errorf("signal 65 after Wait: %v", err)
	}
	err := shell("exit 0").SignalGroup(sys.SIGTERM)
	if err == nil || err.Error() != "spawn: not started" {
		t.Errorf("error %v", err)
	}
	noChild(t)
}

type notASignal struct{}

func (notASignal) Signal()        {}
func (notASignal) String() string { return "no signal" }

func TestContextEndsTheGroup(t *testing.T) {
	leakcheck.Check(t)
	ctx, cancel := context.WithCancel(context.Background())
	c := spawn.CommandContext(ctx, "/bin/sh", "-c", "sleep 1000 & echo; wait")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = c.KillGroup
	// Both programs run, and hold the pipe.
	c.Stdout = writer(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if err := c.Run(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("error %v", err)
	}
	noChild(t)
}

func TestGroupIsSignalledWhileItsLeaderIsWaitedFor(t *testing.T) {
	leakcheck.Check(t)
	for range runs(25) {
		c := spawn.Command("sleep", "1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		check(t, c.Start())
		done := make(chan error)
		go func() {
			err := c.KillGroup()
			for ; err == nil; runtime.Gosched() {
				err = c.SignalGroup(syscall.Signal(0))
			}
			done <- err
		}()
		c.Wait()
		if err := <-done; err != os.ErrProcessDone {
			t.Errorf("error %v", err)
		}
	}
	noChild(t)
}

func TestNumberOfALeaderThatSomebodyElseTookIsNoGroup(t *testing.T) {
	leakcheck.Check(t)
	c, sleeper := family(t, &syscall.SysProcAttr{Setpgid: true}, false)
	_, err := sys.Wait4(c.Process.Pid, nil, 0, nil)
	check(t, err)
	if err := c.SignalGroup(sys.SIGKILL); err != os.ErrProcessDone {
		t.Errorf("error %v", err)
	}
	check(t, sys.Kill(sleeper, 0))
	check(t, sys.Kill(sleeper, sys.SIGKILL))
	if err := c.Wait(); !errors.Is(err, sys.ECHILD) {
		t.Errorf("Wait: %v", err)
	}
}

// ignoreGroups is a helper in which SIGCHLD is ignored, so that children are
// lost at any time.
func ignoreGroups([]string) {
	signal.Ignore(syscall.SIGCHLD)
	c := spawn.Command("/bin/sh", "-c", "sleep 1000 & echo; wait")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, _ := c.StdoutPipe()
	fmt.Println(c.Start())
	out.Read(make([]byte, 1))
	fmt.Println(c.KillGroup())
	io.ReadAll(out)
	fmt.Println(errors.Is(c.Wait(), sys.ECHILD), c.KillGroup())
}

func TestGroupIsKilledWhereNoStatusIsKept(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	wantOutput(t, helper("ignore groups"), "<nil>\n<nil>\ntrue os: process already finished\n")
}
