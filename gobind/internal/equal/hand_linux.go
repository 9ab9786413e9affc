// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/binary"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// hand calls the functions that are written by hand. What they return beside a
// number is left in the frame; tests/equal/hand.c says what must be there.
var hand = table{
	"Exec": func(f *frame) (int64, error) {
		return 0, sys.Exec(f.str(0), []string{f.str(0), "one"}, []string{"TWO=2"})
	},
	"Setrlimit": func(f *frame) (int64, error) {
		return 0, sys.Setrlimit(int(f.v[0]), (*sys.Rlimit)(f.ptr(1)))
	},
	"Mount": func(f *frame) (int64, error) {
		return 0, sys.Mount(f.str(0), f.str(1), f.str(2), uintptr(f.v[3]), f.str(4))
	},
	"Readv": func(f *frame) (int64, error) {
		return result(sys.Readv(int(f.v[0]), f.buffers()))
	},
	"Writev": func(f *frame) (int64, error) {
		return result(sys.Writev(int(f.v[0]), f.buffers()))
	},
	"Preadv2": func(f *frame) (int64, error) {
		return result(sys.Preadv2(int(f.v[0]), f.buffers(), int64(f.v[3]), int(f.v[5])))
	},
	"Pwritev2": func(f *frame) (int64, error) {
		return result(sys.Pwritev2(int(f.v[0]), f.buffers(), int64(f.v[3]), int(f.v[5])))
	},
	"Pipe2": func(f *frame) (int64, error) {
		return 0, sys.Pipe2(f.ints(0), int(f.v[1]))
	},
	"Dup3": func(f *frame) (int64, error) {
		return 0, sys.Dup3(int(f.v[0]), int(f.v[1]), int(f.v[2]))
	},
	"FcntlInt": func(f *frame) (int64, error) {
		return result(sys.FcntlInt(uintptr(f.v[0]), int(f.v[1]), int(f.v[2])))
	},
	"EpollWait": func(f *frame) (int64, error) {
		return result(sys.EpollWait(int(f.v[0]), slice[sys.EpollEvent](f, 1, 2), int(f.v[3])))
	},
	"Wait4": func(f *frame) (int64, error) {
		return result(sys.Wait4(int(f.v[0]), (*sys.WaitStatus)(f.ptr(1)), int(f.v[2]), (*sys.Rusage)(f.ptr(3))))
	},
	"PthreadSigmask": func(f *frame) (int64, error) {
		return 0, sys.PthreadSigmask(int(f.v[0]), (*sys.Sigset_t)(f.ptr(1)), (*sys.Sigset_t)(f.ptr(2)))
	},
	"Prctl": func(f *frame) (int64, error) {
		return 0, sys.Prctl(int(f.v[0]), uintptr(f.v[1]), uintptr(f.v[2]), uintptr(f.v[3]), uintptr(f.v[4]))
	},
	"SchedSetaffinity": func(f *frame) (int64, error) {
		return 0, sys.SchedSetaffinity(int(f.v[0]), (*sys.CPUSet)(f.ptr(2)))
	},
	"SchedGetaffinity": func(f *frame) (int64, error) {
		return 0, sys.SchedGetaffinity(int(f.v[0]), (*sys.CPUSet)(f.ptr(2)))
	},
	"Mmap": func(f *frame) (int64, error) {
		b, err := sys.Mmap(int(f.v[4]), int64(f.v[5]), int(f.v[1]), int(f.v[2]), int(f.v[3]))
		if len(b) != 0 && len(b) != int(f.v[1]) {
			return int64(len(b)), err
		}
		return address(unsafe.Pointer(unsafe.SliceData(b)), err)
	},
	"Munmap": func(f *frame) (int64, error) {
		b, err := sys.Mmap(-1, 0, 8192, sys.PROT_READ|sys.PROT_WRITE, sys.MAP_PRIVATE|sys.MAP_ANONYMOUS)
		if err != nil {
			return -1, err
		}
		copy(b, f.mem[0][:])
		return 0, sys.Munmap(b)
	},
	"Bind": func(f *frame) (int64, error) {
		return 0, sys.Bind(int(f.v[0]), inet4)
	},
	"Bind/inet6": func(f *frame) (int64, error) {
		return 0, sys.Bind(int(f.v[0]), inet6)
	},
	"Bind/unix": func(f *frame) (int64, error) {
		return 0, sys.Bind(int(f.v[0]), unixPath)
	},
	"Bind/abstract": func(f *frame) (int64, error) {
		return 0, sys.Bind(int(f.v[0]), unixAbstract)
	},
	"Connect": func(f *frame) (int64, error) {
		return 0, sys.Connect(int(f.v[0]), unixPath)
	},
	"Accept4": func(f *frame) (int64, error) {
		fd, sa, err := sys.Accept4(int(f.v[0]), int(f.v[3]))
		f.putSockaddr(4, sa)
		return int64(fd), err
	},
	"Getsockname": func(f *frame) (int64, error) {
		sa, err := sys.Getsockname(int(f.v[0]))
		f.putSockaddr(4, sa)
		return 0, err
	},
	"Getpeername": func(f *frame) (int64, error) {
		sa, err := sys.Getpeername(int(f.v[0]))
		f.putSockaddr(4, sa)
		return 0, err
	},
	"Sendto": func(f *frame) (int64, error) {
		return 0, sys.Sendto(int(f.v[0]), slice[byte](f, 1, 2), int(f.v[3]), inet6)
	},
	"Sendto/nil": func(f *frame) (int64, error) {
		return 0, sys.Sendto(int(f.v[0]), slice[byte](f, 1, 2), int(f.v[3]), nil)
	},
	"Recvfrom": func(f *frame) (int64, error) {
		n, sa, err := sys.Recvfrom(int(f.v[0]), slice[byte](f, 1, 2), int(f.v[3]))
		f.putSockaddr(4, sa)
		return int64(n), err
	},
	"Socketpair": func(f *frame) (int64, error) {
		fds, err := sys.Socketpair(int(f.v[0]), int(f.v[1]), int(f.v[2]))
		copy(f.ints(4), fds[:])
		return 0, err
	},
	"SetsockoptInt": func(f *frame) (int64, error) {
		return 0, sys.SetsockoptInt(int(f.v[0]), int(f.v[1]), int(f.v[2]), int(f.v[3]))
	},
	"GetsockoptInt": func(f *frame) (int64, error) {
		return result(sys.GetsockoptInt(int(f.v[0]), int(f.v[1]), int(f.v[2])))
	},
}

var (
	inet4 = &sys.SockaddrInet4{Port: 0x1234, Addr: [4]byte{10, 1, 2, 3}}
	inet6 = &sys.SockaddrInet6{Port: 0x5678, ZoneId: 0x81828384, Addr: [16]byte{
		0xfe, 0x80, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	}}
	unixPath     = &sys.SockaddrUnix{Name: "/a/path"}
	unixAbstract = &sys.SockaddrUnix{Name: "@abstract"}
)

// ints returns the memory of argument i as two numbers.
func (f *frame) ints(i int) []int {
	return unsafe.Slice((*int)(unsafe.Pointer(&f.mem[i])), 2)
}

// buffers returns what vectored calls are given: two parts of the memory, and
// nothing between them.
func (f *frame) buffers() [][]byte {
	return [][]byte{f.mem[3][:100], nil, f.mem[4][:50]}
}

// putSockaddr leaves an address in the memory of argument i: its family and
// fields, one after the other.
func (f *frame) putSockaddr(i int, sa sys.Sockaddr) {
	copy(f.mem[i][:], fields(sa))
}

func fields(sa sys.Sockaddr) []byte {
	var b []byte
	switch sa := sa.(type) {
	case *sys.SockaddrInet4:
		b = binary.LittleEndian.AppendUint32([]byte{sys.AF_INET}, uint32(sa.Port))
		b = append(b, sa.Addr[:]...)
	case *sys.SockaddrInet6:
		b = binary.LittleEndian.AppendUint32([]byte{sys.AF_INET6}, uint32(sa.Port))
		b = binary.LittleEndian.AppendUint32(b, sa.ZoneId)
		b = append(b, sa.Addr[:]...)
	case *sys.SockaddrUnix:
		b = append([]byte{sys.AF_UNIX}, sa.Name...)
	}
	return b
}
