// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// noSuchCall is the number of no system call.
const noSuchCall = 1 << 20

func TestStepsDoWhatTheirFlagsSay(t *testing.T) {
	needSharedMemory(t)
	leakcheck.Check(t)
	fail := spawn.Step{Nr: noSuchCall}
	null, err := os.Open(os.DevNull)
	check(t, err)
	defer null.Close()
	cloexec := uint64(null.Fd())
	closed := uint64(1 << 19)
	dup := func(flags uint32, from uint64) spawn.Step {
		return spawn.Step{Nr: sys.SYS_FCNTL, Flags: flags, Args: [6]uint64{from, sys.F_DUPFD, 100}}
	}
	access := func(flags uint32, fd uint64) spawn.Step {
		return spawn.Step{Nr: sys.SYS_FCNTL, Flags: flags, Args: [6]uint64{fd, sys.F_GETFD}}
	}
	parent := func(pid int) spawn.Step {
		return spawn.Step{Nr: sys.SYS_GETPPID, Flags: spawn.StepParent, Args: [6]uint64{5: uint64(pid)}}
	}
	for _, tc := range []struct {
		name  string
		steps []spawn.Step
		want  spawn.Outcome
	}{
		{"none", []spawn.Step{}, spawn.Outcome{}},
		{"first fails", []spawn.Step{fail}, spawn.Outcome{Err: sys.ENOSYS, Status: 127}},
		{"third fails", []spawn.Step{access(0, 0), access(0, 0), fail, access(0, closed)},
			spawn.Outcome{Err: sys.ENOSYS, Failed: 2, Status: 127}},
		{"ignored", []spawn.Step{{Nr: noSuchCall, Flags: spawn.StepIgnore}}, spawn.Outcome{}},
		{"saved error", []spawn.Step{{Nr: noSuchCall, Flags: spawn.StepIgnore | spawn.StepSave | 5*spawn.StepReg}},
			spawn.Outcome{Regs: [8]uint64{5: ^uint64(sys.ENOSYS) + 1}}},
		{"saved result", []spawn.Step{dup(spawn.StepSave|7*spawn.StepReg, 0)},
			spawn.Outcome{Regs: [8]uint64{7: 100}}},
		{"argument from a register", []spawn.Step{dup(spawn.StepSave|3*spawn.StepReg, 0), access(spawn.StepArg, 3)},
			spawn.Outcome{Regs: [8]uint64{3: 100}}},
		{"third argument from a register", []spawn.Step{
			dup(spawn.StepSave|3*spawn.StepReg, 0),
			{Nr: sys.SYS_FCNTL, Flags: spawn.StepArg<<2 | spawn.StepSave, Args: [6]uint64{100, sys.F_DUPFD, 3}},
			{Nr: sys.SYS_FCNTL, Flags: spawn.StepArg<<2 | spawn.StepSave | spawn.StepReg, Args: [6]uint64{0, sys.F_DUPFD, 0}},
		}, spawn.Outcome{Regs: [8]uint64{0: 101, 1: 102, 3: 100}}},
		{"each", []spawn.Step{
			dup(0, 0), dup(0, 0), dup(0, 0),
			{Nr: sys.SYS_CLOSE, Flags: spawn.StepEach, Args: [6]uint64{100, 0, 0, 0, 0, 102}},
			access(spawn.StepIgnore|spawn.StepSave|2*spawn.StepReg, 102),
			{Nr: sys.SYS_CLOSE, Flags: spawn.StepEach, Args: [6]uint64{2, 0, 0, 0, 0, 1}},
			{Nr: sys.SYS_CLOSE, Flags: spawn.StepEach, Args: [6]uint64{100, 0, 0, 0, 0, 101}},
		}, spawn.Outcome{Err: sys.EBADF, Failed: 6, Regs: [8]uint64{2: ^uint64(sys.EBADF) + 1}, Status: 127}},
		{"each, ignoring errors, up to a register", []spawn.Step{
			dup(spawn.StepSave, 0),
			{Nr: sys.SYS_CLOSE, Flags: spawn.StepEach | spawn.StepIgnore | spawn.StepArg<<5, Args: [6]uint64{90, 0, 0, 0, 0, 0}},
			access(0, 100),
		}, spawn.Outcome{Err: sys.EBADF, Failed: 2, Regs: [8]uint64{100}, Status: 127}},
		{"success ends the tries", []spawn.Step{access(spawn.StepTry, 0), fail}, spawn.Outcome{}},
		{"another error ends the tries", []spawn.Step{access(spawn.StepTry, closed), access(spawn.StepTry, 0)},
			spawn.Outcome{Err: sys.EBADF, Status: 127}},
		{"wait for what is there", []spawn.Step{access(spawn.StepWait|spawn.StepSave, cloexec)},
			spawn.Outcome{Regs: [8]uint64{sys.FD_CLOEXEC}}},
		{"wait that nobody ends", []spawn.Step{access(spawn.StepWait, 0), fail},
			spawn.Outcome{Err: sys.ECANCELED, Status: 127}},
		{"parent that is there", []spawn.Step{parent(os.Getpid()), fail},
			spawn.Outcome{Err: sys.ENOSYS, Failed: 1, Status: 127}},
		{"parent that has ended", []spawn.Step{parent(os.Getpid() + 1), fail},
			spawn.Outcome{Err: sys.ECANCELED, Status: 127}},
		{"parent that cannot be seen", []spawn.Step{access(spawn.StepParent, 0), fail},
			spawn.Outcome{Err: sys.ENOSYS, Failed: 1, Status: 127}},
		{"wait that fails", []spawn.Step{access(spawn.StepWait, closed)},
			spawn.Outcome{Err: sys.EBADF, Status: 127}},
	} {
		got, err := spawn.RunSteps(func(uint64) []spawn.Step { return tc.steps }, func(int) {})
		if err != nil || got != tc.want {
			t.Errorf("%s: %+v, %v; want %+v", tc.name, got, err, tc.want)
		}
	}
	noChild(t)
}

// waiting runs steps of which the first waits until during has returned.
func waiting(t *testing.T, during func(pid int), steps ...spawn.Step) spawn.Outcome {
	t.Helper()
	needSharedMemory(t)
	var pipe [2]int
	check(t, sys.Pipe2(pipe[:], sys.O_CLOEXEC))
	defer sys.Close(pipe[0])
	defer sys.Close(pipe[1])
	got, err := spawn.RunSteps(func(memory uint64) []spawn.Step {
		wait := spawn.Step{Nr: sys.SYS_READ, Flags: spawn.StepWait, Args: [6]uint64{uint64(pipe[0]), memory, 1}}
		return append([]spawn.Step{wait}, steps...)
	}, func(pid int) {
		during(pid)
		_, err := sys.Write(pipe[1], []byte{1})
		check(t, err)
	})
	check(t, err)
	return got
}

func TestWaitingStepGoesOnWhenTheParentSaysSo(t *testing.T) {
	leakcheck.Check(t)
	var before time.Time
	got := waiting(t, func(int) { before = time.Now() }, spawn.Step{Nr: noSuchCall})
	if want := (spawn.Outcome{Err: sys.ENOSYS, Failed: 1, Status: 127}); got != want || before.IsZero() {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestChildOfThisMemoryHandlesNoSignal(t *testing.T) {
	leakcheck.Check(t)
	waiting(t, func(pid int) {
		// Without clone3 the child sees to it itself, before the first step.
		for _, line := range []string{"\nSigCgt:\t0000000000000000\n", "\nSigBlk:\tfffffffffffbfeff\n"} {
			waitUntil(t, fmt.Sprintf("the line %q", line), func() bool {
				b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
				check(t, err)
				return strings.Contains(string(b), line)
			})
		}
		check(t, sys.Kill(pid, sys.SIGUSR1))
		check(t, sys.Kill(pid, sys.SIGURG))
	})
	// One that ends the child early is no failed step.
	got := waiting(t, func(pid int) { check(t, sys.Kill(pid, sys.SIGKILL)) }, sleep(time.Hour))
	if want := (spawn.Outcome{Status: int(sys.SIGKILL)}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	noChild(t)
}

// everyStep returns options that become every kind of step, except setpgid,
// which a session's leader may not.
func everyStep(t *testing.T) *spawn.Options {
	t.Helper()
	dir, err := os.Open(t.TempDir())
	check(t, err)
	t.Cleanup(func() { dir.Close() })
	return &spawn.Options{
		Path: "true", Search: "/nosuch:/bin",
		Args:   []string{"true"},
		Setsid: true,
		Fchdir: true, DirFD: int(dir.Fd()), Dir: ".",
		FDs: []spawn.FD{{From: 0, To: 1}, {From: 1, To: 0}, {From: 2, To: 2}, {From: 1, To: 3}, {From: -1, To: 5}},
	}
}

func isWait(s spawn.Step) bool {
	return s.Flags&spawn.StepWait != 0
}

func TestEachStepThatFailsIsNamed(t *testing.T) {
	leakcheck.Check(t)
	want := map[uint32]string{
		sys.SYS_SETSID:         "setsid: operation not permitted",
		sys.SYS_FCHDIR:         "fchdir -1: bad file descriptor",
		sys.SYS_CHDIR:          "chdir: bad address",
		sys.SYS_DUP3:           "dup3 -1 0: bad file descriptor",
		sys.SYS_FCNTL:          "fcntl -1: bad file descriptor",
		sys.SYS_CLOSE_RANGE:    "close_range -1 0: invalid argument",
		sys.SYS_PRLIMIT64:      "rlimit CPU: no such process",
		sys.SYS_RT_SIGPROCMASK: "rt_sigprocmask: invalid argument",
		sys.SYS_EXECVE:         "execve true: bad address",
	}
	o := everyStep(t)
	if spawn.LacksCloseRange() {
		delete(want, sys.SYS_CLOSE_RANGE)
		// Of what it waits with.
		want[sys.SYS_CLOSE] = "close -1: bad file descriptor"
	}
	failed := make(map[uint32]bool)
	for i, n := 0, 1; i < n; i++ {
		var nr, flags uint32
		pid, pidfd, err := spawn.StartEdited(o, func(steps []spawn.Step) []spawn.Step {
			n = len(steps)
			// A copy of the memory has more steps than the memory, which is
			// tried first; and where there is no close_range the child waits.
			if i >= n || slices.ContainsFunc(steps[i:], isWait) {
				nr, flags = 0, spawn.StepIgnore
				return steps
			}
			nr, flags = steps[i].Nr, steps[i].Flags
			if nr == sys.SYS_SETSID {
				// It has no argument, but cannot be done twice.
				return append([]spawn.Step{steps[i]}, steps...)
			}
			steps[i].Args = [6]uint64{^uint64(0)}
			steps[i].Flags &^= spawn.StepArg
			return steps
		})
		if flags&spawn.StepIgnore != 0 {
			check(t, err)
			reap(t, pid, pidfd)
			continue
		}
		failed[nr] = true
		var e *spawn.StepError
		if !errors.As(err, &e) || err.Error() != "spawn: "+want[nr] {
			t.Errorf("step %d (call %d): %v, want spawn: %s", i, nr, err, want[nr])
		}
	}
	if len(failed) != len(want) {
		t.Errorf("%d kinds of steps failed, want %d", len(failed), len(want))
	}
	noChild(t)
}

func TestFailedStartSaysWhy(t *testing.T) {
	leakcheck.Check(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	check(t, os.WriteFile(plain, nil, 0o600))
	text := filepath.Join(dir, "text")
	check(t, os.WriteFile(text, []byte("no program"), 0o700))
	null, err := os.Open(os.DevNull)
	check(t, err)
	defer null.Close()
	nullFD := int(null.Fd())
	for _, tc := range []struct {
		o    spawn.Options
		want string
		is   error
	}{
		{spawn.Options{Path: "/nosuch"}, "execve /nosuch: no such file or directory", fs.ErrNotExist},
		{spawn.Options{Path: ""}, "execve: no such file or directory", sys.ENOENT},
		{spawn.Options{Path: plain}, "execve " + plain + ": permission denied", fs.ErrPermission},
		{spawn.Options{Path: text}, "execve " + text + ": exec format error", sys.ENOEXEC},
		{spawn.Options{Path: "plain", Search: "/nosuch:" + dir + ":/nosuch"}, "execve plain: permission denied", sys.EACCES},
		{spawn.Options{Path: "nosuch", Search: "/:" + plain + ":"}, "execve nosuch: no such file or directory", exec.ErrNotFound},
		{spawn.Options{Path: "/bin/true", Dir: "/nosuch"}, "chdir /nosuch: no such file or directory", sys.ENOENT},
		{spawn.Options{Path: "/bin/true", Dir: plain}, "chdir " + plain + ": not a directory", sys.ENOTDIR},
		{spawn.Options{Path: "/bin/true", Fchdir: true, DirFD: nullFD}, fmt.Sprintf("fchdir %d: not a directory", nullFD), sys.ENOTDIR},
		{spawn.Options{Path: "/bin/true", FDs: []spawn.FD{{From: 999, To: 3}}}, "dup3 999 3: bad file descriptor", sys.EBADF},
		{spawn.Options{Path: "/bin/true", FDs: []spawn.FD{{From: 999, To: 999}}}, "fcntl 999: bad file descriptor", sys.EBADF},
		{spawn.Options{Path: "/bin/true", Setsid: true, Setpgid: true}, "setpgid 0: operation not permitted", sys.EPERM},
		{spawn.Options{Path: "/bin/true", Setpgid: true, Pgid: -2}, "options: process group -2: invalid argument", sys.EINVAL},
		{spawn.Options{Path: "/bin/true", FDs: []spawn.FD{{From: 0, To: 3}, {From: 1, To: 3}}}, "options: descriptor 3 twice: invalid argument", sys.EINVAL},
		{spawn.Options{Path: "/bin/true", FDs: []spawn.FD{{From: 0, To: -1}}}, "options: descriptor 0 as -1: invalid argument", sys.EINVAL},
		{spawn.Options{Path: "/bin/true", FDs: []spawn.FD{{From: -2, To: 1}}}, "options: descriptor -2 as 1: invalid argument", sys.EINVAL},
		{spawn.Options{Path: "/bin/true", Retries: 256}, "options: 256 retries: invalid argument", sys.EINVAL},
		{spawn.Options{Path: "a\x00b"}, `options: a NUL byte in the path "a\x00b": invalid argument`, sys.EINVAL},
		{spawn.Options{Path: "/bin/true", Args: []string{"", "a\x00"}}, `options: a NUL byte in the argument "a\x00": invalid argument`, sys.EINVAL},
		{spawn.Options{Path: "/bin/true", Env: []string{"A=secret\x00"}}, `options: a NUL byte in the environment's "A": invalid argument`, sys.EINVAL},
		{spawn.Options{Path: "/bin/true", Dir: "\x00"}, `options: a NUL byte in the directory "\x00": invalid argument`, sys.EINVAL},
		{spawn.Options{Path: "true", Search: "\x00"}, `options: a NUL byte in the search "\x00": invalid argument`, sys.EINVAL},
	} {
		_, _, err := spawn.Start(&tc.o)
		var e *spawn.StepError
		if !errors.As(err, &e) || err.Error() != "spawn: "+tc.want || !errors.Is(err, tc.is) {
			t.Errorf("%+v: error %v, want spawn: %s", tc.o, err, tc.want)
		}
	}
	noChild(t)
}

func TestProgramThatIsOpenForWritingIsTriedAgain(t *testing.T) {
	leakcheck.Check(t)
	program, err := os.ReadFile("/bin/true")
	check(t, err)
	name := filepath.Join(t.TempDir(), "program")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o700)
	check(t, err)
	_, err = f.Write(program)
	check(t, err)

	_, _, err = spawn.Start(&spawn.Options{Path: name, Retries: 2})
	if !errors.Is(err, sys.ETXTBSY) {
		t.Errorf("error %v, want ETXTBSY", err)
	}
	if !spawn.SharesMemory() {
		// The copy has what is open for writing.
		check(t, f.Close())
		return
	}
	words := make(chan struct{})
	go func() {
		<-words
		f.Close()
	}()
	pid, pidfd, err := spawn.StartEdited(&spawn.Options{Path: name, Args: []string{"true"}, Retries: 255}, func(steps []spawn.Step) []spawn.Step {
		close(words)
		return steps
	})
	check(t, err)
	reap(t, pid, pidfd)
}

// sleep is a step that takes a time, at an address where it may be stored.
func sleep(d time.Duration) spawn.Step {
	ts := spawn.Constant(sys.Timespec{Sec: int64(d / time.Second), Nsec: int64(d % time.Second)})
	return spawn.Step{Nr: sys.SYS_CLOCK_NANOSLEEP, Args: [6]uint64{sys.CLOCK_MONOTONIC, 0, ts}}
}
