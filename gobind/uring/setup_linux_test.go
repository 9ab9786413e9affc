// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// The error says what is wrong, and the kernel is not asked.
func TestContradictingOptionsAreNamed(t *testing.T) {
	for _, tc := range []struct {
		opt  uring.Option
		want string
	}{
		{uring.WithFlags(1 << 31), "does not know the set-up flags 0x80000000"},
		{uring.WithSQPollCPU(0), "SetupSQAff needs SetupSQPoll"},
		{uring.WithFlags(uring.SetupTaskrunFlag), "SetupTaskrunFlag needs SetupCoopTaskrun|SetupDeferTaskrun"},
		{uring.WithFlags(uring.SetupSQPoll | uring.SetupCoopTaskrun), "SetupSQPoll excludes SetupCoopTaskrun"},
		{uring.WithFlags(uring.SetupDeferTaskrun), "SetupDeferTaskrun needs SetupSingleIssuer"},
		{uring.WithFlags(uring.SetupHybridIOPoll), "SetupHybridIOPoll needs SetupIOPoll"},
		{uring.WithoutFD(), "SetupRegisteredFDOnly needs SetupNoMmap"},
		{uring.WithFlags(uring.SetupCQE32 | uring.SetupCQEMixed), "SetupCQE32 excludes SetupCQEMixed"},
		{uring.WithFlags(uring.SetupSQE128 | uring.SetupSQEMixed), "SetupSQE128 excludes SetupSQEMixed"},
		{uring.WithFlags(uring.SetupSQRewind), "SetupSQRewind needs SetupNoSQArray"},
		{uring.WithFlags(uring.SetupNoMmap), "SetupNoMmap needs either WithMemory or WithHugePage"},
		{uring.WithMemory(make([]byte, 1<<16)[1:], make([]byte, 1<<16)[1:]), "does not begin at a page"},
	} {
		var r *uring.Ring
		seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_SETUP}, 0, 0, func() (err error) {
			r, err = uring.New(4, tc.opt)
			return err
		})
		if r != nil || seen != 0 || !errors.Is(err, sys.EINVAL) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, after %d calls; want %q", err, seen, tc.want)
		}
	}
}

// onThread keeps the test on its thread.
func onThread(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
}

// work goes twice around the queues, all entries at once.
func work(t *testing.T, r *uring.Ring) {
	t.Helper()
	n := r.SQEntries()
	for i := range uint64(4 * n) {
		next(t, r, i).Nop()
		if int(i)%n != n-1 {
			continue
		}
		_, err := r.SubmitAndWait(n)
		check(t, err)
		for want := i + 1 - uint64(n); want <= i; want++ {
			var c [1]uring.CQE
			if k := r.Reap(c[:]); k != 1 || c[0] != (uring.CQE{UserData: want}) {
				t.Fatalf("%d completions, %+v, want that of %d", k, c, want)
			}
		}
	}
	if r.Ready() != 0 || r.Queued() != 0 {
		t.Errorf("%d ready, %d queued", r.Ready(), r.Queued())
	}
}

func TestRingsOfEveryShapeWork(t *testing.T) {
	for _, flags := range []uring.SetupFlags{
		uring.SetupSQE128, uring.SetupCQE32, uring.SetupSQE128 | uring.SetupCQE32,
		uring.SetupCQEMixed, uring.SetupSQEMixed, uring.SetupNoSQArray | uring.SetupSQRewind,
		uring.SetupSQE128 | uring.SetupNoSQArray | uring.SetupSQRewind,
		uring.SetupSingleIssuer | uring.SetupDeferTaskrun | uring.SetupCQE32,
	} {
		t.Run(flags.String(), func(t *testing.T) {
			onThread(t)
			work(t, newRing(t, 4, uring.WithFlags(flags)))
		})
	}
}

func TestRingLiesInTheCallersMemory(t *testing.T) {
	opts := []uring.Option{uring.WithCQEntries(64), uring.WithFlags(uring.SetupCQE32)}
	queues, entries, err := uring.MemorySize(8, opts...)
	check(t, err)
	page := os.Getpagesize()
	all, err := sys.Mmap(-1, 0, queues+entries, sys.PROT_READ|sys.PROT_WRITE, sys.MAP_PRIVATE|sys.MAP_ANONYMOUS)
	check(t, err)
	defer sys.Munmap(all)
	t.Run("whole", func(t *testing.T) {
		work(t, newRing(t, 8, append(opts, uring.WithMemory(all[:queues], all[queues:]))...))
	})
	_, err = uring.New(8, append(opts, uring.WithMemory(all[:queues], all[queues:][:page/2]))...)
	wantErr(t, "half a page", err, sys.EINVAL)
}

func TestRingMapsMemoryForItself(t *testing.T) {
	work(t, newRing(t, 8, uring.WithHugePage()))
	// In several pages.
	work(t, newRing(t, 1024, uring.WithHugePage()))
	work(t, newRing(t, 8, uring.WithHugePage(), uring.WithFlags(uring.SetupNoSQArray|uring.SetupSQE128)))
}

func TestSizesThatNoKernelHasAreRefused(t *testing.T) {
	for _, opt := range []uring.Option{
		uring.WithFlags(0), uring.WithCQEntries(0), uring.WithCQEntries(1 << 20),
	} {
		n := uint32(1 << 20)
		if _, _, err := uring.MemorySize(n, opt); !errors.Is(err, sys.EINVAL) {
			t.Errorf("MemorySize gives %v", err)
		}
	}
	q, s, err := uring.MemorySize(1<<20, uring.WithFlags(uring.SetupClamp))
	if err != nil || s != 64<<15 || q < 16<<16 {
		t.Errorf("MemorySize gives %d, %d, %v", q, s, err)
	}
}

func TestRingWithoutADescriptorWorksAndEnds(t *testing.T) {
	onThread(t)
	r := newRing(t, 4, uring.WithHugePage(), uring.WithoutFD())
	if r.FD() != -1 {
		t.Errorf("descriptor %d", r.FD())
	}
	work(t, r)
	_, err := r.Probe()
	check(t, err)
	wantErr(t, "UnregisterRingFD", r.UnregisterRingFD(), sys.EINVAL)
	wantErr(t, "RegisterRingFD", r.RegisterRingFD(), sys.EEXIST)
}

func TestDescriptorIsClosedAndTheRingWorksOn(t *testing.T) {
	onThread(t)
	r := newRing(t, 4)
	wantErr(t, "CloseFD before RegisterRingFD", r.CloseFD(), sys.EINVAL)
	registers(t, r.RegisterRingFD())
	registers(t, r.CloseFD())
	wantErr(t, "CloseFD again", r.CloseFD(), sys.EINVAL)
	work(t, r)
}

// Each call fails in turn, of a ring that takes no huge page.
func TestFailedSetUpOfOwnMemoryLeavesNothing(t *testing.T) {
	onThread(t)
	newRing(t, 1, uring.WithHugePage(), uring.WithoutFD())
	calls := []uintptr{sys.SYS_IO_URING_SETUP, sys.SYS_MMAP}
	errs := faultkernel.Each(t, calls, sys.ENOMEM, func() error {
		r, err := uring.New(4, uring.WithHugePage(), uring.WithoutFD())
		if err != nil {
			return err
		}
		return r.Close()
	})
	if len(errs) != 3 || !errors.Is(errs[0], sys.ENOMEM) || !errors.Is(errs[1], sys.ENOMEM) || errs[2] != nil {
		t.Errorf("%v", errs)
	}
}

func TestLargeCompletionsComeByValue(t *testing.T) {
	for _, flags := range []uring.SetupFlags{uring.SetupCQE32, uring.SetupCQEMixed} {
		t.Run(flags.String(), func(t *testing.T) {
			r := newRing(t, 4, uring.WithFlags(flags), uring.WithCQEntries(8))
			for round := range uint64(20) {
				// Small and large by turns, so that each comes to the end.
				s := next(t, r, 2*round)
				s.Nop()
				s = next(t, r, 2*round+1)
				s.Nop()
				s.OpFlags, s.Off, s.Addr = sys.IORING_NOP_CQE32, 7+round, 9+round
				submit(t, r, 2)
				big := uring.CQE32{CQE: uring.CQE{UserData: 2*round + 1}, Extra: [2]uint64{7 + round, 9 + round}}
				if flags == uring.SetupCQEMixed {
					big.Flags = uring.CQEBig
				}
				want := []uring.CQE32{{CQE: uring.CQE{UserData: 2 * round}}, big}
				compare32(t, r, want, round)
			}
		})
	}
}

// compare32 reaps two completions in one way or another.
func compare32(t *testing.T, r *uring.Ring, want []uring.CQE32, way uint64) {
	t.Helper()
	var peeked [3]uring.CQE
	refused := -int32(sys.EINVAL)
	if n := r.Peek(peeked[:]); n == 2 && (peeked[0].Res == refused || peeked[1].Res == refused) {
		r.Advance(n)
		t.Skip("this kernel makes no large completion of a nop")
	} else if n != 2 || peeked[0] != want[0].CQE || peeked[1] != want[1].CQE {
		t.Fatalf("Peek: %d, %+v", n, peeked)
	}
	var got []uring.CQE32
	switch way % 4 {
	case 0:
		for c := range r.Completions32() {
			got = append(got, c)
		}
	case 1:
		got = make([]uring.CQE32, 3)
		got = got[:r.Reap32(got)]
	case 2:
		r.Advance(1)
		got = []uring.CQE32{want[0], {}}
		r.Reap32(got[1:])
	case 3:
		for c := range r.Completions() {
			got = append(got, uring.CQE32{CQE: c, Extra: want[len(got)].Extra})
		}
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("%+v, want %+v", got, want)
	}
	if r.Ready() != 0 {
		t.Fatalf("%d ready", r.Ready())
	}
}

func TestEntriesOfBothSizesShareAQueue(t *testing.T) {
	plain := newRing(t, 4)
	if plain.NextSQE128() != nil {
		t.Error("a large entry of a ring that has none")
	}
	for _, flags := range []uring.SetupFlags{uring.SetupSQE128, uring.SetupSQEMixed} {
		t.Run(flags.String(), func(t *testing.T) {
			r := newRing(t, 8, uring.WithFlags(flags))
			for i := range uint64(30) {
				next(t, r, 2*i).Nop()
				s := r.NextSQE128()
				if s == nil {
					t.Fatal("no large entry")
				}
				if flags == uring.SetupSQEMixed {
					s.Nop128()
				} else {
					s.Nop()
				}
				s.UserData = 2*i + 1
				s.Command()[79] = 1
				cqes := reap(t, r, 2)
				wantRes(t, "small", cqes[2*i].Res, 0)
				wantRes(t, "large", cqes[2*i+1].Res, 0)
			}
		})
	}
}

// What is not taken at once is the beginning of the next batch.
func TestRewoundQueueKeepsTheRest(t *testing.T) {
	r := newRing(t, 4, uring.WithFlags(uring.SetupNoSQArray|uring.SetupSQRewind))
	for round := range uint64(10) {
		next(t, r, round).Nop()
		next(t, r, 100+round).Opcode = 255
		next(t, r, 200+round).Nop()
		submit(t, r, 3)
		cqes := reap(t, r, 3)
		wantRes(t, "before", cqes[round].Res, 0)
		wantRes(t, "unknown operation", cqes[100+round].Res, -int32(sys.EINVAL))
		wantRes(t, "behind", cqes[200+round].Res, 0)
	}
}

func TestOtherThreadIsNamed(t *testing.T) {
	onThread(t)
	r := newRing(t, 4, uring.WithSingleIssuer())
	next(t, r, 1).Nop()
	done := make(chan [3]error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_, submitted := r.Submit()
		done <- [3]error{submitted, r.WaitTimeout(1, time.Minute), r.RegisterBuffers([][]byte{{1}})}
	}()
	for i, err := range <-done {
		if !errors.Is(err, uring.ErrOtherThread) || !errors.Is(err, sys.EEXIST) ||
			!strings.Contains(err.Error(), "LockOSThread") {
			t.Errorf("call %d: %v", i, err)
		}
	}
	// What is there already is something else.
	b, err := r.NewBufRing(1, 1, 16)
	check(t, err)
	defer b.Close()
	_, err = r.NewBufRing(1, 1, 16)
	if !errors.Is(err, sys.EEXIST) || errors.Is(err, uring.ErrOtherThread) {
		t.Errorf("a second group of the same number: %v", err)
	}
	wantRes(t, "Nop", result(t, r), 0)
}
