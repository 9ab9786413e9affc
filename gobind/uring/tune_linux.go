// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"math"
	"os"
	"runtime"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// NAPI says how a ring polls the queues of network cards while it waits,
// instead of waiting for their interrupts.
type NAPI struct {
	// BusyPoll is how long it polls, in microseconds.
	BusyPoll time.Duration
	// Prefer defers interrupts while it polls.
	Prefer bool
	// Static: the queues are those that AddNAPI names, since Linux 6.13;
	// otherwise those of the sockets in use.
	Static bool
}

func (n NAPI) raw() sys.IoUringNapi {
	raw := sys.IoUringNapi{BusyPollTo: uint32(min(max(n.BusyPoll.Microseconds(), 0), math.MaxUint32))}
	if n.Prefer {
		raw.PreferBusyPoll = 1
	}
	if n.Static {
		raw.OpParam = sys.IO_URING_NAPI_TRACKING_STATIC
	}
	return raw
}

func napi(raw sys.IoUringNapi) NAPI {
	return NAPI{
		BusyPoll: time.Duration(raw.BusyPollTo) * time.Microsecond,
		Prefer:   raw.PreferBusyPoll != 0,
		Static:   raw.OpParam == sys.IO_URING_NAPI_TRACKING_STATIC,
	}
}

// RegisterNAPI makes waits poll, and returns what was before. Since Linux 6.9.
func (r *Ring) RegisterNAPI(n NAPI) (before NAPI, err error) {
	raw := n.raw()
	err = r.register(sys.IORING_REGISTER_NAPI, unsafe.Pointer(&raw), 1)
	return napi(raw), err
}

// UnregisterNAPI makes waits wait for interrupts, and returns what was before.
func (r *Ring) UnregisterNAPI() (before NAPI, err error) {
	var raw sys.IoUringNapi
	err = r.register(sys.IORING_UNREGISTER_NAPI, unsafe.Pointer(&raw), 1)
	return napi(raw), err
}

// AddNAPI adds a queue to a ring with [NAPI].Static: getsockopt(SO_INCOMING_NAPI_ID)
// knows its number.
func (r *Ring) AddNAPI(id uint32) error {
	raw := sys.IoUringNapi{Opcode: sys.IO_URING_NAPI_STATIC_ADD_ID, OpParam: id}
	return r.register(sys.IORING_REGISTER_NAPI, unsafe.Pointer(&raw), 1)
}

// RemoveNAPI undoes [Ring.AddNAPI].
func (r *Ring) RemoveNAPI(id uint32) error {
	raw := sys.IoUringNapi{Opcode: sys.IO_URING_NAPI_STATIC_DEL_ID, OpParam: id}
	return r.register(sys.IORING_REGISTER_NAPI, unsafe.Pointer(&raw), 1)
}

// SetClock chooses the clock of waits with a timeout: sys.CLOCK_MONOTONIC, as
// before, or sys.CLOCK_BOOTTIME, which goes on while the machine sleeps. Since
// Linux 6.12.
func (r *Ring) SetClock(clock int) error {
	reg := sys.IoUringClockRegister{Clockid: uint32(clock)}
	return r.register(sys.IORING_REGISTER_CLOCK, unsafe.Pointer(&reg), 0)
}

// SetIOWait says whether the time of a wait counts as waiting for a disk, as it
// does at first, for the machine's load and the CPU's frequency. Since Linux
// 6.15.
func (r *Ring) SetIOWait(counts bool) error {
	if r.Features()&FeatNoIOWait == 0 {
		return invalid("io_uring_enter")
	}
	r.waitFlag = sys.IORING_ENTER_NO_IOWAIT
	if counts {
		r.waitFlag = 0
	}
	return nil
}

// CloneBuffers registers the buffers that are registered with another ring, as
// they are. This one has none yet. Since Linux 6.12.
func (r *Ring) CloneBuffers(from *Ring) error {
	return r.CloneSomeBuffers(0, from, 0, 0, false)
}

// CloneSomeBuffers registers n buffers of another ring, those from first on, as
// the ones from index on; 0 is all the rest. With replace the ring may have
// some already, which make room. Since Linux 6.13.
func (r *Ring) CloneSomeBuffers(index uint32, from *Ring, first, n uint32, replace bool) error {
	reg := sys.IoUringCloneBuffers{SrcFd: uint32(from.fd), SrcOff: first, DstOff: index, Nr: n}
	if from.fd < 0 {
		reg.SrcFd, reg.Flags = uint32(from.enterFD), sys.IORING_REGISTER_SRC_REGISTERED
	}
	if replace {
		reg.Flags |= sys.IORING_REGISTER_DST_REPLACE
	}
	err := r.register(sys.IORING_REGISTER_CLONE_BUFFERS, unsafe.Pointer(&reg), 1)
	if err != nil {
		return err
	}
	bufs := from.kept[first:]
	if n > 0 {
		bufs = bufs[:n]
	}
	kept := make([][]byte, max(len(r.kept), int(index)+len(bufs)))
	copy(kept, r.kept)
	copy(kept[index:], bufs)
	r.kept = kept
	return nil
}

// Resize gives the queues other sizes, of entries that are free and completions
// that are not reaped. It fails with EOVERFLOW if what is in them has no place,
// and changes nothing. The ring has [SetupDeferTaskrun], and lies in the
// kernel's memory. Since Linux 6.13.
//
// The queues are mapped anew: entries that NextSQE returned must not be touched
// any more, and are submitted later if they were described before. If that
// fails, the ring is good for Close only.
func (r *Ring) Resize(entries, completions uint32) error {
	if r.memory[0] != nil || r.setup().has(SetupSQRewind) {
		return invalid("io_uring_register")
	}
	r.cq.release()
	r.sq.publish()
	p := sys.IoUringParams{SqEntries: entries, CqEntries: completions, Flags: uint32(SetupCQSize)}
	if err := r.register(sys.IORING_REGISTER_RESIZE_RINGS, unsafe.Pointer(&p), 1); err != nil {
		return err
	}
	sq, cq := r.sq, r.cq
	err := r.unmapQueues()
	r.params.SqEntries, r.params.CqEntries = p.SqEntries, p.CqEntries
	r.params.SqOff, r.params.CqOff = p.SqOff, p.CqOff
	if p.SqOff.Array == 0 && !r.setup().has(SetupNoSQArray) {
		// The kernel does not tell: the array begins a line of the cache
		// behind the completions.
		size := p.CqEntries * uint32(unsafe.Sizeof(CQE{})) << r.setup().cqShift()
		r.params.SqOff.Array = (p.CqOff.Cqes + size + 63) &^ 63
	}
	if err != nil {
		return err
	}
	if err := r.mapQueues(); err != nil {
		return err
	}
	r.sq.next, r.sq.published = sq.next, sq.published
	r.cq.next, r.cq.released = cq.next, cq.released
	return nil
}

// A FilterFlags says what a filter of requests is for.
type FilterFlags uint32

const (
	// FilterDenyRest: operations without a filter are denied from now on.
	FilterDenyRest FilterFlags = sys.IO_URING_BPF_FILTER_DENY_REST
	// FilterStrict: fail if the kernel shows a filter more or less of a request
	// than size says.
	FilterStrict FilterFlags = sys.IO_URING_BPF_FILTER_SZ_STRICT
)

func filter(op Op, size uint8, flags FilterFlags, program []sys.SockFilter) sys.IoUringBpf {
	return sys.IoUringBpf{
		CmdType: sys.IO_URING_BPF_CMD_FILTER,
		Filter: sys.IoUringBpfFilter{
			Opcode: uint32(op), Flags: uint32(flags), PduSize: size,
			FilterLen: uint32(len(program)), FilterPtr: address(unsafe.Pointer(unsafe.SliceData(program))),
		},
	}
}

// Filter lets a program of classic BPF decide about each request of an
// operation: 0 denies it, which is EACCES. It sees struct io_uring_bpf_ctx: the
// request, and size bytes of what a socket, open or connect is asked for.
// Filters add up, and stay. The thread has no_new_privs or CAP_SYS_ADMIN. Since
// Linux 7.0.
func (r *Ring) Filter(op Op, size uint8, flags FilterFlags, program []sys.SockFilter) error {
	reg := filter(op, size, flags, program)
	err := r.register(sys.IORING_REGISTER_BPF_FILTER, unsafe.Pointer(&reg), 1)
	runtime.KeepAlive(program)
	return err
}

// FilterThread is [Ring.Filter] for every ring that the calling thread, and what
// it starts, makes from now on. The goroutine has called runtime.LockOSThread.
func FilterThread(op Op, size uint8, flags FilterFlags, program []sys.SockFilter) error {
	reg := filter(op, size, flags, program)
	err := registerBlind(sys.IORING_REGISTER_BPF_FILTER, unsafe.Pointer(&reg), 1)
	runtime.KeepAlive(program)
	return err
}

// RestrictThread is [Ring.Restrict] for every ring that the calling thread, and
// what it starts, makes from now on: once, and for ever. The goroutine has
// called runtime.LockOSThread, and its thread has no_new_privs or
// CAP_SYS_ADMIN. Since Linux 7.0.
func RestrictThread(allowed ...Restriction) error {
	head := unsafe.Sizeof(sys.IoUringTaskRestriction{})
	size := head + uintptr(len(allowed))*unsafe.Sizeof(Restriction{})
	// Of words, for the alignment.
	words := make([]uint64, (size+7)/8)
	p := unsafe.Pointer(unsafe.SliceData(words))
	(*sys.IoUringTaskRestriction)(p).NrRes = uint16(len(allowed))
	copy(unsafe.Slice((*Restriction)(unsafe.Add(p, head)), len(allowed)), allowed)
	return registerBlind(sys.IORING_REGISTER_RESTRICTIONS, p, 1)
}

// registerBlind is for what needs no ring.
func registerBlind(opcode uint32, arg unsafe.Pointer, n uint32) error {
	_, err := sys.IoUringRegister(-1, opcode, arg, n)
	return os.NewSyscallError("io_uring_register", err)
}

// SendMessage makes a completion in another ring, without a ring of one's own:
// with userData, and res as its result. Since Linux 6.13.
func SendMessage(fd int, res uint32, userData uint64, flags MsgRingFlags) error {
	s := new(SQE)
	s.MsgRing(fd, res, userData, flags)
	return registerBlind(sys.IORING_REGISTER_SEND_MSG_RING, unsafe.Pointer(s), 1)
}
