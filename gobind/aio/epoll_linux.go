// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"math"
	"os"
	"time"

	"example.com/syshim/gobind/sys"
)

// The engine on epoll. An operation is tried when it is submitted. When it
// would wait it stays in its descriptor's list, and is tried again when epoll
// reports an edge. A descriptor is registered once, for all edges; what epoll
// does not take (regular files) does not wait for readiness but for a device,
// and goes to a helper.

const (
	// epollBatch is how many edges are taken at once.
	epollBatch = 128
	// busyRounds is how often completed operations are returned before the
	// kernel is asked for edges again.
	busyRounds = 16
	// wakeFD stands in an edge for the event counter, which no operation
	// can be on.
	wakeFD = -1
)

// edges is all that a descriptor can report, each time it changes.
const edges = sys.EPOLLIN | sys.EPOLLPRI | sys.EPOLLOUT | sys.EPOLLRDHUP |
	sys.EPOLLRDNORM | sys.EPOLLRDBAND | sys.EPOLLWRNORM | sys.EPOLLWRBAND |
	sys.EPOLLMSG | sys.EPOLLET

// The edges that say nothing of the other direction.
const (
	inputOnly = sys.EPOLLIN | sys.EPOLLPRI | sys.EPOLLRDHUP |
		sys.EPOLLRDNORM | sys.EPOLLRDBAND | sys.EPOLLMSG
	outputOnly = sys.EPOLLOUT | sys.EPOLLWRNORM | sys.EPOLLWRBAND
)

type epoll struct {
	*core
	fd int
	// counter is an eventfd that ends a wait.
	counter int
	woken   bool
	// rounds counts polls that did not ask the kernel.
	rounds int
	// noPwait2 is that the kernel has no epoll_pwait2.
	noPwait2 bool
	// noNowait is what fdState.noNowait of devices begins with. Tests make
	// the kernel an old one by it.
	noNowait [2]bool
	events   [epollBatch]sys.EpollEvent
	timers   timers
	helpers  helpers
}

func openEpoll(c *core, cfg config) (engine, error) {
	fd, err := sys.EpollCreate1(sys.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	counter, err := sys.Eventfd(0, sys.EFD_CLOEXEC|sys.EFD_NONBLOCK)
	if err != nil {
		sys.Close(fd)
		return nil, os.NewSyscallError("eventfd2", err)
	}
	// Each write is an edge, so that the counter need not be read.
	ev := sys.EpollEvent{Events: sys.EPOLLIN | sys.EPOLLET, Fd: wakeFD}
	if err := sys.EpollCtl(fd, sys.EPOLL_CTL_ADD, counter, &ev); err != nil {
		sys.Close(counter)
		sys.Close(fd)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	e := &epoll{core: c, fd: fd, counter: counter}
	e.timers.init(len(c.slots))
	e.helpers.init(e, cfg.helpers)
	return e, nil
}

func (e *epoll) name() string { return EngineEpoll }

func (e *epoll) room() error { return nil }

func (e *epoll) close() error {
	e.helpers.close()
	sys.Close(e.counter)
	return os.NewSyscallError("close", sys.Close(e.fd))
}

func (e *epoll) wake() {
	if e.woken {
		return
	}
	e.woken = true
	one := [8]byte{0: 1}
	sys.Write(e.counter, one[:])
}

func (e *epoll) start(i uint32) {
	s := &e.slots[i]
	if s.op == OpTimeout {
		if e.timers.add(e.slots, i) && e.waiting {
			e.wake()
		}
		return
	}
	f := e.fds.get(s.fd)
	if f.kind == unknown {
		if err := e.register(s.fd, f); err != nil {
			e.complete(i, result(-1, err))
			return
		}
	}
	if !f.kind.pollable() {
		e.begin(f, i)
		return
	}
	// Those before it wait already.
	if l := &f.ops[s.op.direction()]; s.op == OpPoll || l.head == i {
		e.advance(f, i)
	}
}

// begin starts an operation on what is never waited for.
func (e *epoll) begin(f *fdState, i uint32) {
	res, then := e.attempt(f, i)
	if then == finished {
		e.complete(i, res)
		return
	}
	e.helpers.put(i)
}

// advance tries the operation of slot i and says whether it is over.
func (e *epoll) advance(f *fdState, i uint32) bool {
	res, then := e.attempt(f, i)
	switch then {
	case finished:
		e.complete(i, res)
	case blocks:
		e.helpers.put(i)
	}
	return then == finished
}

// run tries what waits in one direction of a descriptor, in order. One that a
// helper does keeps back those behind it: what made the descriptor ready may
// be enough for one only.
func (e *epoll) run(f *fdState, d direction) {
	for i := f.ops[d].head; i != 0; i = f.ops[d].head {
		if e.slots[i].state != active || !e.advance(f, i) {
			return
		}
	}
}

// edge is called for each edge that epoll reports.
func (e *epoll) edge(ev *sys.EpollEvent) {
	if ev.Fd == wakeFD {
		e.woken = false
		return
	}
	// When the number is another descriptor's by now, something is tried once
	// more than it must be.
	f := e.fds.get(ev.Fd)
	if ev.Events&^outputOnly != 0 {
		e.run(f, input)
	}
	if ev.Events&^inputOnly != 0 {
		e.run(f, output)
	}
	for i := f.ops[either].head; i != 0; {
		next := e.slots[i].links[fdLinks].next
		e.advance(f, i)
		i = next
	}
}

// helped takes the result of a helper.
func (e *epoll) helped(i uint32, res int32) {
	s := &e.slots[i]
	d := s.op.direction()
	f := e.fds.get(s.fd)
	e.complete(i, res)
	if s.op != OpClose && f.kind.pollable() {
		e.run(f, d)
	}
}

func (e *epoll) stop(i, by uint32) {
	s := &e.slots[i]
	keepsBack := s.links[fdLinks].prev == 0
	switch {
	case s.state == running:
		e.stopped(by, errno(sys.EALREADY))
		return
	case s.state == queued:
		e.helpers.remove(i)
	case s.op == OpTimeout:
		e.timers.remove(e.slots, i)
	}
	e.complete(i, s.broken())
	e.stopped(by, 0)
	if keepsBack && s.op != OpTimeout {
		e.release(s)
	}
}

// release makes epoll report what the descriptor of s is ready for: what s kept
// back there may be able to go on. Who cancels may cancel that, too.
func (e *epoll) release(s *slot) {
	f := e.fds.get(s.fd)
	if f.kind.pollable() && f.leaving == 0 && f.ops[s.op.direction()].head != 0 {
		e.watch(sys.EPOLL_CTL_MOD, s.fd)
	}
}

// linger waits for the helpers that hold the descriptor; their completion calls
// leave.
func (e *epoll) linger(i uint32) {}

func (e *epoll) leave(i uint32) {
	s := &e.slots[i]
	kind := unknown
	if f := e.fds.get(s.fd); f != nil {
		kind = f.kind
		if kind.pollable() {
			var ev sys.EpollEvent
			sys.EpollCtl(e.fd, sys.EPOLL_CTL_DEL, int(s.fd), &ev)
		}
		f.reset()
	}
	switch {
	case s.op == OpForget:
		e.complete(i, 0)
	case kind.closeBlocks(int(s.fd)):
		e.helpers.put(i)
	default:
		e.complete(i, result(0, sys.Close(int(s.fd))))
	}
}

func (e *epoll) poll(d time.Duration) error {
	if len(e.done) > 0 {
		if e.rounds++; e.rounds < busyRounds {
			return nil
		}
		d = 0
	}
	e.rounds = 0
	if left, any := e.timers.expire(e.core); any && (d < 0 || left < d) {
		d = left
	}
	if len(e.done) > 0 {
		d = 0
	}
	n, err := e.wait(d)
	if err != nil {
		return err
	}
	for k := range n {
		e.edge(&e.events[k])
	}
	e.timers.expire(e.core)
	return nil
}

// wait asks epoll for edges. It returns none when it was interrupted.
func (e *epoll) wait(d time.Duration) (n int, err error) {
	if d != 0 {
		e.waiting = true
		e.mu.Unlock()
	}
	n, err = e.pwait(d)
	if d != 0 {
		e.mu.Lock()
		e.waiting = false
	}
	if err != nil && err != sys.EINTR {
		return 0, os.NewSyscallError("epoll_pwait", err)
	}
	return max(n, 0), nil
}

func (e *epoll) pwait(d time.Duration) (n int, err error) {
	if d > 0 && !e.noPwait2 {
		ts := sys.Timespec{Sec: int64(d / time.Second), Nsec: int64(d % time.Second)}
		n, err = sys.EpollPwait2(e.fd, e.events[:], &ts, nil)
		// EPERM comes from a filter that does not know the call.
		if err != sys.ENOSYS && err != sys.EPERM {
			return n, err
		}
		e.noPwait2 = true
	}
	ms := -1
	if d >= 0 {
		ms = int(min((d+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
	}
	return sys.EpollPwait(e.fd, e.events[:], ms, nil)
}
