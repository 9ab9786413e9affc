// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "syscall"

// WaitStatus is how a child ended or stopped.
type WaitStatus = syscall.WaitStatus

// Wait4 calls wait4(2). wstatus and rusage may be nil; when the call fails, or
// with WNOHANG has nothing to report, *wstatus is 0.
func Wait4(pid int, wstatus *WaitStatus, options int, rusage *Rusage) (wpid int, err error) {
	var status int32
	wpid, err = RawWait4(pid, &status, options, rusage)
	if wstatus != nil {
		*wstatus = WaitStatus(status)
	}
	return wpid, err
}

// Prctl calls prctl(2). What it returns beside the error is in RawPrctl. Many
// options are about the calling thread, and need runtime.LockOSThread.
func Prctl(option int, arg2 uintptr, arg3 uintptr, arg4 uintptr, arg5 uintptr) (err error) {
	_, err = RawPrctl(option, arg2, arg3, arg4, arg5)
	return err
}

// PthreadSigmask calls rt_sigprocmask(2), which blocks and unblocks signals of
// the calling thread only: needs runtime.LockOSThread. set and oldset may be
// nil, and may be the same.
func PthreadSigmask(how int, set, oldset *Sigset_t) error {
	if err := RawRtSigprocmask(how, set, oldset); err != nil {
		return err
	}
	if oldset != nil {
		// The kernel has 64 signals, the type room for more.
		clear(oldset.Val[1:])
	}
	return nil
}
