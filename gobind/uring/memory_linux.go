// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"math/bits"
	"os"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

const (
	// What the kernel allows, and makes of larger numbers with SetupClamp.
	sqEntriesMax = 1 << 15
	cqEntriesMax = 1 << 16

	// The part of the queues in front of the completions, which kernels that
	// cannot be asked have.
	headSize = 320

	hugePageSize = 2 << 20
)

func pageAligned(b []byte) bool {
	return len(b) > 0 && uintptr(unsafe.Pointer(&b[0]))%uintptr(os.Getpagesize()) == 0
}

// pages rounds up to whole pages.
func pages(n int) int {
	page := os.Getpagesize()
	return (n + page - 1) / page * page
}

// powerOfTwo rounds up.
func powerOfTwo(n uint32) int { return 1 << bits.Len32(n-1) }

// head asks the kernel how much room it needs in front of the completions.
func head() int {
	var scq sys.IoUringQueryScq
	if err := query(sys.IO_URING_QUERY_SCQ, unsafe.Pointer(&scq), unsafe.Sizeof(scq)); err != nil || scq.HdrSize == 0 {
		return headSize
	}
	return int((scq.HdrSize + 63) &^ 63)
}

// size returns how many bytes the queues and the entries take, in whole pages.
func (s *setup) size(entries uint32) (queues, sqes int, err error) {
	flags := SetupFlags(s.params.Flags)
	sq, cq := entries, 2*entries
	if flags&SetupCQSize != 0 {
		cq = s.params.CqEntries
	}
	if flags&SetupClamp != 0 {
		sq, cq = min(sq, sqEntriesMax), min(cq, cqEntriesMax)
	}
	if sq == 0 || cq == 0 || sq > sqEntriesMax || cq > cqEntriesMax {
		return 0, 0, invalid("io_uring_setup")
	}
	slots, places := powerOfTwo(cq), powerOfTwo(sq)
	queues = head() + slots*int(unsafe.Sizeof(CQE{}))<<flags.cqShift()
	if flags&SetupNoSQArray == 0 {
		queues += places * int(unsafe.Sizeof(uint32(0)))
	}
	return pages(queues), pages(places * int(unsafe.Sizeof(SQE{})) << flags.sqShift()), nil
}

// MemorySize returns how much memory [WithMemory] needs for a ring that [New]
// makes with the same arguments.
func MemorySize(entries uint32, opts ...Option) (queues, sqes int, err error) {
	var s setup
	for _, opt := range opts {
		opt(&s)
	}
	return s.size(entries)
}

// provide gives the kernel memory for the ring, if the options ask for that.
func (r *Ring) provide(s *setup, entries uint32) error {
	if SetupFlags(s.params.Flags)&SetupNoMmap == 0 {
		return nil
	}
	queues, sqes, err := s.size(entries)
	if err != nil {
		return err
	}
	if s.huge {
		if err := r.mapOwn(queues, sqes); err != nil {
			return err
		}
	} else {
		if len(s.queues) < queues || len(s.entries) < sqes {
			return os.NewSyscallError("io_uring_setup", &misuse{"WithMemory has less than MemorySize", sys.EINVAL})
		}
		r.memory = [2][]byte{s.queues, s.entries}
	}
	s.params.CqOff.UserAddr = address(unsafe.Pointer(&r.memory[0][0]))
	s.params.SqOff.UserAddr = address(unsafe.Pointer(&r.memory[1][0]))
	return nil
}

// mapOwn maps a page for each of queues and entries, or a huge page for both if
// they are larger, or as many ordinary pages.
func (r *Ring) mapOwn(queues, sqes int) error {
	const prot, flags = sys.PROT_READ | sys.PROT_WRITE, sys.MAP_PRIVATE | sys.MAP_ANONYMOUS
	var p unsafe.Pointer
	var err error = sys.ENOMEM
	size := uintptr(queues + sqes)
	if max(queues, sqes) > os.Getpagesize() {
		huge := (size + hugePageSize - 1) &^ (hugePageSize - 1)
		if p, err = sys.RawMmap(nil, huge, prot, flags|sys.MAP_HUGETLB, -1, 0); err == nil {
			size = huge
		}
	}
	if err != nil {
		if p, err = sys.RawMmap(nil, size, prot, flags, -1, 0); err != nil {
			return os.NewSyscallError("mmap", err)
		}
	}
	r.maps[0] = mapping{p, size}
	all := unsafe.Slice((*byte)(p), queues+sqes)
	r.memory = [2][]byte{all[:queues:queues], all[queues:]}
	return nil
}
