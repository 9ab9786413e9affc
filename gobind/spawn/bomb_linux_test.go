// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

const (
	bombLimit = 24
	// bombMost is where a box stops that is not limited.
	bombMost     = 200
	bombRefusals = 10
)

// explode is a helper that makes more of itself as fast as it can, writes how
// many there are, and lasts.
func explode([]string) {
	nr, err := sharedCounter()
	if err != nil {
		fmt.Println(err)
		return
	}
	pauses := [2]sys.Timespec{{Nsec: 20000000}, {Nsec: 250000000}}
	nr.Store(1)
	if errno := multiply(nr, bombMost, bombRefusals, &pauses); errno != 0 {
		fmt.Println(errno)
		return
	}
	last(fmt.Appendln(nil, nr.Load()), &pauses[1])
}

// bomb lets a helper explode under the attributes, and ends it. It returns how
// many processes there were. This program and its other children go on meanwhile,
// and all of them are gone afterwards.
func bomb(t *testing.T, c *spawn.Cmd) int {
	t.Helper()
	other := spawn.Command("/bin/cat")
	in, err := other.StdinPipe()
	check(t, err)
	out, err := other.StdoutPipe()
	check(t, err)
	check(t, other.Start())
	answers := func() {
		t.Helper()
		fmt.Fprintln(in, "x")
		b := make([]byte, 2)
		if _, err := io.ReadFull(out, b); err != nil || string(b) != "x\n" {
			t.Errorf("the other child says %q, %v", b, err)
		}
		wantOutput(t, spawn.Command("/bin/echo", "y"), "y\n")
	}
	c.Attr.PDeathSig = sys.SIGKILL
	pipe, err := c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	// A bomb that is not heard of ends, too.
	timer := time.AfterFunc(time.Minute, func() { c.Process.Kill() })
	defer timer.Stop()
	said := bufio.NewReader(pipe)
	line, err := said.ReadString('\n')
	nr, bad := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || bad != nil {
		t.Errorf("the bomb says %q, %v", line, err)
	}
	answers()
	check(t, c.Process.Kill())
	// Nobody has the pipe any more.
	if rest, err := io.ReadAll(said); err != nil || len(rest) > 0 {
		t.Errorf("the bomb says %q, %v at last", rest, err)
	}
	c.Wait()
	answers()
	check(t, in.Close())
	check(t, other.Wait())
	noChild(t)
	return nr
}

func TestLimitOfTheUserHoldsInABox(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	user := uint32(os.Geteuid())
	c := helper("explode")
	c.Attr = ownUser(sys.CLONE_NEWPID)
	needNamespaces(t, c.Attr)
	c.Attr.Limits = []spawn.Limit{{Resource: sys.RLIMIT_NPROC, Cur: bombLimit, Max: bombLimit}}
	if user == 0 {
		// Root has no such limit; a user of nobody's has.
		c.Attr.UIDs[0].Outside = 300000 + uint32(os.Getpid())
		c.Attr.UID = ptr(uint32(0))
	}
	none := helper("none")
	none.Attr = c.Attr
	if err := none.Run(); user != 0 && err != nil {
		t.Skipf("this user has too many processes, which kernels before 5.14 count: %v", err)
	}
	nr := bomb(t, c)
	// Threads count, and before 5.14 all that the user has. Those kernels count a
	// new process after they have looked: each that is there may slip one more in.
	if nr >= 2*bombLimit || user == 0 && nr < bombLimit/4 || nr < 1 {
		t.Errorf("%d processes, the limit is %d", nr, bombLimit)
	}
}

// cgroupThatCounts makes a cgroup that allows so many processes.
func cgroupThatCounts(t *testing.T, limit int) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		controllers, _ := os.ReadFile(root + "/cgroup.controllers")
		path := filepath.Join(root, fmt.Sprintf("spawn-bomb-%d", os.Getpid()))
		if !strings.Contains(string(controllers), "pids") ||
			os.WriteFile(root+"/cgroup.subtree_control", []byte("+pids"), 0) != nil || os.Mkdir(path, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			waitUntil(t, "the cgroup goes", func() bool { return os.Remove(path) == nil })
		})
		check(t, os.WriteFile(path+"/pids.max", fmt.Append(nil, limit), 0))
		return path
	}
	t.Skip("no cgroup can be made that counts processes: only root can, and only of version 2")
	return ""
}

func TestLimitOfTheCgroupHoldsInABox(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	needNamespaces(t, &spawn.Attr{Namespaces: sys.CLONE_NEWPID})
	path := cgroupThatCounts(t, bombLimit)
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	for _, standard := range []bool{true, false} {
		c := helper("explode")
		c.Attr = &spawn.Attr{}
		if standard {
			c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: sys.CLONE_NEWPID, UseCgroupFD: true, CgroupFD: int(f.Fd())}
		} else {
			c.Attr = &spawn.Attr{Namespaces: sys.CLONE_NEWPID, UseCgroupFD: true, CgroupFD: int(f.Fd())}
		}
		nr := bomb(t, c)
		// Threads count.
		if nr > bombLimit || nr < bombLimit/4 {
			t.Errorf("%d processes, the limit is %d", nr, bombLimit)
		}
		// All are gone, and have been refused.
		waitUntil(t, "nobody is left", func() bool {
			b, err := os.ReadFile(path + "/pids.current")
			return err == nil && string(b) == "0\n"
		})
	}
	events, err := os.ReadFile(path + "/pids.events")
	if err != nil || strings.HasPrefix(string(events), "max 0\n") {
		t.Errorf("pids.events: %q, %v", events, err)
	}
}
