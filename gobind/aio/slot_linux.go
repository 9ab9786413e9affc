// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import "example.com/syshim/gobind/sys"

// state is where an operation is.
type state uint8

const (
	idle    state = iota // The slot is free.
	active               // In the kernel, or waiting for the descriptor.
	queued               // Waiting for a helper.
	running              // With a helper; of a close or forget: last step.
	done                 // The result waits to be reaped.
)

// slot is an operation. Slot 0 is none, so that 0 ends a list.
type slot struct {
	// buf keeps the caller's memory until the operation has ended.
	buf   []byte
	token uint64
	// arg is the offset, flags, events, deadline, or the token to cancel.
	arg int64
	// by is the handle of the last one that tried to end this operation.
	by uint64
	// gen counts the operations that this slot had.
	gen uint32
	fd  int32
	res int32
	// n is what was transferred so far; of a timeout: its place in the heap.
	n int32
	// pending counts the answers that a cancel, close or forget waits for.
	pending   int32
	op        Op
	state     state
	cancelled bool
	// phase, tries and owed are io_uring's: owed is who waits for the answer
	// when this is to be stopped again.
	phase phase
	tries uint8
	owed  uint32
	links [nrLinks]link
}

func (s *slot) inFlight() bool {
	return s.state != idle && s.state != done
}

// broken is the result of an operation that ends early: what was transferred
// is not lost.
func (s *slot) broken() int32 {
	if s.op == OpTimeout || s.n == 0 {
		return errno(sys.ECANCELED)
	}
	return s.n
}

// link is the place of a slot in a list.
type link struct {
	prev, next uint32
}

// The lists that a slot can be in.
const (
	fdLinks     = iota // What is in flight on a descriptor.
	engineLinks        // What waits for a helper, or to be tried again.
	nrLinks
)

// list is a list of slots, oldest first.
type list struct {
	head, tail uint32
}

func (l *list) push(slots []slot, i uint32, which int) {
	slots[i].links[which] = link{prev: l.tail}
	if l.tail != 0 {
		slots[l.tail].links[which].next = i
	} else {
		l.head = i
	}
	l.tail = i
}

func (l *list) remove(slots []slot, i uint32, which int) {
	at := slots[i].links[which]
	if at.prev != 0 {
		slots[at.prev].links[which].next = at.next
	} else {
		l.head = at.next
	}
	if at.next != 0 {
		slots[at.next].links[which].prev = at.prev
	} else {
		l.tail = at.prev
	}
}

// direction is what an operation waits for on its descriptor.
type direction uint8

const (
	input direction = iota
	output
	either
	nrDirections
)

func (op Op) direction() direction {
	switch op {
	case OpWrite, OpSend:
		return output
	case OpPoll:
		return either
	}
	return input
}

// fdState is what is known of a descriptor.
type fdState struct {
	// ops is what is in flight.
	ops [nrDirections]list
	// leaving is the slot of the close or forget in flight.
	leaving uint32
	// The rest is the engines'.
	kind kind
	// stream is that a socket has no messages.
	stream bool
	// noSeek is that there are no offsets, noNowait that RWF_NOWAIT is
	// unknown to the file: for input, for output.
	noSeek   bool
	noNowait [2]bool
}

// never is the noNowait of what has no RWF_NOWAIT in either direction.
var never = [2]bool{true, true}

func (f *fdState) empty() bool {
	return f.ops[input].head|f.ops[output].head|f.ops[either].head == 0
}

// reset forgets the descriptor, whose number may get another one.
func (f *fdState) reset() {
	*f = fdState{leaving: f.leaving}
}

// fdTable holds the state of descriptors. It grows in chunks, so that pointers
// into it stay valid.
type fdTable struct {
	chunks []*[fdChunk]fdState
}

const fdChunk = 256

// get returns the state of fd, or nil when its chunk is not there.
func (t *fdTable) get(fd int32) *fdState {
	at := uint32(fd) / fdChunk
	if fd < 0 || at >= uint32(len(t.chunks)) || t.chunks[at] == nil {
		return nil
	}
	return &t.chunks[at][uint32(fd)%fdChunk]
}

// add returns the state of fd, which is zero when it was not there.
func (t *fdTable) add(fd int32) *fdState {
	at := int(fd) / fdChunk
	if grow := at + 1 - len(t.chunks); grow > 0 {
		t.chunks = append(t.chunks, make([]*[fdChunk]fdState, grow)...)
	}
	if t.chunks[at] == nil {
		t.chunks[at] = new([fdChunk]fdState)
	}
	return t.get(fd)
}
