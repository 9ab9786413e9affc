// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"example.com/syshim/gobind/sys"
)

// A watch cancels the child when the context of its Cmd is done.
type watch struct {
	// stop reports whether cancel was not called and never will be.
	stop func() bool
	// fired is closed after cancel.
	fired chan struct{}
	// kill follows cancel when the child takes too long.
	kill *time.Timer
	err  error
}

func (c *Cmd) startWatch() *watch {
	w := &watch{fired: make(chan struct{})}
	cancel := c.Cancel
	if cancel == nil {
		cancel = c.Kill
	}
	w.stop = context.AfterFunc(c.ctx, func() {
		defer close(w.fired)
		err := cancel()
		switch {
		case err == nil:
			w.err = c.ctx.Err()
		case !errors.Is(err, os.ErrProcessDone):
			w.err = err
		}
		if c.WaitDelay > 0 {
			w.kill = time.AfterFunc(c.WaitDelay, func() { c.Kill() })
		}
	})
	return w
}

// end stops the watch of a child that has ended and returns why it cancelled
// the child, if it did.
func (w *watch) end() error {
	if w == nil || w.stop() {
		return nil
	}
	<-w.fired
	if w.kill != nil {
		w.kill.Stop()
	}
	return w.err
}

// Wait waits for the end of the child and of the goroutines of Stdin, Stdout
// and Stderr, and releases what the Cmd holds. The error is nil for the exit
// status 0, and an [*exec.ExitError] for another end.
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
	if c.Process == nil {
		return errNotStarted
	}
	if c.waited {
		return errors.New("spawn: Wait was called before")
	}
	if c.ProcessState == nil {
		ended, err := c.waitEnd(ctx)
		if !ended {
			return context.Cause(ctx)
		}
		c.cancelled = c.watch.end()
		if err != nil {
			c.release()
			return err
		}
	}
	copied, err := c.plumbing.wait(ctx, c.WaitDelay)
	if !copied {
		return err
	}
	c.release()
	switch {
	case !c.ProcessState.Success():
		return &exec.ExitError{ProcessState: c.ProcessState}
	case c.cancelled != nil:
		return c.cancelled
	}
	return err
}

// waitEnd waits for the end of the child, and sets ProcessState. ended is false
// if ctx was done before; err says why the state is not known.
func (c *Cmd) waitEnd(ctx context.Context) (ended bool, err error) {
	// Only what is in the network poller has deadlines.
	if c.pidfd == nil || c.pidfd.SetReadDeadline(time.Time{}) != nil {
		return c.waitOnThread(ctx)
	}
	err = c.waitReadable(ctx)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	case isUnavailable(err):
		return c.waitOnThread(ctx)
	}
	if err == nil {
		c.ProcessState, err = c.Process.Wait()
	}
	return true, err
}

// waitReadable waits for the end of the child, and leaves it there. No thread
// is held up.
func (c *Cmd) waitReadable(ctx context.Context) error {
	raw, err := c.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	defer c.interrupt(ctx)()
	var ended bool
	var failed error
	look := func(fd uintptr) bool {
		ended, failed = child{c.pid, int(fd)}.ended(sys.WNOHANG)
		return ended || failed != nil
	}
	// An end counts even when there is no time left.
	err = raw.Control(func(fd uintptr) { look(fd) })
	if err == nil && !ended && failed == nil {
		err = raw.Read(look)
	}
	if failed != nil {
		return failed
	}
	return err
}

// An ending is what a thread has waited for.
type ending struct {
	state *os.ProcessState
	err   error
}

// waitOnThread is waitEnd for a system that has no room left in the poller, or no
// pidfd.
func (c *Cmd) waitOnThread(ctx context.Context) (ended bool, err error) {
	if c.ending == nil {
		c.ending = make(chan ending, 1)
		go func() {
			// By the number, which is the child's until the next call.
			_, err := child{c.pid, -1}.ended(0)
			var state *os.ProcessState
			if err == nil || isUnavailable(err) {
				state, err = c.Process.Wait()
			}
			c.ending <- ending{state, err}
		}()
	}
	select {
	case e := <-c.ending:
		c.ProcessState = e.state
		return true, e.err
	case <-ctx.Done():
		return false, nil
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
// Stderr is nil, an [*exec.ExitError] holds the end of what it wrote there.
func (c *Cmd) Output() ([]byte, error) {
	if c.Stdout != nil {
		return nil, errors.New("spawn: Stdout is set")
	}
	var out bytes.Buffer
	var said tail
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

// A tail keeps the end of what is written to it.
type tail struct {
	buf []byte
}

// tailMax is how much of a tail is handed out.
const tailMax = 32 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if len(t.buf) > 4*tailMax {
		t.buf = append(t.buf[:0], t.bytes()...)
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	return t.buf[max(0, len(t.buf)-tailMax):]
}
