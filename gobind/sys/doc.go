// SPDX-License-Identifier: MIT

// Package sys calls the Linux kernel: one function for each system call,
// without cgo, for amd64 and arm64.
//
// Names, signatures and results are those of golang.org/x/sys/unix wherever it
// has the function, so that a port is a change of import. What it lacks
// (io_uring, futex, epoll_pwait2, ...) follows the same conventions. Constants
// keep the kernel's spelling.
//
// # Results
//
// A function that fails returns -1 where it returns a number, because 0 is a
// valid descriptor, and a bare [syscall.Errno] as its error; one that succeeds
// returns a literal nil. errors.Is works with this package's constants
// (sys.EAGAIN), those of package syscall and those of package os. EINTR is
// returned, never retried.
//
// A path with a NUL byte is EINVAL, and does not reach the kernel. An empty
// slice is passed as the address of a zero byte with length zero, so that the
// kernel sees a valid address.
//
// # Raw forms
//
// Where the form of golang.org/x/sys/unix is more than the call (addresses as
// [Sockaddr], mappings as slices, vectors as [][]byte), the plain call is there
// too, with Raw before its name: RawAccept4, RawMmap, RawPreadv2. It takes
// pointers and lengths as the kernel does, and allocates nothing. An
// unsafe.Pointer argument must be converted from its pointer in the call
// itself, as for [syscall.Syscall].
//
// # Descriptors
//
// Nothing is added to the flags of the caller: a descriptor is close-on-exec
// when O_CLOEXEC, SOCK_CLOEXEC or their kin are given.
//
// # Without entering the kernel
//
// [ClockGettime] (on amd64) and [Getrandom] are answered by the vDSO, code that
// the kernel maps into the process, where it has them; else, and always as
// RawClockGettime and RawGetrandom, they are system calls. On arm64 a clock is
// always a call: a signal that arrives in the vDSO must find Go's g where only
// the runtime can put it. Getrandom uses a function of package runtime, by the
// one linkname of this module; a build with the tag nolinkname does without,
// and so does a copy made by sysvendor.
//
// # Threads
//
// A call that acts on the calling thread only (Prctl, PthreadSigmask,
// SchedSetaffinity of 0, ...) needs runtime.LockOSThread, and says so.
//
// # Race detector
//
// In a program built with -race, functions that fill or read a buffer report it
// to the detector, and a call like write(2) happens before a call like read(2)
// that follows it, as in golang.org/x/sys/unix. Memory that the kernel reads or
// writes outside of a call, as io_uring does, is not seen.
package sys
