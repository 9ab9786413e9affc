// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// request queues what slot i asks the kernel for.
func (u *ring) request(i uint32) {
	s := &u.slots[i]
	if u.readsNothing(s) {
		u.end(i, s.res)
		return
	}
	sqe := u.next()
	if sqe == nil {
		u.later(i, restart)
		return
	}
	fd, rest := int(s.fd), s.buf[s.n:]
	switch {
	case s.phase&polling != 0:
		events := uint32(sys.POLLIN)
		if s.op.direction() == output {
			events = sys.POLLOUT
		}
		sqe.PollAdd(fd, events)
	case s.op == OpRead:
		sqe.Read(fd, rest, u.offset(s))
	case s.op == OpWrite:
		sqe.Write(fd, rest, u.offset(s))
	case s.op == OpAccept:
		sqe.Accept(fd, nil, nil, int(s.arg)|sys.SOCK_CLOEXEC)
	case s.op == OpRecv:
		sqe.Recv(fd, rest, int(s.arg)&^sys.MSG_WAITALL)
	case s.op == OpSend:
		sqe.Send(fd, rest, int(s.arg)&^sys.MSG_WAITALL|sys.MSG_NOSIGNAL)
	case s.op == OpPoll:
		sqe.PollAdd(fd, uint32(uint16(s.arg)))
	case s.op == OpClose:
		sqe.Close(fd)
		if socket.closeBlocks(fd) {
			sqe.Flags |= uring.SQEAsync
		}
	}
	sqe.UserData = u.handle(i)
}

// readsNothing does a read of no bytes, which must not wait for some; on a
// pipe that of a ring does, on Linux 6.1.
func (u *ring) readsNothing(s *slot) bool {
	if s.op != OpRead || len(s.buf) > 0 || s.phase&polling != 0 {
		return false
	}
	s.res = result(sys.Read(int(s.fd), nil))
	return s.res != errno(sys.EAGAIN) && !interrupted(s.res)
}

// offset is that of the rest of the buffer, 0 for what cannot seek.
func (u *ring) offset(s *slot) int64 {
	switch {
	case s.arg < 0:
		return -1
	case u.fds.get(s.fd).noSeek:
		return 0
	}
	return s.arg + int64(s.n)
}
