// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// span is a duration for the kernel.
func span(d time.Duration) sys.Timespec {
	d = max(d, 0)
	return sys.Timespec{Sec: int64(d / time.Second), Nsec: int64(d % time.Second)}
}

// SubmitAndWaitMin is [Ring.SubmitAndWaitTimeout], but after the time least one
// completion is enough, whatever n is: a few more may come in one batch. Since
// Linux 6.12; before, it fails with EINVAL and submits nothing.
func (r *Ring) SubmitAndWaitMin(n int, least, timeout time.Duration) (taken int, err error) {
	if r.Features()&FeatMinTimeout == 0 || least < 0 || timeout < 0 {
		return 0, invalid("io_uring_enter")
	}
	r.arg.MinWaitUsec = uint32(min(least.Microseconds(), 1<<32-1))
	defer func() { r.arg.MinWaitUsec = 0 }()
	return r.enter(true, n, timeout)
}

// SubmitAndWaitMask is [Ring.SubmitAndWaitTimeout] with another signal mask of
// the thread while it waits, as pselect(2) has it. A signal that the mask lets
// through ends the wait with EINTR. The goroutine has called
// runtime.LockOSThread; the mask should block SIGURG, which the Go runtime
// sends to its threads at any time.
func (r *Ring) SubmitAndWaitMask(n int, timeout time.Duration, mask *sys.Sigset_t) (taken int, err error) {
	r.mask = *mask
	r.arg.Sigmask, r.arg.SigmaskSz = uint64(uintptr(unsafe.Pointer(&r.mask))), sigsetSize
	defer func() { r.arg.Sigmask, r.arg.SigmaskSz = 0, 0 }()
	return r.enter(true, n, timeout)
}

// sigsetSize is that of the kernel's sigset_t.
const sigsetSize = 8

// SubmitAndWaitUntil is [Ring.SubmitAndWait] until a point in time of the clock
// that [Ring.SetClock] chooses. Since Linux 6.12.
func (r *Ring) SubmitAndWaitUntil(n int, at sys.Timespec) (taken int, err error) {
	r.left, r.until = at, true
	defer func() { r.until = false }()
	return r.enter(true, n, forever)
}

// A WaitRegion holds arguments of waits in memory that the kernel knows, so that
// a wait need not bring them along. It lives as long as its ring.
type WaitRegion struct {
	ring *Ring
	args []sys.IoUringRegWait
}

// NewWaitRegion makes room for n waits or more. The ring was made with
// [SetupRDisabled] and is not enabled yet; it has one region at most. Since
// Linux 6.13.
func (r *Ring) NewWaitRegion(n int) (*WaitRegion, error) {
	const each = int(unsafe.Sizeof(sys.IoUringRegWait{}))
	if n < 1 || n > 1<<20 {
		return nil, invalid("io_uring_register")
	}
	size := pages(n * each)
	p, err := sys.RawMmap(nil, uintptr(size), sys.PROT_READ|sys.PROT_WRITE,
		sys.MAP_PRIVATE|sys.MAP_ANONYMOUS, -1, 0)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	desc := &sys.IoUringRegionDesc{
		UserAddr: address(p), Size: uint64(size), Flags: sys.IORING_MEM_REGION_TYPE_USER,
	}
	reg := sys.IoUringMemRegionReg{
		RegionUptr: address(unsafe.Pointer(desc)), Flags: sys.IORING_MEM_REGION_REG_WAIT_ARG,
	}
	err = r.register(sys.IORING_REGISTER_MEM_REGION, unsafe.Pointer(&reg), 1)
	runtime.KeepAlive(desc)
	if err != nil {
		sys.RawMunmap(p, uintptr(size))
		return nil, err
	}
	r.region = mapping{p, uintptr(size)}
	return &WaitRegion{r, unsafe.Slice((*sys.IoUringRegWait)(p), size/each)}, nil
}

// Set makes the wait of that index one that ends after timeout, and with one
// completion after least; negative: without a timeout, 0: without a least time.
func (w *WaitRegion) Set(index int, least, timeout time.Duration) {
	if !w.ring.open {
		return
	}
	arg := sys.IoUringRegWait{MinWaitUsec: uint32(min(max(least.Microseconds(), 0), 1<<32-1))}
	if timeout >= 0 {
		arg.Ts, arg.Flags = span(timeout), sys.IORING_REG_WAIT_TS
	}
	w.args[index] = arg
}

// SubmitAndWait is [Ring.SubmitAndWait] as [WaitRegion.Set] says, in one call
// of the kernel: it may end early, with what is there; ETIME: with nothing.
func (w *WaitRegion) SubmitAndWait(n, index int) (taken int, err error) {
	r := w.ring
	if !r.open {
		return 0, os.ErrClosed
	}
	_ = w.args[index]
	r.cq.release()
	todo := r.publish()
	const flags = sys.IORING_ENTER_GETEVENTS | sys.IORING_ENTER_EXT_ARG | sys.IORING_ENTER_EXT_ARG_REG
	const size = unsafe.Sizeof(sys.IoUringRegWait{})
	// What the kernel gets is no address.
	m, _, e := syscall.Syscall6(sys.SYS_IO_URING_ENTER, uintptr(r.enterFD), uintptr(todo),
		uintptr(min(n, r.cq.entries)), uintptr(r.enterFlags(todo, n)|r.enterFlag|r.waitFlag|flags),
		uintptr(index)*size, size)
	if e == 0 {
		r.sq.taken(int(m))
		return int(m), nil
	}
	if e == sys.EINTR || e == sys.ETIME && r.Ready() > 0 {
		return 0, nil
	}
	return 0, enterError(e)
}
