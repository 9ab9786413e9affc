// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// pattern is n bytes, as the tables have them.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// A keeper keeps the first bytes, as many as room, and counts the others.
type keeper struct {
	kept       []byte
	room, lost int
}

func (k *keeper) Write(p []byte) (int, error) {
	n := min(len(p), k.room-len(k.kept))
	k.kept = append(k.kept, p[:n]...)
	k.lost += len(p) - n
	return len(p), nil
}

// most is a limit of n.
func most(n int) int64 {
	if n == 0 {
		return -1
	}
	return int64(n)
}

func TestCapturesAreAsTheTableSays(t *testing.T) {
	leakcheck.Check(t)
	for _, row := range spawnCaptures {
		in := pattern(row.in)
		out, errs := &keeper{room: row.out_size}, &keeper{room: row.err_size}
		c := shell(row.program)
		c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(in), out, errs
		if row.limited != 0 {
			c.MaxStdout, c.MaxStderr = most(row.out_size), most(row.err_size)
		}
		err := c.Run()
		if got := errnoOf(err); got != row.want {
			t.Errorf("%s: %v, want errno %d", row.case_, err, -row.want)
		}
		if got := shellStatus(c.ProcessState); row.status != "*" && got != row.status {
			t.Errorf("%s: status %s, want %s", row.case_, got, row.status)
		}
		want := make([]byte, row.out)
		if row.echoes != 0 {
			copy(want, in)
		}
		if !bytes.Equal(out.kept, want) || !bytes.Equal(errs.kept, make([]byte, row.err)) {
			t.Errorf("%s: %d and %d bytes, want %d and %d, or others", row.case_,
				len(out.kept), len(errs.kept), row.out, row.err)
		}
		// What is too much does not get to the writer.
		if out.lost != max(row.out_lost, 0) || errs.lost != max(row.err_lost, 0) {
			t.Errorf("%s: %d and %d bytes more", row.case_, out.lost, errs.lost)
		}
	}
	noChild(t)
}

func TestNothingIsLostWhenAllPipesAreFullAtOnce(t *testing.T) {
	leakcheck.Check(t)
	size := runs(16) << 22
	in := pattern(size)
	c := shell("exec tee /proc/self/fd/2")
	c.Stdin = bytes.NewReader(in)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.MaxStdout, c.MaxStderr = int64(size), int64(size)
	check(t, c.Run())
	if !bytes.Equal(out.Bytes(), in) || !bytes.Equal(errs.Bytes(), in) {
		t.Errorf("%d and %d bytes, want %d, or others", out.Len(), errs.Len(), size)
	}
}

func TestOutputsThatFitAreNoError(t *testing.T) {
	leakcheck.Check(t)
	for _, n := range []int64{5, 6} {
		c := shell("printf 12345")
		c.MaxStdout = n
		out, err := c.Output()
		if string(out) != "12345" || err != nil {
			t.Errorf("at most %d: %q, %v", n, out, err)
		}
	}
	c := shell("printf 12345; exit 7")
	c.MaxStdout, c.MaxStderr = 4, 10
	out, err := c.Output()
	if string(out) != "1234" || !errors.Is(err, syscall.ENOBUFS) ||
		err.Error() != "spawn: Stdout: more than 4 bytes: no buffer space available" {
		t.Errorf("%q, %v", out, err)
	}
	c = shell("printf 12345 >&2; exec sleep 1000")
	c.Stdin = endless{}
	c.MaxStderr = 4
	if out, err = c.Output(); len(out) != 0 || !errors.Is(err, syscall.ENOBUFS) {
		t.Errorf("%q, %v", out, err)
	}
	c = shell("printf 123; printf 45 >&2")
	c.MaxStdout = 4
	if out, err = c.CombinedOutput(); string(out) != "1234" || !errors.Is(err, syscall.ENOBUFS) {
		t.Errorf("%q, %v", out, err)
	}
	noChild(t)
}

// endless is a reader that has always something.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestWhoWritesTooMuchIsKilledWithItsGroup(t *testing.T) {
	leakcheck.Check(t)
	// The sleeper holds standard error, which would keep Wait.
	c := shell("sleep 1000 & echo $! >&2; exec yes")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.MaxStdout = 1 << 20
	if err := c.Run(); !errors.Is(err, sys.ENOBUFS) || out.Len() != 1<<20 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	pid := strings.TrimSpace(errs.String())
	waitUntil(t, "the sleeper ends", func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || slices.Contains(strings.Fields(string(stat)), "Z")
	})
	noChild(t)
}

func TestLimitOfWhatIsNotCapturedIsAMistake(t *testing.T) {
	leakcheck.Check(t)
	var b bytes.Buffer
	for i, c := range []*spawn.Cmd{
		{MaxStdout: 1},
		{MaxStderr: 1, Stderr: os.Stderr},
		{MaxStdout: -1, Stdout: os.Stdout},
		{MaxStderr: 1, Stdout: &b, Stderr: &b},
		{MaxStderr: 1, Stdout: io.Discard},
	} {
		c.Path = "/bin/true"
		err := c.Run()
		if !errors.Is(err, sys.EINVAL) || !strings.HasPrefix(err.Error(), "spawn: options: MaxStd") {
			t.Errorf("%d: %v", i, err)
		}
	}
	c := spawn.Command("/bin/true")
	c.MaxStdout = 1
	_, err := c.StdoutPipe()
	check(t, err)
	if err := c.Run(); !errors.Is(err, sys.EINVAL) {
		t.Errorf("StdoutPipe: %v", err)
	}
	noChild(t)
}
