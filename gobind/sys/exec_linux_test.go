// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"example.com/syshim/gobind/sys"
)

// A wrong call of each function that starts, tells or finds a process.
func TestFailedProcessCallGivesMinusOneAndTheErrno(t *testing.T) {
	var info sys.Siginfo
	only := func(err error) (int, error) { return -1, err }
	for _, tc := range []struct {
		name string
		want syscall.Errno
		call func() (int, error)
	}{
		{"Exec", sys.ENOENT, func() (int, error) { return only(sys.Exec("", []string{"x"}, nil)) }},
		{"Exec with NUL", sys.EINVAL, func() (int, error) { return only(sys.Exec("/bin/sh\x00", nil, nil)) }},
		{"Waitid", sys.EINVAL, func() (int, error) { return only(sys.Waitid(1000, 0, &info, sys.WEXITED, nil)) }},
		{"PidfdOpen", sys.EINVAL, func() (int, error) { return sys.PidfdOpen(-1, 0) }},
		{"PidfdSendSignal", sys.EBADF, func() (int, error) { return only(sys.PidfdSendSignal(-1, sys.SIGTERM, nil, 0)) }},
		{"CloseRange", sys.EINVAL, func() (int, error) { return only(sys.CloseRange(2, 1, 0)) }},
		{"Chdir", sys.ENOENT, func() (int, error) { return only(sys.Chdir("")) }},
		{"Fchdir", sys.EBADF, func() (int, error) { return only(sys.Fchdir(-1)) }},
		{"Chroot", sys.ENOENT, func() (int, error) { return only(sys.Chroot("/does/not/exist")) }},
		{"Setpgid", sys.ESRCH, func() (int, error) { return only(sys.Setpgid(-1, 1)) }},
		{"Getpgid", sys.ESRCH, func() (int, error) { return sys.Getpgid(math.MaxInt32) }},
		{"Getsid", sys.ESRCH, func() (int, error) { return sys.Getsid(math.MaxInt32) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, err := tc.call()
			implemented(t, tc.name, err)
			if n != -1 || err != tc.want {
				t.Errorf("result %d, %v; want -1, %v", n, err, tc.want)
			}
		})
	}
}

// None of these calls does anything, whoever makes it.
func TestWrongCallsDoNotChangeTheSystem(t *testing.T) {
	for _, tc := range []struct {
		name string
		want syscall.Errno
		err  error
	}{
		{"Mount on nothing", sys.ENOENT, sys.Mount("none", "/does/not/exist", "tmpfs", 0, "")},
		{"Mount of nothing", sys.ENODEV, sys.Mount("none", "/", "no such file system", sys.MS_RDONLY, "x")},
		{"Reboot", sys.EINVAL, sys.Reboot(12345)},
	} {
		if tc.err != tc.want && tc.err != sys.EPERM {
			t.Errorf("%s: %v, want %v", tc.name, tc.err, tc.want)
		}
	}
	for _, tc := range [][4]string{{"\x00"}, {"", "\x00"}, {"", "", "\x00"}, {"", "", "", "\x00"}} {
		if err := sys.Mount(tc[0], tc[1], tc[2], 0, tc[3]); err != sys.EINVAL {
			t.Errorf("Mount with a NUL byte: %v", err)
		}
	}
}

const execEnv = "SYSHIM_TEST_EXEC"

// In a copy of this program: a session of its own, a directory and a mask, then
// a shell that tells them.
func becomeShell() {
	pid, err := sys.Setsid()
	if sid, _ := sys.Getsid(0); err != nil || pid != sys.Getpid() || sid != pid {
		panic(err)
	}
	if pgid, err := sys.Getpgid(0); err != nil || pgid != pid {
		panic(err)
	}
	if old := sys.Umask(0o027); old == 0o027 || sys.Umask(0o026) != 0o027 {
		panic("umask")
	}
	if err := sys.Chdir("/proc"); err != nil {
		panic(err)
	}
	panic(sys.Exec("/bin/sh", []string{"sh", "-c", "pwd; umask; echo $A"}, []string{"A=7"}))
}

func TestExecReplacesTheProgram(t *testing.T) {
	if os.Getenv(execEnv) != "" {
		becomeShell()
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestExecReplacesTheProgram$")
	cmd.Env = append(os.Environ(), execEnv+"=1")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, sys.ENOEXEC) {
		t.Skipf("an emulated program cannot start itself: %v", err)
	}
	if want := "/proc\n0026\n7\n"; err != nil || string(out) != want {
		t.Errorf("output %q, %v; want %q", out, err, want)
	}
}

func TestWaitidTellsHowAChildEnded(t *testing.T) {
	cmd := exec.Command("/bin/cat")
	in, err := cmd.StdinPipe()
	check(t, err)
	defer in.Close()
	check(t, cmd.Start())
	defer cmd.Process.Release()
	fd, err := sys.PidfdOpen(cmd.Process.Pid, 0)
	implemented(t, "PidfdOpen", err)
	check(t, err)
	closing(t, fd)
	info := sys.Siginfo{Signo: -1}
	check(t, sys.Waitid(sys.P_PIDFD, fd, &info, sys.WEXITED|sys.WNOHANG, nil))
	if info.Signo != 0 {
		t.Errorf("a running child: %+v", info)
	}
	check(t, sys.PidfdSendSignal(fd, sys.SIGTERM, nil, 0))
	var usage sys.Rusage
	_, err = retry(func() (int, error) {
		return 0, sys.Waitid(sys.P_PIDFD, fd, &info, sys.WEXITED, &usage)
	})
	check(t, err)
	if info.Code != sys.CLD_KILLED || info.Status != int32(sys.SIGTERM) ||
		int(info.Pid) != cmd.Process.Pid || usage.Maxrss <= 0 {
		t.Errorf("%+v, %+v", info, usage)
	}
}

func TestDirectoryIsEnteredByItsDescriptor(t *testing.T) {
	fd, err := sys.Openat(sys.AT_FDCWD, ".", sys.O_RDONLY|sys.O_DIRECTORY|sys.O_CLOEXEC, 0)
	check(t, err)
	closing(t, fd)
	was, err := os.Getwd()
	check(t, err)
	check(t, sys.Chdir("/proc"))
	check(t, sys.Fchdir(fd))
	if is, err := os.Getwd(); is != was || err != nil {
		t.Errorf("directory %q, %v; want %q", is, err, was)
	}
}

func TestCloseRangeClosesOnlyItsRange(t *testing.T) {
	r, _ := pipe(t, 0)
	for fd := 900; fd < 903; fd++ {
		check(t, sys.Dup3(r, fd, sys.O_CLOEXEC))
	}
	err := sys.CloseRange(900, 901, 0)
	if err == sys.ENOSYS {
		sys.Close(900)
		sys.Close(901)
	}
	check(t, sys.Close(902))
	implemented(t, "CloseRange", err)
	check(t, err)
	for fd := 900; fd < 902; fd++ {
		wantErrno(t, "Close", sys.Close(fd), sys.EBADF)
	}
}
