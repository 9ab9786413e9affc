// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"bytes"
	"errors"
	"testing"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

const canceled = -int32(sys.ECANCELED)

func TestNopSucceeds(t *testing.T) {
	r := newRing(t, 1)
	next(t, r, 1).Nop()
	wantRes(t, "Nop", result(t, r), 0)
}

func TestFileIsReadAndWritten(t *testing.T) {
	r := newRing(t, 4)
	fd := tempFile(t, "hello, world")

	b := make([]byte, 5)
	next(t, r, 1).Read(fd, b, 7)
	wantRes(t, "Read", result(t, r), 5)
	if string(b) != "world" {
		t.Errorf("Read gives %q", b)
	}
	next(t, r, 2).Write(fd, []byte("there"), 7)
	wantRes(t, "Write", result(t, r), 5)

	x, y := make([]byte, 5), make([]byte, 32)
	next(t, r, 3).Readv(fd, []sys.Iovec{{Base: &x[0], Len: 5}, {Base: &y[0], Len: 32}}, 0)
	wantRes(t, "Readv", result(t, r), 12)
	if string(x) != "hello" || string(y[:7]) != ", there" {
		t.Errorf("Readv gives %q, %q", x, y)
	}
	next(t, r, 4).Writev(fd, []sys.Iovec{{Base: &x[4], Len: 1}, {Base: &x[0], Len: 1}}, 0)
	wantRes(t, "Writev", result(t, r), 2)
	if n, err := sys.Pread(fd, x, 0); n != 5 || string(x) != "ohllo" {
		t.Errorf("the file begins with %q, %v", x, err)
	}
	next(t, r, 5).Read(fd, b, 12)
	wantRes(t, "Read at the end", result(t, r), 0)
}

func TestOffsetMinusOneIsThePosition(t *testing.T) {
	r := newRing(t, 2)
	fd := tempFile(t, "abc")
	_, err := sys.Seek(fd, 1, sys.SEEK_SET)
	check(t, err)
	b := make([]byte, 1)
	for _, want := range "bc" {
		next(t, r, 1).Read(fd, b, -1)
		wantRes(t, "Read", result(t, r), 1)
		if b[0] != byte(want) {
			t.Errorf("read %q, want %q", b, want)
		}
	}
}

func TestEmptyBuffersAreAllowed(t *testing.T) {
	r := newRing(t, 2)
	fd := tempFile(t, "abc")
	next(t, r, 1).Read(fd, nil, 0)
	wantRes(t, "Read of nothing", result(t, r), 0)
	next(t, r, 1).Writev(fd, nil, 0)
	wantRes(t, "Writev of nothing", result(t, r), 0)
}

func TestSocketsSendAndReceive(t *testing.T) {
	r := newRing(t, 4)
	a, b := socketpair(t)
	buf := make([]byte, 8)
	next(t, r, 1).Recv(b, buf, 0)
	next(t, r, 2).Send(a, []byte("ping"), sys.MSG_NOSIGNAL)
	cqes := reap(t, r, 2)
	wantRes(t, "Recv", cqes[1].Res, 4)
	wantRes(t, "Send", cqes[2].Res, 4)
	if string(buf[:4]) != "ping" {
		t.Errorf("received %q", buf)
	}
}

func TestAcceptGivesDescriptorAndAddress(t *testing.T) {
	r := newRing(t, 2)
	l, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	closing(t, l)
	check(t, sys.Bind(l, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(t, sys.Listen(l, 1))
	at, err := sys.Getsockname(l)
	check(t, err)

	addr, size := new(sys.RawSockaddrAny), uint32(sys.SizeofSockaddrAny)
	next(t, r, 1).Accept(l, addr, &size, sys.SOCK_CLOEXEC)
	submit(t, r, 1)
	c, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	closing(t, c)
	check(t, sys.Connect(c, at))
	fd := result(t, r)
	if fd < 0 {
		t.Fatalf("Accept: result %d", fd)
	}
	closing(t, int(fd))
	if flags, err := sys.FcntlInt(uintptr(fd), sys.F_GETFD, 0); flags != sys.FD_CLOEXEC {
		t.Errorf("flags of the descriptor: %#x, %v", flags, err)
	}
	if size != sys.SizeofSockaddrInet4 || addr.Addr.Family != sys.AF_INET {
		t.Errorf("address of %d bytes, family %d", size, addr.Addr.Family)
	}
}

func TestPollTellsTheEvents(t *testing.T) {
	r := newRing(t, 2)
	rd, wr := pipe(t)
	next(t, r, 1).PollAdd(rd, sys.POLLIN)
	submit(t, r, 1)
	if r.Ready() != 0 {
		t.Error("an empty pipe is readable")
	}
	_, err := sys.Write(wr, []byte{1})
	check(t, err)
	wantRes(t, "PollAdd", result(t, r), sys.POLLIN)
}

func TestMultishotPollHasMore(t *testing.T) {
	r := newRing(t, 2)
	rd, wr := pipe(t)
	s := next(t, r, 1)
	s.PollAdd(rd, sys.POLLIN)
	s.Len |= uring.PollMultishot
	submit(t, r, 1)
	for range 2 {
		_, err := sys.Write(wr, []byte{1})
		check(t, err)
		c := reap(t, r, 1)[1]
		if errors.Is(c.Err(), sys.EINVAL) {
			t.Skip("no multishot poll before Linux 5.13: EINVAL")
		}
		if c.Res != sys.POLLIN || c.Flags&uring.CQEMore == 0 {
			t.Fatalf("completion %+v", c)
		}
	}
	next(t, r, 2).PollRemove(1)
	cqes := reap(t, r, 2)
	wantRes(t, "PollRemove", cqes[2].Res, 0)
	if c := cqes[1]; c.Res != canceled || c.Flags&uring.CQEMore != 0 {
		t.Errorf("terminal completion %+v", c)
	}
}

func TestTimeoutExpires(t *testing.T) {
	r := newRing(t, 2)
	start := time.Now()
	next(t, r, 1).Timeout(&sys.Timespec{Nsec: 2e6}, 0, 0)
	wantRes(t, "Timeout", result(t, r), -int32(sys.ETIME))
	if d := time.Since(start); d < 2*time.Millisecond {
		t.Errorf("after %v", d)
	}
}

func TestTimeoutCountsCompletions(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Timeout(&sys.Timespec{Sec: 60}, 1, 0)
	next(t, r, 2).Nop()
	wantRes(t, "Timeout", reap(t, r, 2)[1].Res, 0)
}

// What waits is ended, and what is asked for and is not there is ENOENT.
func TestRequestsAreEnded(t *testing.T) {
	r := newRing(t, 4)
	rd, _ := pipe(t)
	b := make([]byte, 1)
	minute := &sys.Timespec{Sec: 60}
	timeout := func(s *uring.SQE) { s.Timeout(minute, 0, 0) }
	read := func(s *uring.SQE) { s.Read(rd, b, 0) }
	poll := func(s *uring.SQE) { s.PollAdd(rd, sys.POLLIN) }
	for _, tc := range []struct {
		name       string
		start, end func(*uring.SQE)
		absent     int32
	}{
		{"TimeoutRemove", timeout, func(s *uring.SQE) { s.TimeoutRemove(1) }, -int32(sys.ENOENT)},
		{"PollRemove", poll, func(s *uring.SQE) { s.PollRemove(1) }, -int32(sys.ENOENT)},
		{"Cancel of a timeout", timeout, func(s *uring.SQE) { s.Cancel(1, 0) }, -int32(sys.ENOENT)},
		{"Cancel of a read", read, func(s *uring.SQE) { s.Cancel(1, 0) }, -int32(sys.ENOENT)},
		{"CancelFD", poll, func(s *uring.SQE) { s.CancelFD(rd, 0) }, -int32(sys.ENOENT)},
	} {
		tc.end(next(t, r, 2))
		got := result(t, r)
		if got == -int32(sys.EINVAL) {
			t.Logf("%s: this kernel lacks it", tc.name)
			continue
		}
		wantRes(t, tc.name+" of nothing", got, tc.absent)
		tc.start(next(t, r, 1))
		submit(t, r, 1)
		tc.end(next(t, r, 2))
		cqes := reap(t, r, 2)
		wantRes(t, tc.name, cqes[2].Res, 0)
		wantRes(t, "what "+tc.name+" ended", cqes[1].Res, canceled)
	}
}

func TestCancelAllCounts(t *testing.T) {
	r := newRing(t, 4)
	rd, wr := pipe(t)
	for i := range uint64(3) {
		next(t, r, i).PollAdd(rd, sys.POLLIN)
	}
	submit(t, r, 3)
	next(t, r, 3).CancelFD(rd, uring.CancelAll)
	submit(t, r, 1)
	// The polls end one way or the other.
	_, err := sys.Write(wr, []byte{1})
	check(t, err)
	cqes := reap(t, r, 4)
	if errors.Is(cqes[3].Err(), sys.EINVAL) {
		t.Skip("no cancel by descriptor before Linux 5.19: EINVAL")
	}
	wantRes(t, "CancelFD", cqes[3].Res, 3)
	for i := range uint64(3) {
		wantRes(t, "PollAdd", cqes[i].Res, canceled)
	}
}

func TestCloseClosesTheDescriptor(t *testing.T) {
	r := newRing(t, 2)
	var p [2]int
	check(t, sys.Pipe2(p[:], sys.O_CLOEXEC))
	closing(t, p[0])
	next(t, r, 1).Close(p[1])
	wantRes(t, "Close", result(t, r), 0)
	if n, err := sys.Read(p[0], make([]byte, 1)); n != 0 {
		t.Errorf("the other end reads %d, %v", n, err)
	}
	next(t, r, 1).Close(p[1])
	wantRes(t, "Close again", result(t, r), -int32(sys.EBADF))
}

func TestOtherRequestsAreMadeByFields(t *testing.T) {
	r := newRing(t, 2)
	a, b := socketpair(t)
	_, err := sys.Write(a, []byte("fields"))
	check(t, err)
	buf := make([]byte, 16)
	iov := sys.Iovec{Base: &buf[0], Len: 16}
	msg := sys.Msghdr{Iov: &iov, Iovlen: 1}
	s := next(t, r, 1)
	s.Opcode = uring.OpRecvmsg
	s.FD = int32(b)
	s.Len = 1
	s.SetAddr(unsafe.Pointer(&msg))
	wantRes(t, "Recvmsg", result(t, r), 6)
	if !bytes.Equal(buf[:6], []byte("fields")) {
		t.Errorf("received %q", buf)
	}
}

func TestErrorIsTheCompletions(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Read(-1, make([]byte, 1), 0)
	c := reap(t, r, 1)[1]
	if err := c.Err(); err != sys.EBADF {
		t.Errorf("Err gives %v, want EBADF", err)
	}
	if err := (uring.CQE{Res: 5}).Err(); err != nil {
		t.Errorf("Err of a success gives %v", err)
	}
}
