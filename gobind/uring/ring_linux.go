// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// A Ring is a pair of queues that are shared with the kernel. [New] makes one;
// it must not be copied.
type Ring struct {
	sq submission
	cq completion
	fd int
	// What io_uring_enter gets: fd, or the thread's number of it and a flag.
	enterFD   int
	enterFlag uint32
	params    sys.IoUringParams
	// always: nothing tells that the kernel holds completions back.
	always bool

	maps    [3]mapping
	cleanup runtime.Cleanup
	kept    [][]byte // registered buffers by their index, for the garbage collector

	// What a call that waits points to is here, for this does not move.
	arg  sys.IoUringGeteventsArg
	left sys.Timespec
	poll [1]sys.PollFd
}

// An Option changes the parameters that io_uring_setup(2) gets. Besides those
// that functions of this package return, any function of this type is one.
type Option func(*sys.IoUringParams)

// WithFlags adds set-up flags.
func WithFlags(flags SetupFlags) Option {
	return func(p *sys.IoUringParams) {
		p.Flags |= uint32(flags)
	}
}

// WithCQEntries makes the completion queue hold n entries, which the kernel
// rounds up to a power of two. Without it there are twice as many as in the
// submission queue.
func WithCQEntries(n uint32) Option {
	return func(p *sys.IoUringParams) {
		p.Flags |= uint32(SetupCQSize)
		p.CqEntries = n
	}
}

// WithSQPoll makes a thread of the kernel take the entries, so that submitting
// needs no system call while it is awake. It falls asleep after it had nothing
// to do for idle; 0 is the kernel's default of a second.
func WithSQPoll(idle time.Duration) Option {
	return func(p *sys.IoUringParams) {
		p.Flags |= uint32(SetupSQPoll)
		p.SqThreadIdle = uint32(idle.Milliseconds())
	}
}

// WithSQPollCPU binds the thread of [WithSQPoll] to a CPU.
func WithSQPollCPU(cpu uint32) Option {
	return func(p *sys.IoUringParams) {
		p.Flags |= uint32(SetupSQAff)
		p.SqThreadCpu = cpu
	}
}

// WithWorkersOf makes the ring use the worker threads of another, and its
// [WithSQPoll] thread if both have one.
func WithWorkersOf(other *Ring) Option {
	return func(p *sys.IoUringParams) {
		p.Flags |= uint32(SetupAttachWQ)
		p.WqFd = uint32(other.fd)
	}
}

// New makes a ring with room for entries requests that are not submitted yet,
// rounded up to a power of two. It fails with EINVAL for flags that the kernel
// or this package does not know, with ENOSYS, EPERM or EACCES where io_uring is
// missing or forbidden, and with ENOMEM where RLIMIT_MEMLOCK is too small. A
// call that fails leaves nothing behind.
//
// The ring is the caller's until [Ring.Close]. One that is dropped without is
// reported on standard error and stays as it is, for the kernel may use memory
// that its requests name.
func New(entries uint32, opts ...Option) (*Ring, error) {
	r := &Ring{fd: -1}
	for _, opt := range opts {
		opt(&r.params)
	}
	flags := SetupFlags(r.params.Flags)
	if flags&^setupHandled != 0 {
		return nil, os.NewSyscallError("io_uring_setup", sys.EINVAL)
	}
	fd, err := sys.IoUringSetup(entries, &r.params)
	if err != nil {
		return nil, os.NewSyscallError("io_uring_setup", err)
	}
	r.fd, r.enterFD = fd, fd
	if err := r.mapQueues(); err != nil {
		r.free()
		return nil, err
	}
	r.always = flags&SetupIOPoll != 0 ||
		flags&(SetupCoopTaskrun|SetupDeferTaskrun) != 0 && flags&SetupTaskrunFlag == 0
	r.arg.Ts = uint64(uintptr(unsafe.Pointer(&r.left)))
	r.poll[0] = sys.PollFd{Fd: int32(fd), Events: sys.POLLIN}
	r.cleanup = runtime.AddCleanup(r, reportDropped, fd)
	return r, nil
}

func reportDropped(fd int) {
	fmt.Fprintf(os.Stderr, "uring: the ring of descriptor %d was dropped without Close; it stays open\n", fd)
}

// Close closes the ring and unmaps its memory. SQEs that NextSQE returned must
// not be touched any more. The queues of r are empty then, and what calls the
// kernel, a second Close as well, returns [os.ErrClosed].
//
// Close does not wait. The kernel cancels what is in flight at some later time,
// and until then uses its memory. So the caller cancels, reaps every terminal
// completion, and closes then.
func (r *Ring) Close() error {
	if r.fd < 0 {
		return os.ErrClosed
	}
	r.cleanup.Stop()
	return r.free()
}

// free undoes what New has done so far, and returns the first error.
func (r *Ring) free() error {
	err := r.unmapQueues()
	if r.enterFlag != 0 {
		if e := r.UnregisterRingFD(); err == nil {
			err = e
		}
	}
	if e := os.NewSyscallError("close", sys.Close(r.fd)); err == nil {
		err = e
	}
	r.fd = -1
	return err
}

// FD returns the descriptor of the ring. It can be polled: it is readable when
// there are completions. It is close-on-exec and stays the ring's.
func (r *Ring) FD() int { return r.fd }

// Features returns what the kernel can do.
func (r *Ring) Features() Features { return Features(r.params.Features) }

// Params returns what io_uring_setup(2) answered.
func (r *Ring) Params() sys.IoUringParams { return r.params }
