// SPDX-License-Identifier: MIT

// Package faultkernel makes system calls of Go code fail in tests: the n-th of
// chosen calls returns a chosen error and does nothing, the others reach the
// kernel. [Each] tries every n in turn and checks that what failed left nothing
// behind; [Nth] is one such run.
//
// The code under test runs on a thread of its own, which carries a seccomp
// filter that reports the chosen calls to a supervisor. The supervisor is
// another process (the test program, started again): one in the same process
// would need the Go scheduler, which may be waiting for the very call that the
// supervisor has to answer.
//
// [Deny] is simpler and final: the calls always fail, for the whole process.
//
// Only calls of that one thread are seen, and only those that go through
// package syscall, as package sys does, or are the clone3 of package spawn: what
// the Go runtime calls for itself never fails. Goroutines that the code starts run on other threads.
package faultkernel
