// SPDX-License-Identifier: MIT

// Package aio reads, writes, accepts and waits without blocking, on io_uring
// or, where the kernel forbids or lacks it, on epoll: the same operations, the
// same results. It runs on Linux, on amd64 and arm64.
//
//	a, err := aio.New()
//	...
//	err = a.Read(fd, buf, 0, 42)        // Submit: returns at once.
//	events, err := a.PollEvents(-1)     // Wait: events[0].Token is 42.
//
// # Operations
//
// An operation is submitted with a token, any number, which comes back in its
// [Event]; tokens need not be unique. Every accepted submission gives exactly
// one event; a submission that returns an error leaves no trace. Submitting
// never waits. It may be [AIO.PollEvents] that hands the operation to the kernel.
//
// An operation occupies a slot until PollEvents has returned its event. When
// all slots are occupied, a submission fails with EBUSY if events wait to be
// reaped, else with EAGAIN.
//
// The result N of an event is that of the system call: a count, a descriptor
// (accept, always close-on-exec), a mask (poll) or 0. Short counts are usual on
// streams; a regular file gives all that was asked for unless it ends. A
// descriptor may be blocking or not, which changes no result and is not
// changed. Offset -1 is the position of the file; what cannot seek ignores the
// offset.
//
// # Cancelling
//
// [AIO.Cancel] ends every operation that carries a token; their events have
// ECANCELED, or a short count if something was transferred already. Its own
// event has nil when there was at least one, ENOENT when there was none, and
// EALREADY when all were running and could not be stopped at once: they end
// with a result of their own, or with ECANCELED.
//
// # Descriptors
//
// A descriptor that was given to an AIO leaves it by [AIO.CloseFD] or
// [AIO.Forget], never by a plain close. Both end what is in flight on the
// descriptor, and their event comes after the events of these operations. From
// the submission until that event the descriptor takes no other operation
// (EBADF). Afterwards the number may be used again; before it, too, when the
// close has ended and the kernel has given the number to another descriptor.
//
// # Buffers
//
// A buffer belongs to the kernel from the submission to the event. The AIO
// keeps it reachable as long, even when the program drops everything.
//
// # Goroutines
//
// All methods may be called by any goroutine, PollEvents by one at a time. An
// operation that is submitted while PollEvents waits takes effect at once. What
// was written to memory before a submission is seen by who gets the event.
//
// A goroutine that ends while it is locked to its thread ends the thread; the
// operations that it submitted go on.
//
// On epoll, operations that can only block (files that are not cached, blocking
// terminals, on old kernels blocking pipes) are done by a few helper
// goroutines. Such a call cannot be interrupted: CloseFD, Forget and Close wait
// for its end. When all helpers are in one, others wait for their turn, even if
// their own descriptor is ready.
//
// # Engine
//
// [New] takes the first engine that works: io_uring, then epoll. [WithEngine]
// forces one, and so does the environment variable SHIM_AIO_ENGINE, which is
// ignored in a program that runs with the rights of its file (AT_SECURE).
// [AIO.Engine] and [AIO.Reason] tell which runs, and why.
package aio
