// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// An SQE is a submission queue entry: one request to the kernel. Its methods
// describe the request and leave UserData and Flags alone; requests that have
// no method are made by setting the fields, as io_uring_enter(2) says.
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

// buffer describes b, which may be empty.
func (s *SQE) buffer(op Op, fd int, b []byte) {
	s.Opcode = op
	s.FD = int32(fd)
	s.Addr = address(unsafe.Pointer(unsafe.SliceData(b)))
	s.Len = uint32(min(len(b), sizeMax))
}

func (s *SQE) vector(op Op, fd int, iovs []sys.Iovec, offset int64) {
	s.Opcode = op
	s.FD = int32(fd)
	s.Off = uint64(offset)
	s.Addr = address(unsafe.Pointer(unsafe.SliceData(iovs)))
	s.Len = uint32(len(iovs))
}

// Nop does nothing and succeeds.
func (s *SQE) Nop() {
	s.Opcode = OpNop
	s.FD = -1
}

// Read reads into b, as pread(2) does. An offset of -1 is the position of the
// file; what cannot seek ignores it. The result is how many bytes there were.
func (s *SQE) Read(fd int, b []byte, offset int64) {
	s.buffer(OpRead, fd, b)
	s.Off = uint64(offset)
}

// Write writes b, as pwrite(2) does. For the offset see [SQE.Read]. The result
// is how many bytes were written.
func (s *SQE) Write(fd int, b []byte, offset int64) {
	s.buffer(OpWrite, fd, b)
	s.Off = uint64(offset)
}

// Readv reads into the buffers of iovs, as preadv(2) does. For the offset see
// [SQE.Read].
func (s *SQE) Readv(fd int, iovs []sys.Iovec, offset int64) {
	s.vector(OpReadv, fd, iovs, offset)
}

// Writev writes the buffers of iovs, as pwritev(2) does. For the offset see
// [SQE.Read].
func (s *SQE) Writev(fd int, iovs []sys.Iovec, offset int64) {
	s.vector(OpWritev, fd, iovs, offset)
}

// Accept accepts a connection, as accept4(2) does. The result is its
// descriptor. Both addr and size may be nil; otherwise size holds how big addr
// is, and then how big the address is.
func (s *SQE) Accept(fd int, addr *sys.RawSockaddrAny, size *uint32, flags int) {
	s.Opcode = OpAccept
	s.FD = int32(fd)
	s.Off = address(unsafe.Pointer(size))
	s.Addr = address(unsafe.Pointer(addr))
	s.OpFlags = uint32(flags)
}

// Recv receives into b, as recv(2) does. The result is how many bytes came.
func (s *SQE) Recv(fd int, b []byte, flags int) {
	s.buffer(OpRecv, fd, b)
	s.OpFlags = uint32(flags)
}

// Send sends b, as send(2) does. The result is how many bytes were taken.
func (s *SQE) Send(fd int, b []byte, flags int) {
	s.buffer(OpSend, fd, b)
	s.OpFlags = uint32(flags)
}

// PollAdd waits until one of events (sys.POLLIN, ...) is there. The result is
// which are. With [PollMultishot] in Len it goes on after that.
func (s *SQE) PollAdd(fd int, events uint32) {
	s.Opcode = OpPollAdd
	s.FD = int32(fd)
	s.OpFlags = events
}

// PollRemove ends the poll whose UserData is given; it completes with
// ECANCELED. The result is 0, ENOENT for no such poll, or EALREADY for one that
// is completing.
func (s *SQE) PollRemove(userData uint64) {
	s.Opcode = OpPollRemove
	s.FD = -1
	s.Addr = userData
}

// Timeout completes with ETIME when the time is over, or with 0 when count
// completions came before; a count of 0 is none. The kernel needs ts until it
// has taken the entry.
func (s *SQE) Timeout(ts *sys.Timespec, count uint32, flags TimeoutFlags) {
	s.Opcode = OpTimeout
	s.FD = -1
	s.Off = uint64(count)
	s.Addr = address(unsafe.Pointer(ts))
	s.Len = 1
	s.OpFlags = uint32(flags)
}

// TimeoutRemove ends the timeout whose UserData is given; it completes with
// ECANCELED. The result is 0, ENOENT for no such timeout, or EBUSY or EALREADY
// for one that is completing.
func (s *SQE) TimeoutRemove(userData uint64) {
	s.Opcode = OpTimeoutRemove
	s.FD = -1
	s.Addr = userData
}

// Cancel ends the request whose UserData is given; it completes with ECANCELED
// unless it is done before. The result is 0, ENOENT for no such request, or
// EALREADY for one that runs and cannot be stopped now.
func (s *SQE) Cancel(userData uint64, flags CancelFlags) {
	s.Opcode = OpAsyncCancel
	s.FD = -1
	s.Addr = userData
	s.OpFlags = uint32(flags)
}

// CancelFD is [SQE.Cancel] for a request on the descriptor fd, with [CancelAll]
// for all of them. Before Linux 5.19 the result is EINVAL.
func (s *SQE) CancelFD(fd int, flags CancelFlags) {
	s.Opcode = OpAsyncCancel
	s.FD = int32(fd)
	s.OpFlags = uint32(flags) | sys.IORING_ASYNC_CANCEL_FD
}

// Close closes fd. Requests on it that are in flight keep its file open.
func (s *SQE) Close(fd int) {
	s.Opcode = OpClose
	s.FD = int32(fd)
}
