// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"example.com/syshim/gobind/sys"
)

// A watch cancels what was started when a context is done.
type watch struct {
	// stop reports whether the context was not done, and never will be.
	stop func() bool
	// fired is closed when the rest is set.
	fired chan struct{}
	err   error
	// late is when WaitDelay is over, and kill what happens then.
	late time.Time
	kill *time.Timer
}

// startWatch makes ctx call cancel, unless that is nil, and kill after the delay,
// unless that is 0.
func startWatch(ctx context.Context, cancel func() error, delay time.Duration, kill func()) *watch {
	w := &watch{fired: make(chan struct{})}
	w.stop = context.AfterFunc(ctx, func() {
		defer close(w.fired)
		if cancel != nil {
			w.err = cancelError(cancel(), ctx.Err())
		}
		if delay != 0 {
			w.late = time.Now().Add(delay)
			w.kill = time.AfterFunc(delay, kill)
		}
	})
	return w
}

// cancelError is what Wait returns for a child that seems to have ended well,
// after Cancel has returned err.
func cancelError(err, done error) error {
	switch {
	case err == nil:
		return done
	case errors.Is(err, os.ErrProcessDone):
		return nil
	}
	return fmt.Errorf("spawn: cancelling: %w", err)
}

// end stops the watch of what has ended. It returns when WaitDelay is over, if
// that has begun, and why it cancelled, if it did.
func (w *watch) end() (late time.Time, err error) {
	if w == nil || w.stop() {
		return time.Time{}, nil
	}
	<-w.fired
	if w.kill != nil {
		w.kill.Stop()
	}
	return w.late, w.err
}

// Wait waits for the end of the child and of the goroutines of Stdin, Stdout
// and Stderr, and releases what the Cmd holds. The error is nil for the exit
// status 0, and an [*ExitError] for another end.
func (c *Cmd) Wait() error {
	return c.WaitContext(context.Background())
}

// WaitTimeout is [Cmd.Wait] for at most d: after that it returns
// [os.ErrDeadlineExceeded], the child goes on, and Wait may be called again.
func (c *Cmd) WaitTimeout(d time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), d, os.ErrDeadlineExceeded)
	defer cancel()
	return c.WaitContext(ctx)
}

// WaitContext is [Cmd.Wait] until ctx is done: then it returns the cause, the
// child goes on, and Wait may be called again.
func (c *Cmd) WaitContext(ctx context.Context) error {
	switch {
	case c.Process == nil:
		return errNotStarted
	case c.waited:
		return errWaited
	case !c.awaitEnd(ctx) || !c.awaitCopies(ctx):
		return context.Cause(ctx)
	}
	c.release()
	return c.result()
}

// awaitEnd waits for the end of the child, and takes its status. It reports
// whether ctx was not done before; so do the others.
func (c *Cmd) awaitEnd(ctx context.Context) bool {
	if c.reaped {
		return true
	}
	if !c.waitEnd(ctx) {
		return false
	}
	c.reaped = true
	c.noteEnd()
	switch {
	case c.failed != nil:
	case !c.ProcessState.Success():
		c.failed = &ExitError{ProcessState: c.ProcessState}
	default:
		c.failed = c.cancelled
	}
	return true
}

// seeEnd waits for the end of the child, and leaves the status, and so the number
// of the group, where that is possible.
func (c *Cmd) seeEnd(ctx context.Context) bool {
	if c.ended {
		return true
	}
	ended, err := c.waitReadable(ctx)
	if err != nil {
		ended, err = c.seeOnThread(ctx)
	}
	if err != nil {
		return c.awaitEnd(ctx)
	}
	if ended {
		c.noteEnd()
	}
	return ended
}

// seeOnThread is waitReadable where the poller has no room, or there is no pidfd.
func (c *Cmd) seeOnThread(ctx context.Context) (ended bool, err error) {
	if c.seen == nil {
		c.seen = make(chan error, 1)
		go func() { c.seen <- c.group.leader().wait(nil, sys.WEXITED|sys.WNOWAIT) }()
	}
	select {
	case err := <-c.seen:
		c.seen <- err
		if err == sys.ECHILD {
			err = nil
		}
		return err == nil, err
	case <-ctx.Done():
		return false, nil
	}
}

// noteEnd notes that the child has ended.
func (c *Cmd) noteEnd() {
	if !c.ended {
		c.ended = true
		c.late, c.cancelled = c.watch.end()
	}
}

// awaitCopies waits for the copies of a child that has ended.
func (c *Cmd) awaitCopies(ctx context.Context) bool {
	if c.copied {
		return true
	}
	if c.late.IsZero() && c.WaitDelay != 0 {
		c.late = time.Now().Add(c.WaitDelay)
	}
	c.copied, c.copyErr = c.plumbing.wait(ctx, c.late)
	return c.copied
}

// result is the error of Wait.
func (c *Cmd) result() error {
	switch {
	case c.plumbing.tooMuch != nil:
		return c.plumbing.tooMuch
	case c.failed != nil:
		return c.failed
	}
	return c.copyErr
}

// waitEnd waits for the end of the child, and sets ProcessState, or failed, which
// says why the state is not known. ended is false if ctx was done before.
func (c *Cmd) waitEnd(ctx context.Context) (ended bool) {
	if ctx.Done() != nil {
		ended, err := c.waitReadable(ctx)
		if err != nil {
			return c.waitOnThread(ctx)
		}
		if !ended {
			return false
		}
	} else if c.ending != nil {
		return c.waitOnThread(ctx)
	}
	c.ProcessState, c.failed = c.reap()
	return true
}

// reap waits for the end of the child in the kernel: that takes a thread, and
// fewer calls than all else.
func (c *Cmd) reap() (*os.ProcessState, error) {
	if c.lost {
		return nil, errLost
	}
	wait := c.Process.Wait
	if c.group != nil {
		wait = func() (*os.ProcessState, error) { return c.group.reap(c.Process) }
	}
	state, err := wait()
	switch {
	case errors.Is(err, sys.ECHILD):
		err = errLost
	case err != nil && c.Process.Pid > 0:
		// Package os cannot wait, and nobody will: no zombie stays.
		child{c.Process.Pid, -1}.reap()
		c.Process.Release()
	}
	return state, err
}

// waitReadable waits until the child has ended or ctx is done, and leaves the
// child there. No thread is held up. An error says that this is no way to wait.
func (c *Cmd) waitReadable(ctx context.Context) (ended bool, err error) {
	if c.lost {
		return true, nil
	}
	if err := c.openPidfd(); err != nil {
		return false, err
	}
	raw, err := c.pidfd.SyscallConn()
	if err != nil {
		return false, err
	}
	defer c.interrupt(ctx)()
	var failed error
	look := func(fd uintptr) bool {
		ended, failed = child{c.Process.Pid, int(fd)}.ended()
		return ended || failed != nil
	}
	// An end counts even when there is no time left.
	err = raw.Control(func(fd uintptr) { look(fd) })
	if err == nil && !ended && failed == nil {
		err = raw.Read(look)
	}
	switch {
	case failed == sys.ECHILD:
		return true, nil
	case failed != nil:
		return false, failed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	}
	return ended, err
}

// openPidfd puts a pidfd of the child into the network poller.
func (c *Cmd) openPidfd() error {
	if c.pidfd != nil {
		return nil
	}
	fd, err := sys.PidfdOpen(c.Process.Pid, sys.PIDFD_NONBLOCK)
	if err == sys.EINVAL {
		if fd, err = sys.PidfdOpen(c.Process.Pid, 0); err == nil {
			err = setNonblock(fd)
		}
	}
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	// Only what is in the poller has deadlines.
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		f.Close()
		return err
	}
	c.pidfd = f
	return nil
}

// An ending is what a thread has waited for.
type ending struct {
	state *os.ProcessState
	err   error
}

// waitOnThread is waitEnd for a system that has no room left in the poller, or no
// pidfd.
func (c *Cmd) waitOnThread(ctx context.Context) (ended bool) {
	if c.ending == nil {
		c.ending = make(chan ending, 1)
		go func() {
			state, err := c.reap()
			c.ending <- ending{state, err}
		}()
	}
	select {
	case e := <-c.ending:
		c.ProcessState, c.failed = e.state, e.err
		return true
	case <-ctx.Done():
		return false
	}
}

// interrupt makes ctx end the wait for the child; the result undoes that.
func (c *Cmd) interrupt(ctx context.Context) (undo func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.pidfd.SetReadDeadline(time.Unix(0, 1))
		close(fired)
	})
	return func() {
		if !stop() {
			<-fired
			c.pidfd.SetReadDeadline(time.Time{})
		}
	}
}

// release gives back all that the Cmd holds.
func (c *Cmd) release() {
	c.waited = true
	c.plumbing.closeOurs()
	if c.pidfd != nil {
		c.pidfd.Close()
	}
	c.group.release()
}

// setNonblock is for a descriptor without another status flag that can be set.
func setNonblock(fd int) error {
	_, err := sys.FcntlInt(uintptr(fd), sys.F_SETFL, sys.O_NONBLOCK)
	return os.NewSyscallError("fcntl", err)
}

// Run is [Cmd.Start] and [Cmd.Wait].
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the program and returns what it wrote to standard output. When
// Stderr is nil, an [*ExitError] holds what it wrote there, without the
// middle when that is long.
func (c *Cmd) Output() ([]byte, error) {
	if c.Stdout != nil {
		return nil, errors.New("spawn: Stdout is set")
	}
	var out bytes.Buffer
	var said ends
	c.Stdout = &out
	if c.Stderr == nil {
		c.Stderr = &said
	}
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		exit.Stderr = said.bytes()
	}
	return out.Bytes(), err
}

// CombinedOutput runs the program and returns what it wrote to standard output
// and standard error, in that order in which it came.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	if c.Stdout != nil || c.Stderr != nil {
		return nil, errors.New("spawn: Stdout or Stderr is set")
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// An ends keeps the beginning and the end of what is written to it.
type ends struct {
	head, tail []byte
	// omitted is how many bytes there were between them.
	omitted int
}

// endMax is how much of each end is handed out.
const endMax = 32 << 10

func (e *ends) Write(p []byte) (int, error) {
	n := min(len(p), endMax-len(e.head))
	e.head = append(e.head, p[:n]...)
	e.tail = append(e.tail, p[n:]...)
	if len(e.tail) > 4*endMax {
		e.cut()
	}
	return len(p), nil
}

// cut leaves no more of the tail than is handed out.
func (e *ends) cut() {
	if n := len(e.tail) - endMax; n > 0 {
		e.omitted += n
		e.tail = append(e.tail[:0], e.tail[n:]...)
	}
}

func (e *ends) bytes() []byte {
	e.cut()
	if e.omitted > 0 {
		e.head = fmt.Appendf(e.head, "\n... omitting %d bytes ...\n", e.omitted)
	}
	return append(e.head, e.tail...)
}
