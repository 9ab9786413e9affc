// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"os"
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// zeroCopy is what a queue needs, in memory that stays.
type zeroCopy struct {
	reg    sys.IoUringZcrxIfqReg
	area   sys.IoUringZcrxAreaReg
	region sys.IoUringRegionDesc
	bytes  []byte
}

func newZeroCopy(t *testing.T, a *uring.Arena, flags uint32) *zeroCopy {
	t.Helper()
	page := os.Getpagesize()
	z := &zeroCopy{bytes: a.Alloc(16*page, page)}
	queue := a.Alloc(page, page)
	z.area = sys.IoUringZcrxAreaReg{Addr: uint64(uintptr(unsafe.Pointer(&z.bytes[0]))), Len: uint64(len(z.bytes))}
	z.region = sys.IoUringRegionDesc{
		UserAddr: uint64(uintptr(unsafe.Pointer(&queue[0]))), Size: uint64(page),
		Flags: sys.IORING_MEM_REGION_TYPE_USER,
	}
	z.reg = sys.IoUringZcrxIfqReg{
		RqEntries: 16, Flags: flags,
		AreaPtr:   uint64(uintptr(unsafe.Pointer(&z.area))),
		RegionPtr: uint64(uintptr(unsafe.Pointer(&z.region))),
	}
	return z
}

func arena(t *testing.T, pages int) *uring.Arena {
	t.Helper()
	a, err := uring.NewArena(pages * os.Getpagesize())
	check(t, err)
	t.Cleanup(func() { check(t, a.Close()) })
	return a
}

func TestZeroCopyNeedsAnInterfaceAndARingForIt(t *testing.T) {
	a := arena(t, 32)
	z := newZeroCopy(t, a, 0)
	z.reg.IfIdx = 1 << 20
	plain := newRing(t, 4)
	wantErrIn(t, "a plain ring", plain.RegisterZeroCopy(&z.reg), sys.EINVAL, sys.EPERM)
	wantErrIn(t, "of no queue", plain.ControlZeroCopy(&sys.ZcrxCtrl{}), sys.EINVAL, sys.ENXIO)
	r := defers(t, 4, uring.WithFlags(uring.SetupCQE32))
	err := r.RegisterZeroCopy(&z.reg)
	t.Logf("an interface that there is not: %v", err)
	wantErrIn(t, "no interface", err, sys.EINVAL, sys.EPERM, sys.ENODEV, sys.EOPNOTSUPP)
}

// Without a device the kernel copies, but tells where as with one.
func TestWhatIsReceivedLiesInTheArea(t *testing.T) {
	a := arena(t, 32)
	z := newZeroCopy(t, a, sys.ZCRX_REG_NODEV)
	r := defers(t, 8, uring.WithFlags(uring.SetupCQE32))
	err := r.RegisterZeroCopy(&z.reg)
	if errors.Is(err, sys.EPERM) || errors.Is(err, sys.ENODEV) || errors.Is(err, sys.EOPNOTSUPP) {
		t.Skipf("this kernel cannot register that: %v", err)
	}
	registers(t, err)
	l, at := listener(t)
	c, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	check(t, sys.Connect(c, at))
	next(t, r, 1).Accept(l, nil, nil, sys.SOCK_CLOEXEC)
	fd := result(t, r)
	closing(t, int(fd))
	_, err = sys.Write(c, []byte("hello"))
	check(t, err)
	check(t, sys.Close(c))

	next(t, r, 2).RecvZC(int(fd), 0, z.reg.ZcrxId)
	got := ""
	for more := true; more; {
		_, err := r.SubmitAndWait(1)
		check(t, err)
		for cqe := range r.Completions32() {
			more = cqe.Flags&uring.CQEMore != 0
			check(t, cqe.Err())
			if cqe.Res > 0 {
				offset := cqe.Extra[0] &^ uint64(sys.IORING_ZCRX_AREA_MASK)
				got += string(z.bytes[offset:][:cqe.Res])
			}
		}
	}
	if got != "hello" {
		t.Errorf("received %q", got)
	}
	wantErrIn(t, "ControlZeroCopy", r.ControlZeroCopy(&sys.ZcrxCtrl{ZcrxId: z.reg.ZcrxId, Op: sys.ZCRX_CTRL_FLUSH_RQ}), nil)
}
