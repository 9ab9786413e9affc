// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
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
		{"unknown flag", 1, uring.WithFlags(1 << 31), sys.EINVAL},
		{"entries of double size", 1, uring.WithFlags(sys.IORING_SETUP_SQE128), sys.EINVAL},
		{"reserved field", 1, func(p *sys.IoUringParams) { p.Resv[0] = 1 }, sys.EINVAL},
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

func TestFullQueueHasNoSQE(t *testing.T) {
	r := newRing(t, 4)
	for range 3 {
		for i := range 4 {
			next(t, r, uint64(i)).Nop()
		}
		if r.NextSQE() != nil {
			t.Fatal("a fifth SQE")
		}
		if n := r.Queued(); n != 4 {
			t.Errorf("%d queued", n)
		}
		submit(t, r, 4)
		if n := r.Queued(); n != 0 {
			t.Errorf("%d queued after Submit", n)
		}
		reap(t, r, 4)
	}
}

func TestSQEIsZero(t *testing.T) {
	r := newRing(t, 1)
	s := next(t, r, 9)
	s.Read(-1, make([]byte, 3), 4)
	s.Flags, s.IOPrio, s.BufIndex, s.FileIndex, s.Addr3 = uring.SQEIOLink, 1, 2, 3, 4
	result(t, r)
	if s := next(t, r, 0); *s != (uring.SQE{}) {
		t.Errorf("SQE %+v", *s)
	}
	result(t, r)
}

func TestNothingToSubmitIsNoCall(t *testing.T) {
	r := newRing(t, 1)
	seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 0, 0, func() error {
		if n, err := r.Submit(); n != 0 || err != nil {
			return errors.Join(err, errors.New("Submit"))
		}
		return r.Wait(0)
	})
	if seen != 0 || err != nil {
		t.Errorf("%d calls, %v", seen, err)
	}
}

func TestFailedEnterKeepsTheEntries(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	next(t, r, 2).Nop()
	for _, errno := range []syscall.Errno{sys.EBUSY, sys.EAGAIN, sys.EBADR} {
		_, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 1, errno, func() error {
			n, err := r.Submit()
			if n != 0 || r.Queued() != 2 {
				t.Errorf("%d taken, %d queued", n, r.Queued())
			}
			return err
		})
		var call *os.SyscallError
		if !errors.As(err, &call) || call.Err != errno || call.Syscall != "io_uring_enter" {
			t.Errorf("err %v, want %v", err, errno)
		}
	}
	submit(t, r, 2)
	reap(t, r, 2)
}

func TestSignalsAreNoError(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 1, sys.EINTR, func() error {
		n, err := r.SubmitAndWait(1)
		if n != 1 || r.Ready() != 1 {
			t.Errorf("%d taken, %d ready", n, r.Ready())
		}
		return err
	})
	if seen != 2 || err != nil {
		t.Errorf("%d calls, %v", seen, err)
	}
	r.Advance(1)

	// With the time that is left.
	start := time.Now()
	seen, err = faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 1, sys.EINTR, func() error {
		return r.WaitTimeout(1, 5*time.Millisecond)
	})
	if seen != 2 || !errors.Is(err, sys.ETIME) {
		t.Errorf("%d calls, %v", seen, err)
	}
	if d := time.Since(start); d < 5*time.Millisecond {
		t.Errorf("ETIME after %v", d)
	}
}

// The kernel stops at an entry that it does not understand.
func TestBadEntryDoesNotStopTheOthers(t *testing.T) {
	r := newRing(t, 4)
	next(t, r, 1).Nop()
	next(t, r, 2).Opcode = 255
	next(t, r, 3).Nop()
	submit(t, r, 3)
	cqes := reap(t, r, 3)
	wantRes(t, "before", cqes[1].Res, 0)
	wantRes(t, "unknown operation", cqes[2].Res, -int32(sys.EINVAL))
	wantRes(t, "behind", cqes[3].Res, 0)
}

func TestTimedWaitEnds(t *testing.T) {
	r := newRing(t, 4)
	for _, d := range []time.Duration{0, 3 * time.Millisecond} {
		start := time.Now()
		if err := r.WaitTimeout(1, d); !errors.Is(err, sys.ETIME) {
			t.Errorf("WaitTimeout gives %v", err)
		}
		if e := time.Since(start); e < d {
			t.Errorf("%v instead of %v", e, d)
		}
	}
	rd, _ := pipe(t)
	next(t, r, 1).PollAdd(rd, sys.POLLIN)
	if n, err := r.SubmitAndWaitTimeout(1, time.Millisecond); n != 1 || !errors.Is(err, sys.ETIME) {
		t.Errorf("SubmitAndWaitTimeout gives %d, %v", n, err)
	}
	next(t, r, 2).Nop()
	if n, err := r.SubmitAndWaitTimeout(2, time.Millisecond); n != 1 || err != nil {
		t.Errorf("SubmitAndWaitTimeout with one completion of two gives %d, %v", n, err)
	}
	if n, err := r.SubmitAndWaitTimeout(1, -1); n != 0 || err != nil {
		t.Errorf("SubmitAndWaitTimeout for ever gives %d, %v", n, err)
	}
	next(t, r, 3).Cancel(1, 0)
	reap(t, r, 3)
}

func TestTimeoutRequestEndsTheWait(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Timeout(&sys.Timespec{Nsec: 1e6}, 0, 0)
	if n, err := r.SubmitAndWait(2); n != 1 || err != nil || r.Ready() != 1 {
		t.Errorf("SubmitAndWait gives %d, %v; %d ready", n, err, r.Ready())
	}
	r.Advance(1)
}

// Of a number that the kernel would cut to 0, too.
func TestWaitForMoreThanTheRingHoldsIsOneCall(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Timeout(&sys.Timespec{Nsec: 5e6}, 0, 0)
	seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 0, 0, func() error {
		_, err := r.SubmitAndWait(1 << 32)
		return err
	})
	if seen != 1 || err != nil || r.Ready() != 1 {
		t.Errorf("%d calls, %v, %d ready", seen, err, r.Ready())
	}
	r.Advance(1)
}

func TestWaitSubmitsNothing(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	if err := r.WaitTimeout(1, time.Millisecond); !errors.Is(err, sys.ETIME) {
		t.Errorf("WaitTimeout gives %v", err)
	}
	reap(t, r, 1)
	check(t, r.Wait(0))
}

func userData(cqes []uring.CQE) (data []uint64) {
	for _, c := range cqes {
		data = append(data, c.UserData)
	}
	return data
}

// From every position in the queue, so that batches wrap around.
func TestBatchesKeepTheOrder(t *testing.T) {
	r := newRing(t, 4, uring.WithCQEntries(8))
	n := uint64(0)
	for range 8 {
		want := []uint64{}
		for range 3 {
			n++
			want = append(want, n)
			next(t, r, n).Nop()
		}
		submit(t, r, 3)
		check(t, r.Wait(3))
		if r.Ready() != 3 {
			t.Fatalf("%d ready", r.Ready())
		}
		dst := make([]uring.CQE, 5)
		for range 2 {
			if k := r.Peek(dst); !slices.Equal(userData(dst[:k]), want) {
				t.Errorf("Peek gives %v, want %v", userData(dst[:k]), want)
			}
		}
		if k := r.Reap(dst[:2]); !slices.Equal(userData(dst[:k]), want[:2]) {
			t.Errorf("Reap gives %v, want %v", userData(dst[:k]), want[:2])
		}
		if k := r.Reap(dst); !slices.Equal(userData(dst[:k]), want[2:]) {
			t.Errorf("Reap gives %v, want %v", userData(dst[:k]), want[2:])
		}
		r.Advance(1)
		if k := r.Reap(dst); k != 0 {
			t.Errorf("Reap of nothing gives %d", k)
		}
	}
}

func TestLoopThatBreaksKeepsTheRest(t *testing.T) {
	r := newRing(t, 4)
	for i := range uint64(4) {
		next(t, r, i).Nop()
	}
	submit(t, r, 4)
	for want := range uint64(4) {
		for c := range r.Completions() {
			if c.UserData != want {
				t.Errorf("completion %d, want %d", c.UserData, want)
			}
			break
		}
	}
	for c := range r.Completions() {
		t.Errorf("completion %d twice", c.UserData)
	}
}

func TestLoopMaySubmitAndReap(t *testing.T) {
	r := newRing(t, 4)
	next(t, r, 1).Nop()
	next(t, r, 2).Nop()
	submit(t, r, 2)
	var seen []uint64
	for c := range r.Completions() {
		seen = append(seen, c.UserData)
		if c.UserData == 1 {
			next(t, r, 3).Nop()
			_, err := r.SubmitAndWait(2)
			check(t, err)
			for c := range r.Completions() {
				seen = append(seen, c.UserData)
			}
		}
	}
	if !slices.Equal(seen, []uint64{1, 2, 3}) {
		t.Errorf("completions %v", seen)
	}
}

// What was yielded does not count as ready.
func TestLoopMayWait(t *testing.T) {
	r := newRing(t, 2)
	next(t, r, 1).Nop()
	submit(t, r, 1)
	for range r.Completions() {
		if err := r.WaitTimeout(1, time.Millisecond); !errors.Is(err, sys.ETIME) {
			t.Errorf("WaitTimeout gives %v", err)
		}
	}
}

func TestLoopMayCloseTheRing(t *testing.T) {
	r, err := uring.New(2)
	available(t, err)
	check(t, err)
	next(t, r, 1).Nop()
	next(t, r, 2).Nop()
	submit(t, r, 2)
	for range r.Completions() {
		check(t, r.Close())
	}
}

func TestOverflowLosesNothing(t *testing.T) {
	r := newRing(t, 4, uring.WithCQEntries(4))
	if r.Features()&uring.FeatNodrop == 0 {
		t.Skip("this kernel drops completions")
	}
	const all = 64
	sent, seen := 0, make(map[uint64]bool)
	for sent < all {
		s := r.NextSQE()
		if s == nil {
			_, err := r.Submit()
			if errors.Is(err, sys.EBUSY) {
				// Before Linux 5.19 it takes no more now.
				break
			}
			check(t, err)
			continue
		}
		s.Nop()
		s.UserData = uint64(sent)
		sent++
	}
	if r.Ready() != r.CQEntries() {
		t.Errorf("%d ready", r.Ready())
	}
	for len(seen) < sent {
		before := len(seen)
		for c := range r.Completions() {
			seen[c.UserData] = true
		}
		if len(seen) == before {
			t.Fatalf("Submit has not fetched the rest of %d", sent-before)
		}
		if _, err := r.Submit(); !errors.Is(err, sys.EBUSY) {
			check(t, err)
		}
	}
	if r.Ready() != 0 || r.Queued() != 0 {
		t.Errorf("%d ready, %d queued at the end", r.Ready(), r.Queued())
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

const dropEnv = "URING_TEST_DROP"

// In a process of its own, because the ring stays.
func TestDroppedRingIsReportedAndStays(t *testing.T) {
	if os.Getenv(dropEnv) == "" {
		newRing(t, 1)
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), dropEnv+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
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
