// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"bytes"
	"path/filepath"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/sys"
)

func TestMain(m *testing.M) {
	leakcheck.Main(m)
}

// implemented skips t when err says that this kernel (or emulator) lacks the
// call.
func implemented(t testing.TB, name string, err error) {
	t.Helper()
	if err == sys.ENOSYS {
		t.Skipf("%s: %v", name, err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// closing gives fd to the end of t.
func closing(t testing.TB, fd int) int {
	t.Helper()
	t.Cleanup(func() {
		if err := sys.Close(fd); err != nil {
			t.Errorf("Close(%d): %v", fd, err)
		}
	})
	return fd
}

func pipe(t testing.TB, flags int) (r, w int) {
	t.Helper()
	var p [2]int
	check(t, sys.Pipe2(p[:], sys.O_CLOEXEC|flags))
	return closing(t, p[0]), closing(t, p[1])
}

func socketpair(t testing.TB, typ int) (a, b int) {
	t.Helper()
	p, err := sys.Socketpair(sys.AF_UNIX, typ|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	return closing(t, p[0]), closing(t, p[1])
}

// tempFile opens a new file that holds data.
func tempFile(t testing.TB, data []byte) int {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	fd, err := sys.Openat(sys.AT_FDCWD, name, sys.O_RDWR|sys.O_CREAT|sys.O_EXCL|sys.O_CLOEXEC, 0o600)
	check(t, err)
	closing(t, fd)
	if len(data) > 0 {
		n, err := sys.Write(fd, data)
		if n != len(data) || err != nil {
			t.Fatalf("Write gives %d, %v", n, err)
		}
		_, err = sys.Seek(fd, 0, sys.SEEK_SET)
		check(t, err)
	}
	return fd
}

// pattern returns n bytes of which no two neighbours are equal.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func wantBytes(t testing.TB, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("bytes %q, want %q", got, want)
	}
}

func wantCount(t testing.TB, call string, n int, err error, want int) {
	t.Helper()
	if n != want || err != nil {
		t.Errorf("%s gives %d, %v; want %d", call, n, err, want)
	}
}

func wantErrno(t testing.TB, call string, err error, want syscall.Errno) {
	t.Helper()
	if err != want {
		t.Errorf("%s: %v, want %v", call, err, want)
	}
}
