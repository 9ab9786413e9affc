// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// The engine on io_uring. An operation is a request, which is handed to the
// kernel by the next poll, or at once when a poll waits. Its user data is the
// handle of the slot, never an address. Timeouts are kept here, as on epoll:
// the kernel's would need memory of ours and die with their thread.
//
// Requests belong to the thread that handed them over. When it ends the kernel
// cancels them; what nobody asked to cancel is handed over again.

const (
	// reapBatch is how many completions are taken at once.
	reapBatch = 64
	// patientTries is how often an operation is repeated at once that would
	// wait although its descriptor is ready; then it gets some time.
	patientTries = 8
)

// phase is what became of an operation besides its request.
type phase uint8

const (
	// polling: the request is a poll, the operation would have waited.
	polling phase = 1 << iota
	// stopping: a request to cancel it is in flight.
	stopping
	// restart, restop: it is among those that are looked at again later, to
	// be started, or to be stopped.
	restart
	restop
	// insisted: the kernel has said once that it runs.
	insisted
)

// User data that is no handle: of a request to cancel, and of one that ends a
// wait. Slots have 21 bits.
const (
	cancelData = 1 << 31
	wakeData   = 1 << 30
	indexMask  = 1<<21 - 1
	genShift   = 32 + 21
)

type ring struct {
	*core
	*uring.Ring
	waiter waiter
	timers timers
	// again is what is to be looked at at the time due, since base.
	again list
	due   time.Duration
	base  time.Time
	woken bool
	cqes  [reapBatch]uring.CQE
}

func (u *ring) name() string { return EngineIOUring }

func (u *ring) close() error { return u.Ring.Close() }

// room hands over what is queued when the queue is full.
func (u *ring) room() error {
	if u.Queued() < u.SQEntries() {
		return nil
	}
	if _, err := u.Submit(); err != nil && u.Queued() == u.SQEntries() {
		if errors.Is(err, sys.EBUSY) {
			return sys.EBUSY
		}
		return sys.EAGAIN
	}
	return nil
}

// next returns an entry for a request, or nil when the kernel takes no more.
func (u *ring) next() *uring.SQE {
	if u.room() != nil {
		return nil
	}
	return u.NextSQE()
}

// promptly hands over what is queued if nobody else will soon. What the kernel
// does not take now stays queued.
func (u *ring) promptly() {
	if u.waiting {
		u.Submit()
	}
}

func (u *ring) wake() {
	if u.woken {
		return
	}
	if sqe := u.next(); sqe != nil {
		u.woken = true
		sqe.Nop()
		sqe.UserData = wakeData
		u.Submit()
	}
}

func (u *ring) start(i uint32) {
	if u.slots[i].op == OpTimeout {
		if u.timers.add(u.slots, i) && u.waiting {
			u.wake()
		}
		return
	}
	u.request(i)
	u.promptly()
}

// completed takes what the kernel has completed.
func (u *ring) completed(cqe *uring.CQE) {
	i := uint32(cqe.UserData) & indexMask
	switch {
	case cqe.UserData == wakeData:
		u.woken = false
	case cqe.UserData&cancelData != 0:
		u.answered(i, cqe.UserData, cqe.Res)
	default:
		u.result(i, cqe.Res)
	}
}

// result takes the result of the request of slot i.
func (u *ring) result(i uint32, res int32) {
	s := &u.slots[i]
	polled := s.phase&polling != 0
	s.phase &^= polling
	switch {
	case res == errno(sys.ECANCELED) && !s.cancelled:
		// Its thread has ended, or the kernel could not start one for it.
		u.later(i, restart)
		return
	case interrupted(res) && s.op != OpClose && !s.cancelled:
		u.request(i)
		return
	case res == errno(sys.ECANCELED) || interrupted(res) && s.op != OpClose:
		res = s.broken()
	case s.op == OpClose:
	case s.op == OpPoll && res > 0:
		// On Linux 5.10 it may be what woke the poll, not what is.
		now, then := s.readiness(uint32(s.arg))
		if then == waits && !s.cancelled {
			u.request(i)
			return
		}
		if res = now; then == waits {
			res = s.broken()
		}
	case s.op == OpPoll:
	case polled && res >= 0 && !s.cancelled:
		u.request(i)
		return
	case polled && res >= 0:
		res = s.broken()
	case res == errno(sys.EAGAIN):
		u.blocked(i)
		return
	case res > 0 && s.op != OpAccept:
		s.n += res
		if int(s.n) < len(s.buf) && u.goesOn(s) {
			u.request(i)
			return
		}
		res = s.n
	case s.n > 0:
		res = s.n
	case res == errno(sys.ESPIPE) && u.seeks(s):
		// Sockets do not ignore the offset.
		u.fds.get(s.fd).noSeek = true
		u.request(i)
		return
	}
	u.end(i, res)
}

// interrupted says whether a signal has ended a request. Linux 6.1 lets out an
// error between 512 and 516 that is meant for itself.
func interrupted(res int32) bool {
	return res == errno(sys.EINTR) || res <= -512 && res >= -516
}

// seeks says whether the request of s had an offset.
func (u *ring) seeks(s *slot) bool {
	return (s.op == OpRead || s.op == OpWrite) && u.offset(s) > 0
}

// blocked waits until the descriptor of slot i is ready: some kernels do not,
// when it is non-blocking. It must not spin over one that is ready and yet
// blocks, like a counter with little room.
func (u *ring) blocked(i uint32) {
	s := &u.slots[i]
	if s.cancelled {
		u.end(i, s.broken())
		return
	}
	s.phase |= polling
	if s.tries == patientTries {
		u.later(i, restart)
		return
	}
	s.tries++
	u.request(i)
}

// goesOn says whether a short count is not yet the result. What MSG_WAITALL
// asks for is done here, because Linux 5.10 loses what it has received when it
// cancels.
func (u *ring) goesOn(s *slot) bool {
	if s.cancelled {
		return false
	}
	f := u.fds.get(s.fd)
	switch s.op {
	case OpRead, OpWrite:
		if f.kind == unknown {
			f.kind = kindOf(int(s.fd))
		}
		return f.kind == file
	case OpRecv, OpSend:
		return s.arg&sys.MSG_WAITALL != 0 && isStream(int(s.fd))
	}
	return false
}

// kindOf tells files from what has short counts.
func kindOf(fd int) kind {
	var st sys.Statx_t
	err := sys.Statx(fd, "", sys.AT_EMPTY_PATH|sys.AT_STATX_DONT_SYNC, sys.STATX_TYPE, &st)
	if err == nil && isFile(&st) {
		return file
	}
	return plain
}

// end completes slot i, and answers for a cancel that is no longer needed.
func (u *ring) end(i uint32, res int32) {
	s := &u.slots[i]
	unanswered := s.phase&restop != 0 && s.op < OpCancel
	u.notLater(i)
	u.complete(i, res)
	if unanswered {
		u.stopped(s.owed, errno(sys.ENOENT))
	}
}

// later looks at slot i again after some time, for one reason or another.
func (u *ring) later(i uint32, why phase) {
	s := &u.slots[i]
	if u.again.head == 0 {
		u.due = time.Since(u.base) + retryAfter
	}
	if s.phase&(restart|restop) == 0 {
		u.again.push(u.slots, i, engineLinks)
	}
	s.phase |= why
}

// notLater takes slot i from those that are looked at later.
func (u *ring) notLater(i uint32) {
	s := &u.slots[i]
	if s.phase&(restart|restop) != 0 {
		u.again.remove(u.slots, i, engineLinks)
		s.phase &^= restart | restop
	}
}

// retry looks at what waits for its time, if that has come, and returns how
// long that lasts; any is false when there is nothing.
func (u *ring) retry() (left time.Duration, any bool) {
	if u.again.head == 0 {
		return 0, false
	}
	now := time.Since(u.base)
	if left = u.due - now; left > 0 {
		return left, true
	}
	// What is put there meanwhile comes behind the last, for the next time.
	u.due = now + retryAfter
	for i, last := u.again.head, u.again.tail; i != 0; {
		next := u.slots[i].links[engineLinks].next
		u.repeat(i)
		if i == last {
			break
		}
		i = next
	}
	return retryAfter, u.again.head != 0
}

func (u *ring) repeat(i uint32) {
	s := &u.slots[i]
	why := s.phase
	u.notLater(i)
	switch {
	case why&restart != 0:
		u.request(i)
	case s.op < OpCancel:
		u.cancelRequest(i, s.owed)
	default:
		u.depart(i)
	}
}

func (u *ring) stop(i, by uint32) {
	s := &u.slots[i]
	switch {
	case s.op == OpTimeout:
		u.timers.remove(u.slots, i)
	case s.phase&restart != 0:
		u.notLater(i)
	case s.phase&(stopping|restop) != 0:
		// It is ending for another.
		u.stopped(by, errno(sys.ENOENT))
		return
	default:
		u.cancelRequest(i, by)
		u.promptly()
		return
	}
	u.complete(i, s.broken())
	u.stopped(by, 0)
}

// cancelRequest asks the kernel to end the request of slot i.
func (u *ring) cancelRequest(i, by uint32) {
	s := &u.slots[i]
	sqe := u.next()
	if sqe == nil {
		s.owed = by
		u.later(i, restop)
		return
	}
	s.phase |= stopping
	sqe.Cancel(u.handle(i), 0)
	sqe.UserData = uint64(s.gen)<<genShift | uint64(by)<<32 | cancelData | uint64(i)
}

// answered takes the kernel's answer to a request to cancel that of slot i.
func (u *ring) answered(i uint32, data uint64, res int32) {
	s := &u.slots[i]
	by := uint32(data>>32) & indexMask
	same := uint64(s.gen)<<genShift == data>>genShift<<genShift
	if !same || !s.inFlight() || s.phase&stopping == 0 {
		u.stopped(by, res)
		return
	}
	s.phase &^= stopping
	// It has completed, and that comes next; or the kernel was about to move
	// it from one queue to another, or has interrupted it.
	again := res == errno(sys.ENOENT)
	if res == errno(sys.EALREADY) && s.phase&insisted == 0 {
		s.phase |= insisted
		again = true
	}
	if again && s.phase&restart == 0 {
		s.owed = by
		u.later(i, restop)
		return
	}
	u.stopped(by, res)
}

func (u *ring) linger(i uint32) {
	u.later(i, restop)
}

func (u *ring) leave(i uint32) {
	u.notLater(i)
	s := &u.slots[i]
	if f := u.fds.get(s.fd); f != nil {
		f.reset()
	}
	if s.op == OpForget {
		u.complete(i, 0)
		return
	}
	u.request(i)
	u.promptly()
}

func (u *ring) poll(d time.Duration) error {
	u.reap()
	if left, any := u.retry(); any && (d < 0 || left < d) {
		d = left
	}
	if left, any := u.timers.expire(u.core); any && (d < 0 || left < d) {
		d = left
	}
	if len(u.done) > 0 {
		d = 0
	}
	if err := u.enter(d); err != nil {
		return err
	}
	u.reap()
	u.timers.expire(u.core)
	return nil
}

// enter hands over what is queued, and waits up to d for a completion.
func (u *ring) enter(d time.Duration) error {
	if d == 0 {
		_, err := u.Submit()
		return pollError(err)
	}
	todo := u.Publish()
	u.waiting = true
	u.mu.Unlock()
	err := u.waiter.wait(todo, d)
	u.mu.Lock()
	u.waiting = false
	return pollError(err)
}

// pollError is the error of a poll. It is none when completions must be reaped
// first.
func pollError(err error) error {
	if err == nil || errors.Is(err, sys.EBUSY) {
		return nil
	}
	return err
}

// reap takes all that is complete.
func (u *ring) reap() {
	for {
		n := u.Reap(u.cqes[:])
		for k := range n {
			u.completed(&u.cqes[k])
		}
		if n < len(u.cqes) {
			return
		}
	}
}

// isStream says whether fd is a socket without messages.
func isStream(fd int) bool {
	typ, err := sys.GetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_TYPE)
	return err == nil && (typ == sys.SOCK_STREAM || typ == sys.SOCK_SEQPACKET)
}
