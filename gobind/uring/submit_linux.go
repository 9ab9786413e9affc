// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// submission is the queue that the kernel empties.
type submission struct {
	head, tail, flags *uint32 // shared with the kernel, which moves head
	entries, mask     uint32
	next              uint32 // the next to hand out
	published         uint32 // what tail is
	shift             uint8  // an entry takes so many places, as a power of two
	double            bool   // entries of 128 bytes are possible
	rewind            bool   // the first entry is always that of index 0
	sqes              []SQE
}

// publish makes the entries that were handed out visible to the kernel, and
// returns how many of them are new.
func (q *submission) publish() uint32 {
	fresh := q.next - q.published
	if fresh > 0 {
		sys.RaceRelease()
		// Release: the kernel must see the entries before the tail over
		// them. And it must see the tail before its flags are read, lest
		// an SQPOLL thread falls asleep unnoticed: sync/atomic orders a
		// load after an earlier store.
		atomic.StoreUint32(q.tail, q.next)
		q.published = q.next
	}
	return fresh
}

// queued returns how many entries the kernel has not taken.
func (q *submission) queued() uint32 {
	// Acquire: an entry is written only after the kernel has read it.
	return q.next - atomic.LoadUint32(q.head)
}

// NextSQE returns a free entry, all zero, or nil when the queue is full: submit
// then. The caller describes one request in it, before the next Submit of any
// form, which gives all entries to the kernel in the order in which they were
// handed out. The entry must not be touched after that.
func (r *Ring) NextSQE() *SQE {
	q := &r.sq
	if q.queued() >= q.entries {
		return nil
	}
	s := &q.sqes[(q.next&q.mask)<<q.shift]
	q.next++
	*s = SQE{}
	return s
}

// NextSQE128 is [Ring.NextSQE] for an entry of 128 bytes, of a ring with
// [SetupSQE128] or [SetupSQEMixed]; on others it returns nil. Among mixed
// entries it is two, and three at the end of the queue, where a request that
// does nothing and has no completion makes up for the place that is too small.
func (r *Ring) NextSQE128() *SQE128 {
	q := &r.sq
	places := uint32(2) >> q.shift
	last := q.shift == 0 && q.next&q.mask == q.mask
	if last {
		places++
	}
	if !q.double || q.queued()+places > q.entries {
		return nil
	}
	if last {
		s := r.NextSQE()
		s.Nop()
		s.Flags = SQECQESkipSuccess
		places--
	}
	i := (q.next & q.mask) << q.shift
	s := (*SQE128)(unsafe.Pointer(unsafe.SliceData(q.sqes[i : i+2])))
	q.next += places
	*s = SQE128{}
	return s
}

// taken moves the entries that the kernel has not taken to the front, in a
// queue that begins there each time.
func (q *submission) taken(n int) {
	if q.rewind && n > 0 {
		copy(q.sqes, q.sqes[n:q.next])
		q.next -= uint32(n)
		q.published = q.next
	}
}

// Queued returns how many entries were handed out that the kernel has not taken.
func (r *Ring) Queued() int { return int(r.sq.queued()) }

// Publish makes all entries visible to the kernel, as Submit does, and returns
// how many it has not taken. It is for a caller that calls io_uring_enter(2) on
// its own, because it waits while others use the ring, and not for one with
// [SetupSQRewind].
func (r *Ring) Publish() int { return r.publish() }

// SQEntries returns how many entries the submission queue has.
func (r *Ring) SQEntries() int { return int(r.sq.entries) }

// forever is the timeout of those who wait without one.
const forever = -1

// Submit gives all entries to the kernel and returns how many it took: with an
// error, too, these may be more than none. Entries that it did not take stay
// queued for the next call. It fetches the completions that the kernel holds
// back. EBUSY means that completions must be reaped first, EAGAIN that the
// kernel has no memory now.
//
// An entry that the kernel cannot understand is taken like any other: its
// completion says EINVAL.
func (r *Ring) Submit() (taken int, err error) {
	return r.enter(true, 0, forever)
}

// SubmitAndWait is [Ring.Submit], and waits until n completions are ready, or
// as many as the ring can hold. As in the kernel, it ends sooner, with one at
// least, when a timeout request is over, when a signal comes, and for a ring
// with [SetupIOPoll].
func (r *Ring) SubmitAndWait(n int) (taken int, err error) {
	return r.enter(true, n, forever)
}

// SubmitAndWaitTimeout is [Ring.SubmitAndWait] for a limited time: after that
// it ends with what is ready, and with ETIME if nothing is. A negative timeout
// is none. Before Linux 5.11 one completion is enough, whatever n is.
func (r *Ring) SubmitAndWaitTimeout(n int, timeout time.Duration) (taken int, err error) {
	return r.enter(true, n, timeout)
}

// Wait waits as [Ring.SubmitAndWait] does and submits nothing.
func (r *Ring) Wait(n int) error {
	_, err := r.enter(false, n, forever)
	return err
}

// WaitTimeout waits as [Ring.SubmitAndWaitTimeout] does and submits nothing.
func (r *Ring) WaitTimeout(n int, timeout time.Duration) error {
	_, err := r.enter(false, n, timeout)
	return err
}

// enter submits, if it shall, and waits for n completions. It calls the kernel
// only if there is something to do, and again after a signal or when the kernel
// took a part: an entry that fails at once stops it.
//
// The kernel does not say why it stopped waiting. To wait again for more than
// one could miss a timeout request, so one completion is enough then.
func (r *Ring) enter(submit bool, n int, timeout time.Duration) (taken int, err error) {
	if !r.open {
		return 0, os.ErrClosed
	}
	var deadline time.Time
	if timeout >= 0 && r.Ready() < n {
		deadline = time.Now().Add(timeout)
	}
	n = min(n, r.cq.entries)
	// The kernel counts as ready what was not given back.
	r.cq.release()
	for {
		todo := 0
		if submit {
			todo = r.publish()
		}
		wait := n
		if r.Ready() >= n {
			wait = 0
		}
		flags := r.enterFlags(todo, wait)
		if flags == 0 && (todo == 0 || r.polled()) {
			return taken + todo, nil
		}
		m, e := r.call(todo, wait, flags, deadline)
		m = max(m, 0)
		r.sq.taken(m)
		taken += m
		enough := m == todo && r.Ready() >= min(n, 1)
		switch {
		case enough && (e == nil || e == sys.EINTR || e == sys.ETIME):
			return taken, nil
		case e == sys.EINTR && r.arg.SigmaskSz == 0:
		case e != nil:
			return taken, enterError(e)
		case m == 0 && todo > 0:
			// Another round would come to nothing, too.
			return taken, nil
		}
	}
}

// polled reports whether a thread of the kernel takes the entries.
func (r *Ring) polled() bool {
	return SetupFlags(r.params.Flags)&SetupSQPoll != 0
}

// publish returns how many entries io_uring_enter has to be told of.
func (r *Ring) publish() int {
	fresh := r.sq.publish()
	if r.polled() {
		return int(fresh)
	}
	return r.Queued()
}

// enterFlags returns why to call the kernel, apart from submitting.
func (r *Ring) enterFlags(todo, wait int) (flags uint32) {
	state := atomic.LoadUint32(r.sq.flags)
	if wait > 0 || r.always || state&(sys.IORING_SQ_CQ_OVERFLOW|sys.IORING_SQ_TASKRUN) != 0 {
		flags |= sys.IORING_ENTER_GETEVENTS
	}
	if todo > 0 && r.polled() && state&sys.IORING_SQ_NEED_WAKEUP != 0 {
		flags |= sys.IORING_ENTER_SQ_WAKEUP
	}
	return flags
}

// call makes one system call, two for a timed wait before Linux 5.11. Package
// sys always tells the scheduler, for even one that does not wait for
// completions starts requests that may take their time.
func (r *Ring) call(todo, wait int, flags uint32, deadline time.Time) (int, error) {
	flags |= r.enterFlag
	timed := !deadline.IsZero()
	if wait == 0 || !timed && !r.until && r.arg.SigmaskSz == 0 {
		return sys.IoUringEnter(r.enterFD, uint32(todo), uint32(wait), flags|r.waitFlag, nil, 0)
	}
	r.arg.Ts = 0
	switch {
	case timed:
		r.left = span(time.Until(deadline))
		r.arg.Ts = uint64(uintptr(unsafe.Pointer(&r.left)))
	case r.until:
		r.arg.Ts = uint64(uintptr(unsafe.Pointer(&r.left)))
		flags |= sys.IORING_ENTER_ABS_TIMER
	}
	if r.Features()&FeatExtArg == 0 {
		return r.callAndPoll(todo, flags)
	}
	return sys.IoUringEnter(r.enterFD, uint32(todo), uint32(wait), flags|r.waitFlag|sys.IORING_ENTER_EXT_ARG,
		unsafe.Pointer(&r.arg), unsafe.Sizeof(r.arg))
}

// callAndPoll waits for one completion, for the time r.left.
func (r *Ring) callAndPoll(todo int, flags uint32) (int, error) {
	m, err := sys.IoUringEnter(r.enterFD, uint32(todo), 0, flags, nil, 0)
	if err != nil || m < todo || r.Ready() > 0 {
		return m, err
	}
	var left *sys.Timespec
	if r.arg.Ts != 0 {
		left = &r.left
	}
	var mask *sys.Sigset_t
	if r.arg.SigmaskSz != 0 {
		mask = &r.mask
	}
	ready, err := sys.Ppoll(r.poll[:], left, mask)
	if err == nil && ready == 0 {
		err = sys.ETIME
	}
	return m, err
}
