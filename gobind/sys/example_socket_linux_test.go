// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"fmt"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// bound is a datagram socket with that address.
func bound(family int, sa sys.Sockaddr) int {
	fd, err := sys.Socket(family, sys.SOCK_DGRAM|sys.SOCK_CLOEXEC, 0)
	must(err)
	must(sys.Bind(fd, sa))
	return fd
}

// A server that the kernel gives a port.
func ExampleSockaddrInet4() {
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	must(err)
	must(sys.Bind(fd, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(sys.Listen(fd, 16))
	sa, err := sys.Getsockname(fd)
	must(err)
	in4 := sa.(*sys.SockaddrInet4)
	fmt.Println(in4.Addr, in4.Port != 0)
	must(sys.Close(fd))
	// Output: [127 0 0 1] true
}

func ExampleSockaddrInet6() {
	fd, err := sys.Socket(sys.AF_INET6, sys.SOCK_DGRAM|sys.SOCK_CLOEXEC, 0)
	must(err)
	// A link-local address needs the number of its interface.
	must(sys.Bind(fd, &sys.SockaddrInet6{Addr: [16]byte{0: 0xfe, 1: 0x80, 15: 1}, ZoneId: 2}))
	must(sys.Close(fd))
}

// A name that begins with @ is not a file's.
func ExampleSockaddrUnix() {
	server := bound(sys.AF_UNIX, &sys.SockaddrUnix{Name: "@example-of-sys"})
	client, err := sys.Socket(sys.AF_UNIX, sys.SOCK_DGRAM|sys.SOCK_CLOEXEC, 0)
	must(err)
	must(sys.Sendto(client, []byte("hello"), 0, &sys.SockaddrUnix{Name: "@example-of-sys"}))
	buf := make([]byte, 16)
	n, err := sys.Read(server, buf)
	must(err)
	fmt.Printf("%s\n", buf[:n])
	must(sys.Close(client))
	must(sys.Close(server))
	// Output: hello
}

// Who sent a message.
func ExampleSockaddr() {
	fd := bound(sys.AF_INET, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	var to sys.Sockaddr
	to, err := sys.Getsockname(fd)
	must(err)
	must(sys.Sendto(fd, []byte("to myself"), 0, to))
	_, from, err := sys.Recvfrom(fd, make([]byte, 16), 0)
	must(err)
	switch from := from.(type) {
	case *sys.SockaddrInet4:
		fmt.Println("IPv4", from.Addr)
	case *sys.SockaddrInet6:
		fmt.Println("IPv6", from.Addr)
	case *sys.SockaddrUnix:
		fmt.Println("local", from.Name)
	}
	must(sys.Close(fd))
	// Output: IPv4 [127 0 0 1]
}

// An address as the kernel writes it, of any family. Ports are big-endian.
func ExampleRawSockaddrAny() {
	fd := bound(sys.AF_INET, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	var raw sys.RawSockaddrAny
	size := uint32(sys.SizeofSockaddrAny)
	must(sys.RawGetsockname(fd, unsafe.Pointer(&raw), &size))
	var head sys.RawSockaddr = raw.Addr
	switch head.Family {
	case sys.AF_INET:
		fmt.Println((*sys.RawSockaddrInet4)(unsafe.Pointer(&raw)).Addr)
	case sys.AF_INET6:
		fmt.Println((*sys.RawSockaddrInet6)(unsafe.Pointer(&raw)).Addr)
	case sys.AF_UNIX:
		fmt.Println((*sys.RawSockaddrUnix)(unsafe.Pointer(&raw)).Path)
	}
	must(sys.Close(fd))
	// Output: [127 0 0 1]
}

// Close sends a reset and forgets what was not sent.
func ExampleLinger() {
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	must(err)
	now := sys.Linger{Onoff: 1, Linger: 0}
	must(sys.RawSetsockopt(fd, sys.SOL_SOCKET, sys.SO_LINGER,
		unsafe.Pointer(&now), uint32(unsafe.Sizeof(now))))
	fmt.Println(sys.Close(fd))
	// Output: <nil>
}

// A descriptor travels through a socket.
func ExampleMsghdr() {
	pair, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	must(err)
	text := []byte("here")
	iov := sys.Iovec{Base: &text[0]}
	iov.SetLen(len(text))
	rights := struct {
		sys.Cmsghdr
		fd int32
	}{sys.Cmsghdr{Level: sys.SOL_SOCKET, Type: sys.SCM_RIGHTS}, int32(pair[1])}
	rights.SetLen(int(unsafe.Offsetof(rights.fd)) + 4)
	msg := sys.Msghdr{Iov: &iov, Control: (*byte)(unsafe.Pointer(&rights))}
	msg.SetIovlen(1)
	msg.SetControllen(int(unsafe.Sizeof(rights)))
	_, err = sys.RawSendmsg(pair[0], &msg, 0)
	must(err)

	rights.fd = -1
	n, err := sys.RawRecvmsg(pair[1], &msg, sys.MSG_CMSG_CLOEXEC)
	must(err)
	fmt.Printf("%s %v\n", text[:n], rights.fd >= 0 && int(rights.fd) != pair[1])
	for _, fd := range []int{pair[0], pair[1], int(rights.fd)} {
		must(sys.Close(fd))
	}
	// Output: here true
}
