// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"testing"

	"example.com/syshim/gobind/sys"
)

func isCloexec(t *testing.T, fd int) bool {
	t.Helper()
	flags, err := sys.FcntlInt(uintptr(fd), sys.F_GETFD, 0)
	check(t, err)
	return flags&sys.FD_CLOEXEC != 0
}

// What is asked for is set, and nothing else.
func TestFlagsOfNewDescriptors(t *testing.T) {
	fd := func(fd int, err error) []int {
		check(t, err)
		return []int{fd}
	}
	pair := func(p [2]int, err error) []int {
		check(t, err)
		return p[:]
	}
	for _, tc := range []struct {
		name              string
		cloexec, nonblock int
		make              func(flags int) []int
	}{
		{"Pipe2", sys.O_CLOEXEC, sys.O_NONBLOCK, func(flags int) []int {
			p := make([]int, 2)
			check(t, sys.Pipe2(p, flags))
			return p
		}},
		{"Eventfd", sys.EFD_CLOEXEC, sys.EFD_NONBLOCK, func(flags int) []int {
			return fd(sys.Eventfd(0, flags))
		}},
		{"EpollCreate1", sys.EPOLL_CLOEXEC, 0, func(flags int) []int {
			return fd(sys.EpollCreate1(flags))
		}},
		{"Socket", sys.SOCK_CLOEXEC, sys.SOCK_NONBLOCK, func(flags int) []int {
			return fd(sys.Socket(sys.AF_UNIX, sys.SOCK_STREAM|flags, 0))
		}},
		{"Socketpair", sys.SOCK_CLOEXEC, sys.SOCK_NONBLOCK, func(flags int) []int {
			return pair(sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|flags, 0))
		}},
		{"Openat", sys.O_CLOEXEC, sys.O_NONBLOCK, func(flags int) []int {
			return fd(sys.Openat(sys.AT_FDCWD, "/dev/null", sys.O_RDONLY|flags, 0))
		}},
		{"Dup3", sys.O_CLOEXEC, 0, func(flags int) []int {
			p, err := sys.Eventfd(0, sys.EFD_CLOEXEC)
			check(t, err)
			q, err := sys.Eventfd(0, 0)
			check(t, err)
			check(t, sys.Dup3(p, q, flags))
			check(t, sys.Close(p))
			return []int{q}
		}},
	} {
		for _, flags := range []int{0, tc.cloexec, tc.nonblock, tc.cloexec | tc.nonblock} {
			for _, fd := range tc.make(flags) {
				if got, want := isCloexec(t, fd), flags&tc.cloexec != 0; got != want {
					t.Errorf("%s(%#x): close-on-exec %v", tc.name, flags, got)
				}
				fl, err := sys.FcntlInt(uintptr(fd), sys.F_GETFL, 0)
				check(t, err)
				if got, want := fl&sys.O_NONBLOCK != 0, flags&tc.nonblock != 0; got != want {
					t.Errorf("%s(%#x): nonblocking %v", tc.name, flags, got)
				}
				check(t, sys.Close(fd))
			}
		}
	}
}

func TestFailedPipe2LeavesTheSlice(t *testing.T) {
	for _, p := range [][]int{nil, {7}, {7, 7}, {7, 7, 7}} {
		if err := sys.Pipe2(p, -1); err != sys.EINVAL {
			t.Errorf("Pipe2(%v): %v", p, err)
		}
		for _, fd := range p {
			if fd != 7 {
				t.Errorf("the slice is %v", p)
			}
		}
	}
}

func TestDup3GivesTheSameFile(t *testing.T) {
	r, w := pipe(t, 0)
	other, err := sys.Eventfd(0, sys.EFD_CLOEXEC)
	check(t, err)
	closing(t, other)
	check(t, sys.Dup3(w, other, sys.O_CLOEXEC))
	n, err := sys.Write(other, []byte("x"))
	wantCount(t, "Write", n, err, 1)
	n, err = sys.Read(r, make([]byte, 2))
	wantCount(t, "Read", n, err, 1)
	wantErrno(t, "Dup3 to itself", sys.Dup3(w, w, 0), sys.EINVAL)
}

func TestFcntlIntChangesFlags(t *testing.T) {
	r, _ := pipe(t, 0)
	_, err := sys.FcntlInt(uintptr(r), sys.F_SETFL, sys.O_NONBLOCK)
	check(t, err)
	n, err := sys.Read(r, make([]byte, 1))
	if n != -1 || err != sys.EAGAIN {
		t.Errorf("Read gives %d, %v", n, err)
	}
	dup, err := sys.FcntlInt(uintptr(r), sys.F_DUPFD_CLOEXEC, 300)
	check(t, err)
	closing(t, dup)
	if dup < 300 || !isCloexec(t, dup) {
		t.Errorf("F_DUPFD_CLOEXEC gives %d", dup)
	}
}

func TestEpollReportsWhatIsReady(t *testing.T) {
	epfd, err := sys.EpollCreate1(sys.EPOLL_CLOEXEC)
	check(t, err)
	closing(t, epfd)
	r, w := pipe(t, 0)
	ev := sys.EpollEvent{Events: sys.EPOLLIN, Fd: int32(r), Pad: 0x1234}
	check(t, sys.EpollCtl(epfd, sys.EPOLL_CTL_ADD, r, &ev))
	wantErrno(t, "second add", sys.EpollCtl(epfd, sys.EPOLL_CTL_ADD, r, &ev), sys.EEXIST)

	events := make([]sys.EpollEvent, 4)
	n, err := sys.EpollWait(epfd, events, 0)
	wantCount(t, "EpollWait", n, err, 0)
	n, err = sys.EpollPwait2(epfd, events, &sys.Timespec{Nsec: 1}, nil)
	if err != sys.ENOSYS {
		wantCount(t, "EpollPwait2", n, err, 0)
	}
	_, err = sys.Write(w, []byte("x"))
	check(t, err)
	for _, call := range []struct {
		name string
		wait func() (int, error)
	}{
		{"EpollWait", func() (int, error) { return sys.EpollWait(epfd, events, -1) }},
		{"EpollPwait", func() (int, error) { return sys.EpollPwait(epfd, events, -1, &sys.Sigset_t{}) }},
		{"EpollPwait2", func() (int, error) { return sys.EpollPwait2(epfd, events, nil, nil) }},
	} {
		clear(events)
		n, err := call.wait()
		if err == sys.ENOSYS {
			t.Logf("skipped %s: %v", call.name, err)
			continue
		}
		wantCount(t, call.name, n, err, 1)
		if e := events[0]; e.Events != sys.EPOLLIN || e.Fd != int32(r) || e.Pad != 0x1234 {
			t.Errorf("%s reports %+v", call.name, e)
		}
	}
	check(t, sys.EpollCtl(epfd, sys.EPOLL_CTL_DEL, r, nil))
	n, err = sys.EpollWait(epfd, events, 0)
	wantCount(t, "EpollWait", n, err, 0)
}

func TestRegularFileHasNoReadiness(t *testing.T) {
	epfd, err := sys.EpollCreate1(sys.EPOLL_CLOEXEC)
	check(t, err)
	closing(t, epfd)
	fd := tempFile(t, nil)
	wantErrno(t, "EpollCtl", sys.EpollCtl(epfd, sys.EPOLL_CTL_ADD, fd, &sys.EpollEvent{}), sys.EPERM)
}

func TestEventfdCounts(t *testing.T) {
	fd, err := sys.Eventfd(3, sys.EFD_CLOEXEC|sys.EFD_NONBLOCK)
	check(t, err)
	closing(t, fd)
	n, err := sys.Write(fd, []byte{4, 0, 0, 0, 0, 0, 0, 0})
	wantCount(t, "Write", n, err, 8)
	b := make([]byte, 8)
	n, err = sys.Read(fd, b)
	wantCount(t, "Read", n, err, 8)
	wantBytes(t, b, []byte{7, 0, 0, 0, 0, 0, 0, 0})
}
