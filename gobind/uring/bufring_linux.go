// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"sync/atomic"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// A BufRing is a ring of buffers from which the kernel chooses one when there
// is something to receive: for requests with [SQEBufferSelect] and its group in
// BufIndex. The memory is from mmap(2), not garbage-collected. Like its [Ring],
// it is used by one goroutine at a time.
type BufRing struct {
	ring  *Ring
	group uint16
	size  int
	mask  uint16
	next  uint16
	slots []sys.IoUringBuf
	maps  [2]mapping // the ring, the buffers
	arena []byte
}

// NewBufRing makes n buffers of size bytes, all of them the kernel's, as a group
// of the ring. n is a power of two, at most 32768. Since Linux 5.19.
func (r *Ring) NewBufRing(group uint16, n, size int) (*BufRing, error) {
	if n < 1 || n > 1<<15 || n&(n-1) != 0 || size < 1 {
		return nil, os.NewSyscallError("io_uring_register", sys.EINVAL)
	}
	b := &BufRing{ring: r, group: group, size: size, mask: uint16(n - 1)}
	for i, length := range []int{n * int(unsafe.Sizeof(sys.IoUringBuf{})), n * size} {
		p, err := sys.RawMmap(nil, uintptr(length), sys.PROT_READ|sys.PROT_WRITE,
			sys.MAP_PRIVATE|sys.MAP_ANONYMOUS, -1, 0)
		if err != nil {
			b.unmap()
			return nil, os.NewSyscallError("mmap", err)
		}
		b.maps[i] = mapping{p, uintptr(length)}
	}
	b.slots = unsafe.Slice((*sys.IoUringBuf)(b.maps[0].addr), n)
	b.arena = unsafe.Slice((*byte)(b.maps[1].addr), n*size)
	reg := sys.IoUringBufReg{
		RingAddr:    uint64(uintptr(b.maps[0].addr)),
		RingEntries: uint32(n),
		Bgid:        group,
	}
	if err := r.register(sys.IORING_REGISTER_PBUF_RING, unsafe.Pointer(&reg), 1); err != nil {
		b.unmap()
		return nil, err
	}
	for id := range n {
		b.add(uint16(id))
	}
	b.publish()
	return b, nil
}

// Group returns what goes into BufIndex of a request.
func (b *BufRing) Group() uint16 { return b.group }

// Bytes returns what the completion says was put into a buffer: the caller's
// until it goes back by [BufRing.Recycle]. It is nil for a completion without
// a buffer ([CQEBuffer]).
func (b *BufRing) Bytes(c CQE) []byte {
	id := int(c.BufferID())
	if c.Flags&CQEBuffer == 0 || id >= len(b.slots) {
		return nil
	}
	n := min(max(int(c.Res), 0), b.size)
	return b.arena[id*b.size:][:n:b.size]
}

// Recycle gives the buffer of the completion back to the kernel, once.
func (b *BufRing) Recycle(c CQE) {
	if c.Flags&CQEBuffer == 0 || int(c.BufferID()) >= len(b.slots) {
		return
	}
	b.add(c.BufferID())
	b.publish()
}

// add describes a buffer behind the tail. Of the first slot the last two bytes
// are the tail, which stays.
func (b *BufRing) add(id uint16) {
	s := &b.slots[b.next&b.mask]
	s.Addr = uint64(uintptr(unsafe.Pointer(&b.arena[int(id)*b.size])))
	s.Len = uint32(b.size)
	s.Bid = id
	b.next++
}

// publish stores the tail. There is no atomic store of 16 bits: it is stored
// together with the id in front of it, as 32 bits.
func (b *BufRing) publish() {
	s := &b.slots[0]
	sys.RaceRelease()
	// Release: the kernel must see the buffers before the tail over them.
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&s.Bid)), uint32(s.Bid)|uint32(b.next)<<16)
}

// Close takes the group out of its ring and unmaps the buffers. No request may
// be in flight that uses it; a ring that is closed already has ended the group.
func (b *BufRing) Close() error {
	if b.slots == nil {
		return os.ErrClosed
	}
	reg := sys.IoUringBufReg{Bgid: b.group}
	err := b.ring.register(sys.IORING_UNREGISTER_PBUF_RING, unsafe.Pointer(&reg), 1)
	if err != nil && err != os.ErrClosed {
		return err
	}
	return b.unmap()
}

func (b *BufRing) unmap() (err error) {
	b.slots, b.arena = nil, nil
	for i, m := range b.maps {
		if m.addr == nil {
			continue
		}
		if e := sys.RawMunmap(m.addr, m.size); e != nil && err == nil {
			err = os.NewSyscallError("munmap", e)
		}
		b.maps[i] = mapping{}
	}
	return err
}
