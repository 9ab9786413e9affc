// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// shells is programs, each a line of shell, or a path that begins with "/".
func shells(lines ...string) []*spawn.Cmd {
	var cmds []*spawn.Cmd
	for _, line := range lines {
		c := shell(line)
		if strings.HasPrefix(line, "/") {
			c = &spawn.Cmd{Path: line}
		}
		cmds = append(cmds, c)
	}
	return cmds
}

// repeat is a pipeline of n equal programs.
func repeat(n int, name string) *spawn.Pipeline {
	p := spawn.NewPipeline()
	for range n {
		p.Cmds = append(p.Cmds, spawn.Command(name))
	}
	return p
}

// statuses is how all have ended, as the table has it.
func statuses(p *spawn.Pipeline) string {
	var s []string
	for _, c := range p.Cmds {
		s = append(s, shellStatus(c.ProcessState))
	}
	return strings.Join(s, " ")
}

// matches reports whether the words are those of want, of which "*" is any.
func matches(words, want string) bool {
	a, b := strings.Fields(words), strings.Fields(want)
	for i := range min(len(a), len(b)) {
		if b[i] == "*" {
			a[i] = "*"
		}
	}
	return strings.Join(a, " ") == strings.Join(b, " ")
}

// runStages runs programs within the time, unless that is 0. Where that is over
// before they are started they get more.
func runStages(stages []string, prepare func(*spawn.Pipeline), timeout time.Duration) (*spawn.Pipeline, error) {
	if timeout == 0 {
		p := spawn.NewPipeline(shells(stages...)...)
		prepare(p)
		return p, p.Run()
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		p := spawn.NewPipelineContext(ctx, shells(stages...)...)
		prepare(p)
		err := p.Run()
		if err == nil || p.Cmds[0].Process != nil {
			return p, err
		}
		timeout *= 2
	}
}

func TestPipelinesAreAsTheTableSays(t *testing.T) {
	leakcheck.Check(t)
	for _, row := range spawnPipelines {
		var out bytes.Buffer
		var errs []bytes.Buffer
		p, err := runStages(strings.Split(row.stages, "|"), func(p *spawn.Pipeline) {
			p.OneGroup = row.group != 0
			p.Cmds[0].Stdin = strings.NewReader(row.in)
			errs = make([]bytes.Buffer, len(p.Cmds))
			for i, c := range p.Cmds {
				c.Stderr = &errs[i]
			}
			last := p.Cmds[len(p.Cmds)-1]
			last.Stdout, last.MaxStdout = &out, int64(row.limit)
		}, time.Duration(row.timeout)*time.Millisecond)
		if got := errnoOf(err); got != row.want {
			t.Errorf("%s: %v, want errno %d", row.case_, err, -row.want)
		}
		var failed *spawn.PipelineError
		if row.failed != 0 {
			var step *spawn.StepError
			if !errors.As(err, &failed) || failed.Index != row.failed-1 || failed.Cmd != p.Cmds[failed.Index] ||
				!errors.As(err, &step) || step.Step != "execve" {
				t.Errorf("%s: %v", row.case_, err)
			}
			noChild(t)
			continue
		}
		var said string
		for i := range errs {
			said += errs[i].String()
		}
		if out.String() != row.out || said != row.err {
			t.Errorf("%s: output %q, errors %q; want %q, %q", row.case_, &out, said, row.out, row.err)
		}
		if got := statuses(p); !matches(got, row.statuses) {
			t.Errorf("%s: statuses %s, want %s", row.case_, got, row.statuses)
		}
	}
	noChild(t)
}

func TestProgramsShareAPipeOfTheKernel(t *testing.T) {
	leakcheck.Check(t)
	p := repeat(3, "cat")
	in, err := p.Cmds[0].StdinPipe()
	check(t, err)
	before := runtime.NumGoroutine()
	check(t, p.Start())
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines, %d before", now, before)
	}
	link := func(c *spawn.Cmd, fd int) string {
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.Process.Pid, fd))
		check(t, err)
		return name
	}
	for i, c := range p.Cmds[1:] {
		from, to := link(p.Cmds[i], 1), link(c, 0)
		if from != to || !strings.HasPrefix(from, "pipe:") {
			t.Errorf("program %d writes to %s, the next reads from %s", i, from, to)
		}
	}
	check(t, in.Close())
	check(t, p.Wait())
	noChild(t)
}

func TestManyProgramsPassOnWhatTheyRead(t *testing.T) {
	leakcheck.Check(t)
	data := pattern(1 << 20)
	for _, one := range []bool{false, true} {
		p := repeat(runs(50), "cat")
		p.OneGroup = one
		p.Cmds[0].Stdin = bytes.NewReader(data)
		out, err := p.Output()
		if !bytes.Equal(out, data) || err != nil {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	}
	noChild(t)
}

// unreadable is a reader that must not be read.
type unreadable struct{ t *testing.T }

func (r unreadable) Read([]byte) (int, error) {
	r.t.Error("it was read")
	return 0, io.EOF
}

func TestProgramThatCannotStartEndsTheOthers(t *testing.T) {
	const n = 4
	for i := range 2 * n {
		leakcheck.Check(t)
		name := []string{"/nosuch", "nosuch"}[i%2]
		i /= 2
		p := repeat(n, "yes")
		p.OneGroup = i%2 == 0
		p.Cmds[i] = spawn.Command(name)
		p.Cmds[0].Stdin = unreadable{t}
		p.Cmds[n-1].Stdout = io.Discard
		_, err := p.Cmds[n-1].StderrPipe()
		check(t, err)
		err = p.Start()
		var failed *spawn.PipelineError
		if !errors.As(err, &failed) || failed.Index != i || !errors.Is(err, spawn.ErrNotFound) && !errors.Is(err, sys.ENOENT) {
			t.Errorf("program %d of %d cannot start: %v", i, n, err)
		}
		noChild(t)
		if p.Wait() == nil || p.Kill() == nil || p.Start() == nil {
			t.Error("there is something to wait for")
		}
	}
	err := spawn.NewPipeline(spawn.Command("true"), spawn.Command("/nosuch", "arg")).Run()
	if err == nil || err.Error() != "spawn: program 2 (/nosuch arg): execve /nosuch: no such file or directory" {
		t.Errorf("error %v", err)
	}
}

func TestMistakesInPipelinesStartNothing(t *testing.T) {
	leakcheck.Check(t)
	set := func(change func(p *spawn.Pipeline)) *spawn.Pipeline {
		p := spawn.NewPipeline(shells("yes", "cat")...)
		change(p)
		return p
	}
	for want, p := range map[string]*spawn.Pipeline{
		"spawn: no programs": {},
		"spawn: program 1 (/bin/sh -c yes): options: Stdout within a pipeline: invalid argument": set(func(p *spawn.Pipeline) { p.Cmds[0].Stdout = io.Discard }),
		"spawn: program 2 (/bin/sh -c cat): options: Stdin within a pipeline: invalid argument":  set(func(p *spawn.Pipeline) { p.Cmds[1].Stdin = unreadable{t} }),
		"spawn: program 2 (/bin/sh -c cat): options: a group of its own in OneGroup: invalid argument": set(func(p *spawn.Pipeline) {
			p.OneGroup = true
			p.Cmds[1].SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}),
		"spawn: program 2 (/bin/sh -c yes): already started":                                       set(func(p *spawn.Pipeline) { p.Cmds[1] = p.Cmds[0] }),
		"spawn: program 1 (/bin/sh -c yes): options: MaxStdout without a writer: invalid argument": set(func(p *spawn.Pipeline) { p.Cmds[0].MaxStdout = 1 }),
		"spawn: program 2 (/bin/sh -c cat): no command":                                            set(func(p *spawn.Pipeline) { p.Cmds[1].Path = "" }),
		"spawn: Cancel without NewPipelineContext":                                                 set(func(p *spawn.Pipeline) { p.Cancel = p.Kill }),
	} {
		if err := p.Start(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		noChild(t)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := spawn.NewPipelineContext(ctx, shells("cat")...).Start(); err != context.Canceled {
		t.Errorf("a context that is done: %v", err)
	}
	if _, err := (&spawn.Pipeline{}).Output(); err == nil {
		t.Error("no programs, no error")
	}
	if _, err := (&spawn.Pipeline{}).CombinedOutput(); err == nil {
		t.Error("no programs, no error")
	}
	p := set(func(p *spawn.Pipeline) { p.Cmds[1].Stdout = io.Discard })
	if _, err := p.Output(); err == nil {
		t.Error("output of a program with Stdout")
	}
	if _, err := p.CombinedOutput(); err == nil {
		t.Error("output of a program with Stdout")
	}
	// One that runs already is left alone.
	c := spawn.Command("cat")
	in, err := c.StdinPipe()
	check(t, err)
	check(t, c.Start())
	if err := spawn.NewPipeline(c, shell("true")).Start(); err == nil || err.Error() != "spawn: program 1 (cat): already started" {
		t.Errorf("error %v", err)
	}
	check(t, in.Close())
	check(t, c.Wait())
	noChild(t)
}

func TestLastFailureIsThatOfThePipeline(t *testing.T) {
	leakcheck.Check(t)
	p := spawn.NewPipeline(shells("exit 4", "true", "exit 5", "true")...)
	err := p.Run()
	var exit *spawn.ExitError
	if err == nil || err.Error() != "spawn: program 3 (/bin/sh -c exit 5): exit status 5" || !errors.As(err, &exit) || exit.ExitCode() != 5 {
		t.Errorf("error %v", err)
	}
	if got := statuses(p); got != "4 0 5 0" {
		t.Errorf("statuses %s", got)
	}
	if p.Wait() == nil {
		t.Error("a second Wait")
	}
	if got, want := p.String(), "/bin/sh -c exit 4 | /bin/sh -c true | /bin/sh -c exit 5 | /bin/sh -c true"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	noChild(t)
}

func TestPipelineIsWaitedForAgain(t *testing.T) {
	leakcheck.Check(t)
	for _, one := range []bool{false, true} {
		p := spawn.NewPipeline(shells("exit 1", "exec sleep 1000", "exit 2")...)
		p.OneGroup = one
		check(t, p.Start())
		for range 2 {
			if err := p.WaitTimeout(time.Millisecond); err != os.ErrDeadlineExceeded {
				t.Errorf("error %v, want a timeout", err)
			}
		}
		waitUntil(t, "the last program ends", func() bool {
			return p.WaitTimeout(time.Millisecond) == os.ErrDeadlineExceeded && p.Cmds[2].ProcessState != nil
		})
		check(t, p.Signal(sys.SIGTERM))
		if err := p.Wait(); err == nil || !strings.HasSuffix(err.Error(), "exit status 2") {
			t.Errorf("error %v", err)
		}
		if got := shellStatus(p.Cmds[1].ProcessState); got != "143" {
			t.Errorf("status %s", got)
		}
		if err := p.Signal(sys.SIGTERM); err != os.ErrProcessDone {
			t.Errorf("after the end: %v", err)
		}
	}
	noChild(t)
}

func TestPipelineEndsWithItsContext(t *testing.T) {
	leakcheck.Check(t)
	ctx, cancel := context.WithCancel(context.Background())
	p := spawn.NewPipelineContext(ctx, shells("exec sleep 1000", "exec sleep 1000")...)
	check(t, p.Start())
	cancel()
	err := p.Wait()
	var failed *spawn.PipelineError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &failed) || failed.Index != 1 {
		t.Errorf("error %v", err)
	}
	if got := statuses(p); got != "137 137" {
		t.Errorf("statuses %s", got)
	}

	// Who does not end when told is killed, after a while.
	ctx, cancel = context.WithCancel(context.Background())
	p = spawn.NewPipelineContext(ctx, shells("trap '' TERM; echo >&2; exec sleep 1000", "exec cat")...)
	p.Cmds[0].Stderr = writer(func(b []byte) (int, error) { cancel(); return len(b), nil })
	p.Cancel = func() error { return p.Signal(sys.SIGTERM) }
	p.WaitDelay = 10 * time.Millisecond
	if err := p.Run(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := statuses(p); !matches(got, "137 *") {
		t.Errorf("statuses %s", got)
	}

	// One that ends first is not cancelled.
	ctx, cancel = context.WithCancel(context.Background())
	p = spawn.NewPipelineContext(ctx, shells("true", "true")...)
	p.Cancel = func() error { t.Error("cancelled"); return nil }
	check(t, p.Run())
	cancel()
	noChild(t)
}

func TestDescendantsAreKilledWithThePipeline(t *testing.T) {
	leakcheck.Check(t)
	// The shell that leads the group has ended, its sleeper has the pipe.
	ctx, cancel := context.WithCancel(context.Background())
	p := spawn.NewPipelineContext(ctx, shells("sleep 1000 & exec 2>&-", "cat >&2")...)
	p.OneGroup = true
	r, w, err := os.Pipe()
	check(t, err)
	p.Cmds[1].Stderr = w
	check(t, p.Start())
	w.Close()
	if err := p.WaitTimeout(20 * time.Millisecond); err != os.ErrDeadlineExceeded {
		t.Errorf("error %v", err)
	}
	cancel()
	if err := p.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	// The cat has ended because nobody has its input any more.
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	check(t, r.Close())

	// Others are not waited for when the time is over.
	p = spawn.NewPipeline(shells("sleep 1000 & echo $! >&2", "true")...)
	var said strings.Builder
	p.Cmds[0].Stderr = &said
	p.WaitDelay = 100 * time.Millisecond
	if err := p.Run(); !errors.Is(err, spawn.ErrWaitDelay) {
		t.Errorf("error %v", err)
	}
	if s := strings.TrimSpace(said.String()); s != "" {
		check(t, shell("kill "+s).Run())
	}

	// Below zero it is over at once.
	p = spawn.NewPipeline(shells("sleep 1000 & echo $! >&2; read end; exit 0", "true")...)
	in, err := p.Cmds[0].StdinPipe()
	check(t, err)
	out := &heard{in: in}
	p.Cmds[0].Stderr = out
	p.WaitDelay = -1
	if err := p.Run(); !errors.Is(err, spawn.ErrWaitDelay) {
		t.Errorf("error %v", err)
	}
	check(t, shell("kill "+strings.TrimSpace(out.text.String())).Run())
	noChild(t)
}

func TestPipelineTellsWhatItsProgramsSay(t *testing.T) {
	leakcheck.Check(t)
	out, err := spawn.NewPipeline(shells("echo one >&2; echo to two", "cat; echo two >&2; exit 3", "cat; echo three >&2")...).Output()
	var exit *spawn.ExitError
	if string(out) != "to two\n" || !errors.As(err, &exit) || string(exit.Stderr) != "two\n" {
		t.Errorf("output %q, %v", out, err)
	}
	out, err = spawn.NewPipeline(shells("echo a >&2; echo b", "cat; echo c >&2")...).CombinedOutput()
	if string(out) != "a\nb\nc\n" || err != nil {
		t.Errorf("output %q, %v", out, err)
	}
	p := spawn.NewPipeline(shells("exec yes", "exec cat")...)
	p.Cmds[1].MaxStdout = 3
	out, err = p.CombinedOutput()
	if string(out) != "y\ny" || !errors.Is(err, sys.ENOBUFS) {
		t.Errorf("output %q, %v", out, err)
	}
	p = spawn.NewPipeline(shells("exec yes >&2", "exec sleep 1000")...)
	p.Cmds[0].MaxStderr = 3
	var failed *spawn.PipelineError
	if _, err = p.Output(); !errors.Is(err, sys.ENOBUFS) || !errors.As(err, &failed) || failed.Index != 0 {
		t.Errorf("error %v", err)
	}
	for _, name := range []string{"/nosuch", "nosuch"} {
		_, err := spawn.NewPipeline(shell("yes"), spawn.Command(name)).CombinedOutput()
		if !errors.Is(err, sys.ENOENT) && !errors.Is(err, spawn.ErrNotFound) {
			t.Errorf("error %v", err)
		}
	}
	noChild(t)
}

// ignorePipelines is a helper in which SIGCHLD is ignored.
func ignorePipelines([]string) {
	signal.Ignore(syscall.SIGCHLD)
	out, err := spawn.NewPipeline(shells("echo all", "cat")...).Output()
	fmt.Println(string(bytes.TrimSpace(out)), errors.Is(err, sys.ECHILD), err)
	fmt.Println(spawn.NewPipeline(shells("yes", "/nosuch")...).Start())
}

func TestStatusesThatTheKernelThrowsAwayAreAnError(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	wantOutput(t, helper("ignore pipelines"), `all true spawn: program 2 (/bin/sh -c cat): the status of the child is lost, for SIGCHLD is ignored or somebody else waited: waitid: no child processes
spawn: program 2 (/nosuch): execve /nosuch: no such file or directory
`)
}
