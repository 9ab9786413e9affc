// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"strings"
	"testing"

	"example.com/syshim/gobind/internal/mainprog"
)

func TestMain(m *testing.M) {
	mainprog.Main(m, main)
}

// What else it does is compared with the program in C by tests/pipeline.sh.
func TestPipelineRuns(t *testing.T) {
	for _, tc := range []struct {
		args, in, out, said string
		status              int
	}{
		{"seq 11 | tail -n 3 | sort -n", "", "9\n10\n11\n", "seq 11 | tail -n 3 | sort -n: 0 0 0\n", 0},
		{"cat | tr a-z A-Z", "read", "READ", "cat | tr a-z A-Z: 0 0\n", 0},
		{"true -- false", "", "", "true | false: 0 1\n", 1},
		{"-t 0 cat | sleep 1000", "", "", "cat | sleep 1000: 137 137\npipeline: the time is over\n", 124},
	} {
		out, said, status := mainprog.Run(t, strings.NewReader(tc.in), strings.Fields(tc.args)...)
		// The first may end before the time does.
		said = strings.Replace(said, ": 0 137", ": 137 137", 1)
		if string(out) != tc.out || said != tc.said || status != tc.status {
			t.Errorf("%s writes %q and %q, status %d; want %q, %q, %d", tc.args,
				out, said, status, tc.out, tc.said, tc.status)
		}
	}
}
