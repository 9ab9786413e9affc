// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
)

// TestPromisesAboutTimeAreKept is what the documentation of os/exec says about
// contexts, Cancel and WaitDelay.
func TestPromisesAboutTimeAreKept(t *testing.T) {
	for name, m := range makers {
		t.Run(name, func(t *testing.T) {
			for _, tc := range timePromises {
				t.Run(tc.name, func(t *testing.T) {
					leakcheck.Check(t)
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					tc.keep(t, m, ctx, cancel)
					noChild(t)
				})
			}
		})
	}
}

// trapping starts a shell that says when it listens to signals, and cancels it.
func trapping(t *testing.T, c command, cancel func()) {
	t.Helper()
	out, err := c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	_, err = io.ReadFull(out, make([]byte, 1))
	check(t, err)
	cancel()
}

// obeying ends well when it is told to by SIGTERM.
func obeying(ctx context.Context, m maker) command {
	return m.context(ctx, "/bin/sh", "-c", "trap 'exit 0' TERM; echo; while :; do sleep 0.01; done")
}

// killed promises that a program which does not obey is killed after the delay.
func killed(t *testing.T, m maker, ctx context.Context, cancel func(), delay time.Duration) {
	t.Helper()
	c := m.context(ctx, "/bin/sh", "-c", "trap '' TERM; echo; exec sleep 1000")
	trapping(t, with(with(c, "Cancel", terminate(c)), "WaitDelay", delay), cancel)
	err := c.Wait()
	promise(t, isExit(err) && err.Error() == "signal: killed", "error %v", err)
}

// terminate sends SIGTERM.
func terminate(c command) func() error {
	return func() error { return process(c).Signal(syscall.SIGTERM) }
}

const moment = 20 * time.Millisecond

// A heard lets a program end whose output has arrived, however long that took.
type heard struct {
	text strings.Builder
	in   io.Closer
}

func (h *heard) Write(p []byte) (int, error) {
	defer h.in.Close()
	return h.text.Write(p)
}

var timePromises = []struct {
	name string
	keep func(t *testing.T, m maker, ctx context.Context, cancel func())
}{
	{"A context must not be nil", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		defer func() { promise(t, recover() != nil, "no panic") }()
		var none context.Context
		m.context(none, "/bin/true")
	}},
	{"A context that is done starts nothing", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		cancel()
		c := m.context(ctx, "/bin/true")
		with(c, "Cancel", func() error {
			t.Error("Cancel is called")
			return nil
		})
		err := c.Start()
		promise(t, err == context.Canceled && process(c) == nil, "error %v", err)
	}},
	{"A context kills the program", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := m.context(ctx, "sleep", "1000")
		promise(t, !field(c, "Cancel").IsNil() && field(c, "WaitDelay").IsZero(), "defaults")
		check(t, c.Start())
		cancel()
		err := c.Wait()
		promise(t, isExit(err) && err.Error() == "signal: killed", "error %v", err)
	}},
	{"A program that ends first is not cancelled", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := with(m.context(ctx, "/bin/true"), "Cancel", func() error {
			t.Error("Cancel is called")
			return nil
		})
		check(t, c.Run())
		cancel()
	}},
	{"Cancel wants a context", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		err := with(m.command("/bin/true"), "Cancel", func() error { return nil }).Start()
		promise(t, err != nil, "no error")
	}},
	{"Cancel is not called when nothing starts", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := with(m.context(ctx, "/nosuch"), "Cancel", func() error {
			t.Error("Cancel is called")
			return nil
		})
		promise(t, c.Start() != nil, "no error")
		cancel()
	}},
	{"Success after Cancel is the context's error", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := obeying(ctx, m)
		trapping(t, with(c, "Cancel", terminate(c)), cancel)
		err := c.Wait()
		promise(t, err == context.Canceled && state(c).Success(), "error %v, %v", err, state(c))
	}},
	{"Success after an error of Cancel is that error", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := obeying(ctx, m)
		because := errors.New("because")
		trapping(t, with(c, "Cancel", func() error {
			terminate(c)()
			return because
		}), cancel)
		err := c.Wait()
		promise(t, errors.Is(err, because) && state(c).Success(), "error %v, %v", err, state(c))
	}},
	{"Success that Cancel came too late for is success", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := obeying(ctx, m)
		trapping(t, with(c, "Cancel", func() error {
			terminate(c)()
			return os.ErrProcessDone
		}), cancel)
		check(t, c.Wait())
	}},
	{"Failure after Cancel is the exit", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := m.context(ctx, "/bin/sh", "-c", "trap 'exit 3' TERM; echo; while :; do sleep 0.01; done")
		trapping(t, with(c, "Cancel", terminate(c)), cancel)
		err := c.Wait()
		promise(t, isExit(err) && state(c).ExitCode() == 3, "error %v", err)
	}},
	{"WaitDelay kills what does not obey", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		killed(t, m, ctx, cancel, moment)
	}},
	{"WaitDelay below zero kills at once", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		killed(t, m, ctx, cancel, -moment)
	}},
	{"Without Cancel, WaitDelay kills", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := with(m.context(ctx, "sleep", "1000"), "WaitDelay", moment)
		field(c, "Cancel").SetZero()
		check(t, c.Start())
		cancel()
		err := c.Wait()
		promise(t, isExit(err) && err.Error() == "signal: killed", "error %v", err)
	}},
	{"WaitDelay closes pipes that stay open", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		for status, want := range []string{exec.ErrWaitDelay.Error(), "exit status 1"} {
			c := m.shell(fmt.Sprintf("sleep 1000 & echo $!; read end; exit %d", status))
			in, err := c.StdinPipe()
			check(t, err)
			out := &heard{in: in}
			err = with(with(c, "Stdout", out), "WaitDelay", moment).Run()
			promise(t, err != nil && err.Error() == want, "error %v", err)
			promise(t, status > 0 || errors.Is(err, spawn.ErrWaitDelay), "error %v", err)
			check(t, m.shell("kill "+strings.TrimSpace(out.text.String())).Run())
		}
	}},
	{"WaitDelay below zero is over at once", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := m.shell("sleep 1000 & echo $!; read end; exit 0")
		in, err := c.StdinPipe()
		check(t, err)
		out := &heard{in: in}
		err = with(with(c, "Stdout", out), "WaitDelay", -moment).Run()
		promise(t, errors.Is(err, spawn.ErrWaitDelay), "error %v", err)
		check(t, m.shell("kill "+strings.TrimSpace(out.text.String())).Run())
	}},
	{"WaitDelay is no delay", func(t *testing.T, m maker, ctx context.Context, cancel func()) {
		c := with(m.context(ctx, "/bin/echo", "hello"), "WaitDelay", time.Hour)
		says(t, c, "hello\n")
	}},
}
