// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// storm makes garbage, and collects it, until stop is called.
func storm() (stop func()) {
	var over atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for !over.Load() {
				pieces := make([][]byte, 100)
				for i := range pieces {
					pieces[i] = make([]byte, 1000+i)
				}
				grow(64)
				runtime.GC()
			}
		}()
	}
	return func() {
		over.Store(true)
		wg.Wait()
	}
}

// grow makes the stack grow, and so move.
func grow(n int) int {
	var room [256]byte
	if n == 0 {
		return int(room[n])
	}
	return grow(n-1) + int(room[n])
}

// spawnAll starts programs in each way there is, and checks what they give.
func spawnAll(name string) error {
	out, err := spawn.Command("/bin/echo", name).Output()
	if err != nil || string(out) != name+"\n" {
		return fmt.Errorf("output %q of %s: %w", out, name, err)
	}
	c := spawn.Command("/bin/cat")
	c.Stdin = strings.NewReader(name)
	if out, err = c.CombinedOutput(); err != nil || string(out) != name {
		return fmt.Errorf("copy %q of %s: %w", out, name, err)
	}
	if err := spawn.Command("/nosuch/" + name).Run(); !errors.Is(err, sys.ENOENT) {
		return fmt.Errorf("/nosuch/%s: %w", name, err)
	}
	c = spawn.Command("/bin/true")
	c.Dir = "/nosuch/" + name
	if err := c.Run(); err == nil || err.Error() != "spawn: chdir "+c.Dir+": no such file or directory" {
		return fmt.Errorf("in %s: %w", c.Dir, err)
	}
	return nil
}

func TestNothingIsLostUnderLoad(t *testing.T) {
	leakcheck.Check(t)
	defer storm()()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for n := range runs(40) {
				if err := spawnAll(fmt.Sprintf("%d-%d", i, n)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	noChild(t)
	if n := spawn.DropArenas(); n > spawn.ArenasKept {
		t.Errorf("%d arenas are kept", n)
	}
}

// resident returns the bytes of memory that this process has. What it has only
// mapped grows by 64 MiB when the collector's heap does.
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	check(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	check(t, err)
	return pages * os.Getpagesize()
}

func TestLargeProgramsAreUnmapped(t *testing.T) {
	leakcheck.Check(t)
	args := make([]string, 50000)
	for i := range args {
		args[i] = "an argument of some length"
	}
	run := func() {
		// More than there is room for in an arena that is kept.
		if err := spawn.Command("/bin/true", args...).Run(); err != nil {
			t.Error(err)
		}
		if err := spawn.Command("/nosuch", args...).Run(); !errors.Is(err, sys.ENOENT) {
			t.Error(err)
		}
	}
	run()
	before := resident(t)
	for range runs(50) {
		run()
	}
	if more := resident(t) - before; more > 40<<20 {
		t.Errorf("%d bytes more are there", more)
	}
}
