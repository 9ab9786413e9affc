// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/sys"
)

// waitForMaps is a helper that starts children whose maps take long, as many as
// args[1] says, at once; args[0] is where that is told.
func waitForMaps(args []string) {
	os.Setenv(helperEnv, "slowmaps")
	os.Setenv("MAP_FILE", args[0])
	n, _ := strconv.Atoi(args[1])
	var all sync.WaitGroup
	for i := range n {
		a := ownUser(0)
		a.GIDs, a.NewUIDMap, a.Copy = nil, "/proc/self/exe", i%2 == 1
		all.Add(1)
		go func() {
			defer all.Done()
			fmt.Println(withAttr(a, "/bin/true").Run())
		}()
	}
	all.Wait()
}

// takeLong is a helper, a newuidmap that tells which child it is for, and which
// it is itself.
func takeLong(args []string) {
	f, err := os.OpenFile(os.Getenv("MAP_FILE"), os.O_WRONLY, 0)
	if err == nil {
		fmt.Fprintln(f, args[0], os.Getpid())
	}
	time.Sleep(time.Hour)
}

// holdPipes opens the ends to write to of all pipes of a program, as another
// child of it has them that was made meanwhile.
func holdPipes(t *testing.T, pid int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	check(t, err)
	held := 0
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if to, err := os.Readlink(name); err != nil || !strings.HasPrefix(to, "pipe:") {
			continue
		}
		f, err := os.OpenFile(name, os.O_WRONLY|sys.O_NONBLOCK, 0)
		check(t, err)
		t.Cleanup(func() { f.Close() })
		held++
	}
	if held == 0 {
		t.Error("the program has no pipes")
	}
}

// killParentOf kills a program that so many children wait for; they must end,
// whoever holds its pipes.
func killParentOf(t *testing.T, n int, held bool) {
	path := filepath.Join(t.TempDir(), "told")
	check(t, sys.Mknod(path, sys.S_IFIFO|0o600, 0))
	told, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer told.Close()

	parent := helper("waitformaps", path, strconv.Itoa(n))
	check(t, parent.Start())
	children, writers := make([]int, n), make([]int, n)
	lines := bufio.NewReader(told)
	for i := range n {
		_, err = fmt.Fscanln(lines, &children[i], &writers[i])
		check(t, err)
	}
	if held {
		holdPipes(t, parent.Process.Pid)
	}
	check(t, sys.Kill(parent.Process.Pid, sys.SIGKILL))
	if err := parent.Wait(); err == nil {
		t.Error("the parent was not killed")
	}
	for i := range n {
		var status sys.WaitStatus
		waitUntil(t, "the child ends", func() bool {
			pid, err := sys.Wait4(children[i], &status, sys.WNOHANG, nil)
			return pid == children[i] && err == nil
		})
		if status.ExitStatus() != 127 {
			t.Errorf("child %d of %d ended with %#x", i, n, status)
		}
	}
	for _, pid := range writers {
		check(t, sys.Kill(pid, sys.SIGKILL))
		_, err = sys.Wait4(pid, nil, 0, nil)
		check(t, err)
	}
	noChild(t)
}

func TestChildThatWaitsEndsWithItsParent(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	needNamespaces(t, ownUser(0))
	// What loses its parent comes to this program.
	check(t, sys.Prctl(sys.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	defer sys.Prctl(sys.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	killParentOf(t, 1, false)
	fd, err := sys.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Skipf("no pidfds here: several that wait may hold each other's pipes: %v", err)
	}
	sys.Close(fd)
	killParentOf(t, 4, false)
	killParentOf(t, 2, true)
}
