// SPDX-License-Identifier: MIT

package gorows

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"example.com/syshim/bench/internal/row"
	"example.com/syshim/gobind/spawn"
)

// spawnRow measures starting the tiny program and waiting for its end. The
// driver hands the program over as descriptor 4; the path is by our own number,
// for a child may close what it inherits before it runs the program.
func spawnRow(run func(path string) error) func(*row.Sample) error {
	return func(s *row.Sample) error {
		path := fmt.Sprintf("/proc/%d/fd/4", os.Getpid())
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return row.Skip("there is no program to start: %v", err)
		}
		if err := run(path); err != nil {
			return row.Unavailable("starting a program", err)
		}
		return s.Measure(func(n int64) error {
			for range n {
				if err := run(path); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// Both give the program the descriptors 0 to 2 as they are, and no environment,
// as the C rows do.

func runSpawn(path string) error {
	cmd := spawn.Command(path)
	cmd.Env = []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

func runOSExec(path string) error {
	cmd := exec.Command(path)
	cmd.Env = []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
