// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// Deny makes calls fail with errno in the whole process, for good, whoever makes
// them. It is for a test program that was started again for that.
func Deny(errno syscall.Errno, calls ...uintptr) error {
	must := []condition{{unsafe.Offsetof(seen.Arch), auditArch}}
	prog, err := program(must, calls, sys.SECCOMP_RET_ERRNO|uint32(errno))
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := sys.Prctl(sys.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	fprog := syscall.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, err = sys.Seccomp(sys.SECCOMP_SET_MODE_FILTER, sys.SECCOMP_FILTER_FLAG_TSYNC, unsafe.Pointer(&fprog))
	return os.NewSyscallError("seccomp", err)
}
