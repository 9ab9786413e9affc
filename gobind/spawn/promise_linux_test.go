// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// A command is what *exec.Cmd and *spawn.Cmd have in common, beside fields.
type command interface {
	Run() error
	Start() error
	Wait() error
	Output() ([]byte, error)
	CombinedOutput() ([]byte, error)
	StdinPipe() (io.WriteCloser, error)
	StdoutPipe() (io.ReadCloser, error)
	StderrPipe() (io.ReadCloser, error)
	Environ() []string
	String() string
}

// A maker is a package whose commands keep the promises of os/exec.
type maker struct {
	command func(name string, arg ...string) command
	context func(ctx context.Context, name string, arg ...string) command
	empty   func() command
}

var makers = map[string]maker{
	"os": {
		func(name string, arg ...string) command { return exec.Command(name, arg...) },
		func(ctx context.Context, name string, arg ...string) command {
			return exec.CommandContext(ctx, name, arg...)
		},
		func() command { return new(exec.Cmd) },
	},
	"spawn": {
		func(name string, arg ...string) command { return spawn.Command(name, arg...) },
		func(ctx context.Context, name string, arg ...string) command {
			return spawn.CommandContext(ctx, name, arg...)
		},
		func() command { return new(spawn.Cmd) },
	},
}

func (m maker) shell(line string) command {
	return m.command("/bin/sh", "-c", line)
}

// field is a field of the command, which both have.
func field(c command, name string) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByName(name)
}

// with sets a field, and returns the command.
func with(c command, name string, value any) command {
	field(c, name).Set(reflect.ValueOf(value))
	return c
}

func process(c command) *os.Process { return field(c, "Process").Interface().(*os.Process) }

func state(c command) *os.ProcessState {
	return field(c, "ProcessState").Interface().(*os.ProcessState)
}

func isExit(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit)
}

// says checks what a command writes.
func says(t *testing.T, c command, want string) {
	t.Helper()
	out, err := c.Output()
	if err != nil || string(out) != want {
		t.Errorf("%v writes %q, %v; want %q", c, out, err, want)
	}
}

// promise checks a claim of a documentation.
func promise(t *testing.T, kept bool, format string, args ...any) {
	t.Helper()
	if !kept {
		t.Errorf(format, args...)
	}
}

// executable makes a script.
func executable(t *testing.T, dir, name, line string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	check(t, os.WriteFile(path, []byte("#!/bin/sh\n"+line+"\n"), 0o700))
	return path
}

// TestPromisesOfOSExecAreKept is what the documentation of os/exec says, of
// os/exec itself, and of this package.
func TestPromisesOfOSExecAreKept(t *testing.T) {
	for name, m := range makers {
		t.Run(name, func(t *testing.T) {
			for _, tc := range promises {
				t.Run(tc.name, func(t *testing.T) {
					leakcheck.Check(t)
					tc.keep(t, m)
					noChild(t)
				})
			}
		})
	}
}

var promises = []struct {
	name string
	keep func(t *testing.T, m maker)
}{
	{"Command sets only Path and Args", func(t *testing.T, m maker) {
		c := m.command("sh", "-c", "exit")
		path, err := exec.LookPath("sh")
		check(t, err)
		v := reflect.ValueOf(c).Elem()
		for i := range v.NumField() {
			switch f := v.Type().Field(i); f.Name {
			case "Path":
				promise(t, v.Field(i).String() == path, "Path %v", v.Field(i))
			case "Args":
				promise(t, v.Field(i).Len() == 3 && v.Field(i).Index(0).String() == "sh", "Args %v", v.Field(i))
			default:
				promise(t, !f.IsExported() || v.Field(i).IsZero(), "%s is set", f.Name)
			}
		}
		promise(t, c.String() == path+" -c exit", "String %q", c)
	}},
	{"A name with a separator is used directly", func(t *testing.T, m maker) {
		c := m.command("./no/such")
		promise(t, field(c, "Path").String() == "./no/such" && field(c, "Err").IsZero(), "%v", c)
	}},
	{"A name that is not found is an Error", func(t *testing.T, m maker) {
		c := m.command("no such program", "x")
		err := c.Start()
		var e *exec.Error
		promise(t, errors.Is(err, exec.ErrNotFound) && errors.Is(err, spawn.ErrNotFound), "error %v", err)
		promise(t, errors.As(err, &e) && e.Name == "no such program", "error %#v", err)
		promise(t, c.String() == "no such program x", "String %q", c)
	}},
	{"A program of the directory itself is not found", func(t *testing.T, m maker) {
		t.Chdir(t.TempDir())
		executable(t, ".", "here", "echo here")
		t.Setenv("PATH", ".")
		err := m.command("here").Run()
		promise(t, errors.Is(err, exec.ErrDot) && errors.Is(err, spawn.ErrDot), "error %v", err)
		c := m.command("here")
		field(c, "Err").SetZero()
		says(t, c, "here\n")
	}},
	{"A relative Path begins at Dir", func(t *testing.T, m maker) {
		dir := t.TempDir()
		executable(t, dir, "program", "echo here")
		says(t, with(m.command("./program"), "Dir", dir), "here\n")
		says(t, with(with(m.empty(), "Path", "program"), "Dir", dir), "here\n")
	}},
	{"Only Path must be set", func(t *testing.T, m maker) {
		c := with(m.empty(), "Path", executable(t, t.TempDir(), "program", "echo $0 $#"))
		says(t, c, field(c, "Path").String()+" 0\n")
		promise(t, m.empty().Run() != nil, "no Path at all")
	}},
	{"Args has the name of the program", func(t *testing.T, m maker) {
		// Which may be busybox, and goes by the end of that name.
		c := with(m.command("/bin/cat"), "Args", []string{"another/cat", "/proc/self/cmdline"})
		says(t, c, "another/cat\x00/proc/self/cmdline\x00")
	}},
	{"Without Env it is that of this program", func(t *testing.T, m maker) {
		t.Setenv("SYSHIM_TEST", "here")
		says(t, m.shell("echo $SYSHIM_TEST"), "here\n")
		says(t, with(m.shell("echo $SYSHIM_TEST"), "Env", []string{}), "\n")
	}},
	{"Of equal names in Env the last counts", func(t *testing.T, m maker) {
		c := with(m.command("/usr/bin/env"), "Env", []string{"A=1", "B=2", "A=3", "C", "=D", "A=4"})
		want := fmt.Sprint(with(makers["os"].empty(), "Env", field(c, "Env").Interface()).Environ())
		promise(t, fmt.Sprint(c.Environ()) == want, "%v, want %v", c.Environ(), want)
		promise(t, strings.Contains(want, "A=4") && !strings.Contains(want, "A=1"), "%v", want)
		promise(t, with(m.shell(""), "Env", []string{"A=1\x00B=2"}).Run() != nil, "a NUL byte in Env")
	}},
	{"Dir is the directory, and PWD", func(t *testing.T, m maker) {
		dir, err := filepath.EvalSymlinks(t.TempDir())
		check(t, err)
		link := filepath.Join(t.TempDir(), "link")
		check(t, os.Symlink(dir, link))
		says(t, with(m.shell("pwd -P; echo $PWD"), "Dir", link), dir+"\n"+link+"\n")
		c := with(with(m.command("/usr/bin/env"), "Dir", dir), "Env", []string{"A=1"})
		promise(t, fmt.Sprint(c.Environ()) == "[A=1]", "Environ %v", c.Environ())
		says(t, c, "A=1\n")
	}},
	{"Without Stdin there is the null device", func(t *testing.T, m maker) {
		says(t, m.command("/bin/cat"), "")
		says(t, m.shell("readlink /proc/self/fd/0"), "/dev/null\n")
		out, err := m.shell("readlink /proc/self/fd/2 >&2").CombinedOutput()
		promise(t, err == nil && strings.HasPrefix(string(out), "pipe:"), "%q, %v", out, err)
	}},
	{"The null device is read, or written, and no more", func(t *testing.T, m maker) {
		for fd, mode := range []string{"0", "1"} {
			var said strings.Builder
			c := m.shell(fmt.Sprintf("while read k v; do test $k = flags: && echo $v; done </proc/$$/fdinfo/%d >&2; exit 0", fd))
			err := with(c, "Stderr", io.Writer(&said)).Run()
			promise(t, err == nil && strings.HasSuffix(said.String(), mode+"\n"), "descriptor %d: flags %q, %v", fd, said.String(), err)
		}
	}},
	{"A file as Stdin is the program's", func(t *testing.T, m maker) {
		f, err := os.Open("/etc/passwd")
		check(t, err)
		defer f.Close()
		says(t, with(m.shell("readlink /proc/self/fd/0"), "Stdin", f), "/etc/passwd\n")
	}},
	{"A file that is nil is closed", func(t *testing.T, m maker) {
		says(t, with(m.shell("test -e /proc/self/fd/0 || echo closed"), "Stdin", (*os.File)(nil)), "closed\n")
	}},
	{"A reader as Stdin is read to its end", func(t *testing.T, m maker) {
		text := strings.Repeat("0123456789", 100000)
		says(t, with(m.command("/bin/cat"), "Stdin", io.Reader(strings.NewReader(text))), text)
	}},
	{"What does not read all is no error", func(t *testing.T, m maker) {
		says(t, with(m.command("head", "-c", "3"), "Stdin", io.Reader(strings.NewReader(strings.Repeat("x", 1<<20)))), "xxx")
	}},
	{"An error of the reader is that of Wait", func(t *testing.T, m maker) {
		err := with(m.command("/bin/cat"), "Stdin", iotest.ErrReader(errReader)).Run()
		promise(t, err == errReader, "error %v", err)
		err = with(m.shell("cat; exit 3"), "Stdin", iotest.ErrReader(errReader)).Run()
		promise(t, isExit(err), "error %v of a program that fails, too", err)
	}},
	{"Wait waits for the reader", func(t *testing.T, m maker) {
		r, w := io.Pipe()
		c := with(m.command("/bin/true"), "Stdin", r)
		check(t, c.Start())
		done := make(chan error)
		go func() { done <- c.Wait() }()
		select {
		case err := <-done:
			t.Errorf("Wait returns before: %v", err)
		case <-time.After(20 * time.Millisecond):
			w.Close()
			check(t, <-done)
		}
	}},
	{"Writers get what the program writes", func(t *testing.T, m maker) {
		var out, errs bytes.Buffer
		c := m.shell("echo a; echo b >&2; head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2")
		check(t, with(with(c, "Stdout", &out), "Stderr", &errs).Run())
		promise(t, out.Len() == 1000002 && errs.Len() == 1000002, "%d and %d bytes", out.Len(), errs.Len())
	}},
	{"An error of the writer is that of Wait", func(t *testing.T, m maker) {
		err := with(m.command("/bin/echo"), "Stdout", &failing{}).Run()
		promise(t, err == errReader, "error %v", err)
	}},
	{"One writer is written by one goroutine", func(t *testing.T, m maker) {
		// The race detector sees two.
		var out bytes.Buffer
		c := m.shell("for i in 1 2 3 4 5 6 7 8 9; do echo a; echo b >&2; done")
		check(t, with(with(c, "Stdout", &out), "Stderr", &out).Run())
		promise(t, out.String() == strings.Repeat("a\nb\n", 9), "%q", out.String())
	}},
	{"ExtraFiles begin at 3", func(t *testing.T, m maker) {
		f, err := os.Open("/etc/passwd")
		check(t, err)
		defer f.Close()
		c := m.shell("readlink /proc/self/fd/3; readlink /proc/self/fd/5; test -e /proc/self/fd/4 || echo none")
		says(t, with(c, "ExtraFiles", []*os.File{f, nil, f}), "/etc/passwd\n/etc/passwd\nnone\n")
	}},
	{"SysProcAttr is used", func(t *testing.T, m maker) {
		c := with(m.command("/bin/cat", "/proc/self/stat"), "SysProcAttr", &syscall.SysProcAttr{Setsid: true})
		out, err := c.Output()
		check(t, err)
		v := strings.Fields(string(out))
		promise(t, v[0] == v[5], "pid %s, session %s", v[0], v[5])
	}},
	{"Start sets Process, Wait sets ProcessState", func(t *testing.T, m maker) {
		c := m.shell("exit 3")
		promise(t, process(c) == nil && state(c) == nil, "before")
		check(t, c.Start())
		promise(t, process(c).Pid > 0 && state(c) == nil, "after Start: %v", state(c))
		err := c.Wait()
		var exit *exec.ExitError
		promise(t, errors.As(err, &exit) && exit.ExitCode() == 3 && exit.ProcessState == state(c), "error %v", err)
		promise(t, state(c).Pid() == process(c).Pid && state(c).ExitCode() == 3, "state %v", state(c))
		promise(t, err.Error() == "exit status 3", "error %v", err)
		promise(t, process(c).Signal(sys.SIGKILL) == os.ErrProcessDone, "Signal after the end")
	}},
	{"A Cmd is used once", func(t *testing.T, m maker) {
		c := m.command("/bin/true")
		promise(t, c.Wait() != nil, "Wait before Start")
		check(t, c.Start())
		promise(t, c.Start() != nil, "Start twice")
		check(t, c.Wait())
		promise(t, c.Wait() != nil, "Wait twice")
		promise(t, c.Run() != nil, "Run after Wait")
		c = m.command("/nosuch")
		promise(t, c.Start() != nil, "a start that fails")
		promise(t, c.Start() != nil, "Start after a start that failed")
		promise(t, c.Wait() != nil, "Wait after a start that failed")
	}},
	{"A program that cannot be started is a PathError", func(t *testing.T, m maker) {
		plain := filepath.Join(t.TempDir(), "plain")
		check(t, os.WriteFile(plain, nil, 0o600))
		for _, tc := range []struct {
			c        command
			op, path string
			is       error
		}{
			{m.command("/nosuch"), "fork/exec", "/nosuch", fs.ErrNotExist},
			{m.command(plain), "fork/exec", plain, fs.ErrPermission},
			{with(m.shell(""), "Dir", "/nosuch"), "chdir", "/nosuch", syscall.ENOENT},
		} {
			err := tc.c.Run()
			var e *fs.PathError
			promise(t, errors.Is(err, tc.is) && errors.As(err, &e) && e.Op == tc.op && e.Path == tc.path, "error %v", err)
			promise(t, !isExit(err), "error %v is an exit", err)
		}
	}},
	{"Output is standard output", func(t *testing.T, m maker) {
		out, err := m.shell("echo out; echo err >&2; exit 3").Output()
		var exit *exec.ExitError
		promise(t, string(out) == "out\n" && errors.As(err, &exit) && string(exit.Stderr) == "err\n", "%q, %#v", out, err)
		var errs bytes.Buffer
		_, err = with(m.shell("echo err >&2; exit 3"), "Stderr", &errs).Output()
		promise(t, errors.As(err, &exit) && exit.Stderr == nil && errs.String() == "err\n", "%#v", err)
		// All of 65,536 bytes, and the ends of more.
		for _, middle := range []int{0, 1, 1000000} {
			_, err = m.shell(fmt.Sprintf("(echo first; head -c %d /dev/zero; echo last) >&2; exit 3", 1<<16-11+middle)).Output()
			promise(t, errors.As(err, &exit), "%v", err)
			said := string(exit.Stderr)
			promise(t, strings.HasPrefix(said, "first\n") && strings.HasSuffix(said, "last\n"), "%d bytes", len(said))
			want := 1 << 16
			if middle > 0 {
				note := fmt.Sprintf("omitting %d bytes", middle)
				promise(t, strings.Contains(said, note), "%q is missing", note)
				want += len(note) + len("\n...  ...\n")
			}
			promise(t, len(said) == want, "%d bytes, want %d", len(said), want)
		}
		_, err = with(m.shell(""), "Stdout", io.Discard).Output()
		promise(t, err != nil, "Output with Stdout")
	}},
	{"CombinedOutput is both outputs", func(t *testing.T, m maker) {
		out, err := m.shell("echo out; echo err >&2; exit 3").CombinedOutput()
		promise(t, string(out) == "out\nerr\n" && isExit(err), "%q, %v", out, err)
		_, err = with(m.shell(""), "Stderr", io.Discard).CombinedOutput()
		promise(t, err != nil, "CombinedOutput with Stderr")
	}},
	{"Pipes lead to the program, and Wait closes them", func(t *testing.T, m maker) {
		c := m.shell("cat; echo err >&2")
		in, err := c.StdinPipe()
		check(t, err)
		out, err := c.StdoutPipe()
		check(t, err)
		errs, err := c.StderrPipe()
		check(t, err)
		_, err = c.StdinPipe()
		promise(t, err != nil, "a second pipe")
		check(t, c.Start())
		_, err = io.WriteString(in, "in")
		check(t, err)
		check(t, in.Close())
		b, err := io.ReadAll(out)
		promise(t, string(b) == "in" && err == nil, "%q, %v", b, err)
		b, err = io.ReadAll(errs)
		promise(t, string(b) == "err\n" && err == nil, "%q, %v", b, err)
		check(t, c.Wait())
		_, err = out.Read(make([]byte, 1))
		promise(t, errors.Is(err, os.ErrClosed), "Read after Wait: %v", err)
		promise(t, errors.Is(in.Close(), os.ErrClosed), "Close after Wait")
	}},
	{"A pipe must be asked for before", func(t *testing.T, m maker) {
		c := m.command("/bin/true")
		check(t, c.Start())
		_, err := c.StdoutPipe()
		promise(t, err != nil, "a pipe after Start")
		check(t, c.Wait())
		_, err = with(m.shell(""), "Stdin", io.Reader(strings.NewReader(""))).StdinPipe()
		promise(t, err != nil, "a pipe for what is set")
	}},
	{"Thread state is inherited", func(t *testing.T, m maker) {
		done := make(chan string)
		go func() {
			// Locked for ever: the thread ends with the goroutine.
			runtime.LockOSThread()
			out := "there is no nice"
			if sys.Setpriority(sys.PRIO_PROCESS, 0, 19) == nil {
				b, _ := m.command("/bin/cat", "/proc/self/stat").Output()
				if v := strings.Fields(string(b)); len(v) > 18 {
					out = v[18]
				}
			}
			done <- out
		}()
		got := <-done
		promise(t, got == "19", "nice %s", got)
	}},
}
