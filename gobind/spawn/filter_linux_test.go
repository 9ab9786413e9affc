// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// filterDirs are where tests/filters has written what libseccomp has built: for
// make test, and in a machine of make test-kernels.
var filterDirs = []string{
	"../../build/" + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH] + "/tests/filters",
	"/tests/filters",
}

// filterOf reads a filter, as seccomp_export_bpf writes it.
func filterOf(t *testing.T, name string) []sys.SockFilter {
	t.Helper()
	for _, dir := range filterDirs {
		code, err := os.ReadFile(filepath.Join(dir, name+".bpf"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		check(t, err)
		filter := make([]sys.SockFilter, len(code)/binary.Size(sys.SockFilter{}))
		check(t, binary.Read(bytes.NewReader(code), binary.NativeEndian, filter))
		return filter
	}
	t.Skip("no filters of libseccomp here: make test builds them")
	return nil
}

// callOf makes a call of the table.
func callOf(name string) error {
	socket := func(family int) error {
		fd, err := sys.Socket(family, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
		if err == nil {
			sys.Close(fd)
		}
		return err
	}
	switch name {
	case "uname":
		return sys.Uname(new(sys.Utsname))
	case "getuid":
		sys.Getuid()
		return nil
	case "sysinfo":
		return sys.Sysinfo(new(sys.Sysinfo_t))
	case "socket_inet":
		return socket(sys.AF_INET)
	case "socket_unix":
		return socket(sys.AF_UNIX)
	}
	return sys.ENOSYS
}

// makeCall is a helper that makes a call, or executes itself first, and writes
// who it is and the negative error.
func makeCall(args []string) {
	if args[0] == "again" {
		fmt.Println(sys.Exec("/proc/self/exe", append([]string{"spawn.test"}, args[1:]...), os.Environ()))
		return
	}
	errno := sys.Errno(0)
	errors.As(callOf(args[0]), &errno)
	fmt.Println(sys.Geteuid(), -int(errno))
}

// underFilter is the helper under a filter, or none, and what it may do.
func underFilter(t *testing.T, filter string, args ...string) *spawn.Cmd {
	c := helper("call", args...)
	c.Attr = &spawn.Attr{Limits: []spawn.Limit{{Resource: sys.RLIMIT_CORE}}}
	if filter != "" {
		c.Attr.NoNewPrivs, c.Attr.Filter = true, filterOf(t, filter)
	}
	// What kills a child that shares this memory before exec kills both on old
	// kernels.
	c.Attr.Copy = filter == "other"
	return c
}

func wantSignal(t *testing.T, c *spawn.Cmd, want syscall.Signal) {
	t.Helper()
	out, err := c.Output()
	var exit *spawn.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != want || len(out) > 0 {
		t.Errorf("%v writes %q, %v; want %v", c, out, err, want)
	}
}

func TestProgramsLackWhatFiltersOfLibseccompRefuse(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	needSeccomp(t)
	for _, row := range spawnFilters {
		again := underFilter(t, row.filter, "again", row.call)
		again.Attr.Copy = true
		for _, c := range []*spawn.Cmd{
			underFilter(t, row.filter, row.call), underFilter(t, row.filter, "again", row.call), again,
		} {
			if row.signal != 0 {
				wantSignal(t, c, syscall.Signal(row.signal))
			} else {
				wantOutput(t, c, fmt.Sprintln(os.Geteuid(), row.want))
			}
		}
	}
	noChild(t)
}

// lendingProgram is this program as a file of root's that lends its rights.
func lendingProgram(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "spawn-filter-")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "program")
	from, err := os.Open("/proc/self/exe")
	check(t, err)
	defer from.Close()
	to, err := os.Create(path)
	check(t, err)
	_, err = io.Copy(to, from)
	check(t, errors.Join(err, to.Close(), os.Chmod(path, 0o755|os.ModeSetuid)))
	return path
}

func TestProgramThatLendsRightsLendsNone(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	needSelf(t)
	needSeccomp(t)
	path := lendingProgram(t)
	as := func(filter string, args ...string) *spawn.Cmd {
		c := underFilter(t, filter, args...)
		c.Path = path
		c.Attr.UID, c.Attr.GID, c.Attr.Groups = ptr(uint32(1234)), ptr(uint32(1234)), []uint32{}
		return c
	}
	if out, _ := as("", "getuid").Output(); !strings.HasPrefix(string(out), "0 ") {
		t.Skipf("programs lend no rights here (nosuid, or no_new_privs): %q", out)
	}
	wantOutput(t, as("errno", "getuid"), "1234 0\n")
	refused := fmt.Sprintln(1234, -int(sys.EXDEV))
	wantOutput(t, as("errno", "uname"), refused)
	wantOutput(t, as("errno", "again", "uname"), refused)
	wantSignal(t, as("kill", "again", "uname"), sys.SIGSYS)
	// Without the promise only who has rights is given a filter.
	c := as("errno", "uname")
	c.Attr.NoNewPrivs = false
	var step *spawn.StepError
	if err := c.Run(); !errors.As(err, &step) || step.Step != "seccomp" || step.Err != sys.EACCES {
		t.Errorf("without NoNewPrivs: %v", err)
	}
	noChild(t)
}
