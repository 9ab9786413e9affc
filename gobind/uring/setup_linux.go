// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"fmt"
	"os"
	"strings"
	"time"

	"example.com/syshim/gobind/sys"
)

// setup is what a ring is made of.
type setup struct {
	params sys.IoUringParams
	// The caller's memory, or none.
	queues, entries []byte
	// huge: the ring maps memory of its own.
	huge bool
}

// An Option changes what [New] makes. Options that contradict each other, or
// lack one that they need, are an error that says so.
type Option func(*setup)

// WithFlags adds set-up flags.
func WithFlags(flags SetupFlags) Option {
	return func(s *setup) {
		s.params.Flags |= uint32(flags)
	}
}

// WithParams lets f change what io_uring_setup(2) gets, for what has no option
// of its own.
func WithParams(f func(*sys.IoUringParams)) Option {
	return func(s *setup) { f(&s.params) }
}

// WithCQEntries makes the completion queue hold n entries, which the kernel
// rounds up to a power of two. Without it there are twice as many as in the
// submission queue.
func WithCQEntries(n uint32) Option {
	return func(s *setup) {
		s.params.Flags |= uint32(SetupCQSize)
		s.params.CqEntries = n
	}
}

// WithSQPoll makes a thread of the kernel take the entries, so that submitting
// needs no system call while it is awake. It falls asleep after it had nothing
// to do for idle; 0 is the kernel's default of a second.
func WithSQPoll(idle time.Duration) Option {
	return func(s *setup) {
		s.params.Flags |= uint32(SetupSQPoll)
		s.params.SqThreadIdle = uint32(idle.Milliseconds())
	}
}

// WithSQPollCPU binds the thread of [WithSQPoll] to a CPU.
func WithSQPollCPU(cpu uint32) Option {
	return func(s *setup) {
		s.params.Flags |= uint32(SetupSQAff)
		s.params.SqThreadCpu = cpu
	}
}

// WithWorkersOf makes the ring use the worker threads of another, and its
// [WithSQPoll] thread if both have one.
func WithWorkersOf(other *Ring) Option {
	return func(s *setup) {
		s.params.Flags |= uint32(SetupAttachWQ)
		s.params.WqFd = uint32(other.fd)
	}
}

// WithSingleIssuer promises that one thread alone uses the ring, the one that
// makes it: the goroutine has called runtime.LockOSThread. Completions are then
// made only when it waits or submits, and not in the middle of something else:
// the cheapest way to use a ring. Other threads get an error that is
// [ErrOtherThread]. Since Linux 6.1.
func WithSingleIssuer() Option {
	return WithFlags(SetupSingleIssuer | SetupDeferTaskrun)
}

// WithIOPoll makes the ring look for completions of reads and writes itself
// instead of waiting for interrupts: for files opened with O_DIRECT on devices
// that have queues for this. Other requests are EINVAL or EOPNOTSUPP. With
// hybrid it sleeps a while before it looks, since Linux 6.13.
func WithIOPoll(hybrid bool) Option {
	if hybrid {
		return WithFlags(SetupIOPoll | SetupHybridIOPoll)
	}
	return WithFlags(SetupIOPoll)
}

// WithMemory makes the ring lie in the caller's memory: queues and entries are
// as long as [MemorySize] says, begin at a page, and are not of the Go heap's
// unless they are pinned; an [Arena] has such memory. Before Linux 6.12 each
// must lie in one page, or in one huge page. The ring keeps both reachable
// until Close. Since Linux 6.5.
func WithMemory(queues, entries []byte) Option {
	return func(s *setup) {
		s.params.Flags |= uint32(SetupNoMmap)
		s.queues, s.entries = queues, entries
	}
}

// WithHugePage makes the ring map memory for itself, instead of the kernel: what
// needs more than a page lies in a huge page, if the system has one to spare,
// which saves the CPU address translations. Since Linux 6.5; before 6.12 it
// fails if there is none.
func WithHugePage() Option {
	return func(s *setup) {
		s.params.Flags |= uint32(SetupNoMmap)
		s.huge = true
	}
}

// WithoutFD makes a ring without a descriptor: only its number in the thread
// that makes it, as [Ring.RegisterRingFD] gives. The goroutine has called
// runtime.LockOSThread, and the ring needs [WithMemory] or [WithHugePage].
// Since Linux 6.5.
func WithoutFD() Option {
	return WithFlags(SetupRegisteredFDOnly)
}

// rules say which flags make sense together: with the first goes one of the
// second, if there are any, and none of the third.
var rules = []struct{ flag, needs, excludes SetupFlags }{
	{SetupSQAff, SetupSQPoll, 0},
	{SetupTaskrunFlag, SetupCoopTaskrun | SetupDeferTaskrun, 0},
	{SetupSQPoll, 0, SetupCoopTaskrun | SetupTaskrunFlag | SetupDeferTaskrun},
	{SetupDeferTaskrun, SetupSingleIssuer, 0},
	{SetupHybridIOPoll, SetupIOPoll, 0},
	{SetupRegisteredFDOnly, SetupNoMmap, 0},
	{SetupCQE32, 0, SetupCQEMixed},
	{SetupSQE128, 0, SetupSQEMixed},
	{SetupSQRewind, SetupNoSQArray, SetupSQPoll | SetupSQEMixed},
}

// contradiction says what is wrong with the options, or returns nil: what the
// kernel would only call EINVAL.
func (s *setup) contradiction() error {
	flags := SetupFlags(s.params.Flags)
	wrong := func(format string, args ...any) error {
		return os.NewSyscallError("io_uring_setup", &misuse{fmt.Sprintf(format, args...), sys.EINVAL})
	}
	if unknown := flags &^ setupHandled; unknown != 0 {
		return wrong("package uring does not know the set-up flags %v", unknown)
	}
	for _, r := range rules {
		switch {
		case flags&r.flag == 0:
		case r.needs != 0 && flags&r.needs == 0:
			return wrong("%v needs %v", r.flag, r.needs)
		case flags&r.excludes != 0:
			return wrong("%v excludes %v", r.flag, flags&r.excludes)
		}
	}
	if flags&SetupNoMmap != 0 {
		switch {
		case s.huge == (s.queues != nil):
			return wrong("%v needs either WithMemory or WithHugePage", SetupNoMmap)
		case !s.huge && (!pageAligned(s.queues) || !pageAligned(s.entries)):
			return wrong("memory that does not begin at a page")
		}
	}
	return nil
}

// setupNames are the names of the flags, from bit 0 on.
var setupNames = [...]string{
	"SetupIOPoll", "SetupSQPoll", "SetupSQAff", "SetupCQSize", "SetupClamp",
	"SetupAttachWQ", "SetupRDisabled", "SetupSubmitAll", "SetupCoopTaskrun",
	"SetupTaskrunFlag", "SetupSQE128", "SetupCQE32", "SetupSingleIssuer",
	"SetupDeferTaskrun", "SetupNoMmap", "SetupRegisteredFDOnly",
	"SetupNoSQArray", "SetupHybridIOPoll", "SetupCQEMixed", "SetupSQEMixed",
	"SetupSQRewind",
}

// String names the flags, as "SetupSQPoll|SetupSQAff".
func (f SetupFlags) String() string {
	var names []string
	for i, name := range setupNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
			f &^= 1 << i
		}
	}
	if f != 0 || names == nil {
		names = append(names, fmt.Sprintf("%#x", uint32(f)))
	}
	return strings.Join(names, "|")
}
