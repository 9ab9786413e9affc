// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"syscall"
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// terminal returns the two sides of a pseudo terminal, without echo and lines.
func terminal(t *testing.T, flags int) (master, slave int) {
	t.Helper()
	ioctl := func(fd int, request, arg uintptr) int {
		t.Helper()
		n, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, arg)
		if e != 0 {
			t.Fatal(e)
		}
		return int(n)
	}
	master, err := sys.Openat(sys.AT_FDCWD, "/dev/ptmx", sys.O_RDWR|sys.O_NOCTTY|sys.O_CLOEXEC|flags, 0)
	if err != nil {
		t.Skipf("no pseudo terminals: %v", err)
	}
	closing(t, master)
	unlock := new(int32)
	ioctl(master, syscall.TIOCSPTLCK, uintptr(unsafe.Pointer(unlock)))
	const tiocgptpeer = 0x5441
	slave = closing(t, ioctl(master, tiocgptpeer, uintptr(sys.O_RDWR|sys.O_NOCTTY|sys.O_CLOEXEC|flags)))
	raw := new(syscall.Termios)
	ioctl(slave, syscall.TCGETS, uintptr(unsafe.Pointer(raw)))
	raw.Lflag &^= syscall.ECHO | syscall.ICANON
	raw.Cc[syscall.VMIN] = 1
	ioctl(slave, syscall.TCSETS, uintptr(unsafe.Pointer(raw)))
	return master, slave
}
