// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"fmt"
	"os"
	"runtime"

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
	waitFlag  uint32
	until     bool // r.left is a point in time
	params    sys.IoUringParams
	open      bool
	// owner is the thread of a ring with SetupSingleIssuer, 0 when unknown.
	owner int
	// always: nothing tells that the kernel holds completions back.
	always bool

	maps    [3]mapping
	region  mapping
	memory  [2][]byte // of a ring that the kernel has not made itself: queues, entries
	cleanup runtime.Cleanup
	kept    [][]byte // registered buffers by their index, for the garbage collector

	// What a call that waits points to is here, for this does not move.
	arg  sys.IoUringGeteventsArg
	left sys.Timespec
	mask sys.Sigset_t
	poll [1]sys.PollFd
}

// New makes a ring with room for entries requests that are not submitted yet,
// rounded up to a power of two. It fails with EINVAL for options that contradict
// each other and for flags that the kernel does not know, with ENOSYS, EPERM or EACCES where io_uring is
// missing or forbidden, and with ENOMEM where RLIMIT_MEMLOCK is too small. A
// call that fails leaves nothing behind.
//
// Where the kernel can be asked, since Linux 6.18, SetupNoSQArray is set by
// itself: the entries are used in their order anyway.
//
// The ring is the caller's until [Ring.Close]. One that is dropped without is
// reported on standard error and stays as it is, for the kernel may use memory
// that its requests name.
func New(entries uint32, opts ...Option) (*Ring, error) {
	var s setup
	for _, opt := range opts {
		opt(&s)
	}
	if err := s.contradiction(); err != nil {
		return nil, err
	}
	if arrayless() {
		s.params.Flags |= uint32(SetupNoSQArray)
	}
	r := &Ring{fd: -1}
	if err := r.provide(&s, entries); err != nil {
		return nil, err
	}
	r.params = s.params
	fd, err := sys.IoUringSetup(entries, &r.params)
	if err != nil {
		r.unmapQueues()
		return nil, os.NewSyscallError("io_uring_setup", err)
	}
	flags := r.setup()
	r.open, r.enterFD = true, fd
	if flags.has(SetupRegisteredFDOnly) {
		r.enterFlag = sys.IORING_ENTER_REGISTERED_RING
	} else {
		r.fd = fd
	}
	if err := r.mapQueues(); err != nil {
		r.free()
		return nil, err
	}
	r.always = flags.has(SetupIOPoll) ||
		flags.has(SetupCoopTaskrun|SetupDeferTaskrun) && !flags.has(SetupTaskrunFlag)
	if flags.has(SetupSingleIssuer) && !flags.has(SetupRDisabled) {
		r.owner = sys.Gettid()
	}
	r.poll[0] = sys.PollFd{Fd: int32(fd), Events: sys.POLLIN}
	r.cleanup = runtime.AddCleanup(r, reportDropped, r.fd)
	return r, nil
}

func reportDropped(fd int) {
	if fd < 0 {
		fmt.Fprintln(os.Stderr, "uring: a ring without descriptor was dropped without Close; it stays until its thread ends")
		return
	}
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
	if !r.open {
		return os.ErrClosed
	}
	r.cleanup.Stop()
	return r.free()
}

// free undoes what New has done so far, and returns the first error. A ring
// without a descriptor ends with its number, and before its memory.
func (r *Ring) free() (err error) {
	if r.fd < 0 {
		err = r.unregisterFD()
	}
	if e := r.unmapQueues(); err == nil {
		err = e
	}
	if r.fd >= 0 {
		if r.enterFlag != 0 {
			if e := r.unregisterFD(); err == nil {
				err = e
			}
		}
		if e := os.NewSyscallError("close", sys.Close(r.fd)); err == nil {
			err = e
		}
	}
	r.fd, r.open = -1, false
	if r.region.addr != nil {
		if e := os.NewSyscallError("munmap", sys.RawMunmap(r.region.addr, r.region.size)); err == nil {
			err = e
		}
	}
	return err
}

// FD returns the descriptor of the ring, or -1 if it has none ([WithoutFD]). It
// can be polled: it is readable when there are completions. It is close-on-exec
// and stays the ring's.
func (r *Ring) FD() int { return r.fd }

// Features returns what the kernel can do.
func (r *Ring) Features() Features { return Features(r.params.Features) }

func (r *Ring) setup() SetupFlags { return SetupFlags(r.params.Flags) }

// Params returns what io_uring_setup(2) answered.
func (r *Ring) Params() sys.IoUringParams { return r.params }
