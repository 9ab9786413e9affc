// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"path/filepath"
	"testing"

	"example.com/syshim/gobind/sys"
)

func TestReadStopsAtTheEndOfTheFile(t *testing.T) {
	fd := tempFile(t, pattern(100))
	b := make([]byte, 64)
	for _, want := range []int{64, 36, 0, 0} {
		n, err := sys.Read(fd, b)
		wantCount(t, "Read", n, err, want)
	}
	n, err := sys.Pread(fd, b, 90)
	wantCount(t, "Pread", n, err, 10)
	wantBytes(t, b[:10], pattern(100)[90:])
}

func TestPipeGivesWhatIsThere(t *testing.T) {
	r, w := pipe(t, sys.O_NONBLOCK)
	n, err := sys.Write(w, []byte("hello"))
	wantCount(t, "Write", n, err, 5)
	b := make([]byte, 64)
	n, err = sys.Read(r, b)
	wantCount(t, "Read", n, err, 5)
	wantBytes(t, b[:5], []byte("hello"))
	n, err = sys.Read(r, b)
	if n != -1 || err != sys.EAGAIN {
		t.Errorf("Read of nothing gives %d, %v", n, err)
	}
}

func TestWriteToAFullPipeIsShort(t *testing.T) {
	r, w := pipe(t, sys.O_NONBLOCK)
	size, err := sys.FcntlInt(uintptr(w), sys.F_GETPIPE_SZ, 0)
	check(t, err)
	n, err := sys.Write(w, make([]byte, size+4096))
	wantCount(t, "Write", n, err, size)
	n, err = sys.Write(w, []byte{1})
	if n != -1 || err != sys.EAGAIN {
		t.Errorf("Write to a full pipe gives %d, %v", n, err)
	}
	n, err = sys.Read(r, make([]byte, size+4096))
	wantCount(t, "Read", n, err, size)
}

func TestOffsetsHave64Bits(t *testing.T) {
	const big = 5 << 30
	fd := tempFile(t, nil)
	n, err := sys.Pwrite(fd, []byte("end"), big)
	wantCount(t, "Pwrite", n, err, 3)
	b := make([]byte, 3)
	n, err = sys.Pread(fd, b, big)
	wantCount(t, "Pread", n, err, 3)
	wantBytes(t, b, []byte("end"))

	off, err := sys.Seek(fd, 0, sys.SEEK_END)
	if off != big+3 || err != nil {
		t.Errorf("Seek gives %d, %v", off, err)
	}
	check(t, sys.Ftruncate(fd, big+1))
	var stx sys.Statx_t
	check(t, sys.Statx(fd, "", sys.AT_EMPTY_PATH, sys.STATX_SIZE, &stx))
	if stx.Size != big+1 {
		t.Errorf("size %d", stx.Size)
	}
	for _, off := range []int64{-1, -1 << 63} {
		n, err = sys.Pread(fd, b, off)
		if n != -1 || err != sys.EINVAL {
			t.Errorf("Pread at %d gives %d, %v", off, n, err)
		}
	}

	n, err = sys.Pwritev2(fd, [][]byte{[]byte("E"), []byte("ND")}, big, 0)
	implemented(t, "Pwritev2", err)
	wantCount(t, "Pwritev2", n, err, 3)
	c, d := make([]byte, 1), make([]byte, 2)
	n, err = sys.Preadv2(fd, [][]byte{c, d}, big, 0)
	wantCount(t, "Preadv2", n, err, 3)
	wantBytes(t, append(c, d...), []byte("END"))
}

// An empty slice has no element whose address could be taken.
func TestEmptySlicesReachTheKernel(t *testing.T) {
	fd := tempFile(t, pattern(10))
	for _, b := range [][]byte{nil, {}} {
		n, err := sys.Read(fd, b)
		wantCount(t, "Read", n, err, 0)
		n, err = sys.Write(fd, b)
		wantCount(t, "Write", n, err, 0)
		n, err = sys.Pread(fd, b, 0)
		wantCount(t, "Pread", n, err, 0)
		n, err = sys.Pwrite(fd, b, 0)
		wantCount(t, "Pwrite", n, err, 0)
		n, err = sys.Readv(fd, [][]byte{b, b})
		wantCount(t, "Readv", n, err, 0)
		n, err = sys.Writev(fd, [][]byte{b})
		wantCount(t, "Writev", n, err, 0)
	}
	n, err := sys.Readv(fd, nil)
	wantCount(t, "Readv", n, err, 0)
	a, b := socketpair(t, sys.SOCK_DGRAM)
	check(t, sys.Sendto(a, nil, 0, nil))
	n, _, err = sys.Recvfrom(b, nil, 0)
	wantCount(t, "Recvfrom", n, err, 0)
	n, err = sys.EpollWait(-1, nil, 0)
	if n != -1 || err == nil {
		t.Errorf("EpollWait gives %d, %v", n, err)
	}
	n, err = sys.Preadv2(fd, nil, 0, 0)
	implemented(t, "Preadv2", err)
	wantCount(t, "Preadv2", n, err, 0)
}

func TestVectorsAreUsedInOrder(t *testing.T) {
	// More than fit without an allocation.
	for _, nr := range []int{1, 3, 8, 9, 40} {
		fd := tempFile(t, nil)
		data := pattern(nr * (nr + 1) / 2)
		var in, out [][]byte
		for i, at := 0, 0; i < nr; i++ {
			in = append(in, data[at:at+i+1])
			out = append(out, make([]byte, i+1))
			at += i + 1
		}
		n, err := sys.Writev(fd, in)
		wantCount(t, "Writev", n, err, len(data))
		_, err = sys.Seek(fd, 0, sys.SEEK_SET)
		check(t, err)
		n, err = sys.Readv(fd, out)
		wantCount(t, "Readv", n, err, len(data))
		var got []byte
		for _, b := range out {
			got = append(got, b...)
		}
		wantBytes(t, got, data)
	}
}

func TestTooManyVectorsAreEINVAL(t *testing.T) {
	fd := tempFile(t, nil)
	n, err := sys.Writev(fd, make([][]byte, 1025))
	if n != -1 || err != sys.EINVAL {
		t.Errorf("Writev gives %d, %v", n, err)
	}
}

func TestNegativeOffsetIsThePosition(t *testing.T) {
	fd := tempFile(t, pattern(10))
	b := make([]byte, 4)
	for _, want := range []int{4, 4, 2, 0} {
		n, err := sys.Preadv2(fd, [][]byte{b}, -1, 0)
		implemented(t, "Preadv2", err)
		wantCount(t, "Preadv2", n, err, want)
	}
}

func TestNowaitReadOfAPipeIsEAGAIN(t *testing.T) {
	r, w := pipe(t, 0)
	b := make([]byte, 1)
	n, err := sys.Preadv2(r, [][]byte{b}, -1, sys.RWF_NOWAIT)
	implemented(t, "Preadv2", err)
	if err == sys.EOPNOTSUPP {
		t.Skipf("RWF_NOWAIT on a pipe: %v", err)
	}
	if n != -1 || err != sys.EAGAIN {
		t.Errorf("Preadv2 gives %d, %v", n, err)
	}
	n, err = sys.Write(w, []byte{1})
	wantCount(t, "Write", n, err, 1)
}

func TestOpenatMakesAndUnlinkatRemoves(t *testing.T) {
	dir := t.TempDir()
	dirfd, err := sys.Openat(sys.AT_FDCWD, dir, sys.O_RDONLY|sys.O_DIRECTORY|sys.O_CLOEXEC, 0)
	check(t, err)
	closing(t, dirfd)
	fd, err := sys.Openat(dirfd, "f", sys.O_WRONLY|sys.O_CREAT|sys.O_EXCL|sys.O_CLOEXEC, 0o640)
	check(t, err)
	closing(t, fd)

	var stx sys.Statx_t
	err = sys.Statx(dirfd, "f", 0, sys.STATX_BASIC_STATS, &stx)
	implemented(t, "Statx", err)
	check(t, err)
	if stx.Mode&0o7777&^0o640 != 0 || stx.Mode&sys.S_IFMT != sys.S_IFREG || stx.Size != 0 {
		t.Errorf("mode %o, size %d", stx.Mode, stx.Size)
	}
	fd, err = sys.Openat(dirfd, "f", sys.O_WRONLY|sys.O_CREAT|sys.O_EXCL|sys.O_CLOEXEC, 0o640)
	if fd != -1 || err != sys.EEXIST {
		t.Errorf("second Openat gives %d, %v", fd, err)
	}
	check(t, sys.Unlinkat(dirfd, "f", 0))
	wantErrno(t, "Statx", sys.Statx(sys.AT_FDCWD, filepath.Join(dir, "f"), 0, 0, &stx), sys.ENOENT)
	check(t, sys.Symlinkat("target", dirfd, "f"))
	wantErrno(t, "Symlinkat", sys.Symlinkat("target", dirfd, "f"), sys.EEXIST)
	target := make([]byte, 16)
	n, err := sys.Readlinkat(dirfd, "f", target)
	if err != nil || string(target[:max(n, 0)]) != "target" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
}

func TestMemfdIsAFile(t *testing.T) {
	fd, err := sys.MemfdCreate("x", sys.MFD_CLOEXEC)
	implemented(t, "MemfdCreate", err)
	check(t, err)
	closing(t, fd)
	check(t, sys.Ftruncate(fd, 4096))
	off, err := sys.Seek(fd, -6, sys.SEEK_END)
	if off != 4090 || err != nil {
		t.Errorf("Seek gives %d, %v", off, err)
	}
	off, err = sys.Seek(fd, -1, sys.SEEK_SET)
	if off != -1 || err != sys.EINVAL {
		t.Errorf("Seek to -1 gives %d, %v", off, err)
	}
	n, err := sys.Read(fd, make([]byte, 100))
	wantCount(t, "Read", n, err, 6)
}
