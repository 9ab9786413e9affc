// SPDX-License-Identifier: MIT

package mainprog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
)

// env is set for the program.
const env = "SYSHIM_TEST_MAIN"

// Main calls the main of the program, or runs the tests. It does not return.
func Main(m *testing.M, main func()) {
	if os.Getenv(env) != "" {
		main()
		os.Exit(0)
	}
	leakcheck.Main(m)
}

// Command returns the program as a command that is not started.
func Command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), env+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// Run runs the program, and returns what it writes, and its exit status.
func Run(t testing.TB, stdin io.Reader, args ...string) (stdout []byte, stderr string, status int) {
	t.Helper()
	cmd := Command(args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), errs.String(), status
}
