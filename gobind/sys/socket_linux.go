// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "unsafe"

// Bind calls bind(2).
func Bind(fd int, sa Sockaddr) (err error) {
	var raw RawSockaddrAny
	size, err := encode(sa, &raw)
	if err != nil {
		return err
	}
	return RawBind(fd, unsafe.Pointer(&raw), size)
}

// Connect calls connect(2). An interrupted connect goes on by itself: after
// EINTR as after EINPROGRESS the caller waits until fd is writable.
func Connect(fd int, sa Sockaddr) (err error) {
	var raw RawSockaddrAny
	size, err := encode(sa, &raw)
	if err != nil {
		return err
	}
	return RawConnect(fd, unsafe.Pointer(&raw), size)
}

// Accept calls accept(2). The new descriptor is not close-on-exec; [Accept4] has
// a flag for that.
func Accept(fd int) (nfd int, sa Sockaddr, err error) {
	var raw RawSockaddrAny
	size := uint32(SizeofSockaddrAny)
	nfd, err = RawAccept(fd, unsafe.Pointer(&raw), &size)
	return accepted(nfd, &raw, err)
}

// Accept4 calls accept4(2) and returns the connection and the address of its
// peer. A connection whose address is of an unknown kind is closed, and the
// result is 0 and EAFNOSUPPORT.
func Accept4(fd int, flags int) (nfd int, sa Sockaddr, err error) {
	var raw RawSockaddrAny
	size := uint32(SizeofSockaddrAny)
	nfd, err = RawAccept4(fd, unsafe.Pointer(&raw), &size, flags)
	return accepted(nfd, &raw, err)
}

func accepted(nfd int, raw *RawSockaddrAny, err error) (int, Sockaddr, error) {
	if err != nil {
		return nfd, nil, err
	}
	sa, err := decode(raw)
	if err != nil {
		Close(nfd)
		return 0, nil, err
	}
	return nfd, sa, nil
}

// Getsockname calls getsockname(2).
func Getsockname(fd int) (sa Sockaddr, err error) {
	var raw RawSockaddrAny
	size := uint32(SizeofSockaddrAny)
	if err := RawGetsockname(fd, unsafe.Pointer(&raw), &size); err != nil {
		return nil, err
	}
	return decode(&raw)
}

// Getpeername calls getpeername(2).
func Getpeername(fd int) (sa Sockaddr, err error) {
	var raw RawSockaddrAny
	size := uint32(SizeofSockaddrAny)
	if err := RawGetpeername(fd, unsafe.Pointer(&raw), &size); err != nil {
		return nil, err
	}
	return decode(&raw)
}

// Sendto calls sendto(2). With a nil address it is send(2). How much of a
// stream was sent is not reported: RawSendto does that.
func Sendto(fd int, p []byte, flags int, to Sockaddr) (err error) {
	if to == nil {
		_, err = RawSendto(fd, p, flags, nil, 0)
		return err
	}
	var raw RawSockaddrAny
	size, err := encode(to, &raw)
	if err != nil {
		return err
	}
	_, err = RawSendto(fd, p, flags, unsafe.Pointer(&raw), size)
	return err
}

// Recvfrom calls recvfrom(2). The address is nil when the kernel gives none, as
// for a connected stream.
func Recvfrom(fd int, p []byte, flags int) (n int, from Sockaddr, err error) {
	var raw RawSockaddrAny
	size := uint32(SizeofSockaddrAny)
	n, err = RawRecvfrom(fd, p, flags, unsafe.Pointer(&raw), &size)
	if err != nil {
		return n, nil, err
	}
	if raw.Addr.Family != AF_UNSPEC {
		from, err = decode(&raw)
	}
	return n, from, err
}

// Socketpair calls socketpair(2).
func Socketpair(domain, typ, proto int) (fd [2]int, err error) {
	var fds [2]int32
	if err := RawSocketpair(domain, typ, proto, &fds); err != nil {
		return fd, err
	}
	return [2]int{int(fds[0]), int(fds[1])}, nil
}

// SetsockoptInt calls setsockopt(2) for an option that is a C int.
func SetsockoptInt(fd, level, opt int, value int) (err error) {
	n := int32(value)
	return RawSetsockopt(fd, level, opt, unsafe.Pointer(&n), uint32(unsafe.Sizeof(n)))
}

// GetsockoptInt calls getsockopt(2) for an option that is a C int.
func GetsockoptInt(fd, level, opt int) (value int, err error) {
	var n int32
	size := uint32(unsafe.Sizeof(n))
	err = RawGetsockopt(fd, level, opt, unsafe.Pointer(&n), &size)
	return int(n), err
}
