// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

const tracedStarters = 3

// startTracedPrograms is a helper that starts programs from the first byte of its
// input on: each starter for as many rounds as the argument says, or, if that is
// 0, until that input ends.
func startTracedPrograms(args []string) {
	os.Stdout.Write([]byte{0})
	os.Stdin.Read(make([]byte, 1))
	var ended atomic.Bool
	rounds, _ := strconv.Atoi(args[0])
	ended.Store(rounds > 0)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		ended.Store(true)
	}()
	var starters sync.WaitGroup
	for range tracedStarters {
		starters.Add(1)
		go func() {
			defer starters.Done()
			for n := 0; n < rounds || !ended.Load(); n++ {
				if err := startTraced(n); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		}()
	}
	starters.Wait()
}

// startTraced starts two programs, of which one is not there.
func startTraced(n int) error {
	c := spawn.Command("/bin/sh", "-c", "exit "+strconv.Itoa(n%10))
	c.Run()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != n%10 {
		return fmt.Errorf("%v, not %d", c.ProcessState, n%10)
	}
	if err := spawn.Command("/nosuch").Run(); !errors.Is(err, sys.ENOENT) {
		return fmt.Errorf("/nosuch: %v", err)
	}
	return nil
}

// A tracer is a debugger of one program and, unless it lets them go, of its
// children. Its thread must stay the same.
type tracer struct {
	pid           int
	in            int
	syscalls      bool
	letGo         bool
	leaving       bool
	traced, early map[int]bool
	forks, execs  int
	status        *sys.WaitStatus
}

const traceEvents = sys.PTRACE_O_TRACEFORK | sys.PTRACE_O_TRACEVFORK | sys.PTRACE_O_TRACECLONE |
	sys.PTRACE_O_TRACEEXEC | sys.PTRACE_O_TRACESYSGOOD

func (d *tracer) seize(tid int) error {
	_, err := sys.RawPtrace(sys.PTRACE_SEIZE, tid, 0, traceEvents)
	if err == nil {
		d.traced[tid] = true
	}
	return err
}

// watch goes on until nobody is traced, or so many more children, if any, were
// seen.
func (d *tracer) watch(t *testing.T, children int) {
	t.Helper()
	for end := d.forks + children; len(d.traced) > 0 && (children == 0 || d.forks < end); {
		var status sys.WaitStatus
		tid, err := sys.Wait4(-1, &status, sys.WALL, nil)
		if err == sys.EINTR {
			continue
		}
		check(t, err)
		if status.Stopped() {
			if !d.traced[tid] {
				d.early[tid] = true
			}
			d.traced[tid] = true
			d.goOn(t, tid, status)
			continue
		}
		delete(d.traced, tid)
		if tid == d.pid {
			d.status = &status
		}
	}
}

func (d *tracer) goOn(t *testing.T, tid int, status sys.WaitStatus) {
	t.Helper()
	signal := 0
	switch int(status) >> 16 {
	case sys.PTRACE_EVENT_FORK:
		d.forks++
		d.noteNew(tid)
	case sys.PTRACE_EVENT_VFORK:
		t.Error("a child of vfork")
		d.noteNew(tid)
	case sys.PTRACE_EVENT_CLONE:
		d.noteNew(tid)
	case sys.PTRACE_EVENT_EXEC:
		if tid != d.pid {
			d.execs++
		}
	case 0:
		// Not the stop at a call.
		if signal = int(status.StopSignal()); signal == int(sys.SIGTRAP)|0x80 {
			signal = 0
		}
	}
	request := sys.PTRACE_CONT
	if d.syscalls {
		request = sys.PTRACE_SYSCALL
	}
	if d.leaving || d.letGo && sys.Tgkill(d.pid, tid, 0) != nil {
		request = sys.PTRACE_DETACH
		delete(d.traced, tid)
	}
	// It may have been killed meanwhile: then the wait tells.
	sys.RawPtrace(request, tid, 0, uintptr(signal))
}

// noteNew notes a child, or a thread, that may have stopped already.
func (d *tracer) noteNew(tid int) {
	msg, err := sys.PtraceGetEventMsg(tid)
	if err == nil && !d.early[int(msg)] {
		d.traced[int(msg)] = true
	}
	delete(d.early, int(msg))
}

// leave stops each task once more, and lets it go.
func (d *tracer) leave(t *testing.T) {
	t.Helper()
	d.leaving = true
	for tid := range d.traced {
		sys.PtraceInterrupt(tid)
	}
	d.watch(t, 0)
	d.leaving = false
}

// begin starts the helper, and waits until it waits.
func (d *tracer) begin(t *testing.T, rounds int) {
	t.Helper()
	var pipe, ready [2]int
	check(t, sys.Pipe2(pipe[:], sys.O_CLOEXEC))
	check(t, sys.Pipe2(ready[:], sys.O_CLOEXEC))
	defer sys.Close(pipe[0])
	defer sys.Close(ready[0])
	h := helper("traced")
	pid, pidfd, err := spawn.Start(&spawn.Options{
		Path: h.Path,
		Args: []string{"traced", strconv.Itoa(rounds)},
		Env:  h.Env,
		FDs:  []spawn.FD{{From: pipe[0], To: 0}, {From: ready[1], To: 1}, {From: 2, To: 2}},
	})
	check(t, err)
	sys.Close(ready[1])
	_, err = sys.Read(ready[0], make([]byte, 1))
	check(t, err)
	if pidfd >= 0 {
		sys.Close(pidfd)
	}
	d.pid, d.in = pid, pipe[1]
	d.traced, d.early = map[int]bool{}, map[int]bool{}
}

// run lets the helper begin.
func (d *tracer) run(t *testing.T) {
	t.Helper()
	_, err := sys.Write(d.in, []byte{0})
	check(t, err)
}

// end waits until the helper has ended well, seen or unseen.
func (d *tracer) end(t *testing.T) {
	t.Helper()
	d.watch(t, 0)
	sys.Close(d.in)
	if d.status == nil {
		d.status = new(sys.WaitStatus)
		_, err := sys.Wait4(d.pid, d.status, sys.WALL, nil)
		check(t, err)
	}
	if !d.status.Exited() || d.status.ExitStatus() != 0 {
		t.Errorf("the program ends with %#x", *d.status)
	}
	noChild(t)
}

// seizeAll seizes each thread. Those that begin later are traced as their parent.
func (d *tracer) seizeAll(t *testing.T) {
	t.Helper()
	for d.seizeMore(t) > 0 {
	}
	if len(d.traced) == 0 {
		t.Fatal("no thread is seized")
	}
}

// seizeMore seizes the threads that are not traced, and returns how many.
func (d *tracer) seizeMore(t *testing.T) (n int) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", d.pid))
	check(t, err)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		check(t, err)
		// It may be traced since its beginning, or have ended.
		if !d.traced[tid] && d.seize(tid) == nil {
			n++
		}
	}
	return n
}

// needTracing skips where nobody may be traced, or start itself.
func needTracing(t *testing.T) {
	t.Helper()
	needSelf(t)
	var d tracer
	d.begin(t, 1)
	err := d.seize(d.pid)
	check(t, sys.Kill(d.pid, sys.SIGKILL))
	d.watch(t, 0)
	if d.status == nil {
		_, err := sys.Wait4(d.pid, nil, 0, nil)
		check(t, err)
	}
	sys.Close(d.in)
	if err != nil {
		t.Skipf("nobody may be traced here: %v", err)
	}
}

var tracers = map[string]tracer{
	"events": {},
	"calls":  {syscalls: true},
	"parent": {letGo: true},
}

func TestDebuggerSeesEachStart(t *testing.T) {
	leakcheck.Check(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	needTracing(t)
	rounds := runs(8)
	for name, d := range tracers {
		d.begin(t, rounds)
		d.seizeAll(t)
		d.run(t)
		d.end(t)
		forks, execs := 2*tracedStarters*rounds, tracedStarters*rounds
		if d.letGo {
			execs = 0
		}
		if d.forks != forks || d.execs != execs {
			t.Errorf("%s: %d forks and %d execs, want %d and %d", name, d.forks, d.execs, forks, execs)
		}
	}
}

func TestDebuggerComesAndLeaves(t *testing.T) {
	leakcheck.Check(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	needTracing(t)
	for name, d := range tracers {
		d.begin(t, 0)
		d.run(t)
		for range runs(3) {
			d.seizeAll(t)
			d.watch(t, 5)
			d.leave(t)
			if d.status != nil {
				t.Errorf("%s: the program has ended", name)
			}
		}
		if d.forks < 5 {
			t.Errorf("%s: %d forks were seen", name, d.forks)
		}
		d.end(t)
	}
}
