// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// must ends an example that the kernel refuses.
func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func ExamplePipe2() {
	fds := make([]int, 2)
	if err := sys.Pipe2(fds, sys.O_CLOEXEC); err != nil {
		log.Fatal(err)
	}
	r := os.NewFile(uintptr(fds[0]), "|0")
	w := os.NewFile(uintptr(fds[1]), "|1")

	fmt.Fprint(w, "hello")
	w.Close()
	b, _ := io.ReadAll(r)
	r.Close()
	fmt.Printf("%s\n", b)
	// Output: hello
}

func ExampleErrno() {
	_, err := sys.Openat(sys.AT_FDCWD, "/nosuch", sys.O_RDONLY|sys.O_CLOEXEC, 0)
	fmt.Println(err == sys.ENOENT, errors.Is(err, fs.ErrNotExist))
	var errno sys.Errno
	if errors.As(err, &errno) {
		fmt.Println(int(errno), errno)
	}
	// Output:
	// true true
	// 2 no such file or directory
}

func ExampleSignal() {
	var s sys.Signal = sys.SIGTERM
	fmt.Println(int(s), s)
	// Output: 15 terminated
}

// A child that a signal ended.
func ExampleWaitStatus() {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "kill -TERM $$"}, nil)
	must(err)
	var status sys.WaitStatus
	_, err = sys.Wait4(pid, &status, 0, nil)
	must(err)
	fmt.Println(status.Exited(), status.Signaled(), status.Signal())
	// Output: false true terminated
}

func ExampleSiginfo() {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 3"}, nil)
	must(err)
	var info sys.Siginfo
	must(sys.Waitid(sys.P_PID, pid, &info, sys.WEXITED, nil))
	fmt.Println(int(info.Pid) == pid, info.Code == sys.CLD_EXITED, info.Status)
	// Output: true true 3
}

func ExampleRusage() {
	var usage sys.Rusage
	must(sys.Getrusage(sys.RUSAGE_SELF, &usage))
	fmt.Printf("%v of CPU time, %d KiB at most\n",
		time.Duration(usage.Utime.Nano()+usage.Stime.Nano()), usage.Maxrss)
}

func ExampleRlimit() {
	var limit sys.Rlimit
	must(sys.Prlimit(0, sys.RLIMIT_NOFILE, nil, &limit))
	fmt.Println(limit.Cur > 0, limit.Cur <= limit.Max)
	// Output: true true
}

func ExampleUtsname() {
	var name sys.Utsname
	must(sys.Uname(&name))
	system, _, _ := bytes.Cut(name.Sysname[:], []byte{0})
	fmt.Printf("%s\n", system)
	// Output: Linux
}

// One CPU for the calling thread.
func ExampleCPUSet() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, set sys.CPUSet
	must(sys.SchedGetaffinity(0, &old))
	for cpu := 0; set.Count() == 0; cpu++ {
		if old.IsSet(cpu) {
			set.Set(cpu)
		}
	}
	must(sys.SchedSetaffinity(0, &set))
	fmt.Println(set.Count())
	must(sys.SchedSetaffinity(0, &old))
	// Output: 1
}

// SIGUSR1 stays pending for the calling thread.
func ExamplePthreadSigmask() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, old, now sys.Sigset_t
	set.Val[0] = 1 << (sys.SIGUSR1 - 1)
	must(sys.PthreadSigmask(sys.SIG_BLOCK, &set, &old))
	must(sys.PthreadSigmask(sys.SIG_BLOCK, nil, &now))
	fmt.Println(now.Val[0]&set.Val[0] != 0)
	must(sys.PthreadSigmask(sys.SIG_SETMASK, &old, nil))
	// Output: true
}

func ExampleTimespec() {
	half := sys.Timespec{Nsec: 5e5}
	must(sys.ClockNanosleep(sys.CLOCK_MONOTONIC, 0, &half, nil))
	fmt.Println(half.Nano())
	// Output: 500000
}

// A time limit for reading.
func ExampleTimeval() {
	pair, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	must(err)
	limit := sys.Timeval{Usec: 1000}
	must(sys.RawSetsockopt(pair[0], sys.SOL_SOCKET, sys.SO_RCVTIMEO,
		unsafe.Pointer(&limit), uint32(unsafe.Sizeof(limit))))
	_, err = sys.Read(pair[0], make([]byte, 1))
	fmt.Println(err == sys.EAGAIN)
	must(sys.Close(pair[0]))
	must(sys.Close(pair[1]))
	// Output: true
}

func ExampleStatx() {
	var st sys.Statx_t
	must(sys.Statx(sys.AT_FDCWD, os.DevNull, 0, sys.STATX_BASIC_STATS, &st))
	fmt.Println(st.Mode&sys.S_IFMT == sys.S_IFCHR, st.Rdev_major, st.Rdev_minor)
	// Output: true 1 3
}

func ExampleStatxTimestamp() {
	var st sys.Statx_t
	must(sys.Statx(sys.AT_FDCWD, "/proc/self/exe", 0, sys.STATX_MTIME|sys.STATX_BTIME, &st))
	moment := func(t sys.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }
	fmt.Println("changed", moment(st.Mtime))
	if st.Mask&sys.STATX_BTIME != 0 {
		fmt.Println("made", moment(st.Btime))
	}
}

func ExampleFstatfs() {
	f, err := os.Open("/proc")
	must(err)
	defer f.Close()
	var st sys.Statfs_t
	must(sys.Fstatfs(int(f.Fd()), &st))
	fmt.Printf("%#x\n", st.Type)
	// Output: 0x9fa0
}

// Whether two files are on one file system.
func ExampleFsid() {
	fsid := func(path string) sys.Fsid {
		f, err := os.Open(path)
		must(err)
		defer f.Close()
		var st sys.Statfs_t
		must(sys.Fstatfs(int(f.Fd()), &st))
		return st.Fsid
	}
	fmt.Println(fsid("/proc/self") == fsid("/proc/version"))
	// Output: true
}

// A pipe that can be read.
func ExampleEpollEvent() {
	var p [2]int
	must(sys.Pipe2(p[:], sys.O_CLOEXEC))
	epfd, err := sys.EpollCreate1(sys.EPOLL_CLOEXEC)
	must(err)
	must(sys.EpollCtl(epfd, sys.EPOLL_CTL_ADD, p[0], &sys.EpollEvent{
		Events: sys.EPOLLIN, Fd: int32(p[0]),
	}))
	sys.Write(p[1], []byte("x"))
	events := make([]sys.EpollEvent, 8)
	n, err := sys.EpollWait(epfd, events, -1)
	must(err)
	fmt.Println(n, int(events[0].Fd) == p[0], events[0].Events == sys.EPOLLIN)
	for _, fd := range []int{epfd, p[0], p[1]} {
		must(sys.Close(fd))
	}
	// Output: 1 true true
}

func ExamplePollFd() {
	var p [2]int
	must(sys.Pipe2(p[:], sys.O_CLOEXEC))
	fds := []sys.PollFd{
		{Fd: int32(p[0]), Events: sys.POLLIN}, {Fd: int32(p[1]), Events: sys.POLLOUT},
	}
	n, err := sys.Ppoll(fds, &sys.Timespec{Sec: 1}, nil)
	must(err)
	fmt.Println(n, fds[0].Revents, fds[1].Revents == sys.POLLOUT)
	must(sys.Close(p[0]))
	must(sys.Close(p[1]))
	// Output: 1 0 true
}

func ExampleFdSet() {
	var p [2]int
	must(sys.Pipe2(p[:], sys.O_CLOEXEC))
	var readable, writable sys.FdSet
	readable.Set(p[0])
	writable.Set(p[1])
	n, err := sys.Pselect(max(p[0], p[1])+1, &readable, &writable, nil, nil, nil)
	must(err)
	fmt.Println(n, readable.IsSet(p[0]), writable.IsSet(p[1]))
	must(sys.Close(p[0]))
	must(sys.Close(p[1]))
	// Output: 1 false true
}

func ExampleTime_t() {
	var now sys.Time_t
	_, err := sys.Time(&now)
	must(err)
	fmt.Println(now > 1e9)
	// Output: true
}

// How long the virtual timer of the process has left: it is not set.
func ExampleItimerWhich() {
	var which sys.ItimerWhich = sys.ItimerVirtual
	left, err := sys.Getitimer(which)
	must(err)
	fmt.Println(left.Value.Nano())
	// Output: 0
}

// A handle can be stored and made again. Not every file system has them.
func ExampleFileHandle() {
	handle, mount, err := sys.NameToHandleAt(sys.AT_FDCWD, "/", 0)
	must(err)
	var again sys.FileHandle = sys.NewFileHandle(handle.Type(), handle.Bytes())
	fmt.Println(mount, again.Size() == handle.Size())
}
