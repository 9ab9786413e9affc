// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
)

// reportLimit is a helper that writes which limit of descriptors a program gets
// from it: as it is, and when it has set its own.
func reportLimit([]string) {
	show := func() {
		out, err := shell("ulimit -S -n; ulimit -H -n").Output()
		fmt.Println(strings.Fields(string(out)), err)
	}
	show()
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 70, Max: 80})
	show()
}

func TestProgramGetsTheLimitOfTheStart(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	exe, err := os.Executable()
	check(t, err)
	c := shell(`ulimit -S -n 90; ulimit -H -n 100; exec "$0"`, exe)
	c.Env = helper("limit").Env
	wantOutput(t, c, "[90 100] <nil>\n[70 80] <nil>\n")
	// There was nothing to raise.
	c = shell(`ulimit -S -n 100; ulimit -H -n 100; exec "$0"`, exe)
	c.Env = helper("limit").Env
	wantOutput(t, c, "[100 100] <nil>\n[70 80] <nil>\n")
}
