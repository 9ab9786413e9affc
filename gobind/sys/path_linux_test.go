// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/syshim/gobind/sys"
)

func modified(t *testing.T, name string) int64 {
	t.Helper()
	var st sys.Stat_t
	check(t, sys.Lstat(name, &st))
	return st.Mtim.Sec*1e9 + st.Mtim.Nsec
}

func TestTimesOfAFileAreSet(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(name, nil, 0o600))
	fd, err := sys.Open(name, sys.O_RDONLY|sys.O_CLOEXEC, 0)
	check(t, err)
	closing(t, fd)
	tv := func(sec int64) []sys.Timeval { return []sys.Timeval{{Sec: 1}, {Sec: sec, Usec: 3}} }
	for i, set := range []func() error{
		func() error { return sys.Utimes(name, tv(0)) },
		func() error { return sys.Lutimes(name, tv(1)) },
		func() error { return sys.Futimes(fd, tv(2)) },
		func() error { return sys.Futimesat(sys.AT_FDCWD, name, tv(3)) },
		func() error { return sys.UtimesNano(name, []sys.Timespec{{}, {Sec: 4, Nsec: 3000}}) },
	} {
		check(t, set())
		if got, want := modified(t, name), int64(i)*1e9+3000; got != want {
			t.Errorf("%d: time %d, want %d", i, got, want)
		}
	}
	check(t, sys.Utime(name, &sys.Utimbuf{Modtime: 77}))
	if got := modified(t, name); got != 77e9 {
		t.Errorf("Utime: %d", got)
	}
	check(t, sys.Utime(name, nil))
	if got := modified(t, name); got < 1e18 {
		t.Errorf("now is %d", got)
	}
	wantErrno(t, "Utimes of one", sys.Utimes(name, make([]sys.Timeval, 1)), sys.EINVAL)
	wantErrno(t, "Utimes", sys.Utimes(name, []sys.Timeval{{}, {Usec: 1e6}}), sys.EINVAL)
	wantErrno(t, "UtimesNano of three", sys.UtimesNano(name, make([]sys.Timespec, 3)), sys.EINVAL)
}

// Paths that fit the buffer on the stack, and such that do not.
func TestPathsOfAnyLength(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Chdir(dir))
	defer os.Chdir("/")
	for _, n := range []int{1, 100, 200, 254, 255, 256, 257, 300, 1000, 4000} {
		path := strings.Repeat("./", n/2) + strings.Repeat("x", 1+n%2)
		fd, err := sys.Open(path, sys.O_CREAT|sys.O_WRONLY|sys.O_CLOEXEC, 0o600)
		check(t, err)
		closing(t, fd)
		check(t, sys.Access(path, 4))
		check(t, sys.Rename(path, path+"y"))
		check(t, sys.Unlink(path+"y"))
		wantErrno(t, "Unlink", sys.Unlink(path), sys.ENOENT)
		wantErrno(t, "Unlink with NUL", sys.Unlink(path+"\x00"), sys.EINVAL)
	}
	wantErrno(t, "Unlink", sys.Unlink(strings.Repeat("x", 5000)), sys.ENAMETOOLONG)
}

func TestShortPathsAreNotAllocated(t *testing.T) {
	path := strings.Repeat("./", 120)
	var st sys.Stat_t
	if n := testing.AllocsPerRun(100, func() { sys.Stat(path, &st) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFileIsOpenedByItsHandle(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	check(t, os.WriteFile(name, []byte("text"), 0o600))
	h, id, err := sys.NameToHandleAt(sys.AT_FDCWD, name, 0)
	if err == sys.EOPNOTSUPP || err == sys.EPERM {
		t.Skipf("this file system has no handles: %v", err)
	}
	implemented(t, "NameToHandleAt", err)
	check(t, err)
	if h.Size() == 0 || h.Size() > 128 || len(h.Bytes()) != h.Size() || id <= 0 {
		t.Errorf("handle of %d bytes, mount %d", h.Size(), id)
	}
	mount, err := sys.Open(dir, sys.O_RDONLY|sys.O_CLOEXEC, 0)
	check(t, err)
	closing(t, mount)
	fd, err := sys.OpenByHandleAt(mount, sys.NewFileHandle(h.Type(), h.Bytes()), sys.O_RDONLY|sys.O_CLOEXEC)
	if err == sys.EPERM {
		t.Skip("only root may open by handle")
	}
	check(t, err)
	closing(t, fd)
	b := make([]byte, 8)
	if n, err := sys.Read(fd, b); string(b[:max(n, 0)]) != "text" || err != nil {
		t.Errorf("%q, %v", b[:max(n, 0)], err)
	}
	if n := sys.NewFileHandle(1, make([]byte, 1000)).Size(); n != 128 {
		t.Errorf("a handle of %d bytes", n)
	}
}

func TestAttributesAgree(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(name, []byte("text"), 0o640))
	info, err := os.Stat(name)
	check(t, err)
	var a, b, c sys.Stat_t
	check(t, sys.Stat(name, &a))
	check(t, sys.Lstat(name, &b))
	fd, err := sys.Openat(sys.AT_FDCWD, name, sys.O_RDONLY|sys.O_CLOEXEC, 0)
	check(t, err)
	closing(t, fd)
	check(t, sys.Fstat(fd, &c))
	if a != b || a != c || a.Size != info.Size() || a.Mode&0o777 != 0o640 ||
		a.Mtim.Sec != info.ModTime().Unix() {
		t.Errorf("%+v, %+v, %+v", a, b, c)
	}
}
