// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64) && !race

package sys_test

import (
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// The race detector allocates on its own, so this is not built with -race.
func TestCallsDoNotAllocate(t *testing.T) {
	fd := tempFile(t, pattern(64))
	r, w := pipe(t, sys.O_NONBLOCK)
	sa, sb := socketpair(t, sys.SOCK_DGRAM|sys.SOCK_NONBLOCK)
	udp := socket(t, sys.AF_INET, sys.SOCK_DGRAM)
	to := &sys.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
	epfd, err := sys.EpollCreate1(sys.EPOLL_CLOEXEC)
	check(t, err)
	closing(t, epfd)

	b := make([]byte, 64)
	iovs := [][]byte{b[:1], b[1:2], b[2:3], b[3:4], b[4:5], b[5:6], b[6:7], b[7:8]}
	vec := []sys.Iovec{{Base: &b[0], Len: 8}}
	events := make([]sys.EpollEvent, 4)
	fds := make([]int, 2)
	var (
		raw sys.RawSockaddrAny
		ts  sys.Timespec
		ru  sys.Rusage
		set sys.CPUSet
		u   uint32
	)
	for _, tc := range []struct {
		name string
		call func()
	}{
		{"Read", func() { sys.Read(r, b) }},
		{"Write", func() { sys.Write(w, b[:1]); sys.Read(r, b) }},
		{"Pread", func() { sys.Pread(fd, b, 0) }},
		{"Pwrite", func() { sys.Pwrite(fd, b, 0) }},
		{"Readv", func() { sys.Readv(fd, iovs) }},
		{"Writev", func() { sys.Writev(w, iovs); sys.Read(r, b) }},
		{"Preadv2", func() { sys.Preadv2(fd, iovs, 0, 0) }},
		{"Pwritev2", func() { sys.Pwritev2(fd, iovs, 0, 0) }},
		{"RawPreadv2", func() { sys.RawPreadv2(fd, vec, 0, 0) }},
		{"RawPwritev2", func() { sys.RawPwritev2(fd, vec, 0, 0) }},
		{"Seek", func() { sys.Seek(fd, 0, sys.SEEK_SET) }},
		{"Pipe2, Close", func() { sys.Pipe2(fds, sys.O_CLOEXEC); sys.Close(fds[0]); sys.Close(fds[1]) }},
		{"FcntlInt", func() { sys.FcntlInt(uintptr(fd), sys.F_GETFD, 0) }},
		{"EpollWait", func() { sys.EpollWait(epfd, events, 0) }},
		{"EpollPwait2", func() { sys.EpollPwait2(epfd, events, &ts, nil) }},
		{"EpollCtl", func() {
			ev := sys.EpollEvent{Events: sys.EPOLLIN, Fd: int32(r)}
			sys.EpollCtl(epfd, sys.EPOLL_CTL_MOD, r, &ev)
		}},
		{"Sendto", func() { sys.Sendto(sa, b[:1], 0, nil) }},
		{"Sendto an address", func() { sys.Sendto(udp, b[:1], 0, to) }},
		{"Connect", func() { sys.Connect(udp, to) }},
		{"RawSendto", func() { sys.RawSendto(sa, b[:1], 0, nil, 0) }},
		{"RawRecvfrom", func() { sys.RawRecvfrom(sb, b, 0, nil, nil) }},
		{"RawRecvfrom an address", func() {
			size := uint32(sys.SizeofSockaddrAny)
			sys.RawRecvfrom(sb, b, 0, unsafe.Pointer(&raw), &size)
		}},
		{"RawAccept4", func() {
			size := uint32(sys.SizeofSockaddrAny)
			sys.RawAccept4(-1, unsafe.Pointer(&raw), &size, 0)
		}},
		{"SetsockoptInt", func() { sys.SetsockoptInt(udp, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1) }},
		{"GetsockoptInt", func() { sys.GetsockoptInt(udp, sys.SOL_SOCKET, sys.SO_REUSEADDR) }},
		{"RawMmap", func() {
			p, err := sys.RawMmap(nil, 1, sys.PROT_READ, anonymous, -1, 0)
			if err == nil {
				sys.RawMunmap(p, 1)
			}
		}},
		{"Wait4", func() { sys.Wait4(-1, nil, sys.WNOHANG, nil) }},
		{"ClockGettime", func() { sys.ClockGettime(sys.CLOCK_MONOTONIC, &ts); ts = sys.Timespec{} }},
		{"Getrusage", func() { sys.Getrusage(sys.RUSAGE_SELF, &ru) }},
		{"SchedGetaffinity", func() { sys.SchedGetaffinity(0, &set) }},
		{"Futex", func() { sys.Futex(&u, sys.FUTEX_WAKE, 1, nil, nil, 0) }},
		{"IoUringEnter", func() { sys.IoUringEnter(-1, 0, 0, 0, nil, 0) }},
		{"IoUringRegister", func() { sys.IoUringRegister(-1, 0, nil, 0) }},
	} {
		if n := testing.AllocsPerRun(100, tc.call); n != 0 {
			t.Errorf("%s allocates %v times", tc.name, n)
		}
	}
}
