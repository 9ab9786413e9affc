// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
)

// mainEnv makes the test program run the pipeline that is its value.
const mainEnv = "PIPELINE_TEST_MAIN"

func TestMain(m *testing.M) {
	if s := os.Getenv(mainEnv); s != "" {
		if err := json.Unmarshal([]byte(s), &programs); err != nil {
			panic(err)
		}
		main()
	}
	leakcheck.Main(m)
}

func TestPipelineRuns(t *testing.T) {
	for _, tc := range []struct {
		programs    [][]string
		out, errors string
		status      int
	}{
		{programs, "9\n10\n11\n", "seq 11 | tail -n 3 | sort -n: 0 0 0\n", 0},
		{[][]string{{"echo", "one"}}, "one\n", "echo one: 0\n", 0},
		// The first is ended by the pipe that nobody reads.
		{[][]string{{"yes"}, {"head", "-n", "1"}}, "y\n", "yes | head -n 1: 141 0\n", 141},
		{[][]string{{"sh", "-c", "exit 4"}, {"true"}, {"false"}}, "", "sh -c exit 4 | true | false: 4 0 1\n", 5},
		{[][]string{{"yes"}, {"nosuch"}, {"cat"}}, "", "pipeline: exec: \"nosuch\": executable file not found in $PATH\n", 141},
	} {
		value, err := json.Marshal(tc.programs)
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), mainEnv+"="+string(value), "GORACE=atexit_sleep_ms=0")
		var out, errors bytes.Buffer
		c.Stdout, c.Stderr = &out, &errors
		c.Run()
		status := c.ProcessState.ExitCode()
		if out.String() != tc.out || errors.String() != tc.errors || status != tc.status {
			t.Errorf("%q writes %q and %q, status %d; want %q, %q, %d", tc.programs,
				&out, &errors, status, tc.out, tc.errors, tc.status)
		}
	}
}
