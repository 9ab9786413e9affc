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
}{active: make(map[*byte][]byte)}

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
