// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/syshim/gobind/internal/mainprog"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

func TestMain(m *testing.M) {
	mainprog.Main(m, main)
}

// needRing skips a test of cat where it cannot run.
func needRing(t *testing.T) {
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
}

// runCat returns what cat writes, and its exit status.
func runCat(t *testing.T, stdin io.Reader, args ...string) (stdout []byte, stderr string, status int) {
	t.Helper()
	needRing(t)
	return mainprog.Run(t, stdin, args...)
}

// file makes a file of n bytes and returns its name and content.
func file(t *testing.T, n int) (string, []byte) {
	t.Helper()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, b
}

func TestFilesComeOutInOrder(t *testing.T) {
	small, a := file(t, 10)
	empty, _ := file(t, 0)
	// More than the buffer, and than a pipe takes at once.
	big, b := file(t, 1<<20+1)
	out, errs, status := runCat(t, nil, big, empty, small)
	if !bytes.Equal(out, append(b, a...)) || errs != "" || status != 0 {
		t.Errorf("%d bytes, %q, status %d", len(out), errs, status)
	}
}

func TestStandardInputIsCopied(t *testing.T) {
	for _, args := range [][]string{nil, {"-"}} {
		out, errs, status := runCat(t, strings.NewReader("from a pipe"), args...)
		if string(out) != "from a pipe" || errs != "" || status != 0 {
			t.Errorf("%v: %q, %q, status %d", args, out, errs, status)
		}
	}
}

func TestOutputGoesBehindWhatIsThere(t *testing.T) {
	name, _ := file(t, 3)
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "out"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("head"); err != nil {
		t.Fatal(err)
	}
	needRing(t)
	cmd := mainprog.Command(name, name)
	cmd.Stdout = f
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Seek(0, io.SeekEnd); n != 10 || err != nil {
		t.Errorf("the file has %d bytes, %v; want 10", n, err)
	}
}

func TestErrorsAreReportedAndTheRestIsCopied(t *testing.T) {
	name, b := file(t, 5)
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	out, errs, status := runCat(t, nil, missing, dir, name)
	want := "cat: open " + missing + ": no such file or directory\n" +
		"cat: read " + dir + ": is a directory\n"
	if errs != want || status != 1 || !bytes.Equal(out, b) {
		t.Errorf("%q, %q, status %d; want %q", out, errs, status, want)
	}
}

func TestFailedWriteIsReported(t *testing.T) {
	name, _ := file(t, 5)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	needRing(t)
	cmd := mainprog.Command(name)
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &errs
	err = cmd.Run()
	if err == nil || !strings.Contains(errs.String(), "write /dev/stdout: no space left on device") {
		t.Errorf("%v, %q", err, errs.String())
	}
}
