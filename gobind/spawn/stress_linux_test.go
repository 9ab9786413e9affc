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
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// onThreads calls do on eight threads at once.
func onThreads(do func(i int)) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			do(i)
		}()
	}
	wg.Wait()
}

func TestNothingIsLostUnderLoad(t *testing.T) {
	leakcheck.Check(t)
	defer storm()()
	onThreads(func(i int) {
		for n := range runs(40) {
			if err := spawnAll(fmt.Sprintf("%d-%d", i, n)); err != nil {
				t.Error(err)
				return
			}
		}
	})
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

// stressed returns how many of something a test does, or for how many seconds:
// what the variable of the environment says, which make stress sets, or n.
func stressed(t *testing.T, name string, n int) int {
	t.Helper()
	s, ok := os.LookupEnv(name)
	if !ok {
		return n
	}
	n, err := strconv.Atoi(s)
	check(t, err)
	return n
}

// signals are sent to a thread after the other, and to the process, until stop
// is called: the one by which the runtime stops goroutines, and those of timers.
func signals(t *testing.T) (stop func()) {
	var over atomic.Bool
	var wg sync.WaitGroup
	every := sys.Itimerval{Interval: sys.Timeval{Usec: 1000}, Value: sys.Timeval{Usec: 1000}}
	for _, which := range timers {
		_, err := sys.Setitimer(which, every)
		check(t, err)
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		kinds := []syscall.Signal{sys.SIGURG, sys.SIGPROF, sys.SIGALRM}
		for n := 0; !over.Load(); n++ {
			tasks, _ := os.ReadDir("/proc/self/task")
			for i, task := range tasks {
				tid, _ := strconv.Atoi(task.Name())
				// It may have ended.
				sys.Tgkill(os.Getpid(), tid, kinds[(n+i)%len(kinds)])
			}
			sys.Kill(os.Getpid(), sys.SIGURG)
			time.Sleep(50 * time.Microsecond)
		}
	}()
	return func() {
		over.Store(true)
		wg.Wait()
		for _, which := range timers {
			_, err := sys.Setitimer(which, sys.Itimerval{})
			check(t, err)
		}
	}
}

var timers = []sys.ItimerWhich{sys.ITIMER_REAL, sys.ITIMER_PROF}

// mapped returns how many mappings this process has.
func mapped(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	check(t, err)
	return strings.Count(string(b), "\n")
}

func TestNothingIsLostInAStormOfSignals(t *testing.T) {
	alarms := make(chan os.Signal, 1)
	signal.Notify(alarms, sys.SIGALRM)
	defer signal.Stop(alarms)
	leakcheck.Check(t)
	seconds := time.Duration(stressed(t, "SPAWN_STRESS_SECONDS", 0)) * time.Second
	end := time.Now().Add(seconds)
	collected := storm()
	sent := signals(t)
	var programs atomic.Int64
	onThreads(func(i int) {
		said := time.Now()
		for n := 0; n < runs(20) || time.Now().Before(end); n++ {
			if err := spawnAll(fmt.Sprintf("%d-%d", i, n)); err != nil {
				t.Error(err)
				return
			}
			programs.Add(4)
			if i == 0 && time.Since(said) > 10*time.Second {
				said = time.Now()
				t.Logf("stress: %d starts", programs.Load())
			}
		}
	})
	waitUntil(t, "a signal of the timer", func() bool { return len(alarms) > 0 })
	sent()
	collected()
	t.Logf("stress: %d starts", programs.Load())
	noChild(t)
	if n := spawn.DropArenas(); n > spawn.ArenasKept {
		t.Errorf("%d arenas are kept", n)
	}
}

func TestNoneOfManyIsLost(t *testing.T) {
	leakcheck.Check(t)
	run := func(n int) {
		want := n % 3 / 2
		c := spawn.Command([]string{"/bin/true", "/bin/false"}[want])
		err := c.Run()
		if c.ProcessState == nil || c.ProcessState.ExitCode() != want {
			t.Fatalf("program %d: %v", n, err)
		}
	}
	for n := range 10 {
		run(n)
	}
	before, mappings := resident(t), mapped(t)
	starts := stressed(t, "SPAWN_STRESS_STARTS", runs(2000))
	said := time.Now()
	for n := range starts {
		run(n)
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			t.Logf("stress: %d starts", n+1)
		}
	}
	t.Logf("stress: %d starts", starts)
	noChild(t)
	// The runtime adds some for its heap, whatever the number of programs.
	if more := mapped(t) - mappings; more > 30 {
		t.Errorf("%d mappings more are there", more)
	}
	if more := resident(t) - before; more > 40<<20 {
		t.Errorf("%d bytes more are there", more)
	}
}
