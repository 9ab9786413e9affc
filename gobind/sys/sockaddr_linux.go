// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// Sockaddr is the address of a socket: [SockaddrInet4], [SockaddrInet6] or
// [SockaddrUnix], each by its pointer.
type Sockaddr interface {
	sockaddr()
}

// SockaddrInet4 is the address of an AF_INET socket.
type SockaddrInet4 struct {
	Port int
	Addr [4]byte
}

// SockaddrInet6 is the address of an AF_INET6 socket. ZoneId is the index of
// the interface that a link-local address belongs to.
type SockaddrInet6 struct {
	Port   int
	ZoneId uint32
	Addr   [16]byte
}

// SockaddrUnix is the address of an AF_UNIX socket.
//
// A Name that begins with '@' or with a NUL byte is an abstract name: it ends
// with the last byte of Name, and no file stands for it. Any other Name is a
// path of up to 107 bytes. The kernel chooses an abstract name when a socket is
// bound to the empty Name.
//
// An address from the kernel has '@' before an abstract name, is cut at the
// first NUL byte after that, and is just "@" when the socket has no name.
type SockaddrUnix struct {
	Name string
}

func (*SockaddrInet4) sockaddr() {}
func (*SockaddrInet6) sockaddr() {}
func (*SockaddrUnix) sockaddr()  {}

// encode writes sa to raw, which is zero, and returns the length for the
// kernel. It knows the types itself, because what is given to a method of an
// interface is allocated.
func encode(sa Sockaddr, raw *RawSockaddrAny) (size uint32, err error) {
	switch sa := sa.(type) {
	case *SockaddrInet4:
		return encodeInet4(sa, (*RawSockaddrInet4)(unsafe.Pointer(raw)))
	case *SockaddrInet6:
		return encodeInet6(sa, (*RawSockaddrInet6)(unsafe.Pointer(raw)))
	case *SockaddrUnix:
		return encodeUnix(sa, (*RawSockaddrUnix)(unsafe.Pointer(raw)))
	}
	return 0, EINVAL
}

func encodeInet4(sa *SockaddrInet4, raw *RawSockaddrInet4) (size uint32, err error) {
	if sa.Port < 0 || sa.Port > 0xffff {
		return 0, EINVAL
	}
	raw.Family = AF_INET
	raw.Port = swapPort(uint16(sa.Port))
	raw.Addr = sa.Addr
	return SizeofSockaddrInet4, nil
}

func encodeInet6(sa *SockaddrInet6, raw *RawSockaddrInet6) (size uint32, err error) {
	if sa.Port < 0 || sa.Port > 0xffff {
		return 0, EINVAL
	}
	raw.Family = AF_INET6
	raw.Port = swapPort(uint16(sa.Port))
	raw.Scope_id = sa.ZoneId
	raw.Addr = sa.Addr
	return SizeofSockaddrInet6, nil
}

func encodeUnix(sa *SockaddrUnix, raw *RawSockaddrUnix) (size uint32, err error) {
	n := len(sa.Name)
	if n >= len(raw.Path) {
		return 0, EINVAL
	}
	raw.Family = AF_UNIX
	for i := range n {
		raw.Path[i] = int8(sa.Name[i])
	}
	size = uint32(unsafe.Offsetof(raw.Path))
	switch {
	case n == 0:
		return size, nil
	case sa.Name[0] == '@', sa.Name[0] == 0:
		raw.Path[0] = 0
		return size + uint32(n), nil
	}
	// A path is followed by its NUL.
	return size + uint32(n) + 1, nil
}

// decode makes a Sockaddr of what the kernel wrote to raw.
func decode(raw *RawSockaddrAny) (Sockaddr, error) {
	switch raw.Addr.Family {
	case AF_INET:
		in := (*RawSockaddrInet4)(unsafe.Pointer(raw))
		return &SockaddrInet4{Port: int(swapPort(in.Port)), Addr: in.Addr}, nil
	case AF_INET6:
		in := (*RawSockaddrInet6)(unsafe.Pointer(raw))
		return &SockaddrInet6{
			Port:   int(swapPort(in.Port)),
			ZoneId: in.Scope_id,
			Addr:   in.Addr,
		}, nil
	case AF_UNIX:
		return decodeUnix((*RawSockaddrUnix)(unsafe.Pointer(raw))), nil
	}
	return nil, EAFNOSUPPORT
}

func decodeUnix(raw *RawSockaddrUnix) *SockaddrUnix {
	if raw.Path[0] == 0 {
		raw.Path[0] = '@'
	}
	path := unsafe.Slice((*byte)(unsafe.Pointer(&raw.Path[0])), len(raw.Path))
	n := 0
	for n < len(path) && path[n] != 0 {
		n++
	}
	return &SockaddrUnix{Name: string(path[:n])}
}

// swapPort converts between the CPU's order and that of the network. Both CPUs
// are little-endian.
func swapPort(port uint16) uint16 {
	return port<<8 | port>>8
}
