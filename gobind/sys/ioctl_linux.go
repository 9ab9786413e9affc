// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// IoctlSetInt calls ioctl(2) for a request whose argument is a number.
func IoctlSetInt(fd int, req uint, value int) error {
	_, err := RawIoctl(fd, req, uintptr(value))
	return err
}

// IoctlSetPointerInt calls ioctl(2) for a request that reads an int.
func IoctlSetPointerInt(fd int, req uint, value int) error {
	v := int32(value)
	_, err := RawIoctl(fd, req, uintptr(unsafe.Pointer(&v)))
	return err
}

// IoctlGetInt calls ioctl(2) for a request that writes an int.
func IoctlGetInt(fd int, req uint) (int, error) {
	var v int32
	_, err := RawIoctl(fd, req, uintptr(unsafe.Pointer(&v)))
	return int(v), err
}

// IoctlGetUint32 calls ioctl(2) for a request that writes 32 bits.
func IoctlGetUint32(fd int, req uint) (uint32, error) {
	var v uint32
	_, err := RawIoctl(fd, req, uintptr(unsafe.Pointer(&v)))
	return v, err
}

// IoctlRetInt calls ioctl(2) for a request without an argument whose result is
// a number.
func IoctlRetInt(fd int, req uint) (int, error) {
	return RawIoctl(fd, req, 0)
}
