// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// KeyctlInt calls keyctl(2) for an operation whose arguments are numbers.
func KeyctlInt(cmd int, arg2 int, arg3 int, arg4 int, arg5 int) (ret int, err error) {
	return RawKeyctl(cmd, uintptr(arg2), uintptr(arg3), uintptr(arg4), uintptr(arg5))
}

// KeyctlBuffer calls keyctl(2) for an operation on a key and a buffer. The
// result may exceed the buffer's length: it is how long the whole is.
func KeyctlBuffer(cmd int, arg2 int, buf []byte, arg5 int) (ret int, err error) {
	return RawKeyctl(cmd, uintptr(arg2), uintptr(unsafe.Pointer(base(buf))), uintptr(len(buf)), uintptr(arg5))
}

// KeyctlString calls keyctl(2) for an operation that gives a text about a key.
func KeyctlString(cmd int, id int) (string, error) {
	buf := make([]byte, 128)
	for {
		n, err := KeyctlBuffer(cmd, id, buf, 0)
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", nil
		}
		if n <= len(buf) {
			return string(buf[:n-1]), nil // without its NUL
		}
		buf = make([]byte, n)
	}
}

// KeyctlGetKeyringID gives the number of a special keyring.
func KeyctlGetKeyringID(id int, create bool) (ringid int, err error) {
	c := 0
	if create {
		c = 1
	}
	return KeyctlInt(KEYCTL_GET_KEYRING_ID, id, c, 0, 0)
}

// KeyctlSetperm changes who may do what with a key.
func KeyctlSetperm(id int, perm uint32) error {
	_, err := KeyctlInt(KEYCTL_SETPERM, id, int(perm), 0, 0)
	return err
}

// KeyctlJoinSessionKeyring joins the session keyring of a name, or a new one
// when it is empty.
func KeyctlJoinSessionKeyring(name string) (ringid int, err error) {
	if name == "" {
		return KeyctlInt(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	}
	var buf stringBuf
	p, err := cstring(&buf, name)
	if err != nil {
		return -1, err
	}
	return RawKeyctl(KEYCTL_JOIN_SESSION_KEYRING, uintptr(unsafe.Pointer(p)), 0, 0, 0)
}

// KeyctlSearch looks for a key in a keyring and those below it, and links what it
// finds to destRingid unless that is 0.
func KeyctlSearch(ringid int, keyType, description string, destRingid int) (id int, err error) {
	var typeBuf, descriptionBuf stringBuf
	t, err := cstring(&typeBuf, keyType)
	if err != nil {
		return -1, err
	}
	d, err := cstring(&descriptionBuf, description)
	if err != nil {
		return -1, err
	}
	return RawKeyctl(KEYCTL_SEARCH, uintptr(ringid), uintptr(unsafe.Pointer(t)), uintptr(unsafe.Pointer(d)), uintptr(destRingid))
}
