// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

func sockaddr(a *sys.RawSockaddrAny) unsafe.Pointer { return unsafe.Pointer(a) }

// plainCall gives the result of the system call that does the same, or noTwin.
func (w *opWorld) plainCall(s opStep) int {
	for _, call := range []func(opStep, int) int{w.plainFile, w.plainName, w.plainSocket, w.plainWait} {
		if res := call(s, w.fd(s)); res != noTwin {
			return w.keepResult(s, res)
		}
	}
	return noTwin
}

func (w *opWorld) plainFile(s opStep, fd int) int {
	buf := w.bufs[s.ud][:]
	switch Op(s.op) {
	case OpReadv, OpReadvFixed:
		return result(sys.RawPreadv(fd, w.pieces(s, buf[:s.n]), int64(s.b)))
	case OpWritev, OpWritevFixed:
		return result(sys.RawPwritev(fd, w.pieces(s, w.load(s)), int64(s.b)))
	case OpRead, OpReadFixed:
		if s.how == "at_the_position" {
			return result(sys.Read(fd, buf[:s.n]))
		}
		return result(sys.Pread(fd, buf[:s.n], int64(s.b)))
	case OpWrite, OpWriteFixed:
		return result(sys.Pwrite(fd, w.load(s), int64(s.b)))
	case OpFsync:
		if s.how == "data" {
			return result(0, sys.Fdatasync(fd))
		}
		return result(0, sys.Fsync(fd))
	case OpSyncFileRange:
		return result(0, sys.SyncFileRange(fd, int64(s.b), int64(s.n), opSyncAll))
	case OpFallocate:
		return result(0, sys.Fallocate(fd, 0, int64(s.b), int64(s.n)))
	case OpFtruncate:
		return result(0, sys.Ftruncate(fd, int64(s.n)))
	case OpFadvise:
		return result(0, sys.Fadvise(fd, int64(s.b), int64(s.n), sys.POSIX_FADV_WILLNEED))
	case OpMadvise:
		return result(0, sys.Madvise(unsafe.Slice((*byte)(w.memory), opMemory), s.n))
	case OpSplice:
		to := int64(0)
		n, err := sys.Splice(fd, nil, w.fds[s.b], &to, s.n, 0)
		return result(int(n), err)
	case OpTee:
		n, err := sys.Tee(fd, w.fds[s.b], s.n, 0)
		return result(int(n), err)
	case OpPipe:
		var p [2]int
		err := sys.Pipe2(p[:], sys.O_CLOEXEC)
		w.request(s).pair = [2]int32{int32(p[0]), int32(p[1])}
		return result(0, err)
	case OpClose:
		if s.how != "direct" {
			return result(0, sys.Close(fd))
		}
	}
	return noTwin
}

func (w *opWorld) plainName(s opStep, fd int) int {
	r, buf := w.request(s), w.bufs[s.ud][:]
	switch Op(s.op) {
	case OpOpenat:
		return result(sys.Openat(w.dir, s.text, s.n|sys.O_CLOEXEC, 0o600))
	case OpOpenat2:
		return result(sys.Openat2(w.dir, s.text, w.openHow(s)))
	case OpStatx:
		return result(0, sys.Statx(w.dir, s.text, 0, sys.STATX_SIZE, &r.stx))
	case OpUnlinkat:
		return result(0, sys.Unlinkat(w.dir, s.text, s.n))
	case OpRenameat:
		return result(0, sys.Renameat2(w.dir, s.text, w.dir, s.text+"2", uint(s.n)))
	case OpMkdirat:
		return result(0, sys.Mkdirat(w.dir, s.text, uint32(s.n)))
	case OpSymlinkat:
		return result(0, sys.Symlinkat(s.text, w.dir, s.text+"2"))
	case OpLinkat:
		return result(0, sys.Linkat(w.dir, s.text, w.dir, s.text+"2", 0))
	case OpFsetxattr:
		return result(0, sys.Fsetxattr(fd, attribute, w.load(s), s.b))
	case OpSetxattr:
		return result(0, sys.Setxattr(w.path+"/"+s.text, attribute, w.load(s), s.b))
	case OpFgetxattr:
		return result(sys.Fgetxattr(fd, attribute, buf[:s.n]))
	case OpGetxattr:
		return result(sys.Getxattr(w.path+"/"+s.text, attribute, buf[:s.n]))
	}
	return noTwin
}

// plainCommand tells what a command to a socket does.
func (w *opWorld) plainCommand(s opStep, fd int) int {
	number := unsafe.Pointer(&w.request(s).number)
	if s.how == "inq" {
		_, err := sys.RawIoctl(fd, syscall.TIOCINQ, uintptr(number))
		return result(int(*(*int32)(number)), err)
	}
	size := uint32(4)
	err := sys.RawGetsockopt(fd, sys.SOL_SOCKET, sys.SO_TYPE, number, &size)
	return result(int(size), err)
}

func (w *opWorld) plainSocket(s opStep, fd int) int {
	buf := w.bufs[s.ud][:]
	switch Op(s.op) {
	case OpSocket:
		return result(sys.Socket(sys.AF_INET, opTCP, 0))
	case OpBind:
		return result(0, sys.RawBind(fd, sockaddr(w.anyPort()), sys.SizeofSockaddrInet4))
	case OpListen:
		return result(0, sys.Listen(fd, s.n))
	case OpConnect:
		return result(0, sys.RawConnect(fd, sockaddr(&w.addr), sys.SizeofSockaddrInet4))
	case OpAccept:
		return result(sys.RawAccept4(fd, nil, nil, sys.SOCK_CLOEXEC))
	case OpSend, OpSendZC:
		return result(sys.RawSendto(fd, w.load(s), sys.MSG_NOSIGNAL, nil, 0))
	case OpSendmsg, OpSendmsgZC:
		return result(sys.RawSendmsg(fd, w.message(s, w.load(s)), sys.MSG_NOSIGNAL))
	case OpRecv:
		return result(sys.RawRecvfrom(fd, buf[:s.n], s.b, nil, nil))
	case OpRecvmsg:
		return result(sys.RawRecvmsg(fd, w.message(s, buf[:s.n]), s.b))
	case OpShutdown:
		return result(0, sys.Shutdown(fd, s.n))
	case OpUringCmd, OpUringCmd128:
		return w.plainCommand(s, fd)
	}
	return noTwin
}

func (w *opWorld) plainWait(s opStep, fd int) int {
	r := w.request(s)
	switch Op(s.op) {
	case OpPollAdd:
		p := []sys.PollFd{{Fd: int32(fd), Events: int16(s.b)}}
		n, err := sys.Ppoll(p, &sys.Timespec{Sec: 60}, nil)
		if n == 1 {
			n = int(p[0].Revents)
		}
		return result(n, err)
	case OpEpollCtl:
		e := sys.EpollEvent{Events: sys.EPOLLIN, Fd: int32(s.n)}
		return result(0, sys.EpollCtl(fd, sys.EPOLL_CTL_ADD, w.fds[s.b], &e))
	case OpEpollWait:
		return result(sys.EpollWait(fd, r.events[:], 0))
	case OpWaitid:
		return result(0, sys.Waitid(sys.P_PID, w.child, &r.info, sys.WEXITED, nil))
	case OpFutexWait:
		return result(0, sys.FutexWait(w.word(), uintptr(s.n), sys.FUTEX_BITSET_MATCH_ANY, opFutex, nil, sys.CLOCK_MONOTONIC))
	case OpFutexWake:
		return result(sys.FutexWake(w.word(), sys.FUTEX_BITSET_MATCH_ANY, s.n, opFutex))
	case OpFutexWaitv:
		return result(sys.FutexWaitv(w.waiter(s), 0, nil, sys.CLOCK_MONOTONIC))
	}
	return noTwin
}
