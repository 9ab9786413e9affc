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

func (r *Ring) register(opcode uint32, arg unsafe.Pointer, n uint32) error {
	_, err := r.registerValue(opcode, arg, n)
	return err
}

// registerValue is for operations with a result.
func (r *Ring) registerValue(opcode uint32, arg unsafe.Pointer, n uint32) (int, error) {
	if !r.open {
		return 0, os.ErrClosed
	}
	fd := r.fd
	if fd < 0 {
		fd, opcode = r.enterFD, opcode|sys.IORING_REGISTER_USE_REGISTERED_RING
	}
	for {
		val, err := sys.IoUringRegister(fd, opcode, arg, n)
		if err == nil {
			return val, nil
		}
		if err != sys.EINTR {
			return val, r.registerError(err)
		}
	}
}

// Enable starts a ring that was made with [SetupRDisabled]. With
// [SetupSingleIssuer] the calling thread becomes the one that submits.
func (r *Ring) Enable() error {
	err := r.register(sys.IORING_REGISTER_ENABLE_RINGS, nil, 0)
	if err == nil && r.setup().has(SetupSingleIssuer) && r.owner == 0 {
		r.owner = sys.Gettid()
	}
	return err
}

// RegisterEventFD makes the kernel add to the eventfd for every completion. It
// keeps the eventfd open until UnregisterEventFD or Close.
func (r *Ring) RegisterEventFD(fd int) error {
	n := int32(fd)
	return r.register(sys.IORING_REGISTER_EVENTFD, unsafe.Pointer(&n), 1)
}

// RegisterEventFDAsync is [Ring.RegisterEventFD], but only for completions that
// do not come while a request is submitted.
func (r *Ring) RegisterEventFDAsync(fd int) error {
	n := int32(fd)
	return r.register(sys.IORING_REGISTER_EVENTFD_ASYNC, unsafe.Pointer(&n), 1)
}

// SetEventFD says whether completions reach the eventfd that is registered.
// Since Linux 5.8.
func (r *Ring) SetEventFD(on bool) {
	if r.cq.flags == nil {
		return
	}
	flag := uint32(sys.IORING_CQ_EVENTFD_DISABLED)
	if on {
		flag = 0
	}
	atomic.StoreUint32(r.cq.flags, flag)
}

// UnregisterEventFD undoes [Ring.RegisterEventFD].
func (r *Ring) UnregisterEventFD() error {
	return r.register(sys.IORING_UNREGISTER_EVENTFD, nil, 0)
}

// A Probe tells which operations the kernel has.
type Probe struct {
	head sys.IoUringProbe
	ops  [256]sys.IoUringProbeOp
}

// Probe asks the kernel what it can do on this ring.
func (r *Ring) Probe() (*Probe, error) {
	p := new(Probe)
	err := r.register(sys.IORING_REGISTER_PROBE, unsafe.Pointer(p), uint32(len(p.ops)))
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Supported reports whether the kernel has the operation.
func (p *Probe) Supported(op Op) bool {
	return p.ops[op].Flags&sys.IO_URING_OP_SUPPORTED != 0
}

// RegisterPersonality remembers the credentials of the calling thread, and
// returns a number for Personality of an [SQE].
func (r *Ring) RegisterPersonality() (uint16, error) {
	id, err := r.registerValue(sys.IORING_REGISTER_PERSONALITY, nil, 0)
	return uint16(max(id, 0)), err
}

// UnregisterPersonality forgets what RegisterPersonality remembered.
func (r *Ring) UnregisterPersonality(id uint16) error {
	return r.register(sys.IORING_UNREGISTER_PERSONALITY, nil, uint32(id))
}

// A Restriction names what a ring may do: [AllowOp] and its kin make one.
type Restriction struct {
	raw sys.IoUringRestriction
}

// AllowOp allows requests of an operation.
func AllowOp(op Op) Restriction {
	return Restriction{sys.IoUringRestriction{Opcode: sys.IORING_RESTRICTION_SQE_OP, Arg: uint8(op)}}
}

// AllowFlags allows requests to have these flags.
func AllowFlags(flags SQEFlags) Restriction {
	return Restriction{sys.IoUringRestriction{
		Opcode: sys.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, Arg: uint8(flags)}}
}

// RequireFlags allows only requests that have these flags.
func RequireFlags(flags SQEFlags) Restriction {
	return Restriction{sys.IoUringRestriction{
		Opcode: sys.IORING_RESTRICTION_SQE_FLAGS_REQUIRED, Arg: uint8(flags)}}
}

// AllowRegister allows an operation of io_uring_register(2): an
// sys.IORING_REGISTER_*. [Ring.Enable] needs sys.IORING_REGISTER_ENABLE_RINGS
// only when it is called again.
func AllowRegister(opcode uint8) Restriction {
	return Restriction{sys.IoUringRestriction{Opcode: sys.IORING_RESTRICTION_REGISTER_OP, Arg: opcode}}
}

// Restrict forbids what the restrictions do not name, from [Ring.Enable] on and
// for ever; requests that are forbidden fail with EACCES. The ring was made with
// [SetupRDisabled].
func (r *Ring) Restrict(allowed ...Restriction) error {
	return r.register(sys.IORING_REGISTER_RESTRICTIONS,
		unsafe.Pointer(unsafe.SliceData(allowed)), uint32(len(allowed)))
}

// SetMaxWorkers limits the threads that do what may block for a long time:
// bounded ones for files, unbounded ones for the rest. 0 leaves a limit. It
// returns the limits before. Since Linux 5.15.
func (r *Ring) SetMaxWorkers(bounded, unbounded uint32) (wasBounded, wasUnbounded uint32, err error) {
	limits := [2]uint32{sys.IO_WQ_BOUND: bounded, sys.IO_WQ_UNBOUND: unbounded}
	err = r.register(sys.IORING_REGISTER_IOWQ_MAX_WORKERS, unsafe.Pointer(&limits), 2)
	return limits[sys.IO_WQ_BOUND], limits[sys.IO_WQ_UNBOUND], err
}

// SetWorkerCPUs binds the worker threads to the CPUs of mask, a bit for each;
// nil lets them run everywhere. Since Linux 5.14.
func (r *Ring) SetWorkerCPUs(mask []byte) error {
	if mask == nil {
		return r.register(sys.IORING_UNREGISTER_IOWQ_AFF, nil, 0)
	}
	return r.register(sys.IORING_REGISTER_IOWQ_AFF,
		unsafe.Pointer(unsafe.SliceData(mask)), uint32(len(mask)))
}

// CancelNow cancels the request whose UserData is given, with [CancelAll] all of
// them, and waits until they have completed, at most for timeout; a negative
// timeout is none. ENOENT: there was none; ETIME: the time is over. Since Linux
// 6.0.
func (r *Ring) CancelNow(userData uint64, flags CancelFlags, timeout time.Duration) error {
	reg := sys.IoUringSyncCancelReg{
		Addr:    userData,
		Flags:   uint32(flags),
		Timeout: sys.Timespec{Sec: -1, Nsec: -1},
	}
	if timeout >= 0 {
		reg.Timeout = span(timeout)
	}
	return r.register(sys.IORING_REGISTER_SYNC_CANCEL, unsafe.Pointer(&reg), 1)
}

// RegisterRingFD lets the calling thread name the ring by a number of its own,
// which saves the kernel a search at each call. The goroutine has called
// runtime.LockOSThread, and no other uses the ring then. Since Linux 5.18.
func (r *Ring) RegisterRingFD() error {
	if r.enterFlag != 0 {
		return os.NewSyscallError("io_uring_register", sys.EEXIST)
	}
	up := sys.IoUringRsrcUpdate{Offset: ^uint32(0), Data: uint64(r.fd)}
	if err := r.register(sys.IORING_REGISTER_RING_FDS, unsafe.Pointer(&up), 1); err != nil {
		return err
	}
	r.enterFD, r.enterFlag = int(up.Offset), sys.IORING_ENTER_REGISTERED_RING
	return nil
}

// UnregisterRingFD undoes [Ring.RegisterRingFD], in its thread. A ring that has
// no descriptor keeps its number until Close: EINVAL.
func (r *Ring) UnregisterRingFD() error {
	if r.enterFlag == 0 || r.fd < 0 && r.open {
		return invalid("io_uring_register")
	}
	return r.unregisterFD()
}

func (r *Ring) unregisterFD() error {
	up := sys.IoUringRsrcUpdate{Offset: uint32(r.enterFD)}
	if err := r.register(sys.IORING_UNREGISTER_RING_FDS, unsafe.Pointer(&up), 1); err != nil {
		return err
	}
	r.enterFD, r.enterFlag = r.fd, 0
	return nil
}

// CloseFD closes the descriptor of a ring that [Ring.RegisterRingFD] has given a
// number, which is all that it is reached by from now on. Since Linux 6.3.
func (r *Ring) CloseFD() error {
	if r.enterFlag == 0 || r.fd < 0 || r.Features()&FeatRegRegRing == 0 {
		return invalid("io_uring_register")
	}
	err := os.NewSyscallError("close", sys.Close(r.fd))
	if err == nil {
		r.fd = -1
	}
	return err
}
