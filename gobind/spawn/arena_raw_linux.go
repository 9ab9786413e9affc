// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"sync"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// An arena is memory that the garbage collector does not know, for all that a
// child reads and writes before it runs its program: the child is no thread of
// the runtime, which may move a stack or reuse memory under it.
type arena struct {
	base unsafe.Pointer
	size uintptr
	used uintptr
	// shared is not copied by fork, and not kept.
	shared bool
}

const (
	// arenaSize is that of the arenas that are kept.
	arenaSize = 64 << 10
	// arenasKept bounds how many are.
	arenasKept = 8
)

// arenas are those that nobody uses.
var arenas struct {
	sync.Mutex
	free []*arena
}

// newArena returns an arena with room for so many bytes. Its memory may have been
// used before.
func newArena(bytes int) (*arena, error) {
	size := uintptr(bytes)
	if size <= arenaSize {
		size = arenaSize
		if a := takeArena(); a != nil {
			return a, nil
		}
	}
	return mapArena(size, false)
}

// newSharedArena returns an arena that this process and its children share.
func newSharedArena(bytes int) (*arena, error) {
	return mapArena(uintptr(bytes), true)
}

func mapArena(size uintptr, shared bool) (*arena, error) {
	flags := sys.MAP_PRIVATE
	if shared {
		flags = sys.MAP_SHARED
	}
	base, err := sys.RawMmap(nil, size, sys.PROT_READ|sys.PROT_WRITE, flags|sys.MAP_ANONYMOUS, -1, 0)
	if err != nil {
		return nil, err
	}
	return &arena{base: base, size: size, shared: shared}, nil
}

func takeArena() *arena {
	arenas.Lock()
	defer arenas.Unlock()
	n := len(arenas.free)
	if n == 0 {
		return nil
	}
	a := arenas.free[n-1]
	arenas.free = arenas.free[:n-1]
	a.used = 0
	return a
}

// release gives the memory back, to be kept or unmapped.
func (a *arena) release() {
	arenas.Lock()
	keep := a.size == arenaSize && !a.shared && len(arenas.free) < arenasKept
	if keep {
		arenas.free = append(arenas.free, a)
	}
	arenas.Unlock()
	if !keep {
		sys.RawMunmap(a.base, a.size)
	}
}

// alloc returns size bytes. There must be room for them.
func (a *arena) alloc(size, align uintptr) unsafe.Pointer {
	start := (a.used + align - 1) &^ (align - 1)
	if start > a.size || size > a.size-start {
		panic("spawn: the arena is too small")
	}
	a.used = start + size
	return unsafe.Add(a.base, start)
}

// vector returns n values, all zero.
func vector[T any](a *arena, n int) []T {
	var zero T
	v := unsafe.Slice((*T)(a.alloc(uintptr(n)*unsafe.Sizeof(zero), unsafe.Alignof(zero))), n)
	clear(v)
	return v
}

// address is a pointer into an arena as a step has it.
func address[T any](p *T) uint64 {
	return uint64(uintptr(unsafe.Pointer(p)))
}

// text copies a string with a NUL byte behind it, and returns its address.
func (a *arena) text(s string) uint64 {
	b := unsafe.Slice((*byte)(a.alloc(uintptr(len(s))+1, 1)), len(s)+1)
	b[copy(b, s)] = 0
	return address(&b[0])
}

// texts copies strings and makes the list of their addresses, with a 0 behind
// it. It returns the address of the list, or 0 for nil.
func (a *arena) texts(list []string) uint64 {
	if list == nil {
		return 0
	}
	v := vector[uint64](a, len(list)+1)
	for i, s := range list {
		v[i] = a.text(s)
	}
	return address(&v[0])
}
