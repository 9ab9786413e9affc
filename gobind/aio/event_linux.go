// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import "syscall"

// Op is a kind of operation.
type Op uint8

// The operations.
const (
	OpRead Op = iota + 1
	OpWrite
	OpAccept
	OpRecv
	OpSend
	OpPoll
	OpTimeout
	OpCancel
	OpClose
	OpForget
)

var opNames = [...]string{
	OpRead:    "read",
	OpWrite:   "write",
	OpAccept:  "accept",
	OpRecv:    "recv",
	OpSend:    "send",
	OpPoll:    "poll",
	OpTimeout: "timeout",
	OpCancel:  "cancel",
	OpClose:   "close",
	OpForget:  "forget",
}

// String returns the name of the operation: "read", "accept".
func (op Op) String() string {
	if int(op) < len(opNames) && opNames[op] != "" {
		return opNames[op]
	}
	return "unknown operation"
}

// An Event is the end of an operation.
type Event struct {
	// FD is the descriptor that was given, -1 for a timeout or a cancel.
	FD int
	Op Op
	// N is the result of the system call, -1 when there is an error.
	N int
	// Err is nil or a syscall.Errno.
	Err error
	// Token is what was given with the submission.
	Token uint64
}

// AsyncIO is the least that both engines offer. [AIO] has more: it tells
// operations on one descriptor apart.
type AsyncIO interface {
	SubmitRead(fd int, buf []byte, offset int64) error
	SubmitWrite(fd int, buf []byte, offset int64) error
	PollEvents(timeoutMs int) ([]Event, error)
}

var _ AsyncIO = (*AIO)(nil)

// errno is the result of a failed operation, as the kernel gives it.
func errno(e syscall.Errno) int32 {
	return -int32(e)
}

// result is n, or the error as the kernel gives it. What is not an error number
// cannot come from package sys.
func result(n int, err error) int32 {
	if err == nil {
		return int32(n)
	}
	if e, ok := err.(syscall.Errno); ok {
		return errno(e)
	}
	return errno(syscall.EIO)
}
