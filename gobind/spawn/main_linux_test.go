// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// helperEnv names what the test program does instead of testing.
const helperEnv = "SYSHIM_TEST_HELPER"

// helpers are run by the test program when it is started as one of them.
var helpers = map[string]func(args []string){
	"args":    func([]string) { fmt.Printf("%q", os.Args) },
	"call":    makeCall,
	"beside":  startBesideAnotherUser,
	"none":    func([]string) {},
	"clocks":  showClocks,
	"explode": explode,
	"fds":     reportFDs,
	"limit":   reportLimit,

	"foreground":  startInForeground,
	"give":        giveFiles,
	"map as user": mapAsUser,
	"maps":        writeMaps,
	"orphan":      leaveAnOrphan,
	"pdeathsig":   reportPDeathSig,
	"late":        startLate,
	"slowmaps":    takeLong,
	"traced":      startTracedPrograms,
	"waitformaps": waitForMaps,

	"lose children":    loseChildren,
	"ignore groups":    ignoreGroups,
	"ignore pipelines": ignorePipelines,
	"no process":       startAtTheLimit,
}

func TestMain(m *testing.M) {
	if helper := helpers[os.Getenv(helperEnv)]; helper != nil {
		helper(os.Args[1:])
		os.Exit(0)
	}
	// The goroutine of os/signal is there to stay.
	c := make(chan os.Signal, 1)
	signal.Notify(c, sys.SIGALRM)
	signal.Stop(c)
	leakcheck.Main(m)
}

// reportFDs writes which descriptors below the number args[1] are open, and the
// inode of each, into the file args[0].
func reportFDs(args []string) {
	var report []byte
	most, _ := strconv.Atoi(args[1])
	for fd := range most {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil {
			report = fmt.Appendln(report, fd, st.Ino)
		}
	}
	if err := os.WriteFile(args[0], report, 0o600); err != nil {
		os.Exit(1)
	}
}

// needSelf skips a test that starts this program where the kernel cannot.
func needSelf(t testing.TB) {
	t.Helper()
	err := helper("none").Run()
	if errors.Is(err, sys.ENOEXEC) {
		t.Skipf("an emulated program cannot start itself: %v", err)
	}
}

// needSharedMemory skips a test of what a child does in this program's memory.
func needSharedMemory(t testing.TB) {
	t.Helper()
	if !spawn.SharesMemory() {
		t.Skip("processes cannot share memory here")
	}
}

// helper is a Cmd for the test program as a helper.
func helper(name string, args ...string) *spawn.Cmd {
	c := spawn.Command("/proc/self/exe", args...)
	c.Env = []string{helperEnv + "=" + name, "GORACE=atexit_sleep_ms=0"}
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantOutput runs c and checks what it writes to standard output.
func wantOutput(t *testing.T, c *spawn.Cmd, want string) {
	t.Helper()
	out, err := c.Output()
	if err != nil || string(out) != want {
		t.Errorf("%v writes %q, %v; want %q", c, out, err, want)
	}
}

// noChild fails t when a child of this program is left.
func noChild(t testing.TB) {
	t.Helper()
	pid, err := sys.Wait4(-1, nil, sys.WNOHANG, nil)
	if err != sys.ECHILD {
		t.Errorf("a child is left: Wait4 gives %d, %v", pid, err)
	}
}

// reap waits for a child of Start, which must end with status 0.
func reap(t testing.TB, pid, pidfd int) {
	t.Helper()
	var status sys.WaitStatus
	err := sys.EINTR
	for err == sys.EINTR {
		_, e := sys.Wait4(pid, &status, 0, nil)
		err, _ = e.(sys.Errno)
	}
	if err != 0 || !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("child %d: %v, status %#x", pid, err, status)
	}
	// A kernel may have none.
	if pidfd >= 0 {
		sys.Close(pidfd)
	}
}

// runs returns n, or less where the test is slow.
func runs(n int) int {
	if raceEnabled || testing.Short() || os.Getenv("TEST_SCALE") == "small" {
		return max(1, n/5)
	}
	return n
}

// waitUntil waits until ok, but not for ever.
func waitUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: never", what)
		}
	}
}
