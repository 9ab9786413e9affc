// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/syshim/gobind/sys"
)

// A Pipeline is programs that run at once, each reading what the one before it
// writes, as in a shell. Between two of them is a pipe of the kernel, and nothing
// of this program.
//
// Its fields and methods are like those of [Cmd], and mean the same. How each
// program has ended tells its ProcessState. It is used once.
type Pipeline struct {
	// Cmds are the programs. The Stdout of one and the Stdin of the next must be
	// nil; all else is up to each: Stdin of the first, Stdout of the last, Stderr,
	// MaxStdout and MaxStderr, by which all programs are killed.
	Cmds []*Cmd
	// OneGroup: the programs are one process group, which the first makes and
	// the others join. Then KillGroup of the first reaches them all, and all of
	// their descendants; so does Kill. SysProcAttr must not have Setsid or
	// Setpgid.
	OneGroup bool
	// Cancel is called when the context of [NewPipelineContext], which sets it
	// to Kill, is done before Wait has seen the end of all; nil: nothing is done
	// before WaitDelay is over.
	Cancel func() error
	// WaitDelay, unless it is zero, is how long Wait waits after the context was
	// done, which ends in Kill, and after the programs have ended, for pipes that
	// their descendants hold open.
	WaitDelay time.Duration

	ctx   context.Context
	watch *watch
	// started: Start was called. running: it has succeeded.
	started, running, waited bool
	// cut is closed when nobody waits for the copies any more.
	cut     chan struct{}
	cutOnce sync.Once
	late    *time.Timer
}

// A PipelineError says which program of a pipeline has failed, and how.
type PipelineError struct {
	// Index is where the program stands in the pipeline.
	Index int
	// Cmd is the program.
	Cmd *Cmd
	// Err is what is wrong with it.
	Err error
}

// Error says "spawn: program 2 (cat /nosuch): exit status 1".
func (e *PipelineError) Error() string {
	name := e.Cmd.Path
	if len(e.Cmd.Args) > 0 {
		name = strings.Join(e.Cmd.Args, " ")
	}
	return fmt.Sprintf("spawn: program %d (%s): %s", e.Index+1, name, strings.TrimPrefix(e.Err.Error(), "spawn: "))
}

func (e *PipelineError) Unwrap() error {
	return e.Err
}

// NewPipeline returns the pipeline of the programs.
func NewPipeline(cmds ...*Cmd) *Pipeline {
	return &Pipeline{Cmds: cmds}
}

// NewPipelineContext is [NewPipeline] for programs that are killed when ctx is
// done.
func NewPipelineContext(ctx context.Context, cmds ...*Cmd) *Pipeline {
	if ctx == nil {
		panic("spawn: nil Context")
	}
	p := NewPipeline(cmds...)
	p.ctx = ctx
	p.Cancel = p.Kill
	return p
}

// String returns the programs and their arguments, for people.
func (p *Pipeline) String() string {
	s := make([]string, len(p.Cmds))
	for i, c := range p.Cmds {
		s[i] = c.String()
	}
	return strings.Join(s, " | ")
}

// Start starts all programs and returns when they run, or one cannot: then those
// that run are killed and waited for, nothing was read from the first one's Stdin,
// and the error is a [*PipelineError]. After a nil error Wait must be called.
//
// One that cannot be killed, because it is another user's by now, goes on, without
// its pipes, and is waited for beside this program. Then the error wraps that of
// its kill, as the [*PipelineError] of the first such program, before that of the
// one that could not run.
func (p *Pipeline) Start() error {
	if p.started {
		return errStarted
	}
	p.started = true
	if err := p.check(); err != nil {
		p.abandon(0)
		return err
	}
	p.cut = make(chan struct{})
	for i, c := range p.Cmds {
		if err := p.begin(i); err != nil {
			left := p.abandon(i)
			err = &PipelineError{i, c, err}
			if left != nil {
				err = fmt.Errorf("%w; %w", left, err)
			}
			return err
		}
	}
	p.running = true
	for _, c := range p.Cmds {
		c.plumbing.cut = p.cut
		c.attend(func() { p.Kill() })
		if c.ctx != nil {
			c.watch = startWatch(c.ctx, c.Cancel, c.WaitDelay, func() { c.Kill() })
		}
	}
	if p.ctx != nil {
		p.watch = startWatch(p.ctx, p.cancel(), p.WaitDelay, func() { p.Kill() })
	}
	return nil
}

// cancel returns what the context does. That all programs have ended, and not the
// pipes, is cancelling, too.
func (p *Pipeline) cancel() func() error {
	if p.Cancel == nil {
		return nil
	}
	return func() error {
		err := p.Cancel()
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		return err
	}
}

// check returns what is wrong before anything is done.
func (p *Pipeline) check() error {
	switch {
	case len(p.Cmds) == 0:
		return errors.New("spawn: no programs")
	case p.Cancel != nil && p.ctx == nil:
		return errors.New("spawn: Cancel without NewPipelineContext")
	case p.ctx != nil && p.ctx.Err() != nil:
		return p.ctx.Err()
	}
	for i, c := range p.Cmds {
		if err := p.checkOne(i); err != nil {
			return &PipelineError{i, c, err}
		}
	}
	return nil
}

func (p *Pipeline) checkOne(i int) error {
	c := p.Cmds[i]
	switch attr := c.SysProcAttr; {
	case c.started || slices.Index(p.Cmds, c) < i:
		return errStarted
	case i > 0 && c.Stdin != nil:
		return mistake("Stdin within a pipeline")
	case i < len(p.Cmds)-1 && c.Stdout != nil:
		return mistake("Stdout within a pipeline")
	case p.OneGroup && attr != nil && (attr.Setsid || attr.Setpgid):
		return mistake("a group of its own in OneGroup")
	}
	return c.check()
}

// begin starts one program, and opens the pipe to the next.
func (p *Pipeline) begin(i int) error {
	c := p.Cmds[i]
	if i < len(p.Cmds)-1 {
		from, to, err := wholePipe()
		if err != nil {
			return err
		}
		// Each is closed when its program has it.
		next := p.Cmds[i+1]
		c.Stdout, next.Stdin = to, from
		c.plumbing.child = append(c.plumbing.child, to)
		next.plumbing.child = append(next.plumbing.child, from)
	}
	return c.begin(func(o *Options) {
		if !p.OneGroup {
			return
		}
		o.Setpgid, o.Pgid = true, 0
		if i > 0 {
			// Process forgets the number of a child that nobody can wait for.
			o.Pgid = p.Cmds[0].group.pid
		}
	})
}

// abandon ends the first n programs, which have begun, and closes all that is
// open. The error is that of the first that cannot be killed.
func (p *Pipeline) abandon(n int) (left error) {
	errs := make([]error, n)
	for i, c := range p.Cmds[:n] {
		c.killAll()
		errs[i] = c.finish()
	}
	for i, c := range slices.Backward(p.Cmds[:n]) {
		if errs[i] == nil {
			c.ProcessState, c.failed = c.reap()
		} else {
			left = &PipelineError{i, c, errs[i]}
			go c.Process.Wait()
		}
		c.release()
	}
	for _, c := range p.Cmds[n:] {
		// One that was started before is somebody else's.
		if !c.started {
			c.plumbing.closeChild()
			c.plumbing.closeOurs()
		}
	}
	return left
}

// Wait waits for all programs, and their pipes to this program, and releases what
// the Pipeline holds. The error is nil when each has succeeded. Else it is the
// [*PipelineError] of the program that wrote too much, or of the last one that
// has failed, as with the pipefail of shells. One that writes when nobody reads
// any more fails, too: SIGPIPE ends it. When the context has ended them, the error
// wraps the context's, too.
func (p *Pipeline) Wait() error {
	return p.WaitContext(context.Background())
}

// WaitTimeout is [Pipeline.Wait] for at most d: after that it returns
// [os.ErrDeadlineExceeded], the programs go on, and Wait may be called again.
func (p *Pipeline) WaitTimeout(d time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), d, os.ErrDeadlineExceeded)
	defer cancel()
	return p.WaitContext(ctx)
}

// WaitContext is [Pipeline.Wait] until ctx is done: then it returns the cause,
// the programs go on, and Wait may be called again.
func (p *Pipeline) WaitContext(ctx context.Context) error {
	switch {
	case !p.running:
		return errNotStarted
	case p.waited:
		return errWaited
	case !p.awaitEnds(ctx) || !p.awaitCopies(ctx):
		return context.Cause(ctx)
	}
	p.waited = true
	_, cancelled := p.watch.end()
	for _, c := range slices.Backward(p.Cmds) {
		c.awaitEnd(context.Background())
		c.release()
	}
	if p.late != nil {
		p.late.Stop()
	}
	return p.result(cancelled)
}

// awaitEnds waits for the ends of the programs. The status of who leads a group is
// left there, as long as somebody may have to be signalled by its number.
func (p *Pipeline) awaitEnds(ctx context.Context) bool {
	for _, c := range slices.Backward(p.Cmds) {
		wait := c.awaitEnd
		if c.group != nil {
			wait = c.seeEnd
		}
		if !wait(ctx) {
			return false
		}
	}
	return true
}

func (p *Pipeline) awaitCopies(ctx context.Context) bool {
	if p.WaitDelay != 0 && p.late == nil {
		p.late = time.AfterFunc(p.WaitDelay, p.cutOff)
	}
	for _, c := range slices.Backward(p.Cmds) {
		if !c.awaitCopies(ctx) {
			return false
		}
	}
	return true
}

// result is the error of Wait.
func (p *Pipeline) result(cancelled error) error {
	var failed *PipelineError
	for i, c := range slices.Backward(p.Cmds) {
		err := c.result()
		if c.plumbing.tooMuch != nil {
			return &PipelineError{i, c, err}
		}
		if err != nil && failed == nil {
			failed = &PipelineError{i, c, err}
		}
	}
	switch {
	case failed == nil:
		return cancelled
	case cancelled == nil:
		return failed
	}
	return fmt.Errorf("%w: %w", cancelled, failed)
}

// cutOff lets Wait return without the copies.
func (p *Pipeline) cutOff() {
	p.cutOnce.Do(func() { close(p.cut) })
}

// Kill ends all programs with SIGKILL, with the process groups that were made for
// them. Wait does not wait any more for pipes that somebody else holds open.
// [os.ErrProcessDone] says that all had ended.
func (p *Pipeline) Kill() error {
	err := p.Signal(sys.SIGKILL)
	if p.running {
		p.cutOff()
	}
	return err
}

// Signal sends a signal to each program that Wait has not waited for, and to the
// process groups that were made for them. [os.ErrProcessDone] says that nobody was
// there.
func (p *Pipeline) Signal(sig os.Signal) error {
	if !p.running {
		return errNotStarted
	}
	failed := os.ErrProcessDone
	for i, c := range p.Cmds {
		err := c.signalAll(sig)
		switch {
		case err == nil && failed == os.ErrProcessDone:
			failed = nil
		case err != nil && err != os.ErrProcessDone && (failed == nil || failed == os.ErrProcessDone):
			failed = &PipelineError{i, c, err}
		}
		// The group of all needs it once; for SIGKILL see signalAll.
		if err == nil && i == 0 && p.OneGroup && sig != sys.SIGKILL {
			break
		}
	}
	return failed
}

// Run is [Pipeline.Start] and [Pipeline.Wait].
func (p *Pipeline) Run() error {
	if err := p.Start(); err != nil {
		return err
	}
	return p.Wait()
}

// Output runs the programs and returns what the last one wrote to standard
// output. Where a Stderr is nil, the [*ExitError] of that program holds what it
// wrote there, without the middle when that is long.
func (p *Pipeline) Output() ([]byte, error) {
	n := len(p.Cmds)
	if n > 0 && p.Cmds[n-1].Stdout != nil {
		return nil, errors.New("spawn: Stdout is set")
	}
	var out bytes.Buffer
	said := make([]ends, n)
	for i, c := range p.Cmds {
		if i == n-1 {
			c.Stdout = &out
		}
		if c.Stderr == nil {
			c.Stderr = &said[i]
		}
	}
	err := p.Run()
	var failed *PipelineError
	var exit *ExitError
	if errors.As(err, &failed) && errors.As(err, &exit) {
		exit.Stderr = said[failed.Index].bytes()
	}
	return out.Bytes(), err
}

// CombinedOutput runs the programs and returns what the last one wrote to
// standard output and all to standard error, in that order in which it came.
func (p *Pipeline) CombinedOutput() ([]byte, error) {
	n := len(p.Cmds)
	if n == 0 || p.started {
		return nil, p.Start()
	}
	last := p.Cmds[n-1]
	for _, c := range p.Cmds {
		if c.Stderr != nil || c == last && c.Stdout != nil {
			return nil, errors.New("spawn: Stdout or Stderr is set")
		}
	}
	var out bytes.Buffer
	file, err := last.plumbing.writer(sink{&out, "Stdout", last.MaxStdout})
	if err != nil {
		return nil, err
	}
	last.MaxStdout = 0 // for the file
	for _, c := range p.Cmds {
		c.Stderr = file
	}
	last.Stdout = file
	err = p.Run()
	return out.Bytes(), err
}
