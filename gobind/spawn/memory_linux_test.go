// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

const (
	pagesMin = 2048
	// faultsMax is for what starts, and this test, touch for the first time.
	faultsMax = 1000
)

// memory maps 1 GiB, or what the machine can spare, in pages of the usual size.
func memory(t *testing.T) []byte {
	t.Helper()
	size, available := 1<<30, 0
	if raceEnabled || testing.Short() {
		size = 64 << 20
	}
	info, err := os.ReadFile("/proc/meminfo")
	check(t, err)
	_, rest, _ := strings.Cut(string(info), "MemAvailable:")
	fmt.Sscan(rest, &available)
	for size > available<<10/4 {
		size /= 2
	}
	if size/os.Getpagesize() < pagesMin {
		t.Skip("there is too little memory here")
	}
	b, err := syscall.Mmap(-1, 0, size, sys.PROT_READ|sys.PROT_WRITE, sys.MAP_PRIVATE|sys.MAP_ANONYMOUS)
	check(t, err)
	t.Cleanup(func() { check(t, syscall.Munmap(b)) })
	// A kernel without larger pages does not know the advice.
	syscall.Madvise(b, sys.MADV_NOHUGEPAGE)
	return b
}

func touch(b []byte) {
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i]++
	}
}

// faults returns how many this thread has had.
func faults(t *testing.T) int64 {
	t.Helper()
	var use sys.Rusage
	check(t, sys.Getrusage(sys.RUSAGE_THREAD, &use))
	return use.Minflt + use.Majflt
}

// forkAndEnd makes a child with a copy of the memory, which ends at once: it has
// this thread alone, and calls nothing of the runtime.
//
//go:norace
func forkAndEnd() (pid int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(sys.SYS_CLONE, uintptr(sys.SIGCHLD), 0, 0, 0, 0, 0)
	if r == 0 && errno == 0 {
		for {
			syscall.RawSyscall(sys.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	return int(r), errno
}

// faultsOf returns how many it costs to run so often, and to write to all pages then.
func faultsOf(t *testing.T, b []byte, times int, run func()) int64 {
	t.Helper()
	before := faults(t)
	for range times {
		run()
	}
	touch(b)
	return faults(t) - before
}

// What is counted is faults of the parent when it writes to its pages: a copy of
// the page table makes each read-only.
func TestMemoryOfTheParentCostsNothing(t *testing.T) {
	leakcheck.Check(t)
	needSharedMemory(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := memory(t)
	touch(b)
	start := func(o *spawn.Options) {
		pid, pidfd, err := spawn.Start(o)
		check(t, err)
		reap(t, pid, pidfd)
	}
	ways := []struct {
		name   string
		run    func()
		copies bool
	}{
		{"start", func() { start(&spawn.Options{Path: "/bin/true"}) }, false},
		{"failing start", func() {
			if _, _, err := spawn.Start(&spawn.Options{Path: "/nosuch"}); !errors.Is(err, sys.ENOENT) {
				t.Error(err)
			}
		}, false},
		{"Cmd", func() { check(t, spawn.Command("/bin/true").Run()) }, false},
		{"start in a copy", func() {
			start(&spawn.Options{Path: "/bin/true", Attr: spawn.Attr{Copy: true}})
		}, true},
		{"fork", func() {
			pid, errno := forkAndEnd()
			if errno != 0 {
				t.Fatal(errno)
			}
			reap(t, pid, -1)
		}, true},
	}
	pages := int64(len(b) / os.Getpagesize())
	for _, way := range ways {
		times := 20
		if way.copies {
			times = 1
		}
		n := faultsOf(t, b, times, way.run)
		if way.copies && n < pages || !way.copies && n > faultsMax {
			t.Errorf("%s, %d times: %d faults, in %d pages", way.name, times, n, pages)
		}
	}
}

// Nor may this program be traced less than before.
func TestNewUserNamespaceCostsNoMemoryEither(t *testing.T) {
	leakcheck.Check(t)
	needSharedMemory(t)
	a := &spawn.Attr{Namespaces: sys.CLONE_NEWUSER}
	needNamespaces(t, a)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := memory(t)
	touch(b)
	traceable := dumpable(t)
	if n := faultsOf(t, b, 20, func() { check(t, withAttr(a, "/bin/true").Run()) }); n > faultsMax {
		t.Errorf("%d faults, in %d pages", n, len(b)/os.Getpagesize())
	}
	if after := dumpable(t); after != traceable {
		t.Errorf("dumpable is %d, was %d", after, traceable)
	}
}
