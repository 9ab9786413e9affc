// SPDX-License-Identifier: MIT

package sys

import (
	"sync"
	"syscall"
	"unsafe"
)

// callClock calls fn, the vDSO's clock_gettime, on the stack of the goroutine.
//
//go:noescape
func callClock(fn uintptr, clockid int32, time *Timespec) (r int32)

// vdsoClock returns the address of the vDSO's clock_gettime, 0 if it has none.
var vdsoClock = sync.OnceValue(func() uintptr {
	m := findImage()
	offset := m.find("__vdso_clock_gettime", "LINUX_2.6")
	if offset == 0 {
		return 0
	}
	return uintptr(unsafe.Pointer(&m[offset]))
})

// The clocks that the vDSO has, by their numbers. It would ask the kernel
// for all others, of which some wait for a device: Go must know of that.
const vdsoClocks = 1<<CLOCK_REALTIME | 1<<CLOCK_MONOTONIC | 1<<CLOCK_MONOTONIC_RAW |
	1<<CLOCK_REALTIME_COARSE | 1<<CLOCK_MONOTONIC_COARSE | 1<<CLOCK_BOOTTIME | 1<<CLOCK_TAI

// vdsoClockGettime reads a clock, if it can without the kernel. A null pointer
// is left to the kernel, for the error.
func vdsoClockGettime(clockid int32, time *Timespec) (e Errno, ok bool) {
	if vdsoClocks>>uint32(clockid)&1 == 0 || time == nil {
		return 0, false
	}
	fn := vdsoClock()
	if fn == 0 {
		return 0, false
	}
	return Errno(-callClock(fn, clockid, time)), true
}

// findImage returns the vDSO of this process, nil if there is none.
func findImage() image {
	const sysinfoEhdr, length = 33, 128
	// The end of the vector is two zeros.
	var auxv [length + 2]uint64
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&auxv)), length*8)
	_, _, e := syscall.RawSyscall6(SYS_PRCTL, PR_GET_AUXV, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
	if e != 0 && !readFile("/proc/self/auxv", buf) {
		return nil
	}
	for i := 0; auxv[i] != 0; i += 2 {
		if auxv[i] == sysinfoEhdr && auxv[i+1] != 0 {
			return imageAt(*(*unsafe.Pointer)(unsafe.Pointer(&auxv[i+1])))
		}
	}
	return nil
}

// readFile reads the beginning of a file, for kernels before 6.4.
func readFile(path string, buf []byte) bool {
	fd, err := Openat(AT_FDCWD, path, O_RDONLY|O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	n, _ := Read(fd, buf)
	Close(fd)
	return n > 0
}

// imageAt returns the image at p, of which a page is there for sure. How long
// it is stands in its first page.
func imageAt(p unsafe.Pointer) image {
	head := image(unsafe.Slice((*byte)(p), 4096))
	_, _, size := head.segment(ptLoad)
	return unsafe.Slice((*byte)(p), min(max(size, 4096), 1<<20))
}
