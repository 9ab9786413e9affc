// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
)

// The environment of a test program that makes an AIO and tells about it.
const (
	childEnv = "SYSHIM_TEST_CHILD"
	// denyEnv is the error with which io_uring is forbidden, a number.
	denyEnv = "SYSHIM_TEST_DENY"
	// memlockEnv is RLIMIT_MEMLOCK in bytes.
	memlockEnv = "SYSHIM_TEST_MEMLOCK"
	// withEnv is for WithEngine.
	withEnv = "SYSHIM_TEST_ENGINE"
)

// child prints the engine and the reason, or the error.
func child() {
	a, err := makeChild()
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Printf("%s\n%s\n", a.Engine(), a.Reason())
	a.Close()
}

func makeChild() (*AIO, error) {
	if e, err := strconv.Atoi(os.Getenv(denyEnv)); err == nil {
		err := faultkernel.Deny(syscall.Errno(e), sys.SYS_IO_URING_SETUP)
		if err != nil {
			return nil, err
		}
	}
	if n, err := strconv.Atoi(os.Getenv(memlockEnv)); err == nil {
		err := sys.Setrlimit(sys.RLIMIT_MEMLOCK, &sys.Rlimit{Cur: uint64(n), Max: uint64(n)})
		if err != nil {
			return nil, err
		}
	}
	return New(WithEngine(os.Getenv(withEnv)))
}

// startChild returns what a child prints.
func startChild(t *testing.T, cmd *exec.Cmd, env ...string) string {
	t.Helper()
	// Without what forces an engine from outside, and without the pause that
	// the race detector makes at the end.
	cmd.Env = append(os.Environ(), engineVariable+"=", childEnv+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func self() *exec.Cmd {
	return exec.Command("/proc/self/exe")
}

func TestTheEnvironmentForcesAnEngine(t *testing.T) {
	if got, want := startChild(t, self(), engineVariable+"=epoll"), "epoll\nepoll: forced by SHIM_AIO_ENGINE"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got := startChild(t, self(), engineVariable+"=kqueue")
	if !strings.HasPrefix(got, "error:") || !strings.Contains(got, `"kqueue" in SHIM_AIO_ENGINE`) {
		t.Errorf("unknown engine: %q", got)
	}
	got = startChild(t, self(), engineVariable+"=kqueue", withEnv+"=epoll")
	if want := "epoll\nepoll: forced by WithEngine"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestForbiddenIOUringGivesEpoll(t *testing.T) {
	for e, name := range map[sys.Errno]string{sys.EPERM: "EPERM", sys.ENOSYS: "ENOSYS"} {
		deny := fmt.Sprintf("%s=%d", denyEnv, int(e))
		got := startChild(t, self(), deny)
		want := fmt.Sprintf("epoll\nepoll: io_uring_setup failed with errno %d (%s)", int(e), name)
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
		for _, force := range []string{engineVariable, withEnv} {
			got := startChild(t, self(), deny, force+"=io_uring")
			if !strings.HasPrefix(got, "error: aio: io_uring, forced by") || !strings.Contains(got, e.Error()) {
				t.Errorf("forced by %s: %q", force, got)
			}
		}
	}
}

// nobody starts a child without rights.
func nobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

func TestARingThatMayNotBeLockedGivesEpoll(t *testing.T) {
	open(t, EngineIOUring)
	if sys.Geteuid() != 0 {
		t.Skip("only root can start a program as another user")
	}
	got := startChild(t, nobody(self()), memlockEnv+"=0")
	if strings.HasPrefix(got, EngineIOUring) {
		t.Skip("this kernel does not count rings as locked memory")
	}
	if !strings.HasPrefix(got, "epoll\n") || !strings.Contains(got, "RLIMIT_MEMLOCK of the user is 0 bytes") ||
		!strings.Contains(got, "needs") {
		t.Errorf("%q", got)
	}
	got = startChild(t, nobody(self()), memlockEnv+"=0", withEnv+"=io_uring")
	if !strings.HasPrefix(got, "error:") || !strings.Contains(got, "RLIMIT_MEMLOCK") {
		t.Errorf("forced: %q", got)
	}
}

// A program with the rights of its file does not listen to its starter.
func TestTheEnvironmentIsIgnoredWithRightsOfTheFile(t *testing.T) {
	if sys.Geteuid() != 0 {
		t.Skip("only root can make such a program")
	}
	dir, err := os.MkdirTemp("", "aio")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	name := filepath.Join(dir, "setuid")
	copyFile(t, name, "/proc/self/exe")
	check(t, os.Chmod(name, 0o755|os.ModeSetuid))
	got := startChild(t, nobody(exec.Command(name)), engineVariable+"=kqueue")
	if listens := strings.Contains(got, "kqueue"); listens != noRights(t, dir) {
		t.Errorf("%q", got)
	}
	// The same program without the rights.
	check(t, os.Chmod(name, 0o755))
	got = startChild(t, nobody(exec.Command(name)), engineVariable+"=kqueue")
	if !strings.Contains(got, "kqueue") {
		t.Errorf("without rights: %q", got)
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	in, err := os.Open(from)
	check(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	check(t, err)
	_, err = io.Copy(out, in)
	check(t, err)
	check(t, out.Close())
}

// noRights says whether programs in dir do not get the rights of their files.
func noRights(t *testing.T, dir string) bool {
	var st syscall.Statfs_t
	check(t, syscall.Statfs(dir, &st))
	const nosuid = 2 // ST_NOSUID
	status, err := os.ReadFile("/proc/self/status")
	check(t, err)
	return st.Flags&nosuid != 0 || strings.Contains(string(status), "NoNewPrivs:\t1")
}

func TestUnknownEnginesAreNamed(t *testing.T) {
	_, err := New(WithEngine("kqueue"))
	if !errors.Is(err, sys.EINVAL) || !strings.Contains(err.Error(), `"kqueue" in WithEngine`) {
		t.Errorf("New: %v", err)
	}
}

func TestTheFirstChoiceSaysSo(t *testing.T) {
	open(t, EngineIOUring)
	if got, want := startChild(t, self()), "io_uring\nio_uring: first choice"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
