// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"math"
	"sync"
	"time"

	"example.com/syshim/gobind/sys"
)

// What the engines share: the slots of the operations, what is in flight on
// each descriptor, and the queue of what has ended.

const (
	// maxTransfer is the most that the kernel moves in one call.
	maxTransfer = 0x7ffff000
	// forever is a duration that nobody waits for.
	forever = time.Duration(math.MaxInt64)
	// retryAfter is when something is stopped again that could not be found
	// or stopped before.
	retryAfter = time.Millisecond
)

// engine is what differs between io_uring and epoll. Its methods are called
// with the mutex of the core held.
type engine interface {
	name() string
	// room says whether one more operation can be started. When it cannot,
	// the submission fails with that error.
	room() error
	// start begins the operation of slot i, which may complete at once.
	start(i uint32)
	// stop tries to end slot i and reports to core.stopped, now or later.
	stop(i, by uint32)
	// leave drops what the engine knows of the descriptor of slot i, a
	// close or forget, on which nothing is in flight; then it closes.
	leave(i uint32)
	// linger is told that slot i, a close or forget, could not end all that
	// is in flight on its descriptor.
	linger(i uint32)
	// poll begins what was queued and takes what the kernel has completed.
	// When that is nothing it waits once, with the mutex released: up to d,
	// for ever when d is negative. It may return early.
	poll(d time.Duration) error
	// wake ends the wait of a poll.
	wake()
	// close releases everything. Nothing is in flight.
	close() error
}

// registry holds every core that was not closed: the kernel may still write to
// its buffers when the program has dropped the AIO.
var registry sync.Map

type core struct {
	mu     sync.Mutex
	eng    engine
	reason string

	slots    []slot
	free     []uint32
	done     []uint32
	inflight int
	fds      fdTable

	// events is what poll returns.
	events []Event
	// polling is that a goroutine is in poll, waiting that it sleeps there.
	polling, waiting bool
	// closed is that Close was called, closing that it runs, released that it
	// has given everything back.
	closed, closing, released bool
	// changed is signalled when polling or closing changes.
	changed sync.Cond
}

func newCore(slots int) *core {
	c := &core{
		slots:  make([]slot, slots+1),
		free:   make([]uint32, 0, slots),
		done:   make([]uint32, 0, slots),
		events: make([]Event, 0, slots),
	}
	c.changed.L = &c.mu
	for i := slots; i > 0; i-- {
		c.free = append(c.free, uint32(i))
	}
	return c
}

// transfer submits a read or write.
func (c *core) transfer(op Op, fd int, buf []byte, offset int64, token uint64) error {
	if fd >= 0 && offset < -1 {
		return sys.EINVAL
	}
	return c.submit(op, fd, buf, offset, token)
}

// submit takes a slot for an operation and starts it.
func (c *core) submit(op Op, fd int, buf []byte, arg int64, token uint64) error {
	onFD := op != OpTimeout && op != OpCancel
	if onFD && (fd < 0 || fd > math.MaxInt32) {
		return sys.EBADF
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if onFD && c.leaves(int32(fd)) {
		return sys.EBADF
	}
	if err := c.room(); err != nil {
		return err
	}
	i := c.take(op, int32(fd), buf, arg, token)
	switch {
	case op == OpCancel:
		c.cancel(i)
	case !onFD:
		c.eng.start(i)
	case !c.link(i):
		c.complete(i, errno(sys.EBADF))
	case op == OpClose || op == OpForget:
		c.depart(i)
	default:
		c.eng.start(i)
	}
	return nil
}

// leaves says whether fd is about to leave. When its close has ended, though the
// event waits to be reaped, another descriptor may have the number.
func (c *core) leaves(fd int32) bool {
	f := c.fds.get(fd)
	if f == nil || f.leaving == 0 {
		return false
	}
	if s := &c.slots[f.leaving]; s.op != OpClose || s.state != done || !isOpen(fd) {
		return true
	}
	f.leaving = 0
	return false
}

func isOpen(fd int32) bool {
	_, err := sys.RawFcntl(int(fd), sys.F_GETFD, 0)
	return err == nil
}

func (c *core) room() error {
	if len(c.free) > 0 {
		return c.eng.room()
	}
	if len(c.done) > 0 {
		return sys.EBUSY
	}
	return sys.EAGAIN
}

// take gives the operation a slot, of which there is one.
func (c *core) take(op Op, fd int32, buf []byte, arg int64, token uint64) uint32 {
	i := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	s := &c.slots[i]
	*s = slot{
		op:    op,
		state: active,
		fd:    fd,
		buf:   buf[:min(len(buf), maxTransfer)],
		arg:   arg,
		token: token,
		gen:   s.gen + 1,
	}
	c.inflight++
	if op.direction() == output {
		raceRead(s.buf)
	}
	return i
}

// link adds slot i to what is in flight on its descriptor. It is false when no
// such descriptor can be open, so that a wild number does not grow the table.
func (c *core) link(i uint32) bool {
	s := &c.slots[i]
	f := c.fds.get(s.fd)
	if f == nil {
		if !isOpen(s.fd) {
			return s.op == OpForget
		}
		f = c.fds.add(s.fd)
	}
	if s.op == OpClose || s.op == OpForget {
		f.leaving = i
	} else {
		f.ops[s.op.direction()].push(c.slots, i, fdLinks)
	}
	return true
}

// complete ends slot i. Its event comes with the next poll.
func (c *core) complete(i uint32, res int32) {
	s := &c.slots[i]
	if s.op == OpRead || s.op == OpRecv {
		// A datagram may have been longer.
		raceWrite(s.buf[:min(max(int(res), 0), len(s.buf))])
	}
	s.res = res
	s.state = done
	s.buf = nil
	c.inflight--
	c.done = append(c.done, i)
	if c.waiting {
		c.eng.wake()
	}
	if res == errno(sys.ECANCELED) {
		c.credit(s.by)
	}
	f := c.fds.get(s.fd)
	if f == nil || s.op == OpClose || s.op == OpForget {
		return
	}
	f.ops[s.op.direction()].remove(c.slots, i, fdLinks)
	if f.leaving != 0 {
		c.settle(f.leaving)
	}
}

// handle names the operation of slot i; the slot's next one has another.
func (c *core) handle(i uint32) uint64 {
	return uint64(c.slots[i].gen)<<32 | uint64(i)
}

// cancel ends the operations with the token that slot i names.
func (c *core) cancel(i uint32) {
	s := &c.slots[i]
	s.res = errno(sys.ENOENT)
	// One more than are asked for, so that the answers cannot end it early.
	s.pending = 1
	for j := range c.slots {
		t := &c.slots[j]
		if t.token == uint64(s.arg) && t.op < OpCancel && t.inFlight() {
			c.stop(uint32(j), i)
		}
	}
	c.stopped(i, errno(sys.ENOENT))
}

// credit tells the cancel by that it has ended an operation, for it may have
// found that one completed by the kernel, yet not by the engine.
func (c *core) credit(by uint64) {
	i := uint32(by)
	if by == c.handle(i) && c.slots[i].op == OpCancel && c.slots[i].state == active {
		c.slots[i].res = 0
	}
}

// depart begins slot i, a close or forget: first all others on the descriptor
// must end.
func (c *core) depart(i uint32) {
	c.slots[i].pending = 1
	c.stopAll(i)
	c.stopped(i, 0)
}

// stopAll stops what is in flight on the descriptor that slot i closes or
// forgets.
func (c *core) stopAll(i uint32) {
	f := c.fds.get(c.slots[i].fd)
	if f == nil {
		return
	}
	for d := range f.ops {
		for j := f.ops[d].head; j != 0; {
			next := c.slots[j].links[fdLinks].next
			c.stop(j, i)
			j = next
		}
	}
}

func (c *core) stop(i, by uint32) {
	c.slots[i].by = c.handle(by)
	c.slots[i].cancelled = true
	c.slots[by].pending++
	c.eng.stop(i, by)
}

// stopped is the engine's answer to stop: 0, -ENOENT when the operation had
// ended, -EALREADY when it is running.
func (c *core) stopped(by uint32, res int32) {
	s := &c.slots[by]
	s.pending--
	if s.op != OpCancel {
		if by != 0 {
			c.settle(by)
		}
		return
	}
	if res == 0 || res == errno(sys.EALREADY) && s.res != 0 {
		s.res = res
	}
	if s.pending == 0 {
		c.complete(by, s.res)
	}
}

// settle goes on with slot i, a close or forget, when all answers are there.
func (c *core) settle(i uint32) {
	s := &c.slots[i]
	if s.pending != 0 || s.state != active {
		return
	}
	if f := c.fds.get(s.fd); f != nil && !f.empty() {
		c.eng.linger(i)
		return
	}
	s.state = running
	c.eng.leave(i)
}

// poll is PollEvents.
func (c *core) poll(timeout time.Duration) ([]Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.polling {
		return nil, ErrPolling
	}
	c.polling = true
	err := c.gather(timeout)
	c.polling = false
	if c.closed {
		c.changed.Broadcast()
		return nil, ErrClosed
	}
	if err != nil {
		return nil, err
	}
	return c.reap(), nil
}

// gather returns when something has ended, or the time is over.
func (c *core) gather(timeout time.Duration) error {
	var start time.Time
	if timeout > 0 {
		start = time.Now()
	}
	for left := timeout; ; {
		err := c.eng.poll(left)
		if err != nil || len(c.done) > 0 || c.closed || left == 0 {
			return err
		}
		if timeout > 0 {
			left = max(timeout-time.Since(start), 0)
		}
	}
}

// reap makes events of what has ended and frees the slots.
func (c *core) reap() []Event {
	c.events = c.events[:0]
	for _, i := range c.done {
		s := &c.slots[i]
		ev := Event{FD: int(s.fd), Op: s.op, N: int(s.res), Token: s.token}
		if s.res < 0 {
			ev.N, ev.Err = -1, sys.Errno(-s.res)
		}
		c.events = append(c.events, ev)
		if f := c.fds.get(s.fd); f != nil && f.leaving == i {
			f.leaving = 0
		}
		s.state = idle
		c.free = append(c.free, i)
	}
	c.done = c.done[:0]
	return c.events
}

// close is Close. A second one waits for the first, and does what that could not.
func (c *core) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.closing {
		c.changed.Wait()
	}
	if c.released {
		return nil
	}
	c.closed, c.closing = true, true
	for c.polling {
		if c.waiting {
			c.eng.wake()
		}
		c.changed.Wait()
	}
	// If the kernel may still use the buffers, everything stays as it is.
	err := c.drain()
	if err == nil {
		err = c.eng.close()
		registry.Delete(c)
		c.released = true
	}
	c.closing = false
	c.changed.Broadcast()
	return err
}

// drain ends all that is in flight and drops the events.
func (c *core) drain() error {
	for c.drop(); c.inflight > 0; c.drop() {
		for i := range c.slots {
			if s := &c.slots[i]; s.op < OpCancel && s.inFlight() {
				c.stop(uint32(i), 0)
			}
		}
		// What was not found at this moment is stopped again, later.
		for before := -1; c.inflight > 0 && c.inflight != before; c.drop() {
			before = c.inflight
			if err := c.eng.poll(retryAfter); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop forgets what has ended. Nobody will close a connection but we.
func (c *core) drop() {
	for _, i := range c.done {
		s := &c.slots[i]
		if s.op == OpAccept && s.res >= 0 {
			sys.Close(int(s.res))
		}
		s.state = idle
	}
	c.done = c.done[:0]
}
