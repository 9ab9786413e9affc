// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// The runner of tests/aio.tab, which says what each verb does.

const (
	tableSlots = 8
	tableFDs   = 8
	tableBytes = 65536
)

// script is the state of one test of the table.
type script struct {
	*testing.T
	a *AIO
	// mode is O_NONBLOCK or 0.
	mode  int
	fds   [tableFDs]variable
	bufs  [tableFDs][]byte
	kept  []Event
	last  [tableFDs]Event
	clock time.Time
	ended bool
}

// variable is a descriptor. One that is not open keeps its number.
type variable struct {
	fd, mode int
	open     bool
}

func TestTable(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		// Skips once, not for each test.
		open(t, engine)
		for name, mode := range map[string]int{"blocking": 0, "nonblocking": sys.O_NONBLOCK} {
			t.Run(name, func(t *testing.T) { runTable(t, engine, mode, asItIs) })
			// A short run is for a real one.
			if !small() {
				t.Run(name+" on an old kernel", func(t *testing.T) { runTable(t, engine, mode, makeOld) })
			}
		}
	})
}

func asItIs(*AIO) {}

// makeOld makes the engine believe that the kernel cannot wait for a limited
// time in io_uring_enter, has no epoll_pwait2, and no RWF_NOWAIT for pipes and
// their kin, as before Linux 5.11.
func makeOld(a *AIO) {
	switch eng := a.c.eng.(type) {
	case *ring:
		eng.waiter.timed = false
	case *epoll:
		eng.noPwait2 = true
		eng.noNowait = never
	}
}

func runTable(t *testing.T, engine string, mode int, prepare func(*AIO)) {
	for at := 0; at < len(aioSteps); {
		first := at
		for at++; at < len(aioSteps) && aioSteps[at].test == ""; at++ {
		}
		t.Run(aioSteps[first].test, func(t *testing.T) {
			s := newScript(t, engine, mode)
			prepare(s.a)
			for k, step := range aioSteps[first:at] {
				if got := s.do(step.verb, step.fd, step.n, step.arg, step.token); got != step.want {
					t.Fatalf("row %d, %s: %d, want %d", k+1, step.verb, got, step.want)
				}
			}
			s.end()
		})
	}
}

func newScript(t *testing.T, engine string, mode int) *script {
	s := &script{T: t, a: open(t, engine, WithSlots(tableSlots)), mode: mode}
	for i := range s.fds {
		s.fds[i].fd = -1
		s.bufs[i] = make([]byte, tableBytes)
	}
	t.Cleanup(s.cleanup)
	return s
}

// end is the end of a test that has not failed.
func (s *script) end() {
	if !s.ended {
		events, err := s.a.PollEvents(0)
		check(s, err)
		if s.kept = append(s.kept, events...); len(s.kept) != 0 {
			s.Errorf("events that nobody asked for: %v", s.kept)
		}
		check(s, s.a.Close())
	}
	for i, v := range s.fds {
		if v.open && s.nonblock(v.fd) != v.mode {
			s.Errorf("O_NONBLOCK of descriptor %d has changed", i)
		}
	}
}

func (s *script) cleanup() {
	check(s, s.a.Close())
	for i := range s.fds {
		if s.fds[i].open {
			sys.Close(s.fds[i].fd)
		}
	}
}

func (s *script) do(verb string, v, n, arg, token int) int {
	if got, ok := s.make(verb, v, n, arg); ok {
		return got
	}
	if got, ok := s.call(verb, v, n, arg); ok {
		return got
	}
	if got, ok := s.submit(verb, v, n, arg, token); ok {
		return got
	}
	return s.expect(verb, v, n, arg, token)
}

// set gives variable v an open descriptor.
func (s *script) set(v, fd int, mode int) {
	s.fds[v] = variable{fd, mode, true}
}

func (s *script) nonblock(fd int) int {
	flags, err := sys.RawFcntl(fd, sys.F_GETFL, 0)
	check(s, err)
	return flags & sys.O_NONBLOCK
}

// make does the verbs that make descriptors.
func (s *script) make(verb string, v, n, arg int) (got int, ok bool) {
	var fds [2]int
	var err error
	nr := 1
	switch verb {
	case "pipe":
		nr = 2
		err = sys.Pipe2(fds[:], sys.O_CLOEXEC|s.mode)
	case "pair":
		nr = 2
		fds, err = sys.Socketpair(sys.AF_UNIX, arg|sys.SOCK_CLOEXEC|s.mode, 0)
	case "tcp":
		nr = 2
		fds = s.tcp()
	case "listen":
		fds[0] = s.listen()
	case "connect":
		fds[0] = s.connect(s.fds[n].fd)
	case "file":
		fds[0] = s.file(n)
	case "directory":
		fds[0], err = sys.Openat(sys.AT_FDCWD, "/", sys.O_RDONLY|sys.O_DIRECTORY|sys.O_CLOEXEC|s.mode, 0)
	case "eventfd":
		fds[0], err = sys.Eventfd(uint(n), sys.EFD_CLOEXEC|s.mode)
	default:
		return 0, false
	}
	check(s, err)
	for i := range nr {
		s.set(v+i, fds[i], s.mode)
	}
	return 0, true
}

func (s *script) listen() int {
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC|s.mode, 0)
	check(s, err)
	check(s, sys.Bind(fd, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(s, sys.Listen(fd, 16))
	return fd
}

func (s *script) connect(listener int) int {
	addr, err := sys.Getsockname(listener)
	check(s, err)
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(s, err)
	check(s, sys.Connect(fd, addr))
	_, err = sys.RawFcntl(fd, sys.F_SETFL, uintptr(sys.O_RDWR|s.mode))
	check(s, err)
	return fd
}

func (s *script) tcp() (fds [2]int) {
	l := s.listen()
	defer sys.Close(l)
	fds[0] = s.connect(l)
	fd, _, err := sys.Accept4(l, sys.SOCK_CLOEXEC|s.mode)
	check(s, err)
	fds[1] = fd
	return fds
}

func (s *script) file(size int) int {
	fd := unlinkedFile(s, s.mode)
	_, err := sys.Pwrite(fd, tableData(0, size), 0)
	check(s, err)
	return fd
}

// tableData is the n bytes from byte from on.
func tableData(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((from + i) % 251)
	}
	return b
}

// number is n as the CPU has it in memory.
func number(n int) []byte {
	return binary.NativeEndian.AppendUint64(nil, uint64(n))
}

// call does the verbs that call the kernel without the AIO.
func (s *script) call(verb string, v, n, arg int) (got int, ok bool) {
	fd := s.fds[v].fd
	switch verb {
	case "move":
		if from := s.fds[n].fd; from != fd {
			check(s, sys.Dup3(from, fd, sys.O_CLOEXEC))
			sys.Close(from)
		}
		s.set(v, fd, s.fds[n].mode)
		s.fds[n] = variable{fd: -1}
	case "drop":
		s.fds[v].open = false
		check(s, sys.Close(fd))
	case "reset":
		s.fds[v].open = false
		check(s, syscall.SetsockoptLinger(fd, sys.SOL_SOCKET, sys.SO_LINGER, &syscall.Linger{Onoff: 1}))
		check(s, sys.Close(fd))
	case "shutdown":
		check(s, sys.Shutdown(fd, arg))
	case "put":
		got = int(result(sys.Write(fd, tableData(arg, n))))
	case "take":
		fds := []sys.PollFd{{Fd: int32(fd), Events: sys.POLLIN}}
		_, err := sys.Ppoll(fds, &sys.Timespec{Sec: patience / 1000}, nil)
		check(s, err)
		got = int(result(sys.Read(fd, make([]byte, n))))
	case "fill":
		// A pipe has room for a byte when it has none for a page.
		s.untilItWaits(fd, func() (int, error) { return sys.Write(fd, make([]byte, 4096)) })
		s.untilItWaits(fd, func() (int, error) { return sys.Write(fd, make([]byte, 1)) })
	case "drain":
		s.untilItWaits(fd, func() (int, error) { return sys.Read(fd, make([]byte, tableBytes)) })
	case "add":
		got = int(result(sys.Write(fd, number(n))))
	case "seek", "tell":
		whence := sys.SEEK_SET
		if verb == "tell" {
			whence = sys.SEEK_CUR
		}
		off, err := sys.Seek(fd, int64(n), whence)
		check(s, err)
		got = int(off)
	case "nonblock":
		if s.nonblock(fd) != 0 {
			got = 1
		}
	default:
		return 0, false
	}
	return got, true
}

// untilItWaits calls call again and again, until it would wait or gives
// nothing. The descriptor has O_NONBLOCK meanwhile.
func (s *script) untilItWaits(fd int, call func() (int, error)) {
	flags, err := sys.RawFcntl(fd, sys.F_GETFL, 0)
	check(s, err)
	_, err = sys.RawFcntl(fd, sys.F_SETFL, uintptr(flags|sys.O_NONBLOCK))
	check(s, err)
	for n := 1; n > 0 && err == nil; {
		n, err = call()
	}
	if err != nil && err != sys.EAGAIN {
		s.Fatal(err)
	}
	_, err = sys.RawFcntl(fd, sys.F_SETFL, uintptr(flags))
	check(s, err)
}

// submit does the verbs that are operations.
func (s *script) submit(verb string, v, n, arg, token int) (got int, ok bool) {
	i := slices.Index(opNames[:], verb)
	if i <= 0 {
		return 0, false
	}
	op, fd, buf, tok := Op(i), s.fds[v].fd, s.bufs[token][:max(n, 0)], uint64(token)
	var err error
	switch op {
	case OpRead:
		err = s.a.Read(fd, buf, int64(arg), tok)
	case OpWrite:
		copy(buf, tableData(0, n))
		err = s.a.Write(fd, buf, int64(arg), tok)
	case OpRecv:
		err = s.a.Recv(fd, buf, arg, tok)
	case OpSend:
		copy(buf, tableData(0, n))
		err = s.a.Send(fd, buf, arg, tok)
	case OpAccept:
		err = s.a.Accept(fd, arg, tok)
	case OpPoll:
		err = s.a.Poll(fd, uint32(arg), tok)
	case OpTimeout:
		fd = -1
		err = s.a.Timeout(time.Duration(n)*time.Millisecond, tok)
	case OpCancel:
		fd = -1
		err = s.a.Cancel(uint64(n), tok)
	case OpClose:
		err = s.a.CloseFD(fd, tok)
		s.fds[v].open = s.fds[v].open && err != nil
	case OpForget:
		err = s.a.Forget(fd, tok)
	}
	if err != nil {
		return int(result(-1, err)), true
	}
	s.last[token] = Event{FD: fd, Op: op}
	return 0, true
}

// expect does the verbs that wait and look.
func (s *script) expect(verb string, v, n, arg, token int) int {
	switch verb {
	case "next":
		s.wait(patience)
		if int(s.kept[0].Token) != token {
			s.Fatalf("event %v, want token %d", s.kept[0], token)
		}
		return s.event(token)
	case "event":
		return s.event(token)
	case "some":
		if got := s.event(token); got < 1 || got > n {
			return got
		}
	case "any":
		s.event(token)
	case "conn":
		fd := s.event(token)
		if fd < 0 {
			return fd
		}
		s.set(v, fd, s.nonblock(fd))
		if flags, err := sys.RawFcntl(fd, sys.F_GETFD, 0); err != nil || flags&sys.FD_CLOEXEC == 0 {
			s.Errorf("connection %d: flags %#x, %v", fd, flags, err)
		}
	case "quiet":
		if s.wait(n); len(s.kept) != 0 {
			s.Fatalf("events %v, want none", s.kept)
		}
	case "data":
		if !bytes.Equal(s.bufs[token][:n], tableData(arg, n)) {
			s.Errorf("not the bytes from %d on: %v", arg, s.bufs[token][:min(n, 20)])
		}
	case "number":
		if !bytes.Equal(s.bufs[token][:8], number(n)) {
			s.Errorf("bytes %v, want %v", s.bufs[token][:8], number(n))
		}
	case "clock":
		s.clock = time.Now()
	case "passed":
		if d := time.Since(s.clock); d < time.Duration(n)*time.Millisecond {
			s.Errorf("only %v passed", d)
		}
	case "end":
		s.ended = true
		check(s, s.a.Close())
	default:
		s.Fatalf("unknown verb %q", verb)
	}
	return 0
}

// wait waits up to ms milliseconds, unless events are kept already.
func (s *script) wait(ms int) {
	if len(s.kept) != 0 {
		return
	}
	events, err := s.a.PollEvents(ms)
	check(s, err)
	s.kept = append(s.kept, events...)
	if ms == patience && len(s.kept) == 0 {
		s.Fatal("no event")
	}
}

// event returns the result of the first event with the token.
func (s *script) event(token int) int {
	for {
		for i, ev := range s.kept {
			if ev.Token == uint64(token) {
				s.kept = slices.Delete(s.kept, i, i+1)
				return s.resultOf(ev)
			}
		}
		events, err := s.a.PollEvents(patience)
		check(s, err)
		if len(events) == 0 {
			s.Fatalf("no event with token %d; others: %v", token, s.kept)
		}
		s.kept = append(s.kept, events...)
	}
}

// resultOf is the result of ev, as the table has it.
func (s *script) resultOf(ev Event) int {
	if want := s.last[ev.Token]; ev.FD != want.FD || ev.Op != want.Op {
		s.Errorf("event %v, want fd %d, %v", ev, want.FD, want.Op)
	}
	if ev.Err != nil && ev.N != -1 {
		s.Errorf("event %v with a count", ev)
	}
	return int(result(ev.N, ev.Err))
}

// The table says what it tests by names; two with the same name are a mistake.
func TestTableHasNoNameTwice(t *testing.T) {
	names := make(map[string]bool)
	for _, step := range aioSteps {
		if step.test == "" {
			continue
		}
		if names[step.test] {
			t.Errorf("%s stands there twice", step.test)
		}
		names[step.test] = true
	}
	if len(names) == 0 || len(names) > math.MaxUint8 {
		t.Errorf("%d tests", len(names))
	}
}
