// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// A step is a row of tests/uring.tab, whose first comment says what each verb
// does. C runs the same table.
type step struct {
	case_, verb string
	ud, a, b, n int
	text        string
	want        int
}

// A world is what the rows of a case share.
type world struct {
	ring     *Ring
	fds      [8]int
	requests [16]request
}

type request struct {
	buf      [64]byte
	text     []byte
	path     *byte
	iovs     [2]sys.Iovec
	ts       sys.Timespec
	accepted *int // where the result belongs
	done     bool
	res      int
}

// worlds keeps what a ring still used when it was closed.
var worlds []*world

// never is no result of any verb.
const never = -4096

// result is n, or the negative number of err.
func result(n int, err error) int {
	var errno syscall.Errno
	switch {
	case err == nil:
		return n
	case errors.As(err, &errno):
		return -int(errno)
	}
	return never
}

func newWorld() *world {
	w := new(world)
	for i := range w.fds {
		w.fds[i] = -1
	}
	worlds = append(worlds, w)
	return w
}

func (w *world) end(t *testing.T) {
	if w.ring != nil {
		if err := w.ring.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, fd := range w.fds {
		if fd >= 0 {
			if err := sys.Close(fd); err != nil {
				t.Error(err)
			}
		}
	}
}

func (w *world) makeRing(s step) (err error) {
	w.ring, err = New(uint32(s.n), WithFlags(SetupFlags(s.a)))
	return err
}

func (w *world) file(s step) (err error) {
	if w.fds[s.a], err = sys.MemfdCreate("uring", sys.MFD_CLOEXEC); err != nil {
		return err
	}
	_, err = sys.Pwrite(w.fds[s.a], []byte(s.text), 0)
	return err
}

func (w *world) pipe(s step) error {
	p := make([]int, 2)
	err := sys.Pipe2(p, sys.O_CLOEXEC)
	if err == nil {
		w.fds[s.a], w.fds[s.b] = p[0], p[1]
	}
	return err
}

func (w *world) pair(s step) error {
	p, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	if err == nil {
		w.fds[s.a], w.fds[s.b] = p[0], p[1]
	}
	return err
}

func (w *world) tcp(s step) (err error) {
	for _, i := range []int{s.a, s.b} {
		w.fds[i], err = sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
	}
	if err := sys.Bind(w.fds[s.a], &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	if err := sys.Listen(w.fds[s.a], 1); err != nil {
		return err
	}
	sa, err := sys.Getsockname(w.fds[s.a])
	if err != nil {
		return err
	}
	return sys.Connect(w.fds[s.b], sa)
}

func (w *world) hangup(s step) error {
	fd := w.fds[s.b]
	w.fds[s.b] = -1
	return sys.Close(fd)
}

func (w *world) holds(s step) int {
	b := make([]byte, s.n)
	n, err := sys.Pread(w.fds[s.a], b, int64(s.b))
	if err == nil && string(b[:n]) == s.text {
		return 1
	}
	return result(0, err)
}

// request prepares the request that the verb names.
func (w *world) request(s step) int {
	sqe := w.ring.NextSQE()
	if sqe == nil {
		return -int(sys.EAGAIN)
	}
	sqe.UserData = uint64(s.ud)
	r, fd, offset := &w.requests[s.ud], w.fds[s.a], int64(s.b)
	r.text = []byte(s.text)
	switch s.verb {
	case "nop":
		sqe.Nop()
	case "read":
		sqe.Read(fd, r.buf[:s.n], offset)
	case "write":
		sqe.Write(fd, r.text, offset)
	case "readv":
		sqe.Readv(fd, r.pieces(r.buf[:s.n]), offset)
	case "writev":
		sqe.Writev(fd, r.pieces(r.text), offset)
	case "accept":
		r.accepted = &w.fds[s.b]
		sqe.Accept(fd, nil, nil, sys.SOCK_CLOEXEC)
	case "recv":
		sqe.Recv(fd, r.buf[:s.n], 0)
	case "send":
		sqe.Send(fd, r.text, sys.MSG_NOSIGNAL)
	case "poll":
		sqe.PollAdd(fd, uint32(s.b))
	case "unpoll":
		sqe.PollRemove(uint64(s.n))
	case "timeout":
		r.ts = sys.Timespec{Sec: int64(s.n / 1e9), Nsec: int64(s.n % 1e9)}
		sqe.Timeout(&r.ts, uint32(s.a), 0)
	case "untime":
		sqe.TimeoutRemove(uint64(s.n))
	case "cancel":
		sqe.Cancel(uint64(s.n), 0)
	case "close":
		sqe.Close(fd)
		w.fds[s.a] = -1
	default:
		return w.fileRequest(sqe, s)
	}
	return 0
}

// fileRequest is [world.request] for those about files.
func (w *world) fileRequest(sqe *SQE, s step) int {
	r, fd, offset, n := &w.requests[s.ud], w.fds[s.a], int64(s.b), uint32(s.n)
	switch s.verb {
	case "fsync":
		sqe.Fsync(fd, FsyncDatasync)
	case "allot":
		sqe.Fallocate(fd, 0, offset, int64(s.n))
	case "advise":
		sqe.Fadvise(fd, offset, n, sys.POSIX_FADV_WILLNEED)
	case "splice":
		sqe.Splice(fd, -1, w.fds[s.b], 0, n, 0)
	case "tee":
		sqe.Tee(fd, w.fds[s.b], n, 0)
	case "open":
		path, err := syscall.BytePtrFromString(s.text)
		if err != nil {
			return result(0, err)
		}
		r.path = path
		r.accepted = &w.fds[s.b]
		sqe.Openat(sys.AT_FDCWD, path, sys.O_RDONLY|sys.O_CLOEXEC, 0)
	default:
		return never
	}
	return 0
}

// pieces describes b in two pieces, the first of 3 bytes.
func (r *request) pieces(b []byte) []sys.Iovec {
	r.iovs = [2]sys.Iovec{{Base: &b[0], Len: 3}, {Base: &b[3], Len: uint64(len(b) - 3)}}
	return r.iovs[:]
}

func (w *world) peek() int {
	// What the kernel holds back is ready, too.
	if err := w.ring.Wait(0); err != nil {
		return result(0, err)
	}
	if w.ring.Peek(make([]CQE, 1)) == 0 {
		return -int(sys.EAGAIN)
	}
	return 0
}

// take takes the oldest completion and returns its user data.
func (w *world) take() int {
	if err := w.ring.WaitTimeout(1, time.Minute); err != nil {
		return result(0, err)
	}
	var cqe [1]CQE
	if w.ring.Reap(cqe[:]) != 1 || cqe[0].UserData >= uint64(len(w.requests)) {
		return never
	}
	r := &w.requests[cqe[0].UserData]
	if r.done {
		return never
	}
	r.done, r.res = true, int(cqe[0].Res)
	if r.accepted != nil && r.res >= 0 {
		*r.accepted, r.res = r.res, 0
	}
	return int(cqe[0].UserData)
}

func (w *world) next(s step) int {
	if w.take() != s.ud {
		return never
	}
	return w.requests[s.ud].res
}

func (w *world) got(s step) int {
	for r := &w.requests[s.ud]; !r.done; {
		if ud := w.take(); ud < 0 {
			return ud
		}
	}
	return w.requests[s.ud].res
}

func (w *world) data(s step) int {
	if strings.HasPrefix(string(w.requests[s.ud].buf[:]), s.text) {
		return 1
	}
	return 0
}

func (w *world) run(s step) int {
	switch s.verb {
	case "ring":
		return result(0, w.makeRing(s))
	case "file":
		return result(0, w.file(s))
	case "pipe":
		return result(0, w.pipe(s))
	case "pair":
		return result(0, w.pair(s))
	case "tcp":
		return result(0, w.tcp(s))
	case "put":
		return result(sys.Write(w.fds[s.a], []byte(s.text)))
	case "hangup":
		return result(0, w.hangup(s))
	case "holds":
		return w.holds(s)
	case "submit":
		return result(w.ring.Submit())
	case "wait":
		return result(w.ring.SubmitAndWait(s.n))
	case "within":
		return result(0, w.ring.WaitTimeout(1, time.Duration(s.n)))
	case "peek":
		return w.peek()
	case "queued":
		return w.ring.Queued()
	case "space":
		return w.ring.SQEntries() - w.ring.Queued()
	case "ready":
		return w.ring.Ready()
	case "next":
		return w.next(s)
	case "got":
		return w.got(s)
	case "data":
		return w.data(s)
	}
	return w.request(s)
}

func TestRingDoesWhatTheTableSays(t *testing.T) {
	r, err := New(1)
	ringMade(t, err)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(uringSteps); {
		t.Run(uringSteps[i].case_, func(t *testing.T) { i += runCase(t, i) })
	}
}

// runCase runs the rows from i on that have its case and returns how many they
// are.
func runCase(t *testing.T, i int) (n int) {
	name := uringSteps[i].case_
	w := newWorld()
	defer w.end(t)
	for ; i+n < len(uringSteps) && uringSteps[i+n].case_ == name; n++ {
		s := step(uringSteps[i+n])
		// What follows a wrong row says nothing.
		if t.Failed() {
			continue
		}
		if got := w.run(s); got != s.want {
			t.Errorf("step %d, %q: %d, want %d", n+1, s.verb, got, s.want)
		}
	}
	return n
}
