// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"strings"
	"syscall"
	"time"

	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

func ExampleCmd() {
	c := spawn.Command("tr", "a-z", "A-Z")
	c.Stdin = strings.NewReader("some input")
	out, err := c.Output()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", out)
	// Output: SOME INPUT
}

func ExampleCmd_StdoutPipe() {
	c := spawn.Command("echo", "hello")
	out, err := c.StdoutPipe()
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Start(); err != nil {
		log.Fatal(err)
	}
	// Read first, for Wait closes the pipe.
	b, err := io.ReadAll(out)
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", b)
	// Output: hello
}

func ExampleCmd_WaitTimeout() {
	c := spawn.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		log.Fatal(err)
	}
	err := c.WaitTimeout(10 * time.Millisecond)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		fmt.Println("it takes too long")
		c.Kill()
		err = c.Wait()
	}
	var exit *spawn.ExitError // which is os/exec's
	fmt.Println(err, errors.As(err, &exit))
	// Output:
	// it takes too long
	// signal: killed true
}

func ExamplePipeline() {
	p := spawn.NewPipeline(
		spawn.Command("tr", "a-z", "A-Z"),
		spawn.Command("sort"),
		spawn.Command("head", "-n", "2"),
	)
	p.Cmds[0].Stdin = strings.NewReader("c\na\nb\n")
	out, err := p.Output()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", out)
	// Output:
	// A
	// B
}

// All programs, and what they have started, end when it takes too long, or when
// there is too much output.
func ExampleNewPipelineContext() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := spawn.NewPipelineContext(ctx, spawn.Command("yes"), spawn.Command("cat"))
	p.OneGroup = true
	p.Cmds[1].MaxStdout = 6
	out, err := p.Output()
	fmt.Printf("%q\n", out)
	fmt.Println(errors.Is(err, sys.ENOBUFS), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// "y\ny\ny\n"
	// true false
}

func ExamplePipelineError() {
	p := spawn.NewPipeline(spawn.Command("sh", "-c", "exit 3"), spawn.Command("cat"))
	err := p.Run()
	fmt.Println(err)
	var failed *spawn.PipelineError
	if errors.As(err, &failed) {
		fmt.Println(failed.Index, failed.Cmd.ProcessState.ExitCode())
	}
	// Output:
	// spawn: program 1 (sh -c exit 3): exit status 3
	// 0 3
}

// A program that is ended with all of its descendants.
func ExampleCmd_KillGroup() {
	c := spawn.Command("sh", "-c", "sleep 1000 & sleep 1000")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		log.Fatal(err)
	}
	if err := c.KillGroup(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Wait())
	// Output: signal: killed
}

func ExampleError() {
	err := spawn.Command("no-such-program").Run()
	var e *spawn.Error // which is os/exec's
	if errors.As(err, &e) {
		fmt.Println(e.Name, errors.Is(err, spawn.ErrNotFound))
	}
	// Output: no-such-program true
}

func ExampleAttr() {
	c := spawn.Command("sh", "-c", "ulimit -n; umask")
	umask := 0o27
	c.Attr = &spawn.Attr{
		Umask:      &umask,
		Limits:     []spawn.Limit{{Resource: sys.RLIMIT_NOFILE, Cur: 64, Max: 64}},
		NoNewPrivs: true,
	}
	out, err := c.Output()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", out)
	// Output:
	// 64
	// 0027
}

// A shell that is root in a box of its own: dir and /proc are all that it sees,
// its clock began yesterday, and it can do nothing that root can.
func ExampleAttr_box() {
	dir := "/srv/box"
	c := spawn.Command("/bin/sh")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Attr = &spawn.Attr{
		Namespaces: sys.CLONE_NEWUSER | sys.CLONE_NEWNS | sys.CLONE_NEWPID |
			sys.CLONE_NEWNET | sys.CLONE_NEWIPC | sys.CLONE_NEWTIME,
		UIDs:      []spawn.IDMap{{Inside: 0, Outside: uint32(os.Getuid()), Count: 1}},
		GIDs:      []spawn.IDMap{{Inside: 0, Outside: uint32(os.Getgid()), Count: 1}},
		Clocks:    &spawn.Clocks{Monotonic: 24 * time.Hour, Boottime: 24 * time.Hour},
		PivotRoot: dir,
		Mounts: []spawn.Mount{{
			Source: "proc", Target: "proc", FSType: "proc",
			Flags: sys.MS_NOSUID | sys.MS_NODEV | sys.MS_NOEXEC,
		}},
		Caps:       &spawn.Caps{}, // none
		NoNewPrivs: true,
	}
	if err := c.Run(); err != nil {
		log.Fatal(err)
	}
}

func ExampleStepError() {
	c := spawn.Command("true")
	c.Dir = "/nosuch"
	err := c.Run()
	fmt.Println(err)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	var e *spawn.StepError
	if errors.As(err, &e) {
		fmt.Println(e.Step)
	}
	// Output:
	// spawn: chdir /nosuch: no such file or directory
	// true
	// chdir
}

func ExampleStart() {
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	_, pidfd, err := spawn.Start(&spawn.Options{
		Path:   "echo",
		Search: "/usr/bin:/bin",
		Args:   []string{"echo", "hello"},
		FDs:    []spawn.FD{{From: int(w.Fd()), To: 1}},
	})
	if err != nil {
		log.Fatal(err)
	}
	w.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	r.Close()
	var info sys.Siginfo
	if err := sys.Waitid(sys.P_PIDFD, pidfd, &info, sys.WEXITED, nil); err != nil {
		log.Fatal(err)
	}
	sys.Close(pidfd)
	fmt.Printf("%s%d\n", b, info.Status)
	// Output:
	// hello
	// 0
}

func ExampleFD() {
	// Standard output and standard error, exchanged.
	o := spawn.Options{
		Path: "/bin/true",
		FDs:  []spawn.FD{{From: 1, To: 2}, {From: 2, To: 1}},
	}
	_, pidfd, err := spawn.Start(&o)
	if err != nil {
		log.Fatal(err)
	}
	sys.Waitid(sys.P_PIDFD, pidfd, nil, sys.WEXITED, nil)
	sys.Close(pidfd)
}

func ExampleOptions() {
	null, err := os.Open(os.DevNull)
	if err != nil {
		log.Fatal(err)
	}
	defer null.Close()
	// A daemon: its own session, the root directory, nothing inherited.
	o := spawn.Options{
		Path:   "/bin/true",
		Args:   []string{"true"},
		Setsid: true,
		Dir:    "/",
		FDs:    []spawn.FD{{From: int(null.Fd()), To: 0}, {From: -1, To: 1}, {From: -1, To: 2}},
	}
	pid, pidfd, err := spawn.Start(&o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pid > 0)
	sys.Waitid(sys.P_PIDFD, pidfd, nil, sys.WEXITED, nil)
	sys.Close(pidfd)
	// Output: true
}

func ExamplePipe() {
	r, w, err := spawn.Pipe(0, sys.O_DIRECT)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Fprint(w, "one")
	fmt.Fprint(w, "two")
	w.Close()
	b := make([]byte, 100)
	for n, err := r.Read(b); err == nil; n, err = r.Read(b) {
		fmt.Printf("%s\n", b[:n])
	}
	// Output:
	// one
	// two
}

func ExampleFlow() {
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	s, u, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Fprint(w, "hello")
	w.Close()
	flow := spawn.Flow{From: r, To: u, Size: spawn.All}
	if err := flow.Splice(); err != nil {
		log.Fatal(err)
	}
	u.Close()
	b, err := io.ReadAll(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(flow.Moved, string(b))
	// Output: 5 hello
}
