// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/syshim/gobind/spawn"
)

const (
	most      = 64
	usage     = 2
	timedOut  = 124
	signalled = 128
	// secondsMax is what a duration can be.
	secondsMax = 1 << 33
)

// cut cuts the arguments at each "|"; nil: a program has no name, or there are
// too many.
func cut(args []string) (programs [][]string) {
	var program []string
	for _, arg := range append(args, "|") {
		if arg != "|" && arg != "--" {
			program = append(program, arg)
			continue
		}
		if program == nil || len(programs) == most {
			return nil
		}
		programs, program = append(programs, program), nil
	}
	return programs
}

// newPipeline is of programs that have this program's descriptors.
func newPipeline(programs [][]string) *spawn.Pipeline {
	p := spawn.NewPipeline()
	for _, args := range programs {
		c := spawn.Command(args[0], args[1:]...)
		c.Stderr = os.Stderr
		p.Cmds = append(p.Cmds, c)
	}
	p.Cmds[0].Stdin = os.Stdin
	p.Cmds[len(p.Cmds)-1].Stdout = os.Stdout
	return p
}

// sayError says "pipeline: nosuch: execve: error 2", as the program in C does.
func sayError(err error) {
	name, what := "pipeline", "run"
	var errno syscall.Errno
	var step *spawn.StepError
	var failed *spawn.PipelineError
	errors.As(err, &errno)
	if errors.As(err, &failed) {
		name = failed.Cmd.Args[0]
	}
	switch {
	case errors.As(err, &step):
		what = step.Step
	case errors.Is(err, spawn.ErrNotFound):
		what, errno = "execve", syscall.ENOENT
	}
	fmt.Fprintf(os.Stderr, "pipeline: %s: %s: error %d\n", name, what, errno)
}

// sayStatuses returns 0 if all are.
func sayStatuses(p *spawn.Pipeline) (failed int) {
	var names, statuses []string
	for _, c := range p.Cmds {
		ws := c.ProcessState.Sys().(syscall.WaitStatus)
		status := ws.ExitStatus()
		if ws.Signaled() {
			status = signalled + int(ws.Signal())
		}
		failed |= status
		names = append(names, strings.Join(c.Args, " "))
		statuses = append(statuses, strconv.Itoa(status))
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", strings.Join(names, " | "), strings.Join(statuses, " "))
	return failed
}

// wait waits for at most so long, unless that is negative.
func wait(p *spawn.Pipeline, timeout time.Duration) (late bool, err error) {
	if timeout < 0 {
		return false, p.Wait()
	}
	err = p.WaitTimeout(timeout)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false, err
	}
	p.Kill()
	return true, p.Wait()
}

// run returns the exit status. A group of their own only where it is needed: it
// may not read a terminal.
func run(programs [][]string, timeout time.Duration) int {
	p := newPipeline(programs)
	p.OneGroup = timeout >= 0
	late := false
	err := p.Start()
	if err == nil {
		late, err = wait(p, timeout)
	}
	var exit *spawn.ExitError
	if err != nil && !errors.As(err, &exit) {
		sayError(err)
		return 1
	}
	failed := sayStatuses(p)
	if !late {
		return failed
	}
	fmt.Fprintln(os.Stderr, "pipeline: the time is over")
	return timedOut
}

func main() {
	args, timeout := os.Args[1:], time.Duration(-1)
	if len(args) > 1 && args[0] == "-t" {
		if n, err := strconv.ParseUint(args[1], 10, 63); err == nil && n <= secondsMax {
			args, timeout = args[2:], time.Duration(n)*time.Second
		}
	}
	programs := cut(args)
	if programs == nil || strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(os.Stderr, "usage: pipeline [-t SECONDS] PROGRAM [ARGUMENT]... ['|' PROGRAM [ARGUMENT]...]...")
		os.Exit(usage)
	}
	os.Exit(run(programs, timeout))
}
