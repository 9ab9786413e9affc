// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"os"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// query asks the kernel, without a ring, and fills p with size bytes. Since
// Linux 6.18; of what an older kernel does not know it leaves the end 0.
func query(what uint32, p unsafe.Pointer, size uintptr) error {
	hdr := sys.IoUringQueryHdr{QueryData: address(p), QueryOp: what, Size: uint32(size)}
	_, err := sys.IoUringRegister(-1, sys.IORING_REGISTER_QUERY, unsafe.Pointer(&hdr), 0)
	if err == nil && hdr.Result < 0 {
		err = syscall.Errno(-hdr.Result)
	}
	return os.NewSyscallError("io_uring_register", err)
}
