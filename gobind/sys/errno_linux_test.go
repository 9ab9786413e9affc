// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"errors"
	"io/fs"
	"math"
	"syscall"
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// A wrong call of each function: the error, and -1 where there is a number.
func TestFailedCallGivesMinusOneAndTheErrno(t *testing.T) {
	b := make([]byte, 8)
	iovs := [][]byte{b}
	vec := []sys.Iovec{{Base: &b[0], Len: 8}}
	events := make([]sys.EpollEvent, 1)
	var (
		addr  sys.RawSockaddrAny
		size  = uint32(sys.SizeofSockaddrAny)
		where = unsafe.Pointer(&addr)
		pair  [2]int32
		stx   sys.Statx_t
		limit sys.Rlimit
		fs    sys.Statfs_t
		msg   = sys.Msghdr{Iov: &vec[0], Iovlen: 1}
		mask  = sys.Sigset_t{}
		ts    sys.Timespec
		ru    sys.Rusage
		set   sys.CPUSet
		word  uint32
	)
	// only makes a result of a function that gives no number.
	only := func(err error) (int, error) { return -1, err }
	in4 := &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}

	for _, tc := range []struct {
		name string
		want syscall.Errno
		call func() (int, error)
	}{
		{"Read", sys.EBADF, func() (int, error) { return sys.Read(-1, b) }},
		{"Write", sys.EBADF, func() (int, error) { return sys.Write(-1, b) }},
		{"Pread", sys.EBADF, func() (int, error) { return sys.Pread(-1, b, 0) }},
		{"Pwrite", sys.EBADF, func() (int, error) { return sys.Pwrite(-1, b, 0) }},
		{"Readv", sys.EBADF, func() (int, error) { return sys.Readv(-1, iovs) }},
		{"Writev", sys.EBADF, func() (int, error) { return sys.Writev(-1, iovs) }},
		{"Preadv2", sys.EBADF, func() (int, error) { return sys.Preadv2(-1, iovs, 0, 0) }},
		{"Pwritev2", sys.EBADF, func() (int, error) { return sys.Pwritev2(-1, iovs, 0, 0) }},
		{"RawReadv", sys.EBADF, func() (int, error) { return sys.RawReadv(-1, vec) }},
		{"RawWritev", sys.EBADF, func() (int, error) { return sys.RawWritev(-1, vec) }},
		{"RawPreadv2", sys.EBADF, func() (int, error) { return sys.RawPreadv2(-1, vec, 0, 0) }},
		{"RawPwritev2", sys.EBADF, func() (int, error) { return sys.RawPwritev2(-1, vec, 0, 0) }},
		{"Close", sys.EBADF, func() (int, error) { return only(sys.Close(-1)) }},
		{"Openat", sys.ENOENT, func() (int, error) { return sys.Openat(sys.AT_FDCWD, "", sys.O_RDONLY, 0) }},
		{"Statx", sys.ENOENT, func() (int, error) { return only(sys.Statx(sys.AT_FDCWD, "", 0, 0, &stx)) }},
		{"Seek", sys.EBADF, func() (int, error) {
			off, err := sys.Seek(-1, 0, sys.SEEK_CUR)
			return int(off), err
		}},
		{"Pipe2", sys.EINVAL, func() (int, error) { return only(sys.Pipe2(make([]int, 2), -1)) }},
		{"Pipe2 of three", sys.EINVAL, func() (int, error) { return only(sys.Pipe2(make([]int, 3), 0)) }},
		{"RawPipe2", sys.EINVAL, func() (int, error) { return only(sys.RawPipe2(&pair, -1)) }},
		{"Dup3", sys.EBADF, func() (int, error) { return only(sys.Dup3(-1, 1000, 0)) }},
		{"FcntlInt", sys.EBADF, func() (int, error) { return sys.FcntlInt(math.MaxUint, sys.F_GETFD, 0) }},
		{"RawFcntl", sys.EBADF, func() (int, error) { return sys.RawFcntl(-1, sys.F_GETFD, 0) }},
		{"Ftruncate", sys.EBADF, func() (int, error) { return only(sys.Ftruncate(-1, 0)) }},
		{"Eventfd", sys.EINVAL, func() (int, error) { return sys.Eventfd(0, -1) }},
		{"EpollCreate1", sys.EINVAL, func() (int, error) { return sys.EpollCreate1(-1) }},
		{"EpollCtl", sys.EBADF, func() (int, error) { return only(sys.EpollCtl(-1, sys.EPOLL_CTL_ADD, 0, &events[0])) }},
		{"EpollWait", sys.EBADF, func() (int, error) { return sys.EpollWait(-1, events, 0) }},
		{"EpollPwait", sys.EBADF, func() (int, error) { return sys.EpollPwait(-1, events, 0, nil) }},
		{"Socket", sys.EAFNOSUPPORT, func() (int, error) { return sys.Socket(-1, sys.SOCK_STREAM, 0) }},
		{"Socketpair", sys.EAFNOSUPPORT, func() (int, error) {
			p, err := sys.Socketpair(-1, sys.SOCK_STREAM, 0)
			if p != [2]int{} {
				t.Errorf("failed Socketpair gives %v", p)
			}
			return only(err)
		}},
		{"Bind", sys.EBADF, func() (int, error) { return only(sys.Bind(-1, in4)) }},
		{"Connect", sys.EBADF, func() (int, error) { return only(sys.Connect(-1, in4)) }},
		{"Bind to nil", sys.EINVAL, func() (int, error) { return only(sys.Bind(-1, nil)) }},
		{"Connect to nil", sys.EINVAL, func() (int, error) { return only(sys.Connect(-1, nil)) }},
		{"RawBind", sys.EBADF, func() (int, error) { return only(sys.RawBind(-1, unsafe.Pointer(&addr), size)) }},
		{"RawConnect", sys.EBADF, func() (int, error) { return only(sys.RawConnect(-1, unsafe.Pointer(&addr), size)) }},
		{"Listen", sys.EBADF, func() (int, error) { return only(sys.Listen(-1, 1)) }},
		{"Accept4", sys.EBADF, func() (int, error) {
			fd, sa, err := sys.Accept4(-1, 0)
			if sa != nil {
				t.Errorf("failed Accept4 gives %v", sa)
			}
			return fd, err
		}},
		{"RawAccept4", sys.EBADF, func() (int, error) { return sys.RawAccept4(-1, where, &size, 0) }},
		{"Shutdown", sys.EBADF, func() (int, error) { return only(sys.Shutdown(-1, sys.SHUT_RD)) }},
		{"Sendto", sys.EBADF, func() (int, error) { return only(sys.Sendto(-1, b, 0, nil)) }},
		{"Sendto an address", sys.EBADF, func() (int, error) { return only(sys.Sendto(-1, b, 0, in4)) }},
		{"Recvfrom", sys.EBADF, func() (int, error) {
			n, from, err := sys.Recvfrom(-1, b, 0)
			if from != nil {
				t.Errorf("failed Recvfrom gives %v", from)
			}
			return n, err
		}},
		{"RawSendto", sys.EBADF, func() (int, error) { return sys.RawSendto(-1, b, 0, nil, 0) }},
		{"RawRecvfrom", sys.EBADF, func() (int, error) { return sys.RawRecvfrom(-1, b, 0, nil, nil) }},
		{"Getsockname", sys.EBADF, func() (int, error) {
			_, err := sys.Getsockname(-1)
			return only(err)
		}},
		{"Getpeername", sys.EBADF, func() (int, error) {
			_, err := sys.Getpeername(-1)
			return only(err)
		}},
		{"SetsockoptInt", sys.EBADF, func() (int, error) {
			return only(sys.SetsockoptInt(-1, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1))
		}},
		{"GetsockoptInt", sys.EBADF, func() (int, error) {
			n, err := sys.GetsockoptInt(-1, sys.SOL_SOCKET, sys.SO_REUSEADDR)
			// As in golang.org/x/sys/unix: a value, and not -1.
			return n - 1, err
		}},
		{"Mmap", sys.EBADF, func() (int, error) {
			_, err := sys.Mmap(-1, 0, 1, sys.PROT_READ, sys.MAP_PRIVATE)
			return only(err)
		}},
		{"RawMmap", sys.EBADF, func() (int, error) {
			p, err := sys.RawMmap(nil, 1, sys.PROT_READ, sys.MAP_PRIVATE, -1, 0)
			if p != nil {
				t.Errorf("failed RawMmap gives %p", p)
			}
			return only(err)
		}},
		{"RawMunmap", sys.EINVAL, func() (int, error) { return only(sys.RawMunmap(nil, 0)) }},
		{"Mprotect", sys.EINVAL, func() (int, error) { return only(sys.Mprotect(b, -1)) }},
		{"Prctl", sys.EINVAL, func() (int, error) { return only(sys.Prctl(-1, 0, 0, 0, 0)) }},
		{"ClockGettime", sys.EINVAL, func() (int, error) { return only(sys.ClockGettime(1000, &ts)) }},
		{"ClockGetres", sys.EINVAL, func() (int, error) { return only(sys.ClockGetres(1000, &ts)) }},
		{"Wait4", sys.ECHILD, func() (int, error) { return sys.Wait4(math.MaxInt32, nil, sys.WNOHANG, nil) }},
		{"Kill", sys.EINVAL, func() (int, error) { return only(sys.Kill(sys.Getpid(), 1000)) }},
		{"Getrusage", sys.EINVAL, func() (int, error) { return only(sys.Getrusage(1000, &ru)) }},
		{"SchedSetaffinity", sys.EINVAL, func() (int, error) { return only(sys.SchedSetaffinity(0, &set)) }},
		{"SchedGetaffinity", sys.ESRCH, func() (int, error) { return only(sys.SchedGetaffinity(math.MaxInt32, &set)) }},
		{"PthreadSigmask", sys.EINVAL, func() (int, error) {
			return only(sys.PthreadSigmask(1000, &mask, nil))
		}},
		{"MemfdCreate", sys.EINVAL, func() (int, error) { return sys.MemfdCreate("x", -1) }},
		{"Fallocate", sys.EBADF, func() (int, error) { return only(sys.Fallocate(-1, 0, 0, 1)) }},
		{"Fsync", sys.EBADF, func() (int, error) { return only(sys.Fsync(-1)) }},
		{"Fstatfs", sys.EBADF, func() (int, error) { return only(sys.Fstatfs(-1, &fs)) }},
		{"Getdents", sys.EBADF, func() (int, error) { return sys.Getdents(-1, b) }},
		{"Mkdirat", sys.EEXIST, func() (int, error) { return only(sys.Mkdirat(sys.AT_FDCWD, "/", 0)) }},
		{"Readlinkat", sys.ENOENT, func() (int, error) { return sys.Readlinkat(sys.AT_FDCWD, "/does/not/exist", b) }},
		{"Getrandom", sys.EINVAL, func() (int, error) { return sys.Getrandom(b, -1) }},
		{"Ppoll", sys.EINVAL, func() (int, error) { return sys.Ppoll(nil, &sys.Timespec{Nsec: -1}, nil) }},
		{"ClockNanosleep", sys.EINVAL, func() (int, error) {
			return only(sys.ClockNanosleep(1000, 0, &ts, nil))
		}},
		{"Tgkill", sys.EINVAL, func() (int, error) { return only(sys.Tgkill(0, 0, 0)) }},
		{"Prlimit", sys.EINVAL, func() (int, error) { return only(sys.Prlimit(0, 1000, nil, &limit)) }},
		{"RawDup3", sys.EBADF, func() (int, error) { return sys.RawDup3(-1, 1000, 0) }},
		{"RawSendmsg", sys.EBADF, func() (int, error) { return sys.RawSendmsg(-1, &msg, 0) }},
		{"RawRecvmsg", sys.EBADF, func() (int, error) { return sys.RawRecvmsg(-1, &msg, 0) }},
		{"Unlinkat", sys.ENOENT, func() (int, error) { return only(sys.Unlinkat(sys.AT_FDCWD, "", 0)) }},
		{"Futex", sys.EAGAIN, func() (int, error) {
			return sys.Futex(&word, sys.FUTEX_WAIT|sys.FUTEX_PRIVATE_FLAG, 1, nil, nil, 0)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, err := tc.call()
			implemented(t, tc.name, err)
			if n != -1 || err != tc.want {
				t.Errorf("result %d, %v; want -1, %v", n, err, tc.want)
			}
		})
	}
}

// io_uring may be missing or forbidden; its errors have the same form.
func TestFailedRingCallGivesMinusOneAndTheErrno(t *testing.T) {
	var p sys.IoUringParams
	for _, tc := range []struct {
		name string
		want syscall.Errno
		call func() (int, error)
	}{
		{"IoUringSetup", sys.EINVAL, func() (int, error) { return sys.IoUringSetup(0, &p) }},
		{"IoUringEnter", sys.EBADF, func() (int, error) { return sys.IoUringEnter(-1, 0, 0, 0, nil, 0) }},
		{"IoUringRegister", sys.EBADF, func() (int, error) { return sys.IoUringRegister(1<<20, 0, nil, 0) }},
	} {
		n, err := tc.call()
		if err == sys.ENOSYS || err == sys.EPERM {
			t.Skipf("%s: %v", tc.name, err)
		}
		if n != -1 || err != tc.want {
			t.Errorf("%s gives %d, %v; want -1, %v", tc.name, n, err, tc.want)
		}
	}
}

func TestErrnoIsWhatTheStandardLibraryKnows(t *testing.T) {
	_, err := sys.Openat(sys.AT_FDCWD, "/does/not/exist", sys.O_RDONLY|sys.O_CLOEXEC, 0)
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("err %v (%T)", err, err)
	}
	if e, ok := err.(sys.Errno); !ok || e.Error() != "no such file or directory" {
		t.Errorf("err %v (%T)", err, err)
	}
}

func TestPathWithNulIsEINVAL(t *testing.T) {
	const path = "/dev/null\x00"
	fd, err := sys.Openat(sys.AT_FDCWD, path, sys.O_RDONLY|sys.O_CLOEXEC, 0)
	if fd != -1 || err != sys.EINVAL {
		t.Errorf("Openat gives %d, %v", fd, err)
	}
	fd, err = sys.MemfdCreate(path, 0)
	if fd != -1 || err != sys.EINVAL {
		t.Errorf("MemfdCreate gives %d, %v", fd, err)
	}
	var stx sys.Statx_t
	wantErrno(t, "Statx", sys.Statx(sys.AT_FDCWD, path, 0, 0, &stx), sys.EINVAL)
	wantErrno(t, "Unlinkat", sys.Unlinkat(sys.AT_FDCWD, path, 0), sys.EINVAL)
}
