// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// ruleFile is what the kernel makes of a program that changes its user.
const ruleFile = "/proc/sys/fs/suid_dumpable"

// ruleNow is what it says; without /proc it is 0, as at first.
func ruleNow() int {
	b, _ := os.ReadFile(ruleFile)
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

func setRule(t *testing.T, rule int) {
	t.Helper()
	check(t, os.WriteFile(ruleFile, []byte(strconv.Itoa(rule)), 0))
}

// dumpable is whether this program can be traced.
func dumpable(t *testing.T) int {
	t.Helper()
	n, err := sys.RawPrctl(sys.PR_GET_DUMPABLE, 0, 0, 0, 0)
	check(t, err)
	return n
}

// become makes it that: 2 is what the kernel says of who changes its group, and
// be it that of one thread.
func become(t *testing.T, is int) {
	t.Helper()
	if is == 2 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		own, same := uintptr(os.Getegid()), ^uintptr(0)
		for _, group := range []uintptr{own + 1, own} {
			if _, _, e := syscall.RawSyscall(sys.SYS_SETRESGID, same, group, same); e != 0 {
				t.Fatal(e)
			}
		}
	} else {
		check(t, sys.Prctl(sys.PR_SET_DUMPABLE, uintptr(is), 0, 0, 0))
	}
	if got := dumpable(t); got != is {
		t.Fatalf("dumpable is %d, and is to be %d", got, is)
	}
}

// changeUsers starts programs as another user, many at the same time.
func changeUsers(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range runs(20) {
				c := spawn.Command("id", "-u")
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
				if out, err := c.Output(); string(out) != "1234\n" || err != nil {
					t.Errorf("user %q, %v", out, err)
				}
			}
		}()
	}
	wg.Wait()
}

// otherUsersDoNotHide is for the rows of the rule.
func otherUsersDoNotHide(t *testing.T, rule int) {
	t.Helper()
	defer become(t, dumpable(t))
	for _, row := range spawnDumpable {
		if row.rule != rule {
			continue
		}
		become(t, row.is)
		changeUsers(t)
		if is := dumpable(t); is != row.is {
			t.Errorf("%s is %d: dumpable is %d, was %d", ruleFile, rule, is, row.is)
		}
		sharesIfDumpable(t)
	}
}

func TestChangeOfUserDoesNotHideThisProgram(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	otherUsersDoNotHide(t, ruleNow())
	noChild(t)
}

func TestNorDoesItByAnotherRule(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	if os.Getenv("OWN_MACHINE") == "" {
		t.Skip("only in a machine of its own (OWN_MACHINE)")
	}
	defer setRule(t, ruleNow())
	for rule := range 3 {
		setRule(t, rule)
		otherUsersDoNotHide(t, rule)
	}
	noChild(t)
}

// sharesIfDumpable lets a child that is to become a user write to this memory.
func sharesIfDumpable(t *testing.T) {
	t.Helper()
	is := dumpable(t)
	now, address := spawn.Variable(sys.Timespec{})
	o := &spawn.Options{Path: "/bin/true", Args: []string{"true"}, KeepFDs: true}
	o.UID = ptr(uint32(os.Geteuid()))
	pid, pidfd, err := spawn.StartEdited(o, func(steps []spawn.Step) []spawn.Step {
		note := spawn.Step{Nr: sys.SYS_CLOCK_GETTIME, Args: [6]uint64{sys.CLOCK_MONOTONIC, address}}
		return append([]spawn.Step{note}, steps...)
	})
	check(t, err)
	reap(t, pid, pidfd)
	shared := *now != sys.Timespec{}
	if want := is == 1 && spawn.SharesMemory(); shared != want {
		t.Errorf("dumpable is %d: the memory is shared: %v", is, shared)
	}
	if after := dumpable(t); after != is {
		t.Errorf("dumpable is %d, was %d", after, is)
	}
}

// Whoever the user is, and the other.
func TestHiddenProgramDoesNotShareMemoryWithAnotherUser(t *testing.T) {
	leakcheck.Check(t)
	was := dumpable(t)
	if was == 2 {
		// Nobody can make it 2 again, or root alone.
		sharesIfDumpable(t)
		return
	}
	defer become(t, was)
	for _, is := range []int{0, 1} {
		become(t, is)
		sharesIfDumpable(t)
	}
	noChild(t)
}
