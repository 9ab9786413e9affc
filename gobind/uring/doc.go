// SPDX-License-Identifier: MIT

// Package uring is one io_uring: a queue of requests to the Linux kernel and a
// queue of their results, in memory that both share. It is for amd64 and arm64,
// Linux 5.10 and later; package aio is built on it and is safe where this
// package only warns.
//
// A request is made in four steps: [Ring.NextSQE] hands out a free submission
// queue entry, a method of [SQE] describes the request in it, [Ring.Submit] or
// [Ring.SubmitAndWait] gives the entries to the kernel, and
// [Ring.Completions] or [Ring.Reap] hands out the results as [CQE] values. What
// UserData the entry had, its completion has.
//
// [Ring.Events] is the loop around these. Nothing of this allocates memory.
//
// # Requests
//
// Every operation of Linux 7.2 has a method of SQE, which is generated from the
// same table as the prep functions in C. Flags of an SQE make it wait for the
// one before ([SQEIOLink]) or for all before ([SQEIODrain]), name registered
// files ([SQEFixedFile]) and let the kernel choose a buffer
// ([SQEBufferSelect], [BufRing]). A [Multishot] is one request with many
// completions. [Query] and [Ring.Probe] tell what the kernel has; a request that
// it does not know completes with EINVAL.
//
// # Kinds of rings
//
// The options of [New] choose what a ring is like; what contradicts each other
// is an error that names it. One that a single thread uses is cheapest with
// [WithSingleIssuer]. Entries may have 128 bytes ([SetupSQE128],
// [SetupSQEMixed], [Ring.NextSQE128]) and completions 32 ([SetupCQE32],
// [SetupCQEMixed], [Ring.Completions32]). [WithMemory], [WithHugePage] and
// [WithoutFD] say where a ring lies and how it is reached.
//
// # Memory
//
// Unsafe: an SQE holds addresses as numbers, which the garbage collector does
// not see. Whatever a request points to (a buffer, an iovec and the buffers
// behind it, a timespec, a socket address and its length) belongs to the kernel
// from submission to the terminal completion of the request: the one without
// [CQEMore], for a zero-copy send the one with [CQENotif]. Until then the caller
//
//   - keeps it reachable: in a variable that is used later, in a slice next to
//     the ring, with [runtime.KeepAlive]. A buffer that is collected is given to
//     somebody else, and the kernel writes into that.
//   - neither reads what the kernel writes nor writes what it reads.
//
// Garbage-collected memory does not move, but stacks do: what is given to a
// method of SQE is therefore made to escape to the heap, as if it were stored
// in a global variable. Code that fills Addr, Addr3 or Off itself uses
// [SQE.SetAddr] or takes care of this on its own. Memory from mmap(2) is as
// good, and needs no keeping.
//
// Three things help: [InFlight] keeps what requests use until they end, and gives
// each its UserData; an [Arena] has page-aligned memory that is not collected;
// a runtime.Pinner keeps what it pins. Buffers that are registered are kept by
// the ring as long as they are.
//
// A cancelled request is no exception: its memory is free again when its own
// completion was reaped, not when the completion of the cancel was.
//
// # Threads
//
// A Ring and its SQEs are used by one goroutine at a time; handing them from
// one to another needs the usual synchronisation. The thread may change, except
// with [WithSingleIssuer]: it binds the ring to the thread that makes it (or
// calls [Ring.Enable]), so the goroutine calls runtime.LockOSThread first; from
// other threads the error is [ErrOtherThread]. The numbers that
// [Ring.RegisterRingFD] and [WithoutFD] give are a thread's, too. The kernel
// cancels the requests of a thread that ends; the Go runtime ends one only when
// a goroutine ends locked to it.
//
// # Errors
//
// A call that fails returns an error of os.NewSyscallError, so errors.Is works
// with syscall.EBUSY and its kin. EINTR is not among them, except from
// [Ring.SubmitAndWaitMask], which is for signals: every other method makes the
// call again, with the time that is left, or ends early, because signals arrive
// for the Go runtime itself. A request that fails has its error in its completion:
// [CQE.Err].
//
// # Security
//
// A seccomp filter sees io_uring_enter(2), and not what the requests do. A ring
// that shall do less than the process may is limited by [Ring.Restrict] before
// [Ring.Enable], by [Ring.Filter], and for all rings of a thread by
// [RestrictThread] and [FilterThread]. A process that needs no ring forbids
// io_uring_setup(2).
//
// # Race detector
//
// In a program built with -race, submitting to any ring, and every call of
// package sys that writes, happens before reaping from any ring later, and
// before every call of package sys that reads. What the kernel reads and writes
// in buffers is not seen.
package uring
