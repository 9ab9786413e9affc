// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package startlimit_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/syshim/gobind/spawn/internal/startlimit"
)

const childEnv = "SYSHIM_TEST_STARTLIMIT"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		fmt.Println(startlimit.NoFile.Cur, startlimit.NoFile.Max, startlimit.Known)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLimitIsTheOneOfTheStart(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `ulimit -S -n 100 && ulimit -H -n 200 && exec "$0"`, exe)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "100 200 true" {
		t.Errorf("the limit is %q, want 100 200 true: was package syscall initialised first?", got)
	}
}
