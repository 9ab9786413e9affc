// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/syshim/gobind/sys"
)

const identityEnv = "SYSHIM_TEST_IDENTITY"

// threads returns the lines of every thread's status that begin with key.
func threads(key string) []string {
	files, _ := filepath.Glob("/proc/self/task/*/status")
	var lines []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if strings.HasPrefix(line, key) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// In a copy of this program, as root: give away what there is, step by step.
func loseIdentity() {
	for range 4 { // some threads that wait
		go func() {
			runtime.LockOSThread()
			select {}
		}()
	}
	step := func(name string, err error, key, want string) {
		if got := threads(key); err != nil || len(got) != 1 || got[0] != want {
			panic(name + ": " + strings.Join(got, "; ") + ", want " + want)
		}
	}
	step("Setgroups", sys.Setgroups([]int{7, 8}), "Groups:", "Groups: 7 8")
	if gids, err := sys.Getgroups(); err != nil || !slices.Equal(gids, []int{7, 8}) {
		panic("Getgroups")
	}
	step("Setregid", sys.Setregid(11, 12), "Gid:", "Gid: 11 12 12 12")
	step("Setresgid", sys.Setresgid(13, 14, 15), "Gid:", "Gid: 13 14 15 14")
	if r, e, s := sys.Getresgid(); r != 13 || e != 14 || s != 15 || sys.Getgid() != 13 || sys.Getegid() != 14 {
		panic("Getresgid")
	}
	step("Setgid", sys.Setgid(16), "Gid:", "Gid: 16 16 16 16")
	step("Setreuid", sys.Setreuid(21, -1), "Uid:", "Uid: 21 0 0 0")
	step("Setresuid", sys.Setresuid(22, -1, 23), "Uid:", "Uid: 22 0 23 0")
	if r, e, s := sys.Getresuid(); r != 22 || e != 0 || s != 23 {
		panic("Getresuid")
	}
	step("Setuid", sys.Setuid(24), "Uid:", "Uid: 24 24 24 24")
	if sys.Setuid(0) != sys.EPERM {
		panic("Setuid: the way back")
	}
	os.Exit(0)
}

func TestIdentityIsThatOfAllThreads(t *testing.T) {
	if os.Getenv(identityEnv) != "" {
		loseIdentity()
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may choose who it is")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestIdentityIsThatOfAllThreads$")
	cmd.Env = append(os.Environ(), identityEnv+"=1")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, sys.ENOEXEC) {
		t.Skipf("an emulated program cannot start itself: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestIdentityIsAsTheStandardLibrarySeesIt(t *testing.T) {
	if sys.Getgid() != os.Getgid() || sys.Getegid() != os.Getegid() || sys.Getpgrp() != sysPgid(t) {
		t.Error("groups differ")
	}
	ours, err := sys.Getgroups()
	check(t, err)
	theirs, err := os.Getgroups()
	check(t, err)
	if !slices.Equal(ours, theirs) {
		t.Errorf("groups %v, want %v", ours, theirs)
	}
}

func sysPgid(t *testing.T) int {
	t.Helper()
	pgid, err := sys.Getpgid(0)
	check(t, err)
	return pgid
}

func TestSetfsuidTellsWhoItWas(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// -1 is no user: nothing changes.
	if uid, err := sys.SetfsuidRetUid(-1); err != nil || uid != os.Geteuid() {
		t.Errorf("%d, %v", uid, err)
	}
	if gid, err := sys.SetfsgidRetGid(-1); err != nil || gid != os.Getegid() {
		t.Errorf("%d, %v", gid, err)
	}
}

func TestSchedulerTellsItsAttributes(t *testing.T) {
	attr, err := sys.SchedGetAttr(0, 0)
	implemented(t, "SchedGetAttr", err)
	check(t, err)
	policy, err := sys.SchedGetscheduler(0)
	check(t, err)
	if int(attr.Policy) != policy || attr.Size < 48 {
		t.Errorf("%+v, policy %d", attr, policy)
	}
	if _, err := sys.SchedGetAttr(-1, 0); err != sys.EINVAL {
		t.Errorf("of no thread: %v", err)
	}
}
