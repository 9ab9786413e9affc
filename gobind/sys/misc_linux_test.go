// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

func TestPpollReportsWhatIsReady(t *testing.T) {
	r, w := pipe(t, 0)
	fds := []sys.PollFd{{Fd: int32(r), Events: sys.POLLIN}, {Fd: int32(w), Events: sys.POLLOUT}}
	n, err := sys.Ppoll(fds, nil, nil)
	wantCount(t, "Ppoll", n, err, 1)
	if fds[0].Revents != 0 || fds[1].Revents != sys.POLLOUT {
		t.Errorf("ready: %+v", fds)
	}
	n, err = sys.Ppoll(fds[:1], &sys.Timespec{Nsec: 1}, &sys.Sigset_t{})
	wantCount(t, "Ppoll at the timeout", n, err, 0)
	n, err = sys.Ppoll(nil, &sys.Timespec{}, nil)
	wantCount(t, "Ppoll of nothing", n, err, 0)
}

func TestPselectReportsWhatIsReady(t *testing.T) {
	r, w := pipe(t, 0)
	var in, out sys.FdSet
	in.Set(r)
	out.Set(w)
	n, err := sys.Pselect(max(r, w)+1, &in, &out, nil, nil, nil)
	wantCount(t, "Pselect", n, err, 1)
	if in.IsSet(r) || !out.IsSet(w) {
		t.Errorf("ready: %v, %v", in, out)
	}
	out.Clear(w)
	if out != (sys.FdSet{}) {
		t.Errorf("set %v after Clear", out)
	}
	in.Set(r)
	n, err = sys.Pselect(r+1, &in, nil, nil, &sys.Timespec{Nsec: 1}, &sys.Sigset_t{})
	wantCount(t, "Pselect at the timeout", n, err, 0)
	in.Set(1023)
	in.Zero()
	if in != (sys.FdSet{}) {
		t.Errorf("set %v after Zero", in)
	}
}

func TestRandomBytesDiffer(t *testing.T) {
	a, b := make([]byte, 32), make([]byte, 32)
	for _, p := range [][]byte{a, b} {
		n, err := sys.Getrandom(p, 0)
		wantCount(t, "Getrandom", n, err, 32)
	}
	if bytes.Equal(a, b) {
		t.Errorf("%x twice", a)
	}
}

func TestFileIsReservedAndSynced(t *testing.T) {
	fd := tempFile(t, nil)
	err := sys.Fallocate(fd, 0, 0, 1<<16)
	if err == sys.EOPNOTSUPP {
		t.Skipf("Fallocate: %v", err)
	}
	check(t, err)
	check(t, sys.Fsync(fd))
	off, err := sys.Seek(fd, 0, sys.SEEK_END)
	if off != 1<<16 || err != nil {
		t.Errorf("length %d, %v", off, err)
	}
	var fs sys.Statfs_t
	check(t, sys.Fstatfs(fd, &fs))
	if fs.Bsize <= 0 || fs.Namelen < 14 {
		t.Errorf("file system %+v", fs)
	}
}

func TestGetdentsGivesTheNames(t *testing.T) {
	dir, err := sys.Openat(sys.AT_FDCWD, t.TempDir(), sys.O_RDONLY|sys.O_DIRECTORY|sys.O_CLOEXEC, 0)
	check(t, err)
	closing(t, dir)
	check(t, sys.Mkdirat(dir, "sub", 0o700))
	buf := make([]byte, 4096)
	n, err := sys.Getdents(dir, buf)
	check(t, err)
	names := map[string]bool{}
	for b := buf[:n]; len(b) > 0; {
		// struct linux_dirent64: d_reclen at 16, d_name at 19.
		entry := b[:binary.NativeEndian.Uint16(b[16:])]
		name, _, _ := bytes.Cut(entry[19:], []byte{0})
		names[string(name)] = true
		b = b[len(entry):]
	}
	if len(names) != 3 || !names["."] || !names[".."] || !names["sub"] {
		t.Errorf("names %v", names)
	}
	n, err = sys.Getdents(dir, buf)
	wantCount(t, "Getdents at the end", n, err, 0)
	check(t, sys.Unlinkat(dir, "sub", sys.AT_REMOVEDIR))
}

func TestLinkIsReadWithoutItsNul(t *testing.T) {
	fd := tempFile(t, nil)
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	buf := bytes.Repeat([]byte{'?'}, 4096)
	n, err := sys.Readlinkat(sys.AT_FDCWD, path, buf)
	check(t, err)
	if buf[0] != '/' || buf[n-1] == 0 || buf[n] != '?' {
		t.Errorf("target %q", buf[:n+1])
	}
	short, err := sys.Readlinkat(sys.AT_FDCWD, path, buf[:3])
	wantCount(t, "Readlinkat into 3 bytes", short, err, 3)
}

func TestClockNanosleepLastsLongEnough(t *testing.T) {
	start := time.Now()
	for {
		err := sys.ClockNanosleep(sys.CLOCK_MONOTONIC, 0, &sys.Timespec{Nsec: 2e6}, nil)
		if err != sys.EINTR {
			check(t, err)
			break
		}
	}
	if d := time.Since(start); d < 2*time.Millisecond {
		t.Errorf("slept %v", d)
	}
}

func TestGetcpuIsOneOfTheAllowed(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set sys.CPUSet
	check(t, sys.SchedGetaffinity(0, &set))
	var cpu, node uint32
	check(t, sys.Getcpu(&cpu, &node))
	if !set.IsSet(int(cpu)) {
		t.Errorf("on CPU %d, which is not allowed", cpu)
	}
	check(t, sys.Getcpu(nil, nil))
	check(t, sys.SchedYield())
}

func TestLimitsAreSet(t *testing.T) {
	var old, got sys.Rlimit
	check(t, sys.Prlimit(0, sys.RLIMIT_CORE, nil, &old))
	t.Cleanup(func() { check(t, sys.Prlimit(0, sys.RLIMIT_CORE, &old, nil)) })
	for name, set := range map[string]func(*sys.Rlimit) error{
		"Prlimit":   func(l *sys.Rlimit) error { return sys.Prlimit(0, sys.RLIMIT_CORE, l, nil) },
		"Setrlimit": func(l *sys.Rlimit) error { return sys.Setrlimit(sys.RLIMIT_CORE, l) },
	} {
		for _, cur := range []uint64{0, old.Max / 2} {
			want := sys.Rlimit{Cur: cur, Max: old.Max}
			check(t, set(&want))
			check(t, sys.Prlimit(0, sys.RLIMIT_CORE, nil, &got))
			if got != want {
				t.Errorf("%s sets %+v, want %+v", name, got, want)
			}
		}
	}
}

// A descriptor travels from one socket to the other as control data.
func TestMessageCarriesADescriptor(t *testing.T) {
	a, b := socketpair(t, sys.SOCK_STREAM)
	r, w := pipe(t, 0)
	data := []byte("fd")
	iov := sys.Iovec{Base: &data[0]}
	iov.SetLen(len(data))
	control := struct {
		sys.Cmsghdr
		fd  int32
		pad int32
	}{Cmsghdr: sys.Cmsghdr{Level: sys.SOL_SOCKET, Type: sys.SCM_RIGHTS}, fd: int32(w)}
	control.SetLen(int(unsafe.Offsetof(control.pad)))
	msg := sys.Msghdr{Iov: &iov, Control: (*byte)(unsafe.Pointer(&control))}
	msg.SetIovlen(1)
	msg.SetControllen(int(unsafe.Sizeof(control)))
	n, err := sys.RawSendmsg(a, &msg, sys.MSG_NOSIGNAL)
	wantCount(t, "RawSendmsg", n, err, 2)

	clear(data)
	control.fd = -1
	n, err = sys.RawRecvmsg(b, &msg, sys.MSG_CMSG_CLOEXEC)
	wantCount(t, "RawRecvmsg", n, err, 2)
	wantBytes(t, data, []byte("fd"))
	dup := closing(t, int(control.fd))
	if dup == w || !isCloexec(t, dup) {
		t.Errorf("descriptor %d", dup)
	}
	n, err = sys.Write(dup, []byte{1})
	wantCount(t, "Write", n, err, 1)
	n, err = sys.Read(r, data)
	wantCount(t, "Read", n, err, 1)
}

// The raw forms do what the usual ones do.
func TestRawForms(t *testing.T) {
	var fds [2]int32
	check(t, sys.RawSocketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0, &fds))
	a := closing(t, int(fds[0]))
	closing(t, int(fds[1]))

	value, size := int32(12345), uint32(4)
	where := unsafe.Pointer(&value)
	check(t, sys.RawSetsockopt(a, sys.SOL_SOCKET, sys.SO_RCVTIMEO, unsafe.Pointer(&sys.Timeval{Sec: 7}), 16))
	check(t, sys.RawGetsockopt(a, sys.SOL_SOCKET, sys.SO_DOMAIN, where, &size))
	if value != sys.AF_UNIX || size != 4 {
		t.Errorf("SO_DOMAIN is %d, of %d bytes", value, size)
	}
	for name, call := range map[string]func(int, unsafe.Pointer, *uint32) error{
		"RawGetsockname": sys.RawGetsockname,
		"RawGetpeername": sys.RawGetpeername,
	} {
		raw := sys.RawSockaddrAny{}
		size = sys.SizeofSockaddrAny
		check(t, call(a, unsafe.Pointer(&raw), &size))
		if raw.Addr.Family != sys.AF_UNIX || size != 2 {
			t.Errorf("%s gives family %d, %d bytes", name, raw.Addr.Family, size)
		}
	}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set sys.CPUSet
	n, err := sys.RawSchedGetaffinity(0, unsafe.Sizeof(set), unsafe.Pointer(&set))
	if n < 8 || n%8 != 0 || err != nil {
		t.Errorf("RawSchedGetaffinity gives %d, %v", n, err)
	}
	check(t, sys.RawSchedSetaffinity(0, unsafe.Sizeof(set), unsafe.Pointer(&set)))
	var mask sys.Sigset_t
	check(t, sys.RawRtSigprocmask(sys.SIG_BLOCK, nil, &mask))
	pid, err := sys.RawWait4(-1, nil, sys.WNOHANG, nil)
	if pid != -1 || err != sys.ECHILD {
		t.Errorf("RawWait4 gives %d, %v", pid, err)
	}
}

func TestTimesInNanoseconds(t *testing.T) {
	ts, tv := sys.Timespec{Sec: 2, Nsec: 3}, sys.Timeval{Sec: 2, Usec: 3}
	if ts.Nano() != 2e9+3 || tv.Nano() != 2e9+3e3 {
		t.Errorf("Nano gives %d and %d", ts.Nano(), tv.Nano())
	}
	if sec, nsec := ts.Unix(); sec != 2 || nsec != 3 {
		t.Errorf("Unix gives %d, %d", sec, nsec)
	}
	if sec, nsec := tv.Unix(); sec != 2 || nsec != 3e3 {
		t.Errorf("Unix gives %d, %d", sec, nsec)
	}
}

func TestSeccompTellsWhatItKnows(t *testing.T) {
	action := uint32(sys.SECCOMP_RET_ALLOW)
	n, err := sys.Seccomp(sys.SECCOMP_GET_ACTION_AVAIL, 0, unsafe.Pointer(&action))
	implemented(t, "Seccomp", err)
	wantCount(t, "Seccomp", n, err, 0)
	n, err = sys.Seccomp(-1, 0, nil)
	if n != -1 || err != sys.EINVAL {
		t.Errorf("Seccomp gives %d, %v", n, err)
	}
}

func TestPerfEventOpenChecksItsArgument(t *testing.T) {
	attr := sys.PerfEventAttr{Type: 1 << 30, Size: uint32(unsafe.Sizeof(sys.PerfEventAttr{}))}
	fd, err := sys.PerfEventOpen(&attr, 0, -1, -1, 0)
	if fd != -1 || err == nil {
		t.Errorf("PerfEventOpen gives %d, %v", fd, err)
	}
}
