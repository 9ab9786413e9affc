// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// shell is a Cmd for a line of shell.
func shell(line string, args ...string) *spawn.Cmd {
	return spawn.Command("/bin/sh", append([]string{"-c", line}, args...)...)
}

func TestProgramGetsItsArguments(t *testing.T) {
	leakcheck.Check(t)
	wantOutput(t, spawn.Command("/bin/echo", "a b", "", "c"), "a b  c\n")
	c := shell("echo $0 $#")
	c.Args = []string{"sh", "-c", "echo $0 $#", "zero", "one"}
	wantOutput(t, c, "zero 1\n")
	c = spawn.Command("/bin/echo")
	c.Args = nil
	wantOutput(t, c, "\n")

	many := make([]string, 20000)
	for i := range many {
		many[i] = "12345678"
	}
	wantOutput(t, shell("echo $#", append([]string{"sh"}, many...)...), "20000\n")
	_, err := shell("echo", strings.Repeat("x", 32*os.Getpagesize())).Output()
	if !errors.Is(err, sys.E2BIG) {
		t.Errorf("one long argument: %v, want E2BIG", err)
	}
	noChild(t)

	needSelf(t)
	c = helper("args")
	c.Args = []string{"other name", "a b", ""}
	wantOutput(t, c, `["other name" "a b" ""]`)
}

func TestProgramGetsItsEnvironment(t *testing.T) {
	leakcheck.Check(t)
	t.Setenv("SYSHIM_TEST", "here")
	wantOutput(t, shell("echo $SYSHIM_TEST"), "here\n")
	c := shell("env")
	c.Env = []string{}
	out, err := c.Output()
	if err != nil || strings.Contains(string(out), "SYSHIM") {
		t.Errorf("an empty environment: %q, %v", out, err)
	}
	c = spawn.Command("/usr/bin/env")
	c.Env = []string{"A=1", "B=2", "A=3"}
	wantOutput(t, c, "B=2\nA=3\n")
	c = spawn.Command("/usr/bin/env")
	c.Env = []string{"A=1\x00B=2"}
	if err := c.Run(); !errors.Is(err, sys.EINVAL) {
		t.Errorf("a NUL byte: %v, want EINVAL", err)
	}
}

func TestProgramWorksInItsDirectory(t *testing.T) {
	leakcheck.Check(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	check(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "sub", "program"), []byte("#!/bin/sh\npwd\n"), 0o700))
	f, err := os.Open(dir)
	check(t, err)
	defer f.Close()

	c := shell("pwd -P; echo $PWD")
	c.Dir = dir
	wantOutput(t, c, dir+"\n"+dir+"\n")
	c = shell("pwd -P")
	c.DirFile = f
	wantOutput(t, c, dir+"\n")
	c = shell("pwd -P")
	c.DirFile, c.Dir = f, "sub"
	wantOutput(t, c, dir+"/sub\n")
	c = spawn.Command("sub/program")
	c.Dir = dir
	wantOutput(t, c, dir+"\n")
}

func TestProgramIsFoundAsInPATH(t *testing.T) {
	leakcheck.Check(t)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		name = filepath.Join(dir, name)
		check(t, os.MkdirAll(filepath.Dir(name), 0o700))
		check(t, os.WriteFile(name, []byte(text), mode))
	}
	write("one/first", "#!/bin/sh\necho one\n", 0o700)
	write("two/first", "#!/bin/sh\necho two\n", 0o700)
	write("one/later", "no program", 0o600)
	write("two/later", "#!/bin/sh\necho later\n", 0o700)
	write("one/denied", "", 0o600)
	write("here", "#!/bin/sh\necho here\n", 0o700)
	t.Chdir(dir)
	search := strings.Join([]string{"", dir + "/one", "/nosuch", dir + "/one/first", dir + "/two", ".", "one"}, ":")
	for _, tc := range []struct {
		path, name, want string
		err              error
	}{
		{search, "first", "one\n", nil},
		{search, "later", "later\n", nil},
		{search, "denied", "", spawn.ErrNotFound},
		{search, "nosuch", "", exec.ErrNotFound},
		{search, "here", "", spawn.ErrDot},
		{search, "./here", "here\n", nil},
		{search, "one/first", "one\n", nil},
		{".", "here", "", spawn.ErrDot},
		{"", "sh", "", exec.ErrNotFound},
	} {
		t.Setenv("PATH", tc.path)
		out, err := spawn.Command(tc.name).Output()
		if string(out) != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%q in %q gives %q, %v; want %q, %v", tc.name, tc.path, out, err, tc.want, tc.err)
		}
	}
	noChild(t)
}

func TestInputIsWhatTheReaderGives(t *testing.T) {
	leakcheck.Check(t)
	data := strings.Repeat("0123456789", 100000)
	c := spawn.Command("cat")
	c.Stdin = strings.NewReader(data)
	wantOutput(t, c, data)

	// Most of it is not read.
	c = spawn.Command("head", "-c", "10")
	c.Stdin = strings.NewReader(data)
	wantOutput(t, c, "0123456789")

	wantOutput(t, spawn.Command("cat"), "")

	f, err := os.Open("/dev/null")
	check(t, err)
	defer f.Close()
	c = shell("readlink /proc/self/fd/0")
	c.Stdin = f
	wantOutput(t, c, "/dev/null\n")

	c = spawn.Command("cat")
	c.Stdin = io.MultiReader(strings.NewReader("some"), &failing{})
	if out, err := c.Output(); err != errReader || string(out) != "some" {
		t.Errorf("a reader that fails: %q, %v", out, err)
	}
	noChild(t)
}

var errReader = errors.New("the reader failed")

// failing is a reader and a writer that fails.
type failing struct{}

func (*failing) Read([]byte) (int, error)  { return 0, errReader }
func (*failing) Write([]byte) (int, error) { return 0, errReader }

func TestOutputsLargerThanAPipeAreTakenAtOnce(t *testing.T) {
	leakcheck.Check(t)
	c := shell(`head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; head -c 5 /dev/zero >&2`)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	check(t, c.Run())
	if out.Len() != 2000000 || errs.Len() != 1000005 {
		t.Errorf("%d and %d bytes, want 2000000 and 1000005", out.Len(), errs.Len())
	}
}

func TestOneWriterTakesBothOutputs(t *testing.T) {
	leakcheck.Check(t)
	out, err := shell("echo a; echo b >&2; echo c").CombinedOutput()
	if err != nil || string(out) != "a\nb\nc\n" {
		t.Errorf("%q, %v", out, err)
	}
	// Writers that cannot be compared are two.
	c := shell("echo a; echo b >&2")
	var n int
	write := writer(func(p []byte) (int, error) { n += len(p); return len(p), nil })
	c.Stdout, c.Stderr = write, io.Discard
	check(t, c.Run())
	if n != 2 {
		t.Errorf("%d bytes, want 2", n)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestWriterThatFailsEndsTheOutput(t *testing.T) {
	leakcheck.Check(t)
	c := spawn.Command("/bin/echo", "hello")
	c.Stdout = &failing{}
	if err := c.Run(); err != errReader {
		t.Errorf("error %v", err)
	}
	// The program gets EPIPE, or waits for ever.
	c = shell("yes 2>/dev/null")
	c.Stdout = &failing{}
	if err := c.Run(); err == nil {
		t.Error("no error")
	}
}

func TestPipesLeadToTheProgram(t *testing.T) {
	leakcheck.Check(t)
	c := shell("tr a-z A-Z; echo done >&2")
	in, err := c.StdinPipe()
	check(t, err)
	out, err := c.StdoutPipe()
	check(t, err)
	errs, err := c.StderrPipe()
	check(t, err)
	if _, err := c.StdinPipe(); err == nil {
		t.Error("a second pipe for Stdin")
	}
	check(t, c.Start())
	_, err = io.WriteString(in, "hello")
	check(t, err)
	check(t, in.Close())
	b, err := io.ReadAll(out)
	if string(b) != "HELLO" || err != nil {
		t.Errorf("output %q, %v", b, err)
	}
	b, err = io.ReadAll(errs)
	if string(b) != "done\n" || err != nil {
		t.Errorf("errors %q, %v", b, err)
	}
	check(t, c.Wait())
	if _, err := c.StdoutPipe(); err == nil {
		t.Error("a pipe after Start")
	}
}

func TestPipesAreClosedWhenNothingStarts(t *testing.T) {
	leakcheck.Check(t)
	c := spawn.Command("/nosuch")
	_, err := c.StdinPipe()
	check(t, err)
	_, err = c.StdoutPipe()
	check(t, err)
	c.Stderr = io.Discard
	if err := c.Start(); err == nil {
		t.Error("/nosuch was started")
	}
	if err := c.Start(); err == nil {
		t.Error("a second Start")
	}
	if err := c.Wait(); err == nil {
		t.Error("Wait for nothing")
	}
	noChild(t)
}

func TestFilesBecomeTheDescriptorsThatAreAskedFor(t *testing.T) {
	leakcheck.Check(t)
	file := func(text string) *os.File {
		f, err := os.CreateTemp(t.TempDir(), "")
		check(t, err)
		t.Cleanup(func() { f.Close() })
		_, err = f.WriteString(text)
		check(t, err)
		_, err = f.Seek(0, io.SeekStart)
		check(t, err)
		return f
	}
	c := shell("cat <&3; cat <&5; cat <&9; test -e /proc/self/fd/4 || echo no 4")
	c.ExtraFiles = []*os.File{file("three "), nil, file("five ")}
	c.Files = map[int]*os.File{9: file("nine "), 8: nil}
	wantOutput(t, c, "three five nine no 4\n")

	for _, files := range []map[int]*os.File{{-1: nil}, {1: nil}, {3: os.Stdin}} {
		c := spawn.Command("/bin/true")
		c.ExtraFiles = []*os.File{os.Stdin}
		c.Files = files
		if err := c.Run(); err == nil {
			t.Errorf("Files %v are taken", files)
		}
	}
	f := file("")
	f.Close()
	c = spawn.Command("/bin/true")
	c.ExtraFiles = []*os.File{f}
	if err := c.Run(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed file: %v", err)
	}
	for _, set := range []func(*spawn.Cmd){
		func(c *spawn.Cmd) { c.Program = f },
		func(c *spawn.Cmd) { c.DirFile = f },
	} {
		c = spawn.Command("/bin/true")
		set(c)
		if err := c.Run(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a closed file: %v", err)
		}
	}
}

// statField returns a field of the line that the program writes of itself, as
// /proc/self/stat has it behind the name.
func statField(t *testing.T, c *spawn.Cmd, i int) (value, pid string) {
	t.Helper()
	out, err := c.Output()
	check(t, err)
	s := string(out)
	return strings.Fields(s[strings.LastIndex(s, ")")+1:])[i], strings.Fields(s)[0]
}

func TestSessionAndGroupAreItsOwn(t *testing.T) {
	leakcheck.Check(t)
	stat := func(attr *syscall.SysProcAttr) *spawn.Cmd {
		c := spawn.Command("/bin/cat", "/proc/self/stat")
		c.SysProcAttr = attr
		return c
	}
	const group, session = 2, 3
	if got, pid := statField(t, stat(&syscall.SysProcAttr{Setsid: true}), session); got != pid {
		t.Errorf("session %s of %s", got, pid)
	}
	if got, pid := statField(t, stat(&syscall.SysProcAttr{Setpgid: true}), group); got != pid {
		t.Errorf("group %s of %s", got, pid)
	}
	got, _ := statField(t, stat(nil), group)
	if want := fmt.Sprint(syscall.Getpgrp()); got != want {
		t.Errorf("group %s, want %s", got, want)
	}
}

func TestSignalMaskIsTheOneOfTheThreadOrGiven(t *testing.T) {
	leakcheck.Check(t)
	status := func(mask *uint64) string {
		c := spawn.Command("/bin/cat", "/proc/self/status")
		c.Mask = mask
		out, err := c.Output()
		check(t, err)
		fields := strings.Fields(string(out))
		value := func(name string) string { return fields[slices.Index(fields, name)+1] }
		return "blocked " + value("SigBlk:") + ", caught " + value("SigCgt:")
	}
	if got, want := status(nil), "blocked 0000000000000000, caught 0000000000000000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	mask := uint64(1)<<(sys.SIGUSR1-1) | 1<<(sys.SIGTERM-1)
	if got, want := status(&mask), "blocked 0000000000004200, caught 0000000000000000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// The thread is as it was.
	if got, want := status(nil), "blocked 0000000000000000, caught 0000000000000000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
