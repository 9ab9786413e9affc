// SPDX-License-Identifier: MIT

package gorows

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"example.com/syshim/bench/internal/row"
	"example.com/syshim/gobind/spawn"
)

// spawnRows are the rows of Spawn: those of a work differ in who starts the
// program.
func spawnRows() []row.Row {
	var rows []row.Row
	for _, ns := range []string{"none", "user"} {
		for _, parent := range []struct {
			name string
			mib  int
		}{{"10MiB", 10}, {"1GiB", 1 << 10}} {
			for _, program := range []string{"tiny", "true"} {
				for _, rival := range []struct {
					name string
					run  runner
				}{{"spawn", runSpawn}, {"os_exec", runOSExec}, {"forkexec", runForkExec}} {
					rows = append(rows, row.Row{
						Name: fmt.Sprintf("BenchmarkSpawn/lang=go/impl=%s/program=%s/parent=%s/ns=%s",
							rival.name, program, parent.name, ns),
						Run:       spawnRow(program, ns == "user", rival.run),
						ParentMiB: parent.mib,
					})
				}
			}
		}
	}
	return rows
}

// A runner starts the program and waits for its end; attr may be nil.
type runner func(path string, attr *syscall.SysProcAttr) error

// spawnRow measures starting a program and waiting for its end. The driver hands
// the tiny one over as descriptor 4; the path is the file's own, for a new user
// namespace has no right to /proc/PID of another one.
func spawnRow(program string, newUser bool, run runner) func(*row.Sample) error {
	return func(s *row.Sample) error {
		path, err := "/bin/true", error(nil)
		if program == "tiny" {
			path, err = os.Readlink("/proc/self/fd/4")
		}
		if err == nil {
			_, err = os.Stat(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return row.Skip("there is no program to start: %v", err)
		}
		var attr *syscall.SysProcAttr
		if newUser {
			attr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		}
		if err := run(path, attr); err != nil {
			// user.max_user_namespaces is 0, or all are in use.
			if newUser && errors.Is(err, syscall.ENOSPC) {
				return row.Skip("no user namespace is left: %v", err)
			}
			return row.Unavailable("starting a program", err)
		}
		return s.Measure(func(n int64) error {
			for range n {
				if err := run(path, attr); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// All give the program the descriptors 0 to 2 as they are, and no environment, as
// the C rows do.

func runSpawn(path string, attr *syscall.SysProcAttr) error {
	cmd := spawn.Command(path)
	cmd.Env = []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	return cmd.Run()
}

func runOSExec(path string, attr *syscall.SysProcAttr) error {
	cmd := exec.Command(path)
	cmd.Env = []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	return cmd.Run()
}

func runForkExec(path string, attr *syscall.SysProcAttr) error {
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{
		Env:   []string{},
		Files: []uintptr{0, 1, 2},
		Sys:   attr,
	})
	if err != nil {
		return err
	}
	var status syscall.WaitStatus
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	if err == nil && status != 0 {
		err = fmt.Errorf("%s ended with %#x", path, status)
	}
	return err
}
