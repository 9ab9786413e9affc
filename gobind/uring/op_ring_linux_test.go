// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// cString keeps text for the kernel.
func cString(keep **byte, text string) *byte {
	*keep, _ = syscall.BytePtrFromString(text)
	return *keep
}

func (w *opWorld) name(s opStep) *byte  { return cString(&w.request(s).path, s.text) }
func (w *opWorld) name2(s opStep) *byte { return cString(&w.request(s).path2, s.text+"2") }
func (w *opWorld) attribute(s opStep) *byte {
	return cString(&w.request(s).path2, attribute)
}

func (w *opWorld) pathOf(s opStep) *byte {
	return cString(&w.request(s).path, w.path+"/"+s.text)
}

// describe describes the request; false for an operation that nobody knows.
func (w *opWorld) describe(e *SQE, s opStep) bool {
	fd := w.fd(s)
	if s.verb == "slot" {
		fd = s.a
	}
	for _, f := range []func(*SQE, opStep, int) bool{
		w.describeTransfer, w.describeFile, w.describeName, w.describeAttribute, w.describeServer,
		w.describeMessage, w.describeTimer, w.describeWait, w.describeRing,
	} {
		if f(e, s, fd) {
			return true
		}
	}
	return false
}

func (w *opWorld) describeTransfer(e *SQE, s opStep, fd int) bool {
	buf, offset := w.bufs[s.ud][:], int64(s.b)
	if s.how == "at_the_position" {
		offset = -1
	}
	switch Op(s.op) {
	case OpReadv:
		e.Readv(fd, w.pieces(s, buf[:s.n]), offset)
	case OpWritev:
		e.Writev(fd, w.pieces(s, w.load(s)), offset)
	case OpReadvFixed:
		e.ReadvFixed(fd, w.pieces(s, buf[:s.n]), offset, 0, s.ud)
	case OpWritevFixed:
		e.WritevFixed(fd, w.pieces(s, w.load(s)), offset, 0, s.ud)
	case OpRead:
		e.Read(fd, buf[:s.n], offset)
	case OpWrite:
		e.Write(fd, w.load(s), offset)
	case OpReadFixed:
		e.ReadFixed(fd, buf[:s.n], offset, s.ud)
	case OpWriteFixed:
		e.WriteFixed(fd, w.load(s), offset, s.ud)
	case OpReadMultishot:
		e.ReadMultishot(fd, 0, -1, opGroup)
	default:
		return false
	}
	return true
}

func (w *opWorld) describeFile(e *SQE, s opStep, fd int) bool {
	offset, n := int64(s.b), uint32(s.n)
	switch Op(s.op) {
	case OpFsync:
		e.Fsync(fd, map[string]FsyncFlags{"data": FsyncDatasync}[s.how])
	case OpSyncFileRange:
		e.SyncFileRange(fd, n, offset, opSyncAll)
	case OpFallocate:
		e.Fallocate(fd, 0, offset, int64(s.n))
	case OpFtruncate:
		e.Ftruncate(fd, int64(s.n))
	case OpFadvise:
		e.Fadvise(fd, offset, n, sys.POSIX_FADV_WILLNEED)
	case OpMadvise:
		e.Madvise(unsafe.Slice((*byte)(w.memory), opMemory), s.n)
	case OpSplice:
		e.Splice(fd, -1, w.fds[s.b], 0, n, 0)
	case OpTee:
		e.Tee(fd, w.fds[s.b], n, 0)
	case OpPipe:
		e.Pipe(&w.request(s).pair, sys.O_CLOEXEC)
	case OpClose:
		if s.how == "direct" {
			e.CloseDirect(uint32(s.a))
		} else {
			e.Close(fd)
		}
	default:
		return false
	}
	return true
}

func (w *opWorld) describeName(e *SQE, s opStep, _ int) bool {
	dir := w.dir
	switch Op(s.op) {
	case OpOpenat:
		if s.how == "direct" {
			e.OpenatDirect(dir, w.name(s), s.n, 0o600, uint32(s.b))
		} else {
			e.Openat(dir, w.name(s), s.n|sys.O_CLOEXEC, 0o600)
		}
	case OpOpenat2:
		e.Openat2(dir, w.name(s), w.openHow(s))
	case OpStatx:
		e.Statx(dir, w.name(s), 0, sys.STATX_SIZE, &w.request(s).stx)
	case OpUnlinkat:
		e.Unlinkat(dir, w.name(s), s.n)
	case OpRenameat:
		e.Renameat(dir, w.name(s), dir, w.name2(s), uint32(s.n))
	case OpMkdirat:
		e.Mkdirat(dir, w.name(s), uint32(s.n))
	case OpSymlinkat:
		e.Symlinkat(w.name(s), dir, w.name2(s))
	case OpLinkat:
		e.Linkat(dir, w.name(s), dir, w.name2(s), 0)
	default:
		return false
	}
	return true
}

func (w *opWorld) describeAttribute(e *SQE, s opStep, fd int) bool {
	buf := w.bufs[s.ud][:]
	switch Op(s.op) {
	case OpFsetxattr:
		e.Fsetxattr(fd, w.attribute(s), w.load(s), s.b)
	case OpSetxattr:
		e.Setxattr(w.attribute(s), w.load(s), w.pathOf(s), s.b)
	case OpFgetxattr:
		e.Fgetxattr(fd, w.attribute(s), buf[:s.n])
	case OpGetxattr:
		e.Getxattr(w.attribute(s), buf[:s.n], w.pathOf(s))
	default:
		return false
	}
	return true
}

func (w *opWorld) describeServer(e *SQE, s opStep, fd int) bool {
	switch Op(s.op) {
	case OpSocket:
		if s.how == "direct" {
			e.SocketDirect(sys.AF_INET, sys.SOCK_STREAM, 0, uint32(s.b), 0)
		} else {
			e.Socket(sys.AF_INET, opTCP, 0, 0)
		}
	case OpBind:
		e.Bind(fd, w.anyPort(), sys.SizeofSockaddrInet4)
	case OpListen:
		e.Listen(fd, s.n)
	case OpConnect:
		e.Connect(fd, &w.addr, sys.SizeofSockaddrInet4)
	case OpAccept:
		switch s.how {
		case "direct":
			e.AcceptDirect(fd, nil, nil, 0, uint32(s.b))
		case "multi":
			e.AcceptMultishot(fd, nil, nil, sys.SOCK_CLOEXEC)
		default:
			e.Accept(fd, nil, nil, sys.SOCK_CLOEXEC)
		}
	case OpShutdown:
		e.Shutdown(fd, s.n)
	case OpUringCmd:
		if s.how == "type" {
			e.CmdSock(sys.SOCKET_URING_OP_GETSOCKOPT, fd, sys.SOL_SOCKET, sys.SO_TYPE, w.request(s).number[:])
		} else {
			e.UringCmd(sys.SOCKET_URING_OP_SIOCINQ, fd)
		}
	case OpUringCmd128:
		e.UringCmd128(sys.SOCKET_URING_OP_SIOCINQ, fd)
	default:
		return false
	}
	return true
}

func (w *opWorld) describeMessage(e *SQE, s opStep, fd int) bool {
	buf := w.bufs[s.ud][:]
	switch Op(s.op) {
	case OpRecv:
		if s.how == "multi" {
			e.RecvMultishot(fd, nil, 0)
		} else {
			e.Recv(fd, buf[:s.n], s.b)
		}
	case OpRecvmsg:
		if s.how == "multi" {
			e.RecvmsgMultishot(fd, &w.request(s).msg, 0)
		} else {
			e.Recvmsg(fd, w.message(s, buf[:s.n]), uint32(s.b))
		}
	case OpRecvZC:
		e.RecvZC(fd, uint32(s.n), w.zcrx)
	case OpSend:
		if s.how == "bundle" {
			e.SendBundle(fd, 0, sys.MSG_NOSIGNAL)
		} else {
			e.Send(fd, w.load(s), sys.MSG_NOSIGNAL)
		}
	case OpSendmsg:
		e.Sendmsg(fd, w.message(s, w.load(s)), sys.MSG_NOSIGNAL)
	case OpSendZC:
		if s.how == "fixed" {
			e.SendZCFixed(fd, w.load(s), 0, 0, uint32(s.ud))
		} else {
			e.SendZC(fd, w.load(s), 0, 0)
		}
	case OpSendmsgZC:
		e.SendmsgZC(fd, w.message(s, w.load(s)), 0)
	default:
		return false
	}
	return true
}

func (w *opWorld) describeTimer(e *SQE, s opStep, fd int) bool {
	switch Op(s.op) {
	case OpTimeout:
		e.Timeout(w.span(s, s.n), uint32(s.a), map[string]TimeoutFlags{"multi": TimeoutMultishot}[s.how])
	case OpTimeoutRemove:
		if s.how == "update" {
			e.TimeoutUpdate(w.span(s, s.b), uint64(s.n), 0)
		} else {
			e.TimeoutRemove(uint64(s.n))
		}
	case OpLinkTimeout:
		e.LinkTimeout(w.span(s, s.n), 0)
	case OpAsyncCancel:
		if s.how == "fd" {
			e.CancelFD(fd, CancelAll)
		} else {
			e.Cancel(uint64(s.n), 0)
		}
	default:
		return false
	}
	return true
}

func (w *opWorld) describeWait(e *SQE, s opStep, fd int) bool {
	r, n := w.request(s), uint64(s.n)
	switch Op(s.op) {
	case OpPollAdd:
		if s.how == "multi" {
			e.PollMultishot(fd, uint32(s.b))
		} else {
			e.PollAdd(fd, uint32(s.b))
		}
	case OpPollRemove:
		if s.how == "update" {
			e.PollUpdate(n, 0, uint32(s.b), PollUpdateEvents)
		} else {
			e.PollRemove(n)
		}
	case OpEpollCtl:
		r.events[0] = sys.EpollEvent{Events: sys.EPOLLIN, Fd: int32(s.n)}
		e.EpollCtl(fd, w.fds[s.b], sys.EPOLL_CTL_ADD, &r.events[0])
	case OpEpollWait:
		e.EpollWait(fd, r.events[:], 0)
	case OpWaitid:
		e.Waitid(sys.P_PID, uint32(w.child), &r.info, sys.WEXITED, 0)
	case OpFutexWait:
		e.FutexWait(w.word(), n, sys.FUTEX_BITSET_MATCH_ANY, opFutex, 0)
	case OpFutexWake:
		e.FutexWake(w.word(), n, sys.FUTEX_BITSET_MATCH_ANY, opFutex, 0)
	case OpFutexWaitv:
		e.FutexWaitv(w.waiter(s), 0)
	default:
		return false
	}
	return true
}

func (w *opWorld) describeRing(e *SQE, s opStep, fd int) bool {
	r := w.request(s)
	switch Op(s.op) {
	case OpNop:
		e.Nop()
	case OpNop128:
		e.Nop128()
	case OpFilesUpdate:
		r.fds[0] = int32(fd)
		e.FilesUpdate(r.fds[:], s.n)
	case OpFixedFDInstall:
		e.FixedFDInstall(s.a, 0)
	case OpProvideBuffers:
		e.ProvideBuffers(&w.bufs[s.a][0], opBuffer, s.n, opGroup, s.a)
	case OpRemoveBuffers:
		e.RemoveBuffers(s.n, opGroup)
	case OpMsgRing:
		if s.how == "fd" {
			e.MsgRingFD(fd, s.n, uint32(s.b), 1, 0)
		} else {
			e.MsgRing(fd, uint32(s.n), 1, 0)
		}
	default:
		return false
	}
	return true
}
