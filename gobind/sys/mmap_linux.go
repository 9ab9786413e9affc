// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import (
	"sync"
	"unsafe"
)

// mappings holds what Mmap returned and Munmap has not undone, by the address
// of the last byte: that of a slice does not change when it is cut in front, so
// Munmap can tell such a slice from the whole.
var mappings = struct {
	sync.Mutex
	active map[*byte][]byte
	shared map[*byte]int // lengths of what SysvShmAttach returned
}{active: make(map[*byte][]byte), shared: make(map[*byte]int)}

// Mmap calls mmap(2) and returns the new mapping as a slice, which is the
// caller's until it is given to [Munmap]. The garbage collector never frees it.
func Mmap(fd int, offset int64, length int, prot int, flags int) (data []byte, err error) {
	if length <= 0 {
		return nil, EINVAL
	}
	p, err := RawMmap(nil, uintptr(length), prot, flags, fd, offset)
	if err != nil {
		return nil, err
	}
	data = unsafe.Slice((*byte)(p), length)
	mappings.Lock()
	defer mappings.Unlock()
	mappings.active[&data[length-1]] = data
	return data, nil
}

// Munmap calls munmap(2) for a slice that [Mmap] returned. Any other slice,
// even a part of that one, is EINVAL. Nothing may touch the memory afterwards.
func Munmap(b []byte) (err error) {
	if len(b) == 0 {
		return EINVAL
	}
	last := &b[len(b)-1]
	mappings.Lock()
	defer mappings.Unlock()
	data := mappings.active[last]
	if data == nil || &data[0] != &b[0] {
		return EINVAL
	}
	if err := RawMunmap(unsafe.Pointer(&data[0]), uintptr(len(data))); err != nil {
		return err
	}
	delete(mappings.active, last)
	return nil
}

// Mremap calls mremap(2) for a slice that [Mmap] returned, and returns the
// mapping's new slice; the old one must not be used any more. MREMAP_FIXED is
// EINVAL.
func Mremap(oldData []byte, newLength int, flags int) (data []byte, err error) {
	if newLength <= 0 || len(oldData) == 0 || flags&MREMAP_FIXED != 0 {
		return nil, EINVAL
	}
	last := &oldData[len(oldData)-1]
	mappings.Lock()
	defer mappings.Unlock()
	old := mappings.active[last]
	if old == nil || &old[0] != &oldData[0] {
		return nil, EINVAL
	}
	p, err := RawMremap(unsafe.Pointer(&old[0]), uintptr(len(old)), uintptr(newLength), uintptr(flags), nil)
	if err != nil {
		return nil, err
	}
	if flags&MREMAP_DONTUNMAP == 0 {
		delete(mappings.active, last)
	}
	data = unsafe.Slice((*byte)(p), newLength)
	mappings.active[&data[newLength-1]] = data
	return data, nil
}
