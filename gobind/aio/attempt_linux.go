// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import "example.com/syshim/gobind/sys"

// What the epoll engine does at once, without waiting, for each operation and
// kind of descriptor.

// kind is what a descriptor is to the epoll engine.
type kind uint8

const (
	unknown kind = iota
	socket
	device // Reports readiness: pipe, terminal, eventfd, ...
	file   // Regular file or block device: a short read is continued.
	plain  // Anything else that is always ready: directory, /dev/zero, ...
)

func (k kind) pollable() bool {
	return k == socket || k == device
}

// closeBlocks says whether close may wait: for the server of a file, or for
// data that a socket lingers over.
func (k kind) closeBlocks(fd int) bool {
	if k == unknown {
		k = kindToClose(fd)
	}
	switch k {
	case socket:
		on, err := sys.GetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_LINGER)
		return err == nil && on != 0
	case device:
		return false
	}
	return true
}

// kindToClose is what a descriptor that no operation was on is to who closes it.
func kindToClose(fd int) kind {
	if _, err := sys.GetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_TYPE); err == nil {
		return socket
	}
	var st sys.Statx_t
	if err := sys.Statx(fd, "", sys.AT_EMPTY_PATH|sys.AT_STATX_DONT_SYNC, sys.STATX_TYPE, &st); err != nil {
		return plain
	}
	switch st.Mode & sys.S_IFMT {
	// Event counters and their kin have no type.
	case sys.S_IFIFO, 0:
		return device
	}
	return plain
}

// verdict is what becomes of an operation that was tried.
type verdict uint8

const (
	finished verdict = iota
	waits            // Until the next edge.
	blocks           // Only a helper can do it.
)

// register makes epoll report edges of fd and finds out what fd is.
func (e *epoll) register(fd int32, f *fdState) error {
	err := e.watch(sys.EPOLL_CTL_ADD, fd)
	if err == sys.EEXIST {
		err = e.watch(sys.EPOLL_CTL_MOD, fd)
	}
	if err == sys.EPERM {
		return classify(int(fd), f)
	}
	if err != nil {
		return err
	}
	f.kind = device
	f.noNowait = e.noNowait
	if typ, err := sys.GetsockoptInt(int(fd), sys.SOL_SOCKET, sys.SO_TYPE); err == nil {
		f.kind = socket
		f.stream = typ == sys.SOCK_STREAM || typ == sys.SOCK_SEQPACKET
	}
	return nil
}

// watch makes epoll report all edges of fd, the first for what it is ready for
// now.
func (e *epoll) watch(op int, fd int32) error {
	ev := sys.EpollEvent{Events: edges, Fd: fd}
	return sys.EpollCtl(e.fd, op, int(fd), &ev)
}

// classify looks at what epoll does not take.
func classify(fd int, f *fdState) error {
	var st sys.Statx_t
	if err := sys.Statx(fd, "", sys.AT_EMPTY_PATH|sys.AT_STATX_DONT_SYNC, sys.STATX_TYPE, &st); err != nil {
		return err
	}
	flags, err := sys.RawFcntl(fd, sys.F_GETFL, 0)
	if err != nil {
		return err
	}
	f.kind = plain
	if isFile(&st) {
		f.kind = file
	}
	// RWF_NOWAIT waits for the device here: it is meant for memory only.
	if flags&sys.O_DIRECT != 0 {
		f.noNowait = never
	}
	return nil
}

// isFile says whether a short count means the end of the file.
func isFile(st *sys.Statx_t) bool {
	m := st.Mode & sys.S_IFMT
	return m == sys.S_IFREG || m == sys.S_IFBLK
}

// attempt does the operation of slot i if that is possible at once.
func (e *epoll) attempt(f *fdState, i uint32) (int32, verdict) {
	s := &e.slots[i]
	switch s.op {
	case OpRead, OpWrite:
		switch {
		case f.kind == socket:
			return s.socketTransfer(f)
		case f.kind == device:
			return s.deviceTransfer(f)
		}
		return s.fileTransfer(f)
	case OpPoll:
		return s.readiness(uint32(s.arg))
	}
	if f.kind != socket {
		return errno(sys.ENOTSOCK), finished
	}
	if s.op == OpAccept {
		return s.accept()
	}
	return s.message(f, int(s.arg))
}

// waiting is the verdict over the result of a call that does not wait.
func waiting(res int32) (int32, verdict) {
	if res == errno(sys.EAGAIN) {
		return res, waits
	}
	return res, finished
}

// socketTransfer is read or write on a socket.
func (s *slot) socketTransfer(f *fdState) (int32, verdict) {
	// A read of nothing waits for nothing, in contrast to recv.
	if s.op == OpRead && len(s.buf) == 0 {
		return result(sys.Read(int(s.fd), nil)), finished
	}
	return s.message(f, 0)
}

// message is recv or send.
func (s *slot) message(f *fdState, flags int) (int32, verdict) {
	for {
		res := s.messageOnce(flags)
		whole := flags&sys.MSG_WAITALL == 0 || !f.stream
		if res <= 0 || whole {
			return s.partly(res)
		}
		s.n += res
		// With MSG_TRUNC a message counts as long as it was.
		if int(s.n) >= len(s.buf) {
			return s.n, finished
		}
	}
}

// partly is the verdict over res when s.n bytes were transferred before.
func (s *slot) partly(res int32) (int32, verdict) {
	if res == errno(sys.EAGAIN) || s.n == 0 {
		return waiting(res)
	}
	return s.n, finished
}

func (s *slot) messageOnce(flags int) int32 {
	flags |= sys.MSG_DONTWAIT
	buf := s.buf[s.n:]
	for {
		var res int32
		switch s.op {
		case OpRead, OpRecv:
			res = result(sys.RawRecvfrom(int(s.fd), buf, flags, nil, nil))
		case OpWrite:
			res = result(sys.RawSendto(int(s.fd), buf, flags, nil, 0))
		default:
			res = result(sys.RawSendto(int(s.fd), buf, flags|sys.MSG_NOSIGNAL, nil, 0))
		}
		if res != errno(sys.EINTR) {
			return res
		}
	}
}

// readiness is poll(2) without waiting.
func (s *slot) readiness(events uint32) (int32, verdict) {
	for {
		fds := [1]sys.PollFd{{Fd: s.fd, Events: int16(events)}}
		n, err := sys.Ppoll(fds[:], &sys.Timespec{}, nil)
		switch {
		case err == sys.EINTR:
			continue
		case err != nil:
			return result(-1, err), finished
		case n == 0:
			return 0, waits
		case fds[0].Revents&sys.POLLNVAL != 0:
			return errno(sys.EBADF), finished
		}
		return int32(uint16(fds[0].Revents)), finished
	}
}

// accept takes a connection. accept4 has no flag not to wait.
func (s *slot) accept() (int32, verdict) {
	fd := int(s.fd)
	flags, err := sys.RawFcntl(fd, sys.F_GETFL, 0)
	if err != nil {
		return result(-1, err), finished
	}
	if flags&sys.O_NONBLOCK == 0 {
		// What does not listen fails at once.
		listens, err := sys.GetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_ACCEPTCONN)
		if err == nil && listens != 0 {
			res, then := s.readiness(sys.POLLIN)
			if then == finished && res > 0 {
				then = blocks
			}
			return res, then
		}
	}
	return waiting(s.blockingAccept())
}

// deviceTransfer is read or write on a pipe and the like.
func (s *slot) deviceTransfer(f *fdState) (int32, verdict) {
	d := s.op.direction()
	if !f.noNowait[d] {
		res := s.once(f, sys.RWF_NOWAIT)
		if res != errno(sys.EOPNOTSUPP) {
			return waiting(res)
		}
		f.noNowait[d] = true
	}
	flags, err := sys.RawFcntl(int(s.fd), sys.F_GETFL, 0)
	if err != nil {
		return result(-1, err), finished
	}
	if flags&sys.O_NONBLOCK != 0 {
		return waiting(s.once(f, 0))
	}
	if len(s.buf) == 0 || !permits(flags, d) {
		// It fails or ends whether the descriptor is ready or not.
		return 0, blocks
	}
	events := uint32(sys.POLLIN)
	if d == output {
		events = sys.POLLOUT
	}
	res, then := s.readiness(events)
	if then == finished && res > 0 {
		then = blocks
	}
	return res, then
}

// permits says whether a descriptor with flags can be used in a direction.
func permits(flags int, d direction) bool {
	if d == output {
		return flags&sys.O_ACCMODE != sys.O_RDONLY
	}
	return flags&sys.O_ACCMODE != sys.O_WRONLY
}

// fileTransfer is read or write on a file, as far as memory has it. The rest,
// and every error, is left to a helper, who need not distinguish.
func (s *slot) fileTransfer(f *fdState) (int32, verdict) {
	d := s.op.direction()
	for !f.noNowait[d] {
		res := s.once(f, sys.RWF_NOWAIT)
		if res < 0 {
			// Some file systems say EINVAL for buffered writes.
			f.noNowait[d] = res == errno(sys.EOPNOTSUPP) ||
				res == errno(sys.EINVAL) && d == output
			break
		}
		s.n += res
		if res == 0 || int(s.n) == len(s.buf) || f.kind != file {
			return s.n, finished
		}
	}
	return 0, blocks
}

// once calls preadv2 or pwritev2 for what is left of the buffer.
func (s *slot) once(f *fdState, flags int) int32 {
	for {
		offset := s.arg
		switch {
		case f.noSeek:
			offset = -1
		case offset >= 0:
			offset += int64(s.n)
		}
		res := transfer(s.op, int(s.fd), s.buf[s.n:], offset, flags)
		if res != errno(sys.ESPIPE) || offset < 0 {
			return res
		}
		f.noSeek = true
	}
}

// transfer calls preadv2 or pwritev2 with one buffer.
func transfer(op Op, fd int, buf []byte, offset int64, flags int) int32 {
	var iov [1]sys.Iovec
	if len(buf) > 0 {
		iov[0] = sys.Iovec{Base: &buf[0], Len: uint64(len(buf))}
	}
	for {
		var res int32
		if op == OpRead {
			res = result(sys.RawPreadv2(fd, iov[:], offset, flags))
		} else {
			res = result(sys.RawPwritev2(fd, iov[:], offset, flags))
		}
		if res != errno(sys.EINTR) {
			return res
		}
	}
}

func (s *slot) blockingAccept() int32 {
	for {
		res := result(sys.RawAccept4(int(s.fd), nil, nil, int(s.arg)|sys.SOCK_CLOEXEC))
		if res != errno(sys.EINTR) {
			return res
		}
	}
}
