// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// defers makes a ring with SetupDeferTaskrun for the thread of the test.
func defers(t *testing.T, entries uint32, opts ...uring.Option) *uring.Ring {
	t.Helper()
	onThread(t)
	return newRing(t, entries, append(opts, uring.WithSingleIssuer())...)
}

func TestNAPIIsRememberedUntilItIsGone(t *testing.T) {
	r := newRing(t, 4)
	want := uring.NAPI{BusyPoll: 50 * time.Microsecond, Prefer: true}
	before, err := r.RegisterNAPI(want)
	if errors.Is(err, sys.EOPNOTSUPP) {
		t.Skip("this kernel cannot register that")
	}
	registers(t, err)
	if before != (uring.NAPI{}) {
		t.Errorf("before: %+v", before)
	}
	if before, err := r.UnregisterNAPI(); before != want || err != nil {
		t.Errorf("UnregisterNAPI: %+v, %v", before, err)
	}
	wantErr(t, "AddNAPI to no list", r.AddNAPI(1<<20), sys.EINVAL)
	wantErr(t, "RemoveNAPI from no list", r.RemoveNAPI(1<<20), sys.EINVAL)
}

func TestClockIsOneOfTwo(t *testing.T) {
	r := newRing(t, 4)
	registers(t, r.SetClock(sys.CLOCK_BOOTTIME))
	wantErr(t, "CLOCK_REALTIME", r.SetClock(sys.CLOCK_REALTIME), sys.EINVAL)
	wantErr(t, "WaitTimeout", r.WaitTimeout(1, time.Millisecond), sys.ETIME)
}

func TestWaitEndsAtAPointInTime(t *testing.T) {
	r := newRing(t, 4)
	registers(t, r.SetClock(sys.CLOCK_MONOTONIC))
	var at, now sys.Timespec
	check(t, sys.ClockGettime(sys.CLOCK_MONOTONIC, &at))
	at.Nsec += 2e6
	if at.Nsec >= 1e9 {
		at.Sec, at.Nsec = at.Sec+1, at.Nsec-1e9
	}
	_, err := r.SubmitAndWaitUntil(1, at)
	wantErr(t, "SubmitAndWaitUntil", err, sys.ETIME)
	check(t, sys.ClockGettime(sys.CLOCK_MONOTONIC, &now))
	if now.Sec < at.Sec || now.Sec == at.Sec && now.Nsec < at.Nsec {
		t.Errorf("at %+v, before %+v", now, at)
	}
	next(t, r, 1).Nop()
	if n, err := r.SubmitAndWaitUntil(1, at); n != 1 || err != nil {
		t.Errorf("SubmitAndWaitUntil with a completion: %d, %v", n, err)
	}
	r.Advance(1)
}

func TestIOWaitIsLeftOut(t *testing.T) {
	r := newRing(t, 4)
	registers(t, r.SetIOWait(false))
	wantErr(t, "WaitTimeout", r.WaitTimeout(1, time.Millisecond), sys.ETIME)
	check(t, r.SetIOWait(true))
	next(t, r, 1).Nop()
	wantRes(t, "Nop", result(t, r), 0)
}

func TestClonedBuffersAreRead(t *testing.T) {
	one, two := newRing(t, 4), newRing(t, 4)
	fd := tempFile(t, "data")
	bufs := [][]byte{make([]byte, 4), make([]byte, 4), make([]byte, 4)}
	wantErrIn(t, "CloneBuffers of none", two.CloneBuffers(one), sys.ENXIO, sys.EINVAL)
	check(t, one.RegisterBuffers(bufs))
	registers(t, two.CloneBuffers(one))
	next(t, two, 1).ReadFixed(fd, bufs[2], 0, 2)
	wantRes(t, "ReadFixed", result(t, two), 4)
	if string(bufs[2]) != "data" {
		t.Errorf("ReadFixed gives %q", bufs[2])
	}
	wantErr(t, "CloneBuffers again", two.CloneBuffers(one), sys.EBUSY)
	err := two.CloneSomeBuffers(5, one, 1, 2, true)
	if errors.Is(err, sys.EBUSY) {
		t.Skip("this kernel cannot register that: EBUSY")
	}
	registers(t, err)
	next(t, two, 2).ReadFixed(fd, bufs[1], 0, 5)
	wantRes(t, "ReadFixed of a replaced one", result(t, two), 4)
	wantErr(t, "CloneSomeBuffers of too many", two.CloneSomeBuffers(0, one, 2, 2, true), sys.EOVERFLOW)
}

// wantErrIn is wantErr where kernels differ.
func wantErrIn(t testing.TB, what string, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Errorf("%s: %v, want one of %v", what, err, want)
}

// The queues hold something while they change.
func TestResizedQueuesKeepWhatTheyHold(t *testing.T) {
	r := defers(t, 4)
	for i := range uint64(6) {
		next(t, r, i).Nop()
		if i < 3 {
			_, err := r.SubmitAndWait(1)
			check(t, err)
		}
	}
	registers(t, r.Resize(32, 128))
	if r.SQEntries() != 32 || r.CQEntries() != 128 || r.Queued() != 3 || r.Ready() != 3 {
		t.Errorf("%d, %d entries, %d queued, %d ready", r.SQEntries(), r.CQEntries(), r.Queued(), r.Ready())
	}
	for i := uint64(6); i < 30; i++ {
		next(t, r, i).Nop()
	}
	for i, c := range reap(t, r, 30) {
		if c.UserData != i || c.Res != 0 {
			t.Errorf("completion %+v", c)
		}
	}
	for i := range uint64(5) {
		next(t, r, i).Nop()
	}
	wantErr(t, "Resize with more than has room", r.Resize(2, 128), sys.EOVERFLOW)
	submit(t, r, 5)
	check(t, r.Wait(5))
	r.Advance(5)
	work(t, r)
	check(t, r.Resize(1, 2))
	work(t, r)
}

func TestOnlyADeferringRingIsResized(t *testing.T) {
	wantErr(t, "Resize", newRing(t, 4).Resize(8, 16), sys.EINVAL)
	r := newRing(t, 4, uring.WithHugePage())
	wantErr(t, "Resize of own memory", r.Resize(8, 16), sys.EINVAL)
	work(t, r)
}

func TestRegisteredWaitsEnd(t *testing.T) {
	r := newRing(t, 4, uring.WithFlags(uring.SetupRDisabled))
	_, err := r.NewWaitRegion(0)
	wantErr(t, "NewWaitRegion(0)", err, sys.EINVAL)
	w, err := r.NewWaitRegion(3)
	registers(t, err)
	_, err = r.NewWaitRegion(1)
	wantErrIn(t, "NewWaitRegion again", err, sys.EBUSY)
	check(t, r.Enable())
	w.Set(0, 0, -1)
	w.Set(2, time.Millisecond, 2*time.Millisecond)
	_, err = w.SubmitAndWait(1, 2)
	wantErr(t, "nothing comes", err, sys.ETIME)
	next(t, r, 1).Nop()
	if n, err := w.SubmitAndWait(2, 2); n != 1 || err != nil || r.Ready() != 1 {
		t.Errorf("one comes: %d, %v, %d ready", n, err, r.Ready())
	}
	next(t, r, 2).Nop()
	if n, err := w.SubmitAndWait(2, 0); n != 1 || err != nil || r.Ready() != 2 {
		t.Errorf("two come: %d, %v, %d ready", n, err, r.Ready())
	}
	r.Advance(2)
}

func TestClosedRingHasNoWaits(t *testing.T) {
	r, err := uring.New(4, uring.WithFlags(uring.SetupRDisabled))
	available(t, err)
	check(t, err)
	w, err := r.NewWaitRegion(1)
	if err != nil {
		r.Close()
		registers(t, err)
	}
	check(t, r.Close())
	w.Set(0, 0, 0)
	_, err = w.SubmitAndWait(1, 0)
	wantErr(t, "SubmitAndWait", err, os.ErrClosed)
}

func TestSignalOfTheMaskEndsTheWait(t *testing.T) {
	onThread(t)
	r := newRing(t, 4)
	// SIGURG alone is held back.
	mask := &sys.Sigset_t{}
	mask.Val[0] = 1 << (sys.SIGURG - 1)
	_, err := r.SubmitAndWaitMask(1, 2*time.Millisecond, mask)
	wantErrIn(t, "nothing comes", err, sys.ETIME, sys.EINTR)
	next(t, r, 1).Nop()
	if n, err := r.SubmitAndWaitMask(1, time.Minute, mask); n != 1 || err != nil {
		t.Errorf("a completion comes: %d, %v", n, err)
	}
	r.Advance(1)

	// One that waits, for the thread holds it back, and that the runtime takes.
	var old sys.Sigset_t
	check(t, sys.PthreadSigmask(sys.SIG_BLOCK, mask, &old))
	defer sys.PthreadSigmask(sys.SIG_SETMASK, &old, nil)
	check(t, sys.Tgkill(sys.Getpid(), sys.Gettid(), sys.SIGURG))
	_, err = r.SubmitAndWaitMask(1, time.Millisecond, mask)
	wantErr(t, "nothing comes, and the signal is held back", err, sys.ETIME)
	_, err = r.SubmitAndWaitMask(1, time.Minute, &sys.Sigset_t{})
	wantErr(t, "the signal comes", err, sys.EINTR)
}

func TestQueryAgreesWithTheProbe(t *testing.T) {
	r := newRing(t, 1)
	p, err := r.Probe()
	check(t, err)
	q, err := uring.ProbeKernel()
	check(t, err)
	for op := range 256 {
		if p.Supported(uring.Op(op)) != q.Supported(uring.Op(op)) {
			t.Errorf("operation %d: %v, %v", op, p.Supported(uring.Op(op)), q.Supported(uring.Op(op)))
		}
	}
	k, err := uring.Query()
	registers(t, err)
	if k.Features&r.Features() != r.Features() || k.Setup&uring.SetupDeferTaskrun == 0 ||
		k.Ops < 63 || k.Registers < 36 || k.SQE&uring.SQEAsync == 0 || k.Enter&sys.IORING_ENTER_EXT_ARG == 0 {
		t.Errorf("%+v", k)
	}
}

func TestKernelTellsWhatReceivingWithoutCopiesNeeds(t *testing.T) {
	newRing(t, 1) // where there are any
	z, err := uring.QueryZeroCopy()
	if errors.Is(err, sys.EOPNOTSUPP) {
		t.Skip("this kernel cannot register that")
	}
	registers(t, err)
	if z.HeadSize < 8 || z.HeadAlign < 1 {
		t.Errorf("%+v", z)
	}
}

func TestMessageComesWithoutARing(t *testing.T) {
	r := newRing(t, 4)
	registers(t, uring.SendMessage(r.FD(), 7, 8, 0))
	cqes := reap(t, r, 1)
	if c := cqes[8]; c.Res != 7 {
		t.Errorf("completion %+v", c)
	}
	wantErr(t, "to a pipe", func() error { rd, _ := pipe(t); return uring.SendMessage(rd, 1, 1, 0) }(), sys.EBADFD)
}

func TestEventFDIsSilencedForAWhile(t *testing.T) {
	r := newRing(t, 4)
	fd, err := sys.Eventfd(0, sys.EFD_CLOEXEC|sys.EFD_NONBLOCK)
	check(t, err)
	closing(t, fd)
	check(t, r.RegisterEventFDAsync(fd))
	check(t, r.UnregisterEventFD())
	check(t, r.RegisterEventFD(fd))
	b := make([]byte, 8)
	for _, on := range []bool{false, true} {
		r.SetEventFD(on)
		next(t, r, 1).Nop()
		wantRes(t, "Nop", result(t, r), 0)
		if _, err := sys.Read(fd, b); (err == nil) != on {
			t.Errorf("on %v: the eventfd gives %v", on, err)
		}
	}
}

// On a thread of its own, which ends with what it may not do any more.
func onLostThread(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := sys.Prctl(sys.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

func TestFilterDeniesAnOperation(t *testing.T) {
	deny := []sys.SockFilter{{Code: sys.BPF_RET | sys.BPF_K, K: 0}}
	r := newRing(t, 4)
	err := onLostThread(t, func() error {
		if err := r.Filter(uring.OpClose, 0, 0, deny); err != nil {
			return err
		}
		// A program is asked for.
		if err := r.Filter(uring.OpFsync, 0, 0, nil); !errors.Is(err, sys.EINVAL) {
			return fmt.Errorf("no program: %w", err)
		}
		return r.Filter(uring.OpFsync, 0, 0, deny)
	})
	registers(t, err)
	for op, want := range map[uring.Op]int32{uring.OpClose: -int32(sys.EACCES), uring.OpFsync: -int32(sys.EACCES), uring.OpNop: 0} {
		s := next(t, r, 1)
		s.Opcode, s.FD = op, -1
		wantRes(t, "denied or not", result(t, r), want)
	}
}

func TestRingsOfAThreadAreRestricted(t *testing.T) {
	newRing(t, 1)
	var res [2]int32
	err := onLostThread(t, func() error {
		if err := uring.RestrictThread(uring.AllowOp(uring.OpNop)); err != nil {
			return err
		}
		r, err := uring.New(4)
		if err != nil {
			return err
		}
		defer r.Close()
		r.NextSQE().Nop()
		r.NextSQE().Close(-1)
		if _, err := r.SubmitAndWait(2); err != nil {
			return err
		}
		i := 0
		for c := range r.Completions() {
			res[i] = c.Res
			i++
		}
		return nil
	})
	if errors.Is(err, sys.EBADF) {
		t.Skip("this kernel cannot register that")
	}
	registers(t, err)
	if want := [2]int32{0, -int32(sys.EACCES)}; res != want {
		t.Errorf("results %v, want %v", res, want)
	}
}
