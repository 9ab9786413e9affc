// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

func fsconfig(fd, cmd int, key string, value unsafe.Pointer, aux int) error {
	var buf stringBuf
	k, err := cstring(&buf, key)
	if err != nil {
		return err
	}
	return RawFsconfig(fd, cmd, k, value, aux)
}

func fsconfigString(fd, cmd int, key, value string, aux int) error {
	var buf stringBuf
	v, err := cstring(&buf, value)
	if err != nil {
		return err
	}
	return fsconfig(fd, cmd, key, unsafe.Pointer(v), aux)
}

// FsconfigSetFlag sets a parameter that has no value.
func FsconfigSetFlag(fd int, key string) (err error) {
	return fsconfig(fd, FSCONFIG_SET_FLAG, key, nil, 0)
}

// FsconfigSetString sets a parameter.
func FsconfigSetString(fd int, key string, value string) (err error) {
	return fsconfigString(fd, FSCONFIG_SET_STRING, key, value, 0)
}

// FsconfigSetBinary sets a parameter to some bytes.
func FsconfigSetBinary(fd int, key string, value []byte) (err error) {
	if len(value) == 0 {
		return EINVAL
	}
	return fsconfig(fd, FSCONFIG_SET_BINARY, key, unsafe.Pointer(base(value)), len(value))
}

// FsconfigSetPath sets a parameter to a path relative to atfd.
func FsconfigSetPath(fd int, key string, path string, atfd int) (err error) {
	return fsconfigString(fd, FSCONFIG_SET_PATH, key, path, atfd)
}

// FsconfigSetPathEmpty is [FsconfigSetPath] where an empty path is atfd itself.
func FsconfigSetPathEmpty(fd int, key string, path string, atfd int) (err error) {
	return fsconfigString(fd, FSCONFIG_SET_PATH_EMPTY, key, path, atfd)
}

// FsconfigSetFd sets a parameter to a descriptor.
func FsconfigSetFd(fd int, key string, value int) (err error) {
	return fsconfig(fd, FSCONFIG_SET_FD, key, nil, value)
}

// FsconfigCreate makes the file system.
func FsconfigCreate(fd int) (err error) {
	return RawFsconfig(fd, FSCONFIG_CMD_CREATE, nil, nil, 0)
}

// FsconfigReconfigure gives the file system its new parameters.
func FsconfigReconfigure(fd int) (err error) {
	return RawFsconfig(fd, FSCONFIG_CMD_RECONFIGURE, nil, nil, 0)
}
