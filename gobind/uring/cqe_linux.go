// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"iter"
	"sync/atomic"
	"syscall"
	"unsafe"

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

// A CQE32 is a completion with 16 bytes more: of a ring with [SetupCQE32], or
// with [SetupCQEMixed] if the request asked for it ([CQEBig]).
type CQE32 struct {
	CQE
	// Extra is what the operation says; zero in a smaller completion.
	Extra [2]uint64
}

// completion is the queue that the kernel fills.
type completion struct {
	head, tail *uint32 // shared with the kernel, which moves tail
	flags      *uint32 // which reads them; nil before Linux 5.8
	mask       uint32
	next       uint32 // the oldest that was not handed out
	released   uint32 // what head is
	shift      uint8  // an entry takes so many places, as a power of two
	mixed      bool   // or a number of them that it tells
	entries    int
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

// Ready returns how many completions are there to be reaped. With
// [SetupCQEMixed] a completion of 32 bytes counts twice.
func (r *Ring) Ready() int { return r.cq.ready() }

// CQEntries returns how many completions the ring can hold. More than that are
// kept by the kernel, and none is lost; but before Linux 5.19 the kernel takes
// no more requests meanwhile, and Submit returns EBUSY.
func (r *Ring) CQEntries() int { return r.cq.entries }

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
			cqe := q.cqes[(q.next&q.mask)<<q.shift]
			q.next += q.step(cqe)
			if !cqe.filler() && !yield(cqe) {
				return
			}
		}
	}
}

// Completions32 is [Ring.Completions] with all of completions of 32 bytes.
func (r *Ring) Completions32() iter.Seq[CQE32] {
	return func(yield func(CQE32) bool) {
		q := &r.cq
		defer q.release()
		tail := atomic.LoadUint32(q.tail)
		sys.RaceAcquire()
		for int32(tail-q.next) > 0 && len(q.cqes) > 0 {
			cqe := q.at(q.next)
			q.next += q.step(cqe.CQE)
			if !cqe.filler() && !yield(cqe) {
				return
			}
		}
	}
}

// step returns how far the next completion is.
func (q *completion) step(c CQE) uint32 {
	if q.mixed && c.Flags&CQEBig != 0 {
		return 2
	}
	return 1
}

// filler is true for what only fills the end of a queue, where a completion of
// 32 bytes has no place.
func (c CQE) filler() bool { return c.Flags&CQESkip != 0 }

// at returns all of a completion.
func (q *completion) at(next uint32) CQE32 {
	i := (next & q.mask) << q.shift
	c := CQE32{CQE: q.cqes[i]}
	if q.shift != 0 || q.mixed && c.Flags&CQEBig != 0 {
		c.Extra = *(*[2]uint64)(unsafe.Pointer(&q.cqes[i+1]))
	}
	return c
}

// Reap copies the oldest completions to dst, reaps them and returns how many
// there were. It sees what [Ring.Completions] sees.
func (r *Ring) Reap(dst []CQE) int {
	q := &r.cq
	n, next := q.copy(dst)
	q.next = next
	q.release()
	return n
}

// Reap32 is [Ring.Reap] with all of completions of 32 bytes.
func (r *Ring) Reap32(dst []CQE32) (n int) {
	q := &r.cq
	tail := atomic.LoadUint32(q.tail)
	sys.RaceAcquire()
	for n < len(dst) && int32(tail-q.next) > 0 {
		dst[n] = q.at(q.next)
		q.next += q.step(dst[n].CQE)
		if !dst[n].filler() {
			n++
		}
	}
	q.release()
	return n
}

// Peek is [Ring.Reap] without the reaping: the completions stay until
// [Ring.Advance].
func (r *Ring) Peek(dst []CQE) int {
	n, _ := r.cq.copy(dst)
	return n
}

// Advance reaps the n oldest completions; there are not more than [Ring.Ready].
func (r *Ring) Advance(n int) {
	q := &r.cq
	ready := q.ready()
	if !q.mixed {
		q.next += uint32(min(max(n, 0), ready))
	}
	for tail := q.next + uint32(ready); q.mixed && n > 0 && int32(tail-q.next) > 0; {
		cqe := q.cqes[q.next&q.mask]
		q.next += q.step(cqe)
		if !cqe.filler() {
			n--
		}
	}
	q.release()
}

// copy copies the oldest completions, and returns how many there were and what
// next is behind them.
func (q *completion) copy(dst []CQE) (n int, next uint32) {
	tail := atomic.LoadUint32(q.tail)
	next = q.next
	sys.RaceAcquire()
	if q.mixed || q.shift != 0 {
		return q.copySome(dst, tail)
	}
	n = min(len(dst), int(tail-next))
	if n == 0 {
		return 0, next
	}
	first := copy(dst[:n], q.cqes[next&q.mask:])
	copy(dst[first:n], q.cqes)
	return n, next + uint32(n)
}

// copySome is copy where completions are not all of 16 bytes.
func (q *completion) copySome(dst []CQE, tail uint32) (n int, next uint32) {
	for next = q.next; n < len(dst) && int32(tail-next) > 0; {
		cqe := q.cqes[(next&q.mask)<<q.shift]
		next += q.step(cqe)
		if !cqe.filler() {
			dst[n] = cqe
			n++
		}
	}
	return n, next
}
