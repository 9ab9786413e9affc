// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// InFlight keeps what requests use reachable until their terminal completions:
// a T has the buffers of one request, and whatever else belongs to it. The zero
// value is ready. It allocates only when more are in flight than ever before.
//
//	var flying uring.InFlight[[]byte]
//	sqe.Read(fd, buf, 0)
//	sqe.UserData = flying.Add(buf)
//	...
//	if buf := flying.At(cqe); buf != nil {
//		use((*buf)[:cqe.Res])
//		flying.End(cqe)
//	}
type InFlight[T any] struct {
	places []place[T]
	free   []uint32
}

type place[T any] struct {
	value T
	// turn is odd while the place is taken, so that a completion that comes
	// twice, or is another's, is noticed.
	turn uint32
}

// Add keeps v, and returns the UserData of its request: nobody else's, and
// never 0.
func (f *InFlight[T]) Add(v T) (userData uint64) {
	var i uint32
	if n := len(f.free); n > 0 {
		i = f.free[n-1]
		f.free = f.free[:n-1]
	} else {
		i = uint32(len(f.places))
		f.places = append(f.places, place[T]{})
		if cap(f.free) < cap(f.places) {
			f.free = make([]uint32, 0, cap(f.places))
		}
	}
	p := &f.places[i]
	p.value = v
	p.turn++
	return uint64(p.turn)<<32 | uint64(i)
}

func (f *InFlight[T]) place(c CQE) *place[T] {
	i, turn := uint32(c.UserData), uint32(c.UserData>>32)
	if uint64(i) >= uint64(len(f.places)) || turn&1 == 0 || f.places[i].turn != turn {
		return nil
	}
	return &f.places[i]
}

// At returns what was kept for the request of a completion, or nil if there is
// nothing: the UserData is not of Add, or the request has ended. It points into
// f, until the next Add.
func (f *InFlight[T]) At(c CQE) *T {
	p := f.place(c)
	if p == nil {
		return nil
	}
	return &p.value
}

// End lets go of what was kept if the completion is terminal, and reports
// whether it is.
func (f *InFlight[T]) End(c CQE) bool {
	p := f.place(c)
	if p == nil || c.Flags&CQEMore != 0 {
		return false
	}
	*p = place[T]{turn: p.turn + 1}
	f.free = append(f.free, uint32(c.UserData))
	return true
}

// Len returns how many requests have not ended.
func (f *InFlight[T]) Len() int { return len(f.places) - len(f.free) }

// An Arena is memory that the garbage collector does not know, for buffers that
// belong to the kernel for a while: it begins at a page, stays where it is and
// need not be kept reachable. It must not hold pointers to the Go heap. One
// that is dropped without Close is reported, and stays.
type Arena struct {
	all     []byte
	used    int
	cleanup runtime.Cleanup
}

// NewArena maps size bytes, rounded up to pages, all zero.
func NewArena(size int) (*Arena, error) {
	if size < 1 {
		return nil, invalid("mmap")
	}
	size = pages(size)
	p, err := sys.RawMmap(nil, uintptr(size), sys.PROT_READ|sys.PROT_WRITE,
		sys.MAP_PRIVATE|sys.MAP_ANONYMOUS, -1, 0)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	a := &Arena{all: unsafe.Slice((*byte)(p), size)}
	a.cleanup = runtime.AddCleanup(a, reportArena, size)
	return a, nil
}

func reportArena(size int) {
	fmt.Fprintf(os.Stderr, "uring: an arena of %d bytes was dropped without Close; it stays mapped\n", size)
}

// Alloc returns n bytes that begin at a multiple of align, a power of two, or
// nil if there are not as many left. O_DIRECT wants 512 or 4096.
func (a *Arena) Alloc(n, align int) []byte {
	if n < 0 || align < 1 || align&(align-1) != 0 || align > os.Getpagesize() {
		return nil
	}
	from := (a.used + align - 1) &^ (align - 1)
	if from > len(a.all) || n > len(a.all)-from {
		return nil
	}
	a.used = from + n
	return a.all[from : from+n : from+n]
}

// Reset makes all of it free again. The caller uses none of it any more, nor
// does the kernel.
func (a *Arena) Reset() { a.used = 0 }

// Bytes returns all of it: as registered buffer, or for [WithMemory].
func (a *Arena) Bytes() []byte { return a.all }

// Close unmaps the memory. Nobody may use it any more: a request in flight
// would fail with EFAULT, or write into what is mapped there next.
func (a *Arena) Close() error {
	if a.all == nil {
		return os.ErrClosed
	}
	a.cleanup.Stop()
	p, n := unsafe.Pointer(unsafe.SliceData(a.all)), uintptr(len(a.all))
	a.all, a.used = nil, 0
	return os.NewSyscallError("munmap", sys.RawMunmap(p, n))
}
