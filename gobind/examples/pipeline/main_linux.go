// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"example.com/syshim/gobind/spawn"
)

var programs = [][]string{
	{"seq", "11"},
	{"tail", "-n", "3"},
	{"sort", "-n"},
}

// start starts one program between two files; nil: that of this program.
func start(args []string, in, out *os.File) (*spawn.Cmd, error) {
	c := spawn.Command(args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if in != nil {
		c.Stdin = in
	}
	if out != nil {
		c.Stdout = out
	}
	return c, c.Start()
}

// startAll starts the programs, and returns those that run.
func startAll(programs [][]string) (running []*spawn.Cmd, err error) {
	var in *os.File
	for i, args := range programs {
		var next, out *os.File
		if i < len(programs)-1 {
			next, out, err = os.Pipe()
		}
		var c *spawn.Cmd
		if err == nil {
			c, err = start(args, in, out)
		}
		// What stays open here would keep an end from being seen.
		in.Close()
		out.Close()
		in = next
		if err != nil {
			break
		}
		running = append(running, c)
	}
	in.Close()
	return running, err
}

// wait returns the exit status as a shell has it.
func wait(c *spawn.Cmd) (status int, err error) {
	err = c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 1, err
	}
	ws := c.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return ws.ExitStatus(), nil
}

// run returns the exit status.
func run(programs [][]string) (failed int) {
	running, err := startAll(programs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pipeline:", err)
		failed = 1
	}
	var names, statuses []string
	for _, c := range running {
		status, err := wait(c)
		if err != nil {
			fmt.Fprintln(os.Stderr, "pipeline:", err)
		}
		failed |= status
		names = append(names, strings.Join(c.Args, " "))
		statuses = append(statuses, fmt.Sprint(status))
	}
	if len(running) == len(programs) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", strings.Join(names, " | "), strings.Join(statuses, " "))
	}
	return failed
}

func main() {
	os.Exit(run(programs))
}
