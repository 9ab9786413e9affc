// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"maps"
	"math"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// What tests/equal/frame.h says.
const (
	mark   = 0x7e57
	magic  = 0x5ca1ab1e
	noCase = 1 << 20
)

// frame is what one case is about. It has no pointers: the collector does not
// look at what the supervisor writes there.
type frame struct {
	name    [40]byte
	v       [6]uint64
	present uint32
	hold    uint32
	ticked  uint64
	mem     [6][512]byte
}

var current frame

// table has the cases by the name of the function.
type table map[string]func(*frame) (int64, error)

// also adds cases to the table before main runs.
func also(more table) bool {
	maps.Copy(cases, more)
	return true
}

// ptr returns the memory of argument i, or nil.
func (f *frame) ptr(i int) unsafe.Pointer {
	if f.present&(1<<i) == 0 {
		return nil
	}
	return unsafe.Pointer(&f.mem[i])
}

// addr returns argument i as an address that nobody looks at.
func (f *frame) addr(i int) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&f.v[i]))
}

func (f *frame) str(i int) string {
	return string(f.mem[i][:f.v[i]])
}

// slice returns the memory of argument i as long as the argument length says,
// which can be more than is there.
func slice[T any](f *frame, i, length int) []T {
	if f.v[length] == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&f.mem[i])), f.v[length])
}

func result[T int | int64 | uintptr](r T, err error) (int64, error) {
	return int64(r), err
}

func address(p unsafe.Pointer, err error) (int64, error) {
	return int64(uintptr(p)), err
}

// errno is 0 for nil, and what no errno is for another kind of error.
func errno(err error) uintptr {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return uintptr(e)
	}
	return math.MaxInt32
}

// next reports the result of a case to the supervisor, which writes the next to
// current.
func next(r int64, e uintptr) bool {
	more, _, _ := syscall.RawSyscall6(mark, magic, uintptr(unsafe.Pointer(&current)), uintptr(r), e, 0, 0)
	return more == 1
}

// run makes the case in current.
func run() (int64, uintptr) {
	name, _, _ := bytes.Cut(current.name[:], []byte{0})
	call := cases[string(name)]
	if call == nil {
		return 0, noCase
	}
	done := make(chan struct{})
	if current.hold != 0 {
		// With one processor it can run before the call returns only if
		// the call lets go of that. The scheduler shall not take it away
		// now, so begin with a new share of it.
		runtime.Gosched()
		go func() {
			current.ticked = 1
			close(done)
		}()
	} else {
		close(done)
	}
	r, err := call(&current)
	<-done
	return r, errno(err)
}

func main() {
	also(hand)
	if len(os.Args) == 6 && os.Args[1] == "slow" {
		slowMain(os.Args[2:])
		return
	}
	// The supervisor knows the thread.
	runtime.LockOSThread()
	for r, e := int64(0), uintptr(0); next(r, e); {
		r, e = run()
	}
}
