// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

const (
	// supervisorEnv makes a test program a supervisor: its value is not read.
	supervisorEnv = "SYSHIM_FAULTKERNEL_SUPERVISOR"
	// supervisorFD is its connection, the first of exec.Cmd's ExtraFiles.
	supervisorFD = 3
)

// job is what a supervisor does for one thread, sent with the descriptor that
// the filter gave. The reply to a job comes when the supervisor is ready; a
// message without a descriptor asks for the report.
type job struct {
	Calls []uintptr
	N     int
	Errno syscall.Errno
}

// report is what the thread did so far.
type report struct {
	// Seen is how often it made one of the calls.
	Seen int
	// Mapped is how many bytes more it mapped than it unmapped.
	Mapped int64
}

// supervisor is the other process, seen from the test.
type supervisor struct {
	conn int
	cmd  *exec.Cmd
}

func startSupervisor() (*supervisor, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX,
		syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(pair[1]), "supervisor")
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe")
	// With -race a program sleeps for a second at its end, unless told not to.
	cmd.Env = append(os.Environ(), supervisorEnv+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		syscall.Close(pair[0])
		return nil, err
	}
	return &supervisor{pair[0], cmd}, nil
}

// stop ends the supervisor.
func (s *supervisor) stop() error {
	syscall.Close(s.conn)
	return s.cmd.Wait()
}

// give hands the descriptor of a filter over and waits until the supervisor
// has it.
func (s *supervisor) give(listener int, j job) error {
	_, err := s.ask(j, syscall.UnixRights(listener))
	return err
}

func (s *supervisor) report() (report, error) {
	return s.ask(job{}, nil)
}

func (s *supervisor) ask(j job, rights []byte) (r report, err error) {
	b, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	if err := syscall.Sendmsg(s.conn, b, rights, nil, syscall.MSG_NOSIGNAL); err != nil {
		return r, os.NewSyscallError("sendmsg", err)
	}
	b = make([]byte, 512)
	n, err := retry(func() (int, error) { return syscall.Read(s.conn, b) })
	if err != nil {
		return r, os.NewSyscallError("read", err)
	}
	if n == 0 {
		return r, errors.New("the supervisor ended")
	}
	return r, json.Unmarshal(b[:n], &r)
}

func retry(call func() (int, error)) (n int, err error) {
	for {
		n, err = call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// init turns the test program into the supervisor when it was started as one.
func init() {
	if os.Getenv(supervisorEnv) == "" {
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "faultkernel: supervisor:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers the test until it closes the connection or ends.
func serve() error {
	b := make([]byte, 1<<16)
	oob := make([]byte, syscall.CmsgSpace(4))
	var w *watcher
	for {
		var oobn int
		n, err := retry(func() (n int, err error) {
			n, oobn, _, _, err = syscall.Recvmsg(supervisorFD, b, oob, syscall.MSG_CMSG_CLOEXEC)
			return n, err
		})
		if err != nil || n == 0 {
			return err
		}
		if oobn > 0 {
			if w, err = newWatcher(b[:n], oob[:oobn]); err != nil {
				return err
			}
			go w.run()
		}
		reply, err := json.Marshal(w.snapshot())
		if err != nil {
			return err
		}
		if _, err := syscall.Write(supervisorFD, reply); err != nil {
			return err
		}
	}
}

// watcher answers for one filtered thread, until that ends.
type watcher struct {
	listener int
	job      job
	mu       sync.Mutex
	report   report
}

func newWatcher(msg, oob []byte) (*watcher, error) {
	w := &watcher{}
	if err := json.Unmarshal(msg, &w.job); err != nil {
		return nil, err
	}
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	fds, err := syscall.ParseUnixRights(&msgs[0])
	if err != nil {
		return nil, err
	}
	w.listener = fds[0]
	return w, nil
}

func (w *watcher) snapshot() report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report
}

func (w *watcher) run() {
	defer syscall.Close(w.listener)
	for w.wait() {
		var n sys.SeccompNotif
		switch e := w.ioctl(sys.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); e {
		case 0:
			w.answer(&n)
		case syscall.EINTR, syscall.ENOENT:
			// A signal, here or to the thread, which will call again.
		default:
			return
		}
	}
}

// wait waits for a call, and reports whether there is still a thread to make it.
func (w *watcher) wait() bool {
	fds := []sys.PollFd{{Fd: int32(w.listener), Events: sys.POLLIN}}
	_, err := retry(func() (int, error) { return sys.Ppoll(fds, nil, nil) })
	return err == nil && fds[0].Revents&sys.POLLHUP == 0
}

func (w *watcher) ioctl(request uintptr, arg unsafe.Pointer) syscall.Errno {
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(w.listener), request, uintptr(arg))
	return e
}

// answer decides about one call, and counts it when the thread took the answer:
// one that a signal interrupted meanwhile is made again.
func (w *watcher) answer(n *sys.SeccompNotif) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.report
	resp := sys.SeccompNotifResp{Id: n.Id, Flags: sys.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	nr := uintptr(n.Data.Nr)
	if slices.Contains(w.job.Calls, nr) {
		next.Seen++
		if next.Seen == w.job.N {
			resp = sys.SeccompNotifResp{Id: n.Id, Error: -int32(w.job.Errno)}
		}
	}
	if resp.Flags != 0 {
		page := uint64(os.Getpagesize())
		size := int64((n.Data.Args[1] + page - 1) &^ (page - 1))
		switch nr {
		case syscall.SYS_MMAP:
			next.Mapped += size
		case syscall.SYS_MUNMAP:
			next.Mapped -= size
		}
	}
	if w.ioctl(sys.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&resp)) == 0 {
		w.report = next
	}
}
