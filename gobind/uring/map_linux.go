// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

type mapping struct {
	addr unsafe.Pointer
	size uintptr
}

// word returns the address of the 32-bit number at off.
func (m mapping) word(off uint32) *uint32 {
	return (*uint32)(unsafe.Add(m.addr, off))
}

// mapAt maps a part of the ring and remembers it as r.maps[i].
func (r *Ring) mapAt(i int, off int64, size uintptr) error {
	p, err := sys.RawMmap(nil, size, sys.PROT_READ|sys.PROT_WRITE, sys.MAP_SHARED|sys.MAP_POPULATE, r.fd, off)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	r.maps[i] = mapping{p, size}
	return nil
}

// mapQueues maps what r.params describes, and has not been mapped before. What
// it mapped before it failed is in r.maps.
func (r *Ring) mapQueues() error {
	p := &r.params
	flags := r.setup()
	if r.memory[0] != nil {
		ring := mapping{unsafe.Pointer(&r.memory[0][0]), uintptr(len(r.memory[0]))}
		sqes := mapping{unsafe.Pointer(&r.memory[1][0]), uintptr(len(r.memory[1]))}
		r.sq.attach(ring, sqes, p)
		r.cq.attach(ring, p)
		return nil
	}
	sqSize := uintptr(p.SqOff.Array) + uintptr(p.SqEntries)*unsafe.Sizeof(uint32(0))
	cqSize := uintptr(p.CqOff.Cqes) + uintptr(p.CqEntries)*unsafe.Sizeof(CQE{})<<flags.cqShift()
	single := r.Features()&FeatSingleMmap != 0
	if single {
		sqSize = max(sqSize, cqSize)
	}
	if err := r.mapAt(0, sys.IORING_OFF_SQ_RING, sqSize); err != nil {
		return err
	}
	err := r.mapAt(1, sys.IORING_OFF_SQES, uintptr(p.SqEntries)*unsafe.Sizeof(SQE{})<<flags.sqShift())
	if err != nil {
		return err
	}
	cq := r.maps[0]
	if !single {
		if err := r.mapAt(2, sys.IORING_OFF_CQ_RING, cqSize); err != nil {
			return err
		}
		cq = r.maps[2]
	}
	r.sq.attach(r.maps[0], r.maps[1], p)
	r.cq.attach(cq, p)
	return nil
}

func (q *submission) attach(ring, sqes mapping, p *sys.IoUringParams) {
	flags := SetupFlags(p.Flags)
	q.head = ring.word(p.SqOff.Head)
	q.tail = ring.word(p.SqOff.Tail)
	q.flags = ring.word(p.SqOff.Flags)
	q.entries = p.SqEntries
	q.mask = p.SqEntries - 1
	q.shift = flags.sqShift()
	q.double = flags.has(SetupSQE128 | SetupSQEMixed)
	q.sqes = unsafe.Slice((*SQE)(sqes.addr), p.SqEntries<<q.shift)
	if flags.has(SetupSQRewind) {
		// The kernel looks at neither, and wants them to stay 0.
		q.rewind = true
		q.head, q.tail = new(uint32), new(uint32)
	}
	if flags.has(SetupNoSQArray) {
		return
	}
	// The entries are used in their order, so the array never changes.
	array := unsafe.Slice(ring.word(p.SqOff.Array), p.SqEntries)
	for i := range array {
		array[i] = uint32(i)
	}
}

func (q *completion) attach(ring mapping, p *sys.IoUringParams) {
	flags := SetupFlags(p.Flags)
	q.head = ring.word(p.CqOff.Head)
	q.tail = ring.word(p.CqOff.Tail)
	if p.CqOff.Flags != 0 {
		q.flags = ring.word(p.CqOff.Flags)
	}
	q.mask = p.CqEntries - 1
	q.shift = flags.cqShift()
	q.mixed = flags.has(SetupCQEMixed)
	q.entries = int(p.CqEntries)
	q.cqes = unsafe.Slice((*CQE)(unsafe.Add(ring.addr, p.CqOff.Cqes)), p.CqEntries<<q.shift)
}

// unmapQueues leaves queues without entries, and returns the first error.
func (r *Ring) unmapQueues() (err error) {
	none := new(uint32)
	r.sq = submission{head: none, tail: none, flags: none}
	r.cq = completion{head: none, tail: none}
	for i, m := range r.maps {
		if m.addr == nil {
			continue
		}
		if e := sys.RawMunmap(m.addr, m.size); e != nil && err == nil {
			err = os.NewSyscallError("munmap", e)
		}
		r.maps[i] = mapping{}
	}
	r.memory = [2][]byte{}
	return err
}
