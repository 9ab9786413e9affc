// SPDX-License-Identifier: MIT

package leakcheck

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is how long what ends by itself (a goroutine that was told to stop,
// a ring that the kernel tears down) may take, on a machine that does much else.
// What waits for leaks in vain sets less.
var Patience = 20 * time.Second

// A Snapshot is what was open at one moment.
type Snapshot struct {
	// FDs holds each open descriptor with what it refers to.
	FDs map[int]string
	// Rings counts the mappings of io_uring rings.
	Rings int
	// Goroutines counts the goroutines.
	Goroutines int
}

// settle makes the runtime open what it opens at the first use of a pollable
// descriptor and keeps for ever.
var settle = sync.OnceValue(func() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	r.Close()
	return w.Close()
})

// Take returns what is open now.
func Take() (Snapshot, error) {
	if err := settle(); err != nil {
		return Snapshot{}, err
	}
	fds, err := FDs()
	if err != nil {
		return Snapshot{}, err
	}
	rings, err := Mappings("anon_inode:[io_uring]")
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{fds, rings, runtime.NumGoroutine()}, nil
}

// FDs returns the open descriptors of this process and what each refers to.
func FDs() (map[int]string, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	fds := make(map[int]string, len(names))
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil {
			return nil, err
		}
		if fd == int(dir.Fd()) {
			continue
		}
		// One that was closed meanwhile is not open.
		if target, err := os.Readlink("/proc/self/fd/" + name); err == nil {
			fds[fd] = target
		}
	}
	return fds, nil
}

// Mappings returns how many mappings of this process have the name.
func Mappings(name string) (int, error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), " "+name) {
			n++
		}
	}
	return n, lines.Err()
}

// Threads returns the number of threads of this process. The Go runtime starts
// and keeps some as it likes.
func Threads() (int, error) {
	tasks, err := filepath.Glob("/proc/self/task/*")
	return len(tasks), err
}

// Leaks says what is open now and was not when s was taken: a line for each. It
// waits a while for what is about to end.
func (s Snapshot) Leaks() []string {
	for deadline := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) {
		now, err := Take()
		if err != nil {
			return []string{err.Error()}
		}
		leaks := s.compare(now)
		if len(leaks) == 0 || time.Now().After(deadline) {
			return leaks
		}
	}
}

func (s Snapshot) compare(now Snapshot) []string {
	var leaks []string
	for fd, target := range now.FDs {
		if s.FDs[fd] != target {
			leaks = append(leaks, fmt.Sprintf("descriptor %d is open: %s", fd, target))
		}
	}
	slices.Sort(leaks)
	if now.Rings > s.Rings {
		leaks = append(leaks, fmt.Sprintf("%d mappings of rings, %d before", now.Rings, s.Rings))
	}
	if now.Goroutines > s.Goroutines {
		leaks = append(leaks, fmt.Sprintf("%d goroutines, %d before\n%s",
			now.Goroutines, s.Goroutines, stacks()))
	}
	return leaks
}

func stacks() []byte {
	buf := make([]byte, 1<<16)
	return buf[:runtime.Stack(buf, true)]
}

// Main runs the tests of m and exits; it fails when they leave descriptors,
// rings or goroutines behind.
func Main(m *testing.M) {
	os.Exit(run(m.Run))
}

func run(tests func() int) int {
	before, err := Take()
	if err != nil {
		fmt.Fprintln(os.Stderr, "leakcheck:", err)
		return 1
	}
	code := tests()
	for _, leak := range before.Leaks() {
		fmt.Fprintln(os.Stderr, "leakcheck:", leak)
		code = 1
	}
	return code
}

// Check fails t when, at its end, more is open than now. The test must not be
// parallel to another one.
func Check(t testing.TB) {
	t.Helper()
	before, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, leak := range before.Leaks() {
			t.Error(leak)
		}
	})
}
