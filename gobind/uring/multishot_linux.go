// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"encoding/binary"
	"iter"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// Events submits, waits and yields completions, again and again, until the loop
// ends. A call that fails while nothing is ready yields its error, and is the
// last.
func (r *Ring) Events() iter.Seq2[CQE, error] {
	return func(yield func(CQE, error) bool) {
		for {
			if _, err := r.SubmitAndWait(1); err != nil && r.Ready() == 0 {
				yield(CQE{}, err)
				return
			}
			for c := range r.Completions() {
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

type multishotKind uint8

const (
	manyAccept multishotKind = iota
	manyRecv
	manyRecvmsg
	manyRead
	manyPoll
	manyTimeout
)

// A Multishot is a request that completes many times, and is made anew when the
// kernel has ended it: because the completion queue was full, no buffer was
// left, or something failed.
//
// [Multishot.Arm] puts it into the queue unless it is in flight, and
// [Multishot.Take] says which completions are its. It may be copied while it
// is not in flight.
type Multishot struct {
	userData uint64
	kind     multishotKind
	armed    bool
	fd       int
	flags    uint32
	bufs     *BufRing
	msg      *sys.Msghdr
	ts       *sys.Timespec
}

// AcceptMany accepts connections: each completion's Res is a descriptor.
func AcceptMany(fd, flags int, userData uint64) Multishot {
	return Multishot{kind: manyAccept, userData: userData, fd: fd, flags: uint32(flags)}
}

// RecvMany receives into buffers of bufs, until Res is 0.
func RecvMany(fd int, bufs *BufRing, flags int, userData uint64) Multishot {
	return Multishot{kind: manyRecv, userData: userData, fd: fd, bufs: bufs, flags: uint32(flags)}
}

// RecvmsgMany receives messages into buffers of bufs, which [BufRing.Message]
// takes apart. msg says how much room address and control messages get in the
// buffers; it is kept.
func RecvmsgMany(fd int, bufs *BufRing, msg *sys.Msghdr, flags int, userData uint64) Multishot {
	return Multishot{kind: manyRecvmsg, userData: userData, fd: fd, bufs: bufs, msg: msg, flags: uint32(flags)}
}

// ReadMany reads from what can be polled into buffers of bufs, until Res is 0.
// Since Linux 6.7.
func ReadMany(fd int, bufs *BufRing, userData uint64) Multishot {
	return Multishot{kind: manyRead, userData: userData, fd: fd, bufs: bufs}
}

// PollMany tells events, sys.POLLIN and its kin: each completion's Res.
func PollMany(fd int, events uint32, userData uint64) Multishot {
	return Multishot{kind: manyPoll, userData: userData, fd: fd, flags: events}
}

// Every completes again and again, with ETIME. Since Linux 6.4.
func Every(d time.Duration, userData uint64) Multishot {
	ts := span(d)
	return Multishot{kind: manyTimeout, userData: userData, ts: &ts}
}

// Arm describes the request in an entry of the ring, unless it is in flight. It
// is false if no entry is free: submit, and try again.
func (m *Multishot) Arm(r *Ring) bool {
	if m.armed {
		return true
	}
	s := r.NextSQE()
	if s == nil {
		return false
	}
	switch m.kind {
	case manyAccept:
		s.AcceptMultishot(m.fd, nil, nil, int(m.flags))
	case manyRecv:
		s.RecvMultishot(m.fd, nil, int(m.flags))
	case manyRecvmsg:
		s.RecvmsgMultishot(m.fd, m.msg, m.flags)
	case manyRead:
		s.ReadMultishot(m.fd, 0, -1, int(m.bufs.group))
	case manyPoll:
		s.PollMultishot(m.fd, m.flags)
	case manyTimeout:
		s.Timeout(m.ts, 0, TimeoutMultishot)
	}
	if m.bufs != nil {
		s.Flags |= SQEBufferSelect
		s.BufIndex = m.bufs.group
	}
	s.UserData = m.userData
	m.armed = true
	return true
}

// Take reports whether the completion is one of the request's, and notes
// whether it is the last.
func (m *Multishot) Take(c CQE) bool {
	if c.UserData != m.userData {
		return false
	}
	m.armed = c.Flags&CQEMore != 0
	return true
}

// InFlight reports whether there will be completions.
func (m *Multishot) InFlight() bool { return m.armed }

// Stop describes a request that cancels it, with a UserData of its own. It is
// false if no entry is free. Its last completion says ECANCELED.
func (m *Multishot) Stop(r *Ring, userData uint64) bool {
	s := r.NextSQE()
	if s == nil {
		return false
	}
	s.Cancel(m.userData, 0)
	s.UserData = userData
	return true
}

// A Message is what [SQE.RecvmsgMultishot] put into a buffer.
type Message struct {
	// Name is the address of the sender, Control are the control messages; what
	// had no room is cut off, as Flags say.
	Name, Control []byte
	Payload       []byte
	Flags         uint32 // sys.MSG_TRUNC, sys.MSG_CTRUNC, ...
	// Size is how long the payload was, before it was cut off.
	Size int
}

// Message takes what a completion put into a buffer apart. msg is that of the
// request. It is false if the buffer is too small for that.
func (b *BufRing) Message(c CQE, msg *sys.Msghdr) (m Message, ok bool) {
	return ParseMessage(b.Bytes(c), msg)
}

// ParseMessage is [BufRing.Message] for a buffer of another kind.
func ParseMessage(buf []byte, msg *sys.Msghdr) (m Message, ok bool) {
	const head = int(unsafe.Sizeof(sys.IoUringRecvmsgOut{}))
	name, control := int(msg.Namelen), int(msg.Controllen)
	if name < 0 || control < 0 || control > len(buf) || len(buf) < head+name+control {
		return Message{}, false
	}
	word := func(i int) int { return int(binary.NativeEndian.Uint32(buf[4*i:])) }
	rest := buf[head:]
	m.Name = rest[:min(word(0), name)]
	m.Control = rest[name:][:min(word(1), control)]
	m.Payload = rest[name+control:]
	m.Size = word(2)
	m.Flags = uint32(word(3))
	m.Payload = m.Payload[:min(len(m.Payload), m.Size)]
	return m, true
}
