// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

func socket(t testing.TB, domain, typ int) int {
	t.Helper()
	fd, err := sys.Socket(domain, typ|sys.SOCK_CLOEXEC, 0)
	if err == sys.EAFNOSUPPORT {
		t.Skipf("no sockets of domain %d", domain)
	}
	check(t, err)
	return closing(t, fd)
}

func wantAddr(t testing.TB, call string, sa sys.Sockaddr, err error, want sys.Sockaddr) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(sa, want) {
		t.Errorf("%s gives %+v, %v; want %+v", call, sa, err, want)
	}
}

// loopbacks are the addresses that a stream can be tried on.
func loopbacks(t *testing.T) map[string]struct {
	domain int
	sa     sys.Sockaddr
} {
	return map[string]struct {
		domain int
		sa     sys.Sockaddr
	}{
		"inet4": {sys.AF_INET, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}},
		"inet6": {sys.AF_INET6, &sys.SockaddrInet6{Addr: [16]byte{15: 1}}},
		"unix":  {sys.AF_UNIX, &sys.SockaddrUnix{Name: filepath.Join(t.TempDir(), "s")}},
		"abstract": {sys.AF_UNIX, &sys.SockaddrUnix{
			Name: "@" + strings.ReplaceAll(t.TempDir(), "/", "-"),
		}},
	}
}

func TestStreamConnects(t *testing.T) {
	for name, lo := range loopbacks(t) {
		t.Run(name, func(t *testing.T) {
			l := socket(t, lo.domain, sys.SOCK_STREAM)
			err := sys.Bind(l, lo.sa)
			if err == sys.EADDRNOTAVAIL {
				t.Skipf("no such address: %v", err)
			}
			check(t, err)
			check(t, sys.Listen(l, 1))
			at, err := sys.Getsockname(l)
			check(t, err)
			wantSamePlace(t, at, lo.sa)

			c := socket(t, lo.domain, sys.SOCK_STREAM)
			check(t, sys.Connect(c, at))
			s, peer, err := sys.Accept4(l, sys.SOCK_CLOEXEC)
			check(t, err)
			closing(t, s)
			if !isCloexec(t, s) {
				t.Error("the connection is not close-on-exec")
			}
			sa, err := sys.Getsockname(c)
			wantAddr(t, "Getsockname", sa, err, peer)
			sa, err = sys.Getpeername(c)
			wantAddr(t, "Getpeername", sa, err, at)
			exchange(t, c, s)
		})
	}
}

// wantSamePlace compares but for the port, which the kernel chose.
func wantSamePlace(t *testing.T, got, want sys.Sockaddr) {
	t.Helper()
	port := 1
	switch sa := got.(type) {
	case *sys.SockaddrInet4:
		port = sa.Port
		got = &sys.SockaddrInet4{Addr: sa.Addr}
	case *sys.SockaddrInet6:
		port = sa.Port
		got = &sys.SockaddrInet6{Addr: sa.Addr, ZoneId: sa.ZoneId}
	}
	if port <= 0 || port > 0xffff || !reflect.DeepEqual(got, want) {
		t.Errorf("bound to %+v, port %d; want %+v", got, port, want)
	}
}

// exchange sends both ways, then ends the stream.
func exchange(t *testing.T, a, b int) {
	t.Helper()
	buf := make([]byte, 16)
	for _, way := range [][2]int{{a, b}, {b, a}} {
		check(t, sys.Sendto(way[0], []byte("ping"), sys.MSG_NOSIGNAL, nil))
		n, from, err := sys.Recvfrom(way[1], buf, 0)
		wantCount(t, "Recvfrom", n, err, 4)
		// The kernel names the peer of an AF_UNIX stream only.
		if _, unix := from.(*sys.SockaddrUnix); from != nil && !unix {
			t.Errorf("a stream says it is from %v", from)
		}
	}
	check(t, sys.Shutdown(a, sys.SHUT_WR))
	n, _, err := sys.Recvfrom(b, buf, 0)
	wantCount(t, "Recvfrom at the end", n, err, 0)
	wantErrno(t, "Sendto after Shutdown", sys.Sendto(a, buf, sys.MSG_NOSIGNAL, nil), sys.EPIPE)
}

func TestDatagramSaysWhereItIsFrom(t *testing.T) {
	for name, lo := range loopbacks(t) {
		t.Run(name, func(t *testing.T) {
			to := socket(t, lo.domain, sys.SOCK_DGRAM)
			err := sys.Bind(to, lo.sa)
			if err == sys.EADDRNOTAVAIL {
				t.Skipf("no such address: %v", err)
			}
			check(t, err)
			at, err := sys.Getsockname(to)
			check(t, err)

			from := socket(t, lo.domain, sys.SOCK_DGRAM)
			check(t, sys.Sendto(from, []byte("hello"), 0, at))
			n, _, err := sys.Recvfrom(to, nil, sys.MSG_TRUNC|sys.MSG_PEEK)
			wantCount(t, "Recvfrom into nothing", n, err, 5)
			b := make([]byte, 3)
			n, sa, err := sys.Recvfrom(to, b, sys.MSG_TRUNC)
			wantCount(t, "Recvfrom", n, err, 5)
			wantBytes(t, b, []byte("hel"))
			if lo.domain == sys.AF_UNIX {
				// The sender has no name, and the kernel reports none.
				if sa != nil {
					t.Errorf("from %+v", sa)
				}
				return
			}
			want, err := sys.Getsockname(from)
			check(t, err)
			if got, ok := sa.(*sys.SockaddrInet4); ok {
				if got.Addr != [4]byte{127, 0, 0, 1} || got.Port != want.(*sys.SockaddrInet4).Port {
					t.Errorf("from %+v, want the port of %+v", got, want)
				}
			} else if got, ok := sa.(*sys.SockaddrInet6); !ok || got.Port != want.(*sys.SockaddrInet6).Port {
				t.Errorf("from %+v, want the port of %+v", sa, want)
			}
		})
	}
}

func TestPortOutOfRangeIsEINVAL(t *testing.T) {
	for _, port := range []int{-1, 1 << 16} {
		v4, v6 := &sys.SockaddrInet4{Port: port}, &sys.SockaddrInet6{Port: port}
		for _, sa := range []sys.Sockaddr{v4, v6} {
			wantErrno(t, "Bind", sys.Bind(-1, sa), sys.EINVAL)
			wantErrno(t, "Connect", sys.Connect(-1, sa), sys.EINVAL)
			wantErrno(t, "Sendto", sys.Sendto(-1, nil, 0, sa), sys.EINVAL)
		}
	}
}

// The zone is the interface that a link-local address needs.
func TestZoneReachesTheKernel(t *testing.T) {
	for zone, want := range map[uint32]sys.Errno{0: sys.EINVAL, 1 << 30: sys.ENODEV} {
		fd := socket(t, sys.AF_INET6, sys.SOCK_DGRAM)
		sa := &sys.SockaddrInet6{ZoneId: zone, Addr: [16]byte{0: 0xfe, 1: 0x80, 15: 1}}
		wantErrno(t, "Bind", sys.Bind(fd, sa), want)
	}
}

func TestUnixNames(t *testing.T) {
	unique := strings.ReplaceAll(t.TempDir(), "/", "-")
	dir := t.TempDir()
	t.Chdir(dir)
	long := "./" + strings.Repeat("x", 105)
	for _, tc := range []struct {
		name, bind, want string
		size             int // of the name in the kernel
	}{
		{"path", "s", "s", 2},
		{"longest path", long, long, 108},
		{"path up to its NUL", "p\x00q", "p", 2},
		{"abstract", "@" + unique, "@" + unique, len(unique) + 1},
		{"abstract with NUL", "\x00" + unique + "b", "@" + unique + "b", len(unique) + 2},
		{"abstract, cut at a NUL", "@" + unique + "c\x00d", "@" + unique + "c", len(unique) + 4},
		{"longest abstract", "@" + strings.Repeat("y", 106), "@" + strings.Repeat("y", 106), 107},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fd := socket(t, sys.AF_UNIX, sys.SOCK_STREAM)
			sa, err := sys.Getsockname(fd)
			wantAddr(t, "Getsockname, unnamed", sa, err, &sys.SockaddrUnix{Name: "@"})
			check(t, sys.Bind(fd, &sys.SockaddrUnix{Name: tc.bind}))
			sa, err = sys.Getsockname(fd)
			wantAddr(t, "Getsockname", sa, err, &sys.SockaddrUnix{Name: tc.want})
			var raw sys.RawSockaddrAny
			size := uint32(sys.SizeofSockaddrAny)
			check(t, sys.RawGetsockname(fd, unsafe.Pointer(&raw), &size))
			if int(size) != 2+tc.size {
				t.Errorf("%d bytes of address, want %d", size, 2+tc.size)
			}
		})
	}
	for _, name := range []string{strings.Repeat("x", 108), "@" + strings.Repeat("x", 107)} {
		wantErrno(t, "Bind to a long name", sys.Bind(-1, &sys.SockaddrUnix{Name: name}), sys.EINVAL)
	}
}

func TestEmptyUnixNameIsChosenByTheKernel(t *testing.T) {
	fd := socket(t, sys.AF_UNIX, sys.SOCK_STREAM)
	check(t, sys.Bind(fd, &sys.SockaddrUnix{}))
	sa, err := sys.Getsockname(fd)
	check(t, err)
	if name := sa.(*sys.SockaddrUnix).Name; len(name) != 6 || name[0] != '@' {
		t.Errorf("name %q", name)
	}
}

// A path of 108 bytes fills the kernel's structure to the last byte, without a
// NUL. Another program may bind one; this package reads it.
func TestPathWithoutNulIsRead(t *testing.T) {
	t.Chdir(t.TempDir())
	fd := socket(t, sys.AF_UNIX, sys.SOCK_STREAM)
	raw := sys.RawSockaddrUnix{Family: sys.AF_UNIX}
	for i := range raw.Path {
		raw.Path[i] = 'z'
	}
	check(t, sys.RawBind(fd, unsafe.Pointer(&raw), uint32(unsafe.Sizeof(raw))))
	sa, err := sys.Getsockname(fd)
	wantAddr(t, "Getsockname", sa, err, &sys.SockaddrUnix{Name: strings.Repeat("z", 108)})
}

func TestUnknownFamilyIsEAFNOSUPPORT(t *testing.T) {
	fd, err := sys.Socket(sys.AF_NETLINK, sys.SOCK_RAW|sys.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("netlink: %v", err)
	}
	closing(t, fd)
	sa, err := sys.Getsockname(fd)
	if sa != nil || err != sys.EAFNOSUPPORT {
		t.Errorf("Getsockname gives %v, %v", sa, err)
	}
}

func TestSocketOptions(t *testing.T) {
	fd := socket(t, sys.AF_INET, sys.SOCK_STREAM)
	for _, want := range []int{1, 0} {
		check(t, sys.SetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_REUSEADDR, want))
		n, err := sys.GetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_REUSEADDR)
		wantCount(t, "GetsockoptInt", n, err, want)
	}
	n, err := sys.GetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_TYPE)
	wantCount(t, "GetsockoptInt", n, err, sys.SOCK_STREAM)
	wantErrno(t, "SetsockoptInt", sys.SetsockoptInt(fd, sys.SOL_SOCKET, -1, 1), sys.ENOPROTOOPT)
	_, err = sys.Getpeername(fd)
	wantErrno(t, "Getpeername", err, sys.ENOTCONN)
}

func TestRawFormsTellHowMuchWasSent(t *testing.T) {
	a, b := socketpair(t, sys.SOCK_STREAM|sys.SOCK_NONBLOCK)
	sent := 0
	for {
		n, err := sys.RawSendto(a, make([]byte, 1<<20), sys.MSG_NOSIGNAL, nil, 0)
		if err == sys.EAGAIN {
			break
		}
		check(t, err)
		sent += n
	}
	received := 0
	buf := make([]byte, 1<<16)
	for {
		n, err := sys.RawRecvfrom(b, buf, 0, nil, nil)
		if err == sys.EAGAIN {
			break
		}
		check(t, err)
		received += n
	}
	if sent == 0 || received != sent {
		t.Errorf("%d bytes sent, %d received", sent, received)
	}
}

func TestAcceptOfNothingIsEAGAIN(t *testing.T) {
	l := socket(t, sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_NONBLOCK)
	check(t, sys.Bind(l, &sys.SockaddrUnix{}))
	check(t, sys.Listen(l, 1))
	fd, sa, err := sys.Accept4(l, sys.SOCK_CLOEXEC)
	if fd != -1 || sa != nil || err != sys.EAGAIN {
		t.Errorf("Accept4 gives %d, %v, %v", fd, sa, err)
	}
	fd, err = sys.RawAccept4(l, nil, nil, sys.SOCK_CLOEXEC)
	if fd != -1 || err != sys.EAGAIN {
		t.Errorf("RawAccept4 gives %d, %v", fd, err)
	}
}
