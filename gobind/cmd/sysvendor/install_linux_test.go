// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// mounted calls f with dir being a file system of its own, which nobody else
// sees: in a mount namespace of the thread, which ends with f.
func mounted(t *testing.T, dir, options string, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Never unlocked, so that the thread is not used again.
		runtime.LockOSThread()
		err = syscall.Unshare(syscall.CLONE_NEWNS)
		if err == nil {
			err = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		}
		if err == nil {
			err = syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
		}
		if err == nil {
			f()
		}
	}()
	if <-ended; err != nil {
		t.Skipf("no file system can be mounted: %v", err)
	}
}

// full says whether a command failed for lack of room. If so, dir must be what
// it was.
func full(t *testing.T, dir string, before map[string]string, args ...string) bool {
	t.Helper()
	_, err := call(t, args...)
	if err == nil {
		return false
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.HasSuffix(err.Error(), "; nothing was changed") {
		t.Errorf("error %v", err)
	}
	wantTree(t, dir, before)
	return true
}

// The disk is full at each step once: by bytes, and by files.
func TestFullDiskChangesNothing(t *testing.T) {
	for _, room := range []string{"size=%dk,nr_inodes=1000", "size=10m,nr_inodes=%d"} {
		t.Run(room, func(t *testing.T) {
			dir := t.TempDir()
			at := filepath.Join(dir, "internal", "sys")
			failures := 0
			for n := 4; n < 1000; n += 2 {
				done := false
				mounted(t, dir, fmt.Sprintf(room, n), func() {
					if full(t, dir, map[string]string{"./": ""}, "-dest", at, "-import", app, "Pipe2") {
						failures++
						return
					}
					before := tree(t, dir)
					done = !full(t, dir, before, "-dest", at, "-import", app, "Pipe2", "Read", "IoUring*")
					if done {
						must(t, "-check", at)
					} else {
						failures++
					}
				})
				if t.Failed() || done {
					break
				}
			}
			if failures < 5 {
				t.Errorf("only %d failures", failures)
			}
		})
	}
}

func TestReadOnlyDiskIsAnError(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "sys")
	mounted(t, dir, "", func() {
		must(t, "-dest", at, "-import", app, "Pipe2")
		before := tree(t, dir)
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Error(err)
			return
		}
		for _, dest := range []string{at, filepath.Join(dir, "new"), filepath.Join(dir, "a", "b")} {
			_, err := call(t, "-dest", dest, "-import", app, "Read")
			if !errors.Is(err, syscall.EROFS) || !strings.HasSuffix(err.Error(), "; nothing was changed") {
				t.Errorf("%s: %v", dest, err)
			}
		}
		wantTree(t, dir, before)
	})
}

// A file of the former copy cannot be moved when others were already.
func TestHalfOfAReplacementIsUndone(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "sys")
	must(t, "-dest", at, "-import", app, "uring")
	mounted(t, filepath.Join(at, "uring"), "", func() {
		// Another file system: a rename into it is EXDEV.
		if err := os.WriteFile(filepath.Join(at, "uring", "mine.txt"), nil, 0o666); err != nil {
			t.Error(err)
			return
		}
		before := tree(t, dir)
		_, err := call(t, "-update", at)
		if !errors.Is(err, syscall.EXDEV) {
			t.Errorf("error %v", err)
		}
		wantTree(t, dir, before)
	})
}

func TestUnwritableDirectoryIsAnError(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root may write anywhere but there.
		_, err := call(t, "-dest", "/proc/self/sys", "-import", app, "Read")
		if err == nil || !strings.HasSuffix(err.Error(), "; nothing was changed") {
			t.Errorf("error %v", err)
		}
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	_, err := call(t, "-dest", filepath.Join(dir, "sys"), "-import", app, "Read")
	if !errors.Is(err, syscall.EACCES) || !strings.HasSuffix(err.Error(), "; nothing was changed") {
		t.Errorf("error %v", err)
	}
}
