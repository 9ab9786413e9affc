// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

func TestWrongSetUpIsAnError(t *testing.T) {
	newRing(t, 1)
	for _, tc := range []struct {
		name    string
		entries uint32
		opt     uring.Option
		want    syscall.Errno
	}{
		{"no entries", 0, uring.WithFlags(0), sys.EINVAL},
		{"too many entries", 1 << 20, uring.WithFlags(0), sys.EINVAL},
		{"completion queue too small", 8, uring.WithCQEntries(4), sys.EINVAL},
		{"reserved field", 1, uring.WithParams(func(p *sys.IoUringParams) { p.Resv[0] = 1 }), sys.EINVAL},
	} {
		r, err := uring.New(tc.entries, tc.opt)
		var call *os.SyscallError
		if r != nil || !errors.As(err, &call) || call.Err != tc.want || call.Syscall != "io_uring_setup" {
			t.Errorf("%s: %v, %v", tc.name, r, err)
		}
	}
}

func TestSizesAreRoundedUp(t *testing.T) {
	r := newRing(t, 5, uring.WithCQEntries(30))
	if r.SQEntries() != 8 || r.CQEntries() != 32 {
		t.Errorf("%d and %d entries", r.SQEntries(), r.CQEntries())
	}
	if p := r.Params(); p.CqEntries != 32 || r.Features() != uring.Features(p.Features) {
		t.Errorf("params %+v, features %#x", p, r.Features())
	}
	if flags, err := sys.FcntlInt(uintptr(r.FD()), sys.F_GETFD, 0); flags != sys.FD_CLOEXEC {
		t.Errorf("flags of the ring's descriptor: %#x, %v", flags, err)
	}
}

// Each call of New fails in turn; nothing stays.
func TestFailedSetUpLeavesNothing(t *testing.T) {
	newRing(t, 1)
	calls := []uintptr{sys.SYS_IO_URING_SETUP, sys.SYS_MMAP}
	for _, errno := range []syscall.Errno{sys.ENOMEM, sys.EPERM} {
		errs := faultkernel.Each(t, calls, errno, func() error {
			r, err := uring.New(4)
			if err != nil {
				if r != nil {
					return errors.New("a ring with an error")
				}
				return err
			}
			return r.Close()
		})
		if len(errs) != 4 {
			t.Fatalf("%d runs, want 4: %v", len(errs), errs)
		}
		for i, name := range []string{"io_uring_setup", "mmap", "mmap"} {
			var call *os.SyscallError
			if !errors.As(errs[i], &call) || call.Syscall != name || call.Err != errno {
				t.Errorf("run %d gives %v, want %s: %v", i+1, errs[i], name, errno)
			}
		}
	}
}

// pingPong receives what it sends; the receive waits in between.
func pingPong(t *testing.T, r *uring.Ring, i int) {
	t.Helper()
	a, b := socketpair(t)
	in := make([]byte, 1)
	next(t, r, 1).Recv(a, in, 0)
	submit(t, r, 1)
	if i%10 == 0 {
		// Let a polling thread fall asleep.
		if err := r.WaitTimeout(1, 3*time.Millisecond); !errors.Is(err, sys.ETIME) {
			t.Fatalf("WaitTimeout gives %v", err)
		}
	}
	_, err := sys.Write(b, []byte{byte(i)})
	check(t, err)
	// No call that waits: what the kernel holds back comes with Submit.
	for deadline := time.Now().Add(time.Minute); r.Ready() == 0; runtime.Gosched() {
		submit(t, r, 0)
		if time.Now().After(deadline) {
			t.Fatal("no completion")
		}
	}
	wantRes(t, "Recv", reap(t, r, 1)[1].Res, 1)
	if in[0] != byte(i) {
		t.Errorf("received %d, want %d", in[0], i)
	}
}

// Whatever a ring is like, what is written comes back.
func TestEveryKindOfRingWorks(t *testing.T) {
	for _, tc := range []struct {
		name string
		opt  uring.Option
	}{
		{"plain", uring.WithFlags(0)},
		{"no array", uring.WithFlags(uring.SetupNoSQArray)},
		{"submit all", uring.WithFlags(uring.SetupSubmitAll)},
		{"clamp", uring.WithFlags(uring.SetupClamp)},
		{"coop", uring.WithFlags(uring.SetupCoopTaskrun)},
		{"coop, flag", uring.WithFlags(uring.SetupCoopTaskrun | uring.SetupTaskrunFlag)},
		{"defer", uring.WithFlags(uring.SetupSingleIssuer | uring.SetupDeferTaskrun)},
		{"defer, flag", uring.WithFlags(uring.SetupSingleIssuer | uring.SetupDeferTaskrun | uring.SetupTaskrunFlag)},
		{"polled", uring.WithSQPoll(time.Second)},
		{"polled, asleep", uring.WithSQPoll(time.Millisecond)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			r := newRing(t, 8, tc.opt)
			for i := range 50 {
				pingPong(t, r, i)
			}
		})
	}
}

func TestDisabledRingIsEnabled(t *testing.T) {
	r := newRing(t, 2, uring.WithFlags(uring.SetupRDisabled))
	next(t, r, 1).Nop()
	if n, err := r.Submit(); n != 0 || !errors.Is(err, sys.EBADFD) {
		t.Errorf("Submit before Enable gives %d, %v", n, err)
	}
	check(t, r.Enable())
	wantRes(t, "Nop", result(t, r), 0)
}

func TestEventFDCountsCompletions(t *testing.T) {
	r := newRing(t, 2)
	fd, err := sys.Eventfd(0, sys.EFD_CLOEXEC|sys.EFD_NONBLOCK)
	check(t, err)
	closing(t, fd)
	check(t, r.RegisterEventFD(fd))
	if err := r.RegisterEventFD(fd); !errors.Is(err, sys.EBUSY) {
		t.Errorf("a second eventfd: %v", err)
	}
	next(t, r, 1).Nop()
	result(t, r)
	var b [8]byte
	n, err := sys.Read(fd, b[:])
	if n != 8 || binary.NativeEndian.Uint64(b[:]) == 0 {
		t.Errorf("the eventfd gives %d, %v, %v", n, err, b)
	}
	check(t, r.UnregisterEventFD())
	if err := r.UnregisterEventFD(); !errors.Is(err, sys.ENXIO) {
		t.Errorf("UnregisterEventFD again: %v", err)
	}
}

func TestProbeKnowsTheOperations(t *testing.T) {
	r := newRing(t, 1)
	p, err := r.Probe()
	check(t, err)
	for _, op := range []uring.Op{
		uring.OpNop, uring.OpRead, uring.OpWrite, uring.OpReadv, uring.OpWritev,
		uring.OpAccept, uring.OpRecv, uring.OpSend, uring.OpPollAdd, uring.OpPollRemove,
		uring.OpTimeout, uring.OpTimeoutRemove, uring.OpAsyncCancel, uring.OpClose,
	} {
		if !p.Supported(op) {
			t.Errorf("operation %d is not supported", op)
		}
	}
	if p.Supported(255) {
		t.Error("operation 255 is supported")
	}
}

func TestRingIsReadableWhenSomethingIsReady(t *testing.T) {
	r := newRing(t, 1)
	fds := []sys.PollFd{{Fd: int32(r.FD()), Events: sys.POLLIN}}
	if n, err := sys.Ppoll(fds, &sys.Timespec{}, nil); n != 0 || err != nil {
		t.Errorf("poll of an idle ring gives %d, %v", n, err)
	}
	next(t, r, 1).Nop()
	submit(t, r, 1)
	if n, err := sys.Ppoll(fds, &sys.Timespec{Sec: 60}, nil); n != 1 || err != nil {
		t.Errorf("poll gives %d, %v", n, err)
	}
	r.Advance(1)
}

func TestClosedRingIsHarmless(t *testing.T) {
	r, err := uring.New(2)
	available(t, err)
	check(t, err)
	next(t, r, 1).Nop()
	submit(t, r, 1)
	check(t, r.Close())
	if err := r.Close(); err != os.ErrClosed {
		t.Errorf("Close again gives %v", err)
	}
	if r.NextSQE() != nil || r.Ready() != 0 || r.Queued() != 0 || r.Reap(make([]uring.CQE, 1)) != 0 {
		t.Error("its queues are not empty")
	}
	for range r.Completions() {
		t.Error("a completion")
	}
	r.Advance(1)
	_, err = r.Submit()
	for _, err := range []error{
		err, r.Wait(0), r.WaitTimeout(1, 0), r.Enable(), r.UnregisterEventFD(),
	} {
		if err != os.ErrClosed {
			t.Errorf("err %v", err)
		}
	}
}

func TestFailedCloseIsReported(t *testing.T) {
	newRing(t, 1)
	r, err := uring.New(1)
	check(t, err)
	check(t, sys.Close(r.FD()))
	var call *os.SyscallError
	if err := r.Close(); !errors.As(err, &call) || call.Syscall != "close" || call.Err != sys.EBADF {
		t.Errorf("Close gives %v", err)
	}
}

// drop makes a ring and forgets it.
func drop(t *testing.T) (fd int) {
	r, err := uring.New(1)
	available(t, err)
	check(t, err)
	return r.FD()
}

// In a process of its own, because the ring stays.
func TestDroppedRingIsReportedAndStays(t *testing.T) {
	newRing(t, 1)
	if !alone(t) {
		return
	}
	r, w, err := os.Pipe()
	check(t, err)
	os.Stderr = w
	closed, err := uring.New(1)
	check(t, err)
	want := fmt.Sprintf("uring: the ring of descriptor %d was dropped without Close", drop(t))
	check(t, closed.Close())
	closed = nil
	go func() {
		for range 10 {
			runtime.GC()
		}
		fmt.Fprintln(w, "end")
	}()
	lines := bufio.NewScanner(r)
	for _, want := range []string{want, "end"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("%q, %v; want %q", lines.Text(), lines.Err(), want)
		}
	}
	if n, err := leakcheck.Mappings("anon_inode:[io_uring]"); n == 0 {
		t.Fatalf("the ring was unmapped, %v", err)
	}
	os.Exit(0)
}
