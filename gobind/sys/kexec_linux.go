// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "syscall"

// KexecFileLoad calls kexec_file_load(2).
func KexecFileLoad(kernelFd int, initrdFd int, cmdline string, flags int) error {
	b, err := syscall.ByteSliceFromString(cmdline)
	if err != nil {
		return err
	}
	return RawKexecFileLoad(kernelFd, initrdFd, b, uintptr(flags))
}
