// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"bytes"
	"errors"
	"math/bits"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

func TestNumbersOfTheProcess(t *testing.T) {
	if got, want := sys.Getpid(), os.Getpid(); got != want {
		t.Errorf("Getpid gives %d, want %d", got, want)
	}
	if got, want := sys.Getppid(), os.Getppid(); got != want {
		t.Errorf("Getppid gives %d, want %d", got, want)
	}
	if got, want := sys.Getuid(), os.Getuid(); got != want {
		t.Errorf("Getuid gives %d, want %d", got, want)
	}
	if got, want := sys.Geteuid(), os.Geteuid(); got != want {
		t.Errorf("Geteuid gives %d, want %d", got, want)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if got, want := sys.Gettid(), syscall.Gettid(); got != want {
		t.Errorf("Gettid gives %d, want %d", got, want)
	}
}

func TestUnameTellsTheMachine(t *testing.T) {
	var u sys.Utsname
	check(t, sys.Uname(&u))
	field := func(b []byte) string {
		return string(b[:bytes.IndexByte(b, 0)])
	}
	if got := field(u.Sysname[:]); got != "Linux" {
		t.Errorf("sysname %q", got)
	}
	want := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if got := field(u.Machine[:]); got != want {
		t.Errorf("machine %q, want %q", got, want)
	}
}

func TestClockGoesOn(t *testing.T) {
	var a, b sys.Timespec
	check(t, sys.ClockGettime(sys.CLOCK_MONOTONIC, &a))
	check(t, sys.ClockGettime(sys.CLOCK_MONOTONIC, &b))
	if d := (b.Sec-a.Sec)*1e9 + b.Nsec - a.Nsec; d < 0 || d > int64(time.Hour) {
		t.Errorf("from %v to %v", a, b)
	}
	var res sys.Timespec
	check(t, sys.ClockGetres(sys.CLOCK_MONOTONIC, nil))
	check(t, sys.ClockGetres(sys.CLOCK_MONOTONIC, &res))
	if res.Sec != 0 || res.Nsec < 1 {
		t.Errorf("a resolution of %v", res)
	}
	var now sys.Timespec
	check(t, sys.ClockGettime(sys.CLOCK_REALTIME, &now))
	if d := time.Since(time.Unix(now.Sec, now.Nsec)); d < -time.Minute || d > time.Minute {
		t.Errorf("the clock is off by %v", d)
	}
}

func TestWait4TellsHowAChildEnded(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		exit         int
		signal       syscall.Signal
	}{
		{"exit", "exit 3", 3, -1},
		{"signal", "kill -TERM $$", -1, sys.SIGTERM},
	} {
		cmd := exec.Command("/bin/sh", "-c", tc.script)
		check(t, cmd.Start())
		var status sys.WaitStatus
		var usage sys.Rusage
		pid, err := retry(func() (int, error) {
			return sys.Wait4(cmd.Process.Pid, &status, 0, &usage)
		})
		wantCount(t, "Wait4", pid, err, cmd.Process.Pid)
		if status.Exited() != (tc.exit >= 0) || status.ExitStatus() != tc.exit {
			t.Errorf("%s: exit status %d", tc.name, status.ExitStatus())
		}
		if status.Signaled() != (tc.signal >= 0) || status.Signal() != tc.signal {
			t.Errorf("%s: signal %v", tc.name, status.Signal())
		}
		if usage.Maxrss <= 0 {
			t.Errorf("%s: maxrss %d", tc.name, usage.Maxrss)
		}
		pid, err = sys.Wait4(cmd.Process.Pid, nil, 0, nil)
		if pid != -1 || err != sys.ECHILD {
			t.Errorf("second Wait4 gives %d, %v", pid, err)
		}
		cmd.Process.Release()
	}
}

func retry(call func() (int, error)) (n int, err error) {
	for {
		n, err = call()
		if err != sys.EINTR {
			return n, err
		}
	}
}

func TestKillReachesTheChild(t *testing.T) {
	cmd := exec.Command("/bin/cat")
	in, err := cmd.StdinPipe()
	check(t, err)
	defer in.Close()
	check(t, cmd.Start())
	check(t, sys.Kill(cmd.Process.Pid, 0))
	pid, err := sys.Wait4(cmd.Process.Pid, nil, sys.WNOHANG, nil)
	wantCount(t, "Wait4 of a running child", pid, err, 0)
	check(t, sys.Kill(cmd.Process.Pid, sys.SIGKILL))
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	wantErrno(t, "Kill of nobody", sys.Kill(cmd.Process.Pid, 0), sys.ESRCH)
}

const exitEnv = "SYSHIM_TEST_EXIT"

func TestExitEndsTheProcess(t *testing.T) {
	if os.Getenv(exitEnv) != "" {
		sys.Exit(7)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestExitEndsTheProcess$")
	cmd.Env = append(os.Environ(), exitEnv+"=1")
	if err := cmd.Run(); errors.Is(err, sys.ENOEXEC) {
		t.Skipf("an emulated program cannot start itself: %v", err)
	}
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
}

func TestThreadNameIsOfTheThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old := make([]byte, 16)
	err := sys.Prctl(sys.PR_GET_NAME, uintptr(unsafe.Pointer(&old[0])), 0, 0, 0)
	check(t, err)
	name := []byte("syshim\x00")
	check(t, sys.Prctl(sys.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0))
	got := make([]byte, 16)
	check(t, sys.Prctl(sys.PR_GET_NAME, uintptr(unsafe.Pointer(&got[0])), 0, 0, 0))
	wantBytes(t, got[:7], name)
	check(t, sys.Prctl(sys.PR_SET_NAME, uintptr(unsafe.Pointer(&old[0])), 0, 0, 0))
	n, err := sys.RawPrctl(sys.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if n < 0 || n > 2 || err != nil {
		t.Errorf("RawPrctl gives %d, %v", n, err)
	}
}

func TestSignalMaskComesBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var block, old, got sys.Sigset_t
	old.Val[15] = 1 // What the kernel has no signals for is cleared.
	block.Val[0] = 1 << (sys.SIGUSR2 - 1)
	check(t, sys.PthreadSigmask(sys.SIG_BLOCK, &block, &old))
	check(t, sys.PthreadSigmask(sys.SIG_SETMASK, &old, &got))
	if got.Val[0] != old.Val[0]|block.Val[0] {
		t.Errorf("mask %#x, want %#x", got.Val[0], old.Val[0]|block.Val[0])
	}
	check(t, sys.PthreadSigmask(sys.SIG_SETMASK, nil, &got))
	if got != old || old.Val[15] != 0 {
		t.Errorf("mask %v, want %v", got, old)
	}
}

func TestUsageGrows(t *testing.T) {
	var ru sys.Rusage
	check(t, sys.Getrusage(sys.RUSAGE_SELF, &ru))
	if ru.Maxrss <= 0 || ru.Utime.Sec < 0 {
		t.Errorf("usage %+v", ru)
	}
}

func TestAffinityIsWhatWasSet(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one, got sys.CPUSet
	all.Fill()
	check(t, sys.SchedGetaffinity(0, &all))
	if n, want := all.Count(), runtime.NumCPU(); n != want {
		t.Fatalf("%d CPUs, want %d", n, want)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	check(t, sys.SchedSetaffinity(0, &one))
	check(t, sys.SchedGetaffinity(0, &got))
	check(t, sys.SchedSetaffinity(0, &all))
	if got != one {
		t.Errorf("affinity %v, want CPU %d", got, cpu)
	}
}

func TestCPUSet(t *testing.T) {
	var s sys.CPUSet
	for _, cpu := range []int{-1, -64, 1024, 1 << 40} {
		s.Set(cpu)
		s.Clear(cpu)
		if s.IsSet(cpu) || s.Count() != 0 {
			t.Errorf("CPU %d is set", cpu)
		}
	}
	cpus := []int{0, 1, 63, 64, 1023}
	for i, cpu := range cpus {
		s.Set(cpu)
		s.Set(cpu)
		if !s.IsSet(cpu) || s.Count() != i+1 {
			t.Errorf("CPU %d set: %v, count %d", cpu, s.IsSet(cpu), s.Count())
		}
	}
	s.Clear(63)
	s.Clear(62)
	if s.IsSet(63) || !s.IsSet(64) || s.Count() != len(cpus)-1 {
		t.Errorf("count %d after Clear", s.Count())
	}
	s.Fill()
	if s.Count() != 1024 || !s.IsSet(1023) {
		t.Errorf("count %d after Fill", s.Count())
	}
	s.Zero()
	if s != (sys.CPUSet{}) {
		t.Errorf("count %d after Zero", s.Count())
	}
	if bits.OnesCount64(s[0]) != 0 {
		t.Error("a word is set")
	}
}

func TestFutexWakesTheOneThatWaits(t *testing.T) {
	var word uint32
	woken := make(chan error)
	go func() {
		_, err := retry(func() (int, error) {
			return sys.Futex(&word, sys.FUTEX_WAIT|sys.FUTEX_PRIVATE_FLAG, 0, nil, nil, 0)
		})
		woken <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); ; {
		n, err := sys.Futex(&word, sys.FUTEX_WAKE|sys.FUTEX_PRIVATE_FLAG, 1, nil, nil, 0)
		check(t, err)
		if n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
		runtime.Gosched()
	}
	check(t, <-woken)

	ts := sys.Timespec{Nsec: 1000}
	n, err := sys.Futex(&word, sys.FUTEX_WAIT|sys.FUTEX_PRIVATE_FLAG, 0, &ts, nil, 0)
	if n != -1 || err != sys.ETIMEDOUT {
		t.Errorf("Futex gives %d, %v", n, err)
	}
}
