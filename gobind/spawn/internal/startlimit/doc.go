// SPDX-License-Identifier: MIT

// Package startlimit knows the RLIMIT_NOFILE that the program was started with.
//
// Package syscall raises the soft limit to the hard one when it is initialised,
// and os/exec gives children the original back. This package reads the limit
// before that: it imports nothing, and packages that are ready are initialised
// in the order of their import paths, so it comes first if its path sorts
// before "syscall". Its test fails where that does not hold.
//
//sysvendor:before syscall it reads the limit of descriptors that package syscall raises.
package startlimit
