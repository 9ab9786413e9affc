// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"iter"
	"sync/atomic"
	"syscall"

	"example.com/syshim/gobind/sys"
)

// A CQE is a completion: the result of one request.
type CQE struct {
	// UserData is that of the request.
	UserData uint64
	// Res is the result, or an error's negative number.
	Res   int32
	Flags CQEFlags
}

// Err returns the error of the request as a [syscall.Errno], or nil.
func (c CQE) Err() error {
	if c.Res < 0 {
		return syscall.Errno(-c.Res)
	}
	return nil
}

// BufferID returns which provided buffer was taken; see [CQEBuffer].
func (c CQE) BufferID() uint16 {
	return uint16(c.Flags >> sys.IORING_CQE_BUFFER_SHIFT)
}

// completion is the queue that the kernel fills.
type completion struct {
	head, tail *uint32 // shared with the kernel, which moves tail
	mask       uint32
	next       uint32 // the oldest that was not handed out
	released   uint32 // what head is
	cqes       []CQE
}

// ready returns how many completions can be handed out.
func (q *completion) ready() int {
	// Acquire: the entries must be read after the tail over them.
	return int(atomic.LoadUint32(q.tail) - q.next)
}

// release gives the slots of what was handed out back to the kernel.
func (q *completion) release() {
	if q.released == q.next {
		return
	}
	// Release: the kernel may overwrite the entries behind the head, so they
	// must have been read before.
	atomic.StoreUint32(q.head, q.next)
	q.released = q.next
}

// Ready returns how many completions are there to be reaped.
func (r *Ring) Ready() int { return r.cq.ready() }

// CQEntries returns how many completions the ring can hold. More than that are
// kept by the kernel, and none is lost; but before Linux 5.19 the kernel takes
// no more requests meanwhile, and Submit returns EBUSY.
func (r *Ring) CQEntries() int { return len(r.cq.cqes) }

// Completions yields copies of the completions that are ready now, oldest
// first. Each is reaped when it is yielded. Their slots go back to the kernel
// when the loop ends, however it ends; submitting in the loop is allowed.
//
// It looks at the queue and calls nothing: completions that the kernel holds
// back, because the queue was full or the ring asked for it
// ([SetupCoopTaskrun], [SetupDeferTaskrun], [SetupIOPoll]), come with the next
// Submit or Wait of any form.
func (r *Ring) Completions() iter.Seq[CQE] {
	return func(yield func(CQE) bool) {
		q := &r.cq
		// Once for the batch: a store for each costs more than the copy.
		defer q.release()
		tail := atomic.LoadUint32(q.tail)
		sys.RaceAcquire()
		// The body may reap, or close the ring.
		for int32(tail-q.next) > 0 && len(q.cqes) > 0 {
			cqe := q.cqes[q.next&q.mask]
			q.next++
			if !yield(cqe) {
				return
			}
		}
	}
}

// Reap copies the oldest completions to dst, reaps them and returns how many
// there were. It sees what [Ring.Completions] sees.
func (r *Ring) Reap(dst []CQE) int {
	n := r.Peek(dst)
	r.Advance(n)
	return n
}

// Peek is [Ring.Reap] without the reaping: the completions stay until
// [Ring.Advance].
func (r *Ring) Peek(dst []CQE) int {
	q := &r.cq
	n := min(len(dst), q.ready())
	if n == 0 {
		return 0
	}
	sys.RaceAcquire()
	first := copy(dst[:n], q.cqes[q.next&q.mask:])
	copy(dst[first:n], q.cqes)
	return n
}

// Advance reaps the n oldest completions; there are not more than [Ring.Ready].
func (r *Ring) Advance(n int) {
	q := &r.cq
	q.next += uint32(min(max(n, 0), q.ready()))
	q.release()
}
