// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"example.com/syshim/gobind/internal/mainprog"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

func TestMain(m *testing.M) {
	mainprog.Main(m, main)
}

// runCopy returns what copy writes to standard error, and its exit status.
func runCopy(t *testing.T, args ...string) (stderr string, status int) {
	t.Helper()
	r, err := uring.New(1)
	if errors.Is(err, sys.ENOSYS) || errors.Is(err, sys.EPERM) || errors.Is(err, sys.EACCES) {
		t.Skipf("no io_uring: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, stderr, status = mainprog.Run(t, nil, args...)
	return stderr, status
}

func TestFilesOfEverySizeAreCopied(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, n := range []int{0, 1, blockSize, blockSize + 1, 3*depth*blockSize - 7} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i * 7 >> 3)
		}
		// What was there before, and is longer, is gone.
		if err := os.WriteFile(to, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(from, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if errs, status := runCopy(t, from, to); errs != "" || status != 0 {
			t.Fatalf("%d bytes: %q, status %d", n, errs, status)
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: %d copied, %v", n, len(got), err)
		}
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	file, missing := filepath.Join(dir, "file"), filepath.Join(dir, "missing")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		want   string
		status int
	}{
		{nil, "usage: copy FROM TO\n", 2},
		{[]string{missing, file}, "copy: open " + missing + ": no such file or directory\n", 1},
		{[]string{file, missing + "/x"}, "copy: open " + missing + "/x: no such file or directory\n", 1},
		{[]string{file, file}, "copy: copy " + file + ": this is the file to copy from\n", 1},
		{[]string{dir, missing}, "copy: copy " + dir + ": not a regular file\n", 1},
	} {
		if errs, status := runCopy(t, tc.args...); errs != tc.want || status != tc.status {
			t.Errorf("%v: %q, status %d; want %q", tc.args, errs, status, tc.want)
		}
	}
	if b, err := os.ReadFile(file); string(b) != "text" || err != nil {
		t.Errorf("the file is %q now, %v", b, err)
	}
}

func TestFailedWriteIsReported(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 3*blockSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	errs, status := runCopy(t, file, "/dev/full")
	if errs != "copy: write /dev/full: no space left on device\n" || status != 1 {
		t.Errorf("%q, status %d", errs, status)
	}
}
