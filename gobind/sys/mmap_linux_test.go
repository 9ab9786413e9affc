// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"os"
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

const anonymous = sys.MAP_PRIVATE | sys.MAP_ANONYMOUS

func TestMappingIsMemory(t *testing.T) {
	b, err := sys.Mmap(-1, 0, 10000, sys.PROT_READ|sys.PROT_WRITE, anonymous)
	check(t, err)
	if len(b) != 10000 || cap(b) != 10000 {
		t.Errorf("length %d, capacity %d", len(b), cap(b))
	}
	for i := range b {
		if b[i] != 0 {
			t.Fatalf("byte %d is %d", i, b[i])
		}
		b[i] = 1
	}
	check(t, sys.Mprotect(b, sys.PROT_READ))
	// The kernel refuses what the program would die of.
	r, w := pipe(t, 0)
	n, err := sys.Write(w, b[:8])
	wantCount(t, "Write", n, err, 8)
	n, err = sys.Read(r, b[:8])
	if n != -1 || err != sys.EFAULT {
		t.Errorf("Read into read-only memory gives %d, %v", n, err)
	}
	check(t, sys.Munmap(b))
}

func TestMappedFileIsThePart(t *testing.T) {
	page := os.Getpagesize()
	fd := tempFile(t, pattern(3*page))
	b, err := sys.Mmap(fd, int64(page), page, sys.PROT_READ, sys.MAP_SHARED)
	check(t, err)
	wantBytes(t, b, pattern(2 * page)[page:])
	check(t, sys.Munmap(b))
}

func TestLengthMustBePositive(t *testing.T) {
	for _, length := range []int{0, -1, -1 << 62} {
		b, err := sys.Mmap(-1, 0, length, sys.PROT_READ, anonymous)
		if b != nil || err != sys.EINVAL {
			t.Errorf("Mmap of %d gives %v, %v", length, b, err)
		}
	}
}

func TestMunmapTakesTheWholeSliceOnly(t *testing.T) {
	page := os.Getpagesize()
	b, err := sys.Mmap(-1, 0, 3*page, sys.PROT_READ|sys.PROT_WRITE, anonymous)
	check(t, err)
	for name, part := range map[string][]byte{
		"nil":               nil,
		"empty":             b[:0],
		"without the start": b[page:],
		"without the end":   b[:page],
		"end cut off":       b[: 2*page : 2*page],
		"the middle":        b[page : 2*page],
		"of Go":             make([]byte, page),
	} {
		if err := sys.Munmap(part); err != sys.EINVAL {
			t.Errorf("Munmap of %s: %v", name, err)
		}
	}
	check(t, sys.Munmap(b))
	wantErrno(t, "second Munmap", sys.Munmap(b), sys.EINVAL)
}

// The raw form may change what Mmap made, and Munmap reports what it finds.
func TestRawMapping(t *testing.T) {
	p, err := sys.RawMmap(nil, 1, sys.PROT_READ|sys.PROT_WRITE, anonymous, -1, 0)
	check(t, err)
	if p == nil || uintptr(p)%uintptr(os.Getpagesize()) != 0 {
		t.Errorf("RawMmap gives %p", p)
	}
	*(*uint64)(p) = 1
	again, err := sys.RawMmap(p, 1, sys.PROT_READ, anonymous|sys.MAP_FIXED, -1, 0)
	check(t, err)
	if again != p || *(*uint64)(p) != 0 {
		t.Errorf("MAP_FIXED gives %p, not %p", again, p)
	}
	wantErrno(t, "RawMunmap", sys.RawMunmap(unsafe.Add(p, 1), 1), sys.EINVAL)
	check(t, sys.RawMunmap(p, 1))
}
