// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"iter"
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
	last  uint16 // the id of the buffer that was added last
	slots []sys.IoUringBuf
	state []bufState // by buffer id
	maps  [2]mapping // the ring, the buffers
	arena []byte
}

type bufState struct {
	used  uint32 // what completions have told so far, if more are to come
	after uint16 // the id of the buffer behind it
}

// A BufRingOption changes what [Ring.NewBufRing] makes.
type BufRingOption func(*sys.IoUringBufReg)

// WithIncremental makes the kernel fill a buffer bit by bit, instead of taking
// a new one for each completion: [CQEBufMore] says that it goes on. A buffer with
// less than minLeft bytes left is full; anything but 0 needs Linux 7.2 or so.
// Since Linux 6.12.
func WithIncremental(minLeft int) BufRingOption {
	return func(reg *sys.IoUringBufReg) {
		reg.Flags |= sys.IOU_PBUF_RING_INC
		reg.MinLeft = uint32(minLeft)
	}
}

// WithKernelRing makes the kernel provide the memory of the ring, but not of
// the buffers. Since Linux 6.4.
func WithKernelRing() BufRingOption {
	return func(reg *sys.IoUringBufReg) { reg.Flags |= sys.IOU_PBUF_RING_MMAP }
}

// NewBufRing makes n buffers of size bytes, all of them the kernel's, as a group
// of the ring. n is a power of two, at most 32768. Since Linux 5.19.
func (r *Ring) NewBufRing(group uint16, n, size int, opts ...BufRingOption) (*BufRing, error) {
	if n < 1 || n > 1<<15 || n&(n-1) != 0 || size < 1 {
		return nil, invalid("io_uring_register")
	}
	b := &BufRing{ring: r, group: group, size: size, mask: uint16(n - 1), state: make([]bufState, n)}
	reg := sys.IoUringBufReg{RingEntries: uint32(n), Bgid: group}
	for _, opt := range opts {
		opt(&reg)
	}
	if err := b.register(&reg, n); err != nil {
		b.unmap()
		return nil, err
	}
	b.slots = unsafe.Slice((*sys.IoUringBuf)(b.maps[0].addr), n)
	b.arena = unsafe.Slice((*byte)(b.maps[1].addr), n*size)
	for id := range n {
		b.add(uint16(id))
	}
	b.publish()
	return b, nil
}

// register maps the ring and its buffers, before or after the kernel gets to
// know the group.
func (b *BufRing) register(reg *sys.IoUringBufReg, n int) error {
	const private = sys.MAP_PRIVATE | sys.MAP_ANONYMOUS
	if err := b.mapAt(1, n*b.size, private, -1, 0); err != nil {
		return err
	}
	size := n * int(unsafe.Sizeof(sys.IoUringBuf{}))
	if reg.Flags&sys.IOU_PBUF_RING_MMAP == 0 {
		if err := b.mapAt(0, size, private, -1, 0); err != nil {
			return err
		}
		reg.RingAddr = address(b.maps[0].addr)
	}
	err := b.ring.register(sys.IORING_REGISTER_PBUF_RING, unsafe.Pointer(reg), 1)
	if err != nil || b.maps[0].addr != nil {
		return err
	}
	offset := int64(sys.IORING_OFF_PBUF_RING) | int64(b.group)<<sys.IORING_OFF_PBUF_SHIFT
	if err := b.mapAt(0, size, sys.MAP_SHARED|sys.MAP_POPULATE, b.ring.fd, offset); err != nil {
		b.unregister()
		return err
	}
	return nil
}

func (b *BufRing) mapAt(i, size, flags, fd int, offset int64) error {
	p, err := sys.RawMmap(nil, uintptr(size), sys.PROT_READ|sys.PROT_WRITE, flags, fd, offset)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	b.maps[i] = mapping{p, uintptr(size)}
	return nil
}

// Group returns what goes into BufIndex of a request.
func (b *BufRing) Group() uint16 { return b.group }

// Available returns how many buffers the kernel can still take. Since Linux 6.8.
func (b *BufRing) Available() (int, error) {
	status := sys.IoUringBufStatus{BufGroup: uint32(b.group)}
	err := b.ring.register(sys.IORING_REGISTER_PBUF_STATUS, unsafe.Pointer(&status), 1)
	return int(b.next - uint16(status.Head)), err
}

// Bytes returns what the completion says was put into a buffer: the caller's
// until the buffer goes back by [BufRing.Recycle]. It is nil for a completion
// without a buffer ([CQEBuffer]). One with several ([RecvsendBundle]) has more
// in [BufRing.Pieces].
func (b *BufRing) Bytes(c CQE) []byte {
	id := int(c.BufferID())
	if c.Flags&CQEBuffer == 0 || id >= len(b.slots) {
		return nil
	}
	return b.piece(id, max(int(c.Res), 0))
}

// piece returns what n bytes fill of a buffer.
func (b *BufRing) piece(id, n int) []byte {
	used := int(b.state[id].used)
	n = min(n, b.size-used)
	return b.arena[id*b.size:][used : used+n : b.size]
}

// Pieces yields what a completion put into several buffers, in order.
func (b *BufRing) Pieces(c CQE) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if c.Flags&CQEBuffer == 0 {
			return
		}
		id := int(c.BufferID())
		for left := int(c.Res); left > 0 && id < len(b.slots); {
			piece := b.piece(id, left)
			left -= len(piece)
			id = int(b.state[id].after)
			if !yield(piece) {
				return
			}
		}
	}
}

// Recycle gives what the completion has taken back to the kernel, once for each
// completion and in their order: its buffers, except one that is not full yet
// ([CQEBufMore]).
func (b *BufRing) Recycle(c CQE) {
	id := int(c.BufferID())
	if c.Flags&CQEBuffer == 0 || id >= len(b.slots) {
		return
	}
	for left := max(int(c.Res), 0); ; {
		n := len(b.piece(id, left))
		left -= n
		if left == 0 && c.Flags&CQEBufMore != 0 {
			b.state[id].used += uint32(n)
			break
		}
		after := b.state[id].after
		b.state[id].used = 0
		b.add(uint16(id))
		if left == 0 {
			break
		}
		id = int(after)
	}
	b.publish()
}

// add describes a buffer behind the tail. Of the first slot the last two bytes
// are the tail, which stays.
func (b *BufRing) add(id uint16) {
	s := &b.slots[b.next&b.mask]
	s.Addr = uint64(uintptr(unsafe.Pointer(&b.arena[int(id)*b.size])))
	s.Len = uint32(b.size)
	s.Bid = id
	b.state[b.last].after = id
	b.last = id
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
	if err := b.unregister(); err != nil && err != os.ErrClosed {
		return err
	}
	return b.unmap()
}

func (b *BufRing) unregister() error {
	reg := sys.IoUringBufReg{Bgid: b.group}
	return b.ring.register(sys.IORING_UNREGISTER_PBUF_RING, unsafe.Pointer(&reg), 1)
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
