// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// registers skips t when the kernel cannot register what it was asked to.
func registers(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, sys.EINVAL) {
		t.Skip("this kernel cannot register that")
	}
	check(t, err)
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestRegisteredBuffersAreReadAndWritten(t *testing.T) {
	r := newRing(t, 4)
	fd := tempFile(t, "")
	a, b := []byte("abcdefgh"), make([]byte, 8)
	wantErr(t, "UnregisterBuffers", r.UnregisterBuffers(), sys.ENXIO)
	check(t, r.RegisterBuffers([][]byte{a, b}))
	wantErr(t, "RegisterBuffers again", r.RegisterBuffers([][]byte{a}), sys.EBUSY)
	next(t, r, 1).WriteFixed(fd, a[2:], 0, 0)
	wantRes(t, "WriteFixed", result(t, r), 6)
	next(t, r, 2).ReadFixed(fd, b[1:], 0, 1)
	wantRes(t, "ReadFixed", result(t, r), 6)
	if string(b[1:7]) != "cdefgh" {
		t.Errorf("ReadFixed gives %q", b)
	}
	next(t, r, 3).ReadFixed(fd, a, 0, 1)
	wantRes(t, "ReadFixed of the wrong buffer", result(t, r), -int32(sys.EFAULT))
	check(t, r.UnregisterBuffers())
}

func TestTagTellsThatABufferIsFree(t *testing.T) {
	r := newRing(t, 4)
	registers(t, r.RegisterBuffersTags([][]byte{make([]byte, 8)}, []uint64{71}))
	check(t, r.UpdateBuffers(0, [][]byte{make([]byte, 8)}, []uint64{72}))
	check(t, r.WaitTimeout(1, time.Minute))
	// Linux 6.1 says nothing when all are unregistered.
	check(t, r.UpdateBuffers(0, [][]byte{nil}, nil))
	check(t, r.WaitTimeout(2, time.Minute))
	check(t, r.UnregisterBuffers())
	var cqes [2]uring.CQE
	if n := r.Reap(cqes[:]); n != 2 || cqes[0].UserData != 71 || cqes[1].UserData != 72 {
		t.Errorf("%d completions: %+v", n, cqes)
	}
	wantErr(t, "too many tags", r.RegisterBuffersTags([][]byte{make([]byte, 8)}, make([]uint64, 2)), sys.EINVAL)
}

func TestSparseBuffersAreFilledLater(t *testing.T) {
	r := newRing(t, 4)
	fd := tempFile(t, "x")
	registers(t, r.RegisterBuffersSparse(3))
	b := make([]byte, 4)
	next(t, r, 1).ReadFixed(fd, b, 0, 2)
	wantRes(t, "ReadFixed of an empty place", result(t, r), -int32(sys.EFAULT))
	check(t, r.UpdateBuffers(2, [][]byte{b}, nil))
	next(t, r, 2).ReadFixed(fd, b, 0, 2)
	wantRes(t, "ReadFixed", result(t, r), 1)
}

func TestRegisteredFilesAreReadByIndex(t *testing.T) {
	r := newRing(t, 4)
	fd := tempFile(t, "file")
	b := make([]byte, 8)
	check(t, r.RegisterFiles([]int32{-1, int32(fd)}))
	s := next(t, r, 1)
	s.Read(1, b, 0)
	s.Flags = uring.SQEFixedFile
	wantRes(t, "Read", result(t, r), 4)
	check(t, r.UpdateFiles(0, []int32{int32(fd), -1}, nil))
	for index, want := range []int32{4, -int32(sys.EBADF)} {
		s := next(t, r, 2)
		s.Read(index, b, 0)
		s.Flags = uring.SQEFixedFile
		wantRes(t, "Read after the update", result(t, r), want)
	}
	check(t, r.UnregisterFiles())
	wantErr(t, "UnregisterFiles", r.UnregisterFiles(), sys.ENXIO)
}

func TestFileIsOpenedUsedAndClosedWithoutADescriptor(t *testing.T) {
	r := newRing(t, 4)
	registers(t, r.RegisterFilesSparse(4))
	name, err := syscall.BytePtrFromString("/dev/zero")
	check(t, err)
	next(t, r, 1).OpenatDirect(sys.AT_FDCWD, name, sys.O_RDONLY, 0, uring.FileIndexAlloc)
	slot := result(t, r)
	if slot < 0 || slot > 3 {
		t.Fatalf("OpenatDirect: %d", slot)
	}
	b := []byte{1}
	s := next(t, r, 2)
	s.Read(int(slot), b, 0)
	s.Flags = uring.SQEFixedFile
	wantRes(t, "Read", result(t, r), 1)
	next(t, r, 3).CloseDirect(uint32(slot))
	wantRes(t, "CloseDirect", result(t, r), 0)
	next(t, r, 4).CloseDirect(uint32(slot))
	wantRes(t, "CloseDirect again", result(t, r), -int32(sys.EBADF))
}

func TestMultishotReceiveTakesProvidedBuffers(t *testing.T) {
	r := newRing(t, 4)
	bufs, err := r.NewBufRing(7, 4, 16)
	registers(t, err)
	fds, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	defer sys.Close(fds[0])
	s := next(t, r, 2)
	s.RecvMultishot(fds[0], nil, 0)
	s.Flags |= uring.SQEBufferSelect
	s.BufIndex = bufs.Group()
	_, err = r.Submit()
	check(t, err)
	// More than there are buffers, so that recycled ones are taken.
	for i := range byte(40) {
		_, err := sys.Write(fds[1], []byte{i, i + 1})
		check(t, err)
		check(t, r.Wait(1))
		for c := range r.Completions() {
			if got := bufs.Bytes(c); string(got) != string([]byte{i, i + 1}) || c.Flags&uring.CQEMore == 0 {
				t.Fatalf("message %d: %v in %+v", i, got, c)
			}
			bufs.Recycle(c)
		}
	}
	check(t, sys.Close(fds[1]))
	check(t, r.Wait(1))
	for c := range r.Completions() {
		if c.Res != 0 || c.Flags&uring.CQEMore != 0 || bufs.Bytes(c) != nil {
			t.Errorf("at the end: %+v", c)
		}
	}
	check(t, bufs.Close())
	wantErr(t, "Close again", bufs.Close(), os.ErrClosed)
	_, err = r.NewBufRing(7, 3, 16)
	wantErr(t, "three buffers", err, sys.EINVAL)
}

func TestRegisteredRingDoesItsWork(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := newRing(t, 4)
	wantErr(t, "UnregisterRingFD", r.UnregisterRingFD(), sys.EINVAL)
	registers(t, r.RegisterRingFD())
	wantErr(t, "RegisterRingFD again", r.RegisterRingFD(), sys.EEXIST)
	next(t, r, 1).Nop()
	wantRes(t, "Nop", result(t, r), 0)
	check(t, r.UnregisterRingFD())
	next(t, r, 2).Nop()
	wantRes(t, "Nop", result(t, r), 0)
}

func TestRestrictionsForbidWhatTheyDoNotName(t *testing.T) {
	r := newRing(t, 4, uring.WithFlags(uring.SetupRDisabled))
	check(t, r.Restrict(uring.AllowOp(uring.OpNop), uring.AllowFlags(uring.SQEAsync),
		uring.AllowRegister(sys.IORING_UNREGISTER_FILES)))
	check(t, r.Enable())
	next(t, r, 1).Nop()
	wantRes(t, "Nop", result(t, r), 0)
	next(t, r, 2).Close(-1)
	wantRes(t, "Close", result(t, r), -int32(sys.EACCES))
	wantErr(t, "UnregisterFiles", r.UnregisterFiles(), sys.ENXIO)
	_, err := r.RegisterPersonality()
	wantErr(t, "RegisterPersonality", err, sys.EACCES)
}

func TestPersonalityServesRequestsUntilItIsGone(t *testing.T) {
	r := newRing(t, 4)
	id, err := r.RegisterPersonality()
	check(t, err)
	for _, want := range []int32{0, -int32(sys.EINVAL)} {
		s := next(t, r, 1)
		s.Nop()
		s.Personality = id
		wantRes(t, "Nop", result(t, r), want)
		wantErr(t, "UnregisterPersonality", r.UnregisterPersonality(id),
			map[int32]error{0: nil, -int32(sys.EINVAL): sys.EINVAL}[want])
	}
}

func TestWorkersAreLimitedAndBoundToCPUs(t *testing.T) {
	r := newRing(t, 4)
	_, _, err := r.SetMaxWorkers(3, 5)
	registers(t, err)
	bounded, unbounded, err := r.SetMaxWorkers(0, 0)
	check(t, err)
	if bounded != 3 || unbounded != 5 {
		t.Errorf("the limits are %d, %d", bounded, unbounded)
	}
	check(t, r.SetWorkerCPUs([]byte{1}))
	check(t, r.SetWorkerCPUs(nil))
}

func TestCancelNowHasEndedTheRequest(t *testing.T) {
	r := newRing(t, 4)
	p := make([]int, 2)
	check(t, sys.Pipe2(p, sys.O_CLOEXEC))
	defer sys.Close(p[0])
	defer sys.Close(p[1])
	next(t, r, 9).PollAdd(p[0], sys.POLLIN)
	_, err := r.Submit()
	check(t, err)
	registers(t, r.CancelNow(9, 0, -1))
	wantRes(t, "PollAdd", result(t, r), canceled)
	wantErr(t, "CancelNow again", r.CancelNow(9, 0, 0), sys.ENOENT)
}

func TestOneCompletionIsEnoughAfterTheLeastTime(t *testing.T) {
	r := newRing(t, 4)
	next(t, r, 1).Nop()
	n, err := r.SubmitAndWaitMin(2, time.Millisecond, time.Minute)
	registers(t, err)
	if n != 1 || r.Ready() != 1 {
		t.Errorf("%d submitted, %d ready", n, r.Ready())
	}
	for range r.Completions() {
	}
	_, err = r.SubmitAndWaitMin(2, time.Millisecond, 2*time.Millisecond)
	wantErr(t, "nothing comes", err, sys.ETIME)
}

func TestRingsShareAPollingThread(t *testing.T) {
	one := newRing(t, 4, uring.WithSQPoll(time.Millisecond))
	two := newRing(t, 4, uring.WithSQPoll(time.Millisecond), uring.WithWorkersOf(one))
	for _, r := range []*uring.Ring{one, two, one} {
		next(t, r, 1).Nop()
		wantRes(t, "Nop", result(t, r), 0)
	}
	closed, err := uring.New(1)
	check(t, err)
	check(t, closed.Close())
	_, err = uring.New(4, uring.WithWorkersOf(closed))
	wantErr(t, "workers of a closed ring", err, sys.ENXIO)
}

func TestPollingThreadStaysOnItsCPU(t *testing.T) {
	var set sys.CPUSet
	check(t, sys.SchedGetaffinity(0, &set))
	cpu := 0
	for !set.IsSet(cpu) {
		cpu++
	}
	r := newRing(t, 4, uring.WithSQPoll(time.Millisecond), uring.WithSQPollCPU(uint32(cpu)))
	// Meanwhile it falls asleep, and must be awakened.
	ts := &sys.Timespec{Nsec: 5e6}
	for range 3 {
		next(t, r, 1).Timeout(ts, 0, 0)
		wantRes(t, "Timeout", result(t, r), -int32(sys.ETIME))
	}
	_, err := uring.New(4, uring.WithSQPoll(0), uring.WithSQPollCPU(1<<20))
	wantErr(t, "a CPU that there is not", err, sys.EINVAL)
}
