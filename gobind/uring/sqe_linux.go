// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import "unsafe"

// An SQE is a submission queue entry: one request to the kernel. Its methods
// describe the request in an entry that [Ring.NextSQE] handed out. They leave
// UserData alone and add to Flags and IOPrio. The result is what the system call
// of the same name returns, unless the method says more. Requests that have no
// method are made by setting the fields, as io_uring_enter(2) says.
//
// A path or name is a C string: [syscall.BytePtrFromString] makes one. An offset of
// -1 is the position of the file; what cannot seek ignores it.
//
// Unsafe: what it points to belongs to the kernel until the terminal completion
// of the request; the package's documentation says what that means.
type SQE struct {
	Opcode Op
	Flags  SQEFlags
	IOPrio uint16
	FD     int32
	// Off is an offset, or the kernel's addr2.
	Off  uint64
	Addr uint64
	Len  uint32
	// OpFlags are the flags of the operation: rw_flags, msg_flags, ...
	OpFlags  uint32
	UserData uint64
	// BufIndex is the kernel's buf_index or buf_group.
	BufIndex    uint16
	Personality uint16
	// FileIndex is the kernel's file_index, splice_fd_in or addr_len.
	FileIndex int32
	Addr3     uint64
	_         uint64
}

// An SQE128 is an entry of 128 bytes: [Ring.NextSQE128] hands it out, for
// [OpUringCmd128] and [OpNop128], and for [OpUringCmd] on a ring with
// [SetupSQE128].
type SQE128 struct {
	SQE
	more [64]byte
}

// Command returns the 80 bytes from Addr3 on, which [OpUringCmd] takes for the
// command itself.
func (s *SQE128) Command() *[80]byte {
	return (*[80]byte)(unsafe.Add(unsafe.Pointer(s), unsafe.Offsetof(s.Addr3)))
}

// sizeMax is the most that one request transfers; to longer buffers the kernel
// applies this limit itself.
const sizeMax = 0x7ffff000

// escape makes addresses leak for the compiler.
var escape struct {
	never bool
	p     unsafe.Pointer
}

// address returns p as a number. Seen by the compiler, p may end up in a global
// variable, so that what it points to is not on a stack, which moves.
func address(p unsafe.Pointer) uint64 {
	if escape.never {
		escape.p = p
	}
	return uint64(uintptr(p))
}

// SetAddr sets Addr, and makes p point to the heap.
func (s *SQE) SetAddr(p unsafe.Pointer) {
	s.Addr = address(p)
}

// slot is the kernel's number of a registered file: it counts from 1, 0 is none.
func slot(index uint32) int32 {
	if index == FileIndexAlloc {
		return -1
	}
	return int32(index + 1)
}
