// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// slowTries is how often a call may look as if it stalled others, or as if it did
// not wait, before it is believed: a busy machine stalls, too, and another may
// have read what is asked for, but a wrapper always does what it does.
const slowTries = 10

// file is a function that takes descriptors or paths, and which of the call's
// arguments these are, a bit for each.
type file struct {
	name       string
	fds, paths uint
}

// prompt has the functions that need not wait for a file system whatever is in
// their arguments, by the reason.
var prompt = map[string]string{
	"it is given an Internet address":  "Bind Bind/inet6 Sendto",
	"such a name is in no file system": "Bind/abstract AddKey DeleteModule Fsopen MemfdCreate MqOpen MqUnlink RequestKey",
	"a file is no socket": `Accept Accept4 Getpeername Getsockname GetsockoptInt Listen RawAccept RawAccept4
		RawGetpeername RawGetsockname RawGetsockopt RawRecvfrom RawRecvmmsg RawRecvmsg RawSendmmsg RawSendmsg
		RawSetsockopt Recvfrom Sendto/nil SetsockoptInt Shutdown`,
	"a file is no ring":                    "IoUringEnter IoUringRegister",
	"a file is no process":                 "PidfdGetfd PidfdSendSignal ProcessMadvise ProcessMrelease Setns",
	"a file is no event":                   "PerfEventOpen",
	"a file is no queue":                   "MqGetsetattr MqNotify MqTimedreceive MqTimedsend",
	"a file is no pipe":                    "Vmsplice Tee",
	"a file is no timer":                   "TimerfdGettime TimerfdSettime",
	"a file is no set of signals":          "Signalfd",
	"a file is no watch":                   "FanotifyMark InotifyRmWatch RawFanotifyMark",
	"a file is no set of rules":            "LandlockAddRule LandlockRestrictSelf",
	"a file is no file system":             "Fsmount FsconfigSetString RawFsconfig",
	"the file is not looked at":            "Dup",
	"no page is dirty":                     "Cachestat Fadvise SyncFileRange Syncfs",
	"the file system has no quota":         "QuotactlFd",
	"kernels before 7.1 have no such call": "Fchroot",
	"root of a user namespace may not": `Acct FinitModule InitModule KexecFileLoad OpenByHandleAt RawKexecFileLoad
		RawOpenByHandleAt Swapoff Swapon`,
}

func whyPrompt(name string) string {
	for why, names := range prompt {
		if slices.Contains(strings.Fields(names), name) {
			return why
		}
	}
	return ""
}

// notSlow has the functions that are not called, and why.
var notSlow = map[string]string{
	"Exec": "it ends the program that calls it",
}

// slow is a file system of tests/tool/slowfs.
type slow struct {
	dir   string
	delay time.Duration
	// fd is an open file, dirFd a directory.
	fd, dirFd int
	// last is when the other goroutine ran, longest its longest wait, both in
	// ns; ticks counts.
	last, longest, ticks atomic.Int64
}

func must[T any](r T, err error) T {
	if err != nil {
		fmt.Println("FAIL slow:", err)
		os.Exit(1)
	}
	return r
}

func (s *slow) open() {
	s.fd = must(sys.Openat(-1, s.dir+"/file", sys.O_RDWR|sys.O_CLOEXEC, 0))
}

// dup returns another descriptor of an open one, which a call may close.
func dup(fd int) uint64 {
	return uint64(must(sys.FcntlInt(uintptr(fd), sys.F_DUPFD_CLOEXEC, 0)))
}

func unixSocket(typ int) uint64 {
	return uint64(must(sys.Socket(sys.AF_UNIX, typ|sys.SOCK_CLOEXEC, 0)))
}

// epoll returns an epoll that watches the slow file.
func (s *slow) epoll() uint64 {
	epfd := must(sys.EpollCreate1(sys.EPOLL_CLOEXEC))
	must(0, sys.EpollCtl(epfd, sys.EPOLL_CTL_ADD, int(dup(s.fd)), &sys.EpollEvent{Events: sys.EPOLLIN}))
	return uint64(epfd)
}

func (f *frame) setPath(i int, path string) {
	clear(f.mem[i][:])
	f.v[i] = uint64(copy(f.mem[i][:], path))
}

// setAddress puts the address of a Unix socket in the file system into the
// memory of argument i, and returns its size.
func (s *slow) setAddress(f *frame, i int) uint64 {
	binary.NativeEndian.PutUint16(f.mem[i][:], sys.AF_UNIX)
	return uint64(2 + copy(f.mem[i][2:], s.dir+"/new") + 1)
}

func (f *frame) setIovec(i int) {
	*(*sys.Iovec)(unsafe.Pointer(&f.mem[i])) = sys.Iovec{Base: &f.mem[3][0], Len: 16}
	f.v[i+1] = 1
}

// lock makes f a lock of the whole file; the argument is its address.
func lock(f *frame) {
	*(*syscall.Flock_t)(unsafe.Pointer(&f.mem[5])) = syscall.Flock_t{Type: syscall.F_RDLCK}
	f.v[1], f.v[2] = syscall.F_SETLK, uint64(uintptr(unsafe.Pointer(&f.mem[5])))
}

func count(i int) func(*slow, *frame) {
	return func(_ *slow, f *frame) { f.v[i] = 16 }
}

func iovec(_ *slow, f *frame) { f.setIovec(1) }

func newPath(i int) func(*slow, *frame) {
	return func(s *slow, f *frame) { f.setPath(i, s.dir+"/new") }
}

func wait(s *slow, f *frame) {
	f.v[0], f.v[2], f.present = s.epoll(), 1, 1<<1|1<<3
}

func mapping(_ *slow, f *frame) {
	f.v[0], f.v[1], f.v[2], f.v[3] = 0, 4096, sys.PROT_READ, sys.MAP_PRIVATE|sys.MAP_POPULATE
}

func socketAddress(typ, at, length int) func(*slow, *frame) {
	return func(s *slow, f *frame) {
		f.v[0], f.v[length] = unixSocket(typ), s.setAddress(f, at)
	}
}

// prepare makes of the arguments, which are 0 but for descriptors and paths,
// some with which the kernel asks the file system.
var prepare = map[string]func(*slow, *frame){
	"EpollCtl":    func(s *slow, f *frame) { f.v[0], f.v[1] = uint64(must(sys.EpollCreate1(0))), sys.EPOLL_CTL_ADD },
	"EpollPwait":  wait,
	"EpollPwait2": wait,
	"EpollWait":   wait,
	"Ppoll": func(s *slow, f *frame) {
		*(*sys.PollFd)(unsafe.Pointer(&f.mem[0])) = sys.PollFd{Fd: int32(s.fd), Events: sys.POLLIN}
		f.v[1], f.present = 1, 1<<0|1<<2
	},
	"Pselect": func(s *slow, f *frame) {
		f.v[0], f.present = uint64(s.fd+1), 1<<1|1<<4
		f.mem[1][s.fd/8] = 1 << (s.fd % 8)
	},
	"CloseRange":  func(s *slow, f *frame) { f.v[0] = dup(s.fd); f.v[1] = f.v[0] },
	"Read":        count(2),
	"Write":       count(2),
	"Pread":       count(2),
	"Pwrite":      count(2),
	"RawReadv":    iovec,
	"RawWritev":   iovec,
	"RawPreadv2":  iovec,
	"RawPwritev2": iovec,
	"RawPreadv":   iovec,
	"RawPwritev":  iovec,
	"Seek":        func(_ *slow, f *frame) { f.v[2] = sys.SEEK_DATA },
	"Fallocate":   count(3),
	"Statx":       func(_ *slow, f *frame) { f.v[3] = sys.STATX_BASIC_STATS },
	"Mkdirat":     newPath(1),
	"Symlinkat":   newPath(2),
	"Readlinkat":  func(s *slow, f *frame) { f.setPath(1, s.dir+"/link"); f.v[3] = 64 },
	"Getdents":    func(s *slow, f *frame) { f.v[0], f.v[2] = dup(s.dirFd), 256 },
	"Fchdir":      func(s *slow, f *frame) { f.v[0] = dup(s.dirFd) },
	"RawFcntl":    func(_ *slow, f *frame) { lock(f) },
	"FcntlInt":    func(_ *slow, f *frame) { lock(f) },
	"RawMmap":     mapping,
	"Mmap":        mapping,
	"Readlink":    func(s *slow, f *frame) { f.setPath(0, s.dir+"/link"); f.v[2] = 64 },
	"Fgetxattr":   func(_ *slow, f *frame) { f.setPath(1, "user.name") },
	"Flock":       func(_ *slow, f *frame) { f.v[1] = sys.LOCK_SH },
	"CopyFileRange": func(_ *slow, f *frame) {
		f.v[4] = 16
		binary.NativeEndian.PutUint64(f.mem[3][:], 4096)
	},
	"Sendfile": func(_ *slow, f *frame) {
		f.v[0], f.v[3] = uint64(must(sys.MemfdCreate("", sys.MFD_CLOEXEC))), 16
	},
	"Splice": func(_ *slow, f *frame) {
		var p [2]int
		must(0, sys.Pipe2(p[:], sys.O_CLOEXEC))
		f.v[2], f.v[4], f.present = uint64(p[1]), 16, 1<<1
	},
	"InotifyAddWatch": func(_ *slow, f *frame) {
		f.v[0], f.v[2] = uint64(must(sys.InotifyInit1(sys.IN_CLOEXEC))), sys.IN_OPEN
	},
	"MountSetattr": func(_ *slow, f *frame) {
		f.v[4] = uint64(unsafe.Sizeof(sys.MountAttr{}))
		f.mem[3][0] = sys.MOUNT_ATTR_RDONLY
	},
	"RawBind":    socketAddress(sys.SOCK_STREAM, 1, 2),
	"RawConnect": socketAddress(sys.SOCK_STREAM, 1, 2),
	"Bind/unix":  socketAddress(sys.SOCK_STREAM, 1, 2),
	"Connect":    socketAddress(sys.SOCK_STREAM, 1, 2),
	"RawSendto":  socketAddress(sys.SOCK_DGRAM, 4, 5),
}

// fill prepares a call of a function.
func (s *slow) fill(f *frame, name string, of file) {
	*f = frame{present: 1<<6 - 1}
	for i := range f.v {
		if of.fds&(1<<i) != 0 {
			f.v[i] = dup(s.fd)
		}
		if of.paths&(1<<i) != 0 {
			f.setPath(i, s.dir+"/file")
		}
	}
	if p := prepare[name]; p != nil {
		p(s, f)
	}
}

// tick is the other goroutine.
func (s *slow) tick() {
	for {
		now := time.Now().UnixNano()
		s.longest.Store(max(s.longest.Load(), now-s.last.Swap(now)))
		s.ticks.Add(1)
		time.Sleep(time.Millisecond)
	}
}

func (s *slow) waitForTick() {
	for n := s.ticks.Load(); s.ticks.Load() == n; {
		time.Sleep(time.Millisecond)
	}
}

// watch makes a call, and returns how long that took, and for how long at most
// the other goroutine did not run.
func (s *slow) watch(call func()) (took, stalled time.Duration) {
	s.waitForTick()
	s.longest.Store(0)
	start := time.Now()
	call()
	took = time.Since(start)
	s.waitForTick()
	return took, time.Duration(s.longest.Load())
}

// judge calls a function and says what is wrong.
func (s *slow) judge(name string, of file, call func(*frame) (int64, error)) (verdict string, ok bool) {
	var took, stalled time.Duration
	var waited bool
	why := whyPrompt(name)
	for range slowTries {
		s.fill(&current, name, of)
		took, stalled = s.watch(func() { call(&current) })
		waited = took >= s.delay
		if stalled < s.delay/2 && (waited || why != "") {
			break
		}
		// Opening forgets what has been read.
		sys.Close(s.fd)
		s.open()
	}
	ms := func(d time.Duration) int64 { return d.Milliseconds() }
	switch {
	case stalled >= s.delay/2:
		return fmt.Sprintf("it stalls other goroutines for %d ms", ms(stalled)), false
	case !waited && why == "":
		return "it does not wait: give it other arguments, or the reason", false
	case !waited:
		return "it does not wait: " + why, true
	}
	return fmt.Sprintf("it waits %d ms, others at most %d ms", ms(took), ms(stalled)), true
}

// noticesRaw sees that a stall is noticed.
func (s *slow) noticesRaw() (verdict string, ok bool) {
	path := must(syscall.BytePtrFromString(s.dir + "/file"))
	const cwd = -100
	_, stalled := s.watch(func() {
		dirFd := cwd
		syscall.RawSyscall6(sys.SYS_OPENAT, uintptr(dirFd), uintptr(unsafe.Pointer(path)), sys.O_RDONLY|sys.O_CLOEXEC, 0, 0, 0)
	})
	return fmt.Sprintf("a RawSyscall stalls others for %d ms", stalled.Milliseconds()), stalled >= s.delay
}

// jobs returns the functions in order, with what they take.
func jobs() (names []string, of map[string]file) {
	of = make(map[string]file)
	listed := make(map[string]file)
	for _, f := range files {
		listed[f.name] = f
		// It has a case, or is missed.
		if notSlow[f.name] == "" {
			of[f.name] = f
		}
	}
	for name := range cases {
		base, _, _ := strings.Cut(name, "/")
		f, ok := listed[base]
		if _, more := prepare[name]; ok || more {
			of[name] = f
		}
	}
	for name := range notSlow {
		delete(of, name)
	}
	return slices.Sorted(maps.Keys(of)), of
}

// slowMain calls a share of the functions that take descriptors or paths on a
// slow file system: each lets other goroutines run, though there is but one
// processor. The arguments are DIRECTORY MILLISECONDS SHARE SHARES.
func slowMain(args []string) {
	runtime.GOMAXPROCS(1)
	ms, share, nr := must(strconv.Atoi(args[1])), must(strconv.Atoi(args[2])), must(strconv.Atoi(args[3]))
	s := &slow{dir: args[0], delay: time.Duration(ms) * time.Millisecond}
	s.open()
	s.dirFd = must(sys.Openat(-1, s.dir+"/dir", sys.O_DIRECTORY|sys.O_CLOEXEC, 0))
	unixPath.Name = s.dir + "/new"
	go s.tick()

	passed, failed := 0, 0
	report := func(name, verdict string, ok bool) {
		lead := "ok"
		if passed++; !ok {
			lead = "FAIL"
			passed, failed = passed-1, failed+1
		}
		fmt.Printf("%s slow/%s: %s\n", lead, name, verdict)
	}
	names, of := jobs()
	for i, name := range names {
		if i%nr != share {
			continue
		}
		call := cases[name]
		if call == nil {
			report(name, "no case calls it", false)
			continue
		}
		verdict, ok := s.judge(name, of[name], call)
		report(name, verdict, ok)
	}
	if share == 0 {
		verdict, ok := s.noticesRaw()
		report("stalls_are_noticed", verdict, ok)
		for name, why := range notSlow {
			fmt.Printf("elsewhere slow/%s: %s\n", name, why)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
