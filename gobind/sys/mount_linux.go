// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import (
	"syscall"
	"unsafe"
)

// Mount calls mount(2): attach a file system to the tree. Empty data is a null
// pointer, for some file systems refuse an empty string.
func Mount(source string, target string, fstype string, flags uintptr, data string) error {
	if data == "" {
		return RawMount(source, target, fstype, flags, nil)
	}
	p, err := syscall.BytePtrFromString(data)
	if err != nil {
		return err
	}
	return RawMount(source, target, fstype, flags, unsafe.Pointer(p))
}
