// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// setUpCalls is what the set-up of an engine calls, in order. An older kernel
// makes it try several rings.
func setUpCalls(t *testing.T, engine string) []string {
	t.Helper()
	if engine == EngineEpoll {
		return []string{"epoll_create1", "eventfd2", "epoll_ctl"}
	}
	names := slices.Repeat([]string{"io_uring_setup"}, setUps(t))
	return append(names, "mmap", "mmap", "io_uring_enter")
}

// setUps is how many rings are tried.
func setUps(t *testing.T) int {
	t.Helper()
	n, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_SETUP}, 0, 0, func() error {
		return openAndClose(WithEngine(EngineIOUring))
	})
	check(t, err)
	return n
}

var setUpNumbers = []uintptr{
	sys.SYS_IO_URING_SETUP, sys.SYS_MMAP, sys.SYS_IO_URING_ENTER,
	sys.SYS_EPOLL_CREATE1, sys.SYS_EVENTFD2, sys.SYS_EPOLL_CTL,
}

func openAndClose(opts ...Option) error {
	a, err := New(opts...)
	if err != nil {
		if a != nil {
			return errors.New("an AIO with an error")
		}
		return err
	}
	return a.Close()
}

func TestAFailedSetUpLeavesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		open(t, engine)
		for _, errno := range []syscall.Errno{sys.EMFILE, sys.EPERM, sys.ENOSYS} {
			errs := faultkernel.Each(t, setUpNumbers, errno, func() error {
				return openAndClose(WithEngine(engine))
			})
			names := setUpCalls(t, engine)
			if len(errs) != len(names)+1 {
				t.Fatalf("%d runs, want %d: %v", len(errs), len(names)+1, errs)
			}
			for i, name := range names {
				if !errors.Is(errs[i], errno) || !strings.Contains(errs[i].Error(), name) {
					t.Errorf("run %d gives %v, want %s: %v", i+1, errs[i], name, errno)
				}
			}
		}
	})
}

// What means that io_uring is unavailable gives epoll, at every call; anything
// else is an error.
func TestOnlyTheUnavailableIsReplaced(t *testing.T) {
	open(t, EngineIOUring)
	t.Setenv(engineVariable, "")
	names := setUpCalls(t, EngineIOUring)
	for errno, replaced := range map[syscall.Errno]bool{
		sys.EPERM: true, sys.ENOSYS: true, sys.EACCES: true, sys.EOPNOTSUPP: true,
		sys.EMFILE: false, sys.ENFILE: false,
	} {
		for i, name := range names {
			var engine, reason string
			_, err := faultkernel.Nth(t, setUpNumbers, i+1, errno, func() error {
				a, err := New()
				if err != nil {
					return err
				}
				engine, reason = a.Engine(), a.Reason()
				return a.Close()
			})
			if !replaced {
				if !errors.Is(err, errno) {
					t.Errorf("%s: %v, want %v", name, err, errno)
				}
				continue
			}
			if want := fmt.Sprintf("epoll: %s failed with errno %d (", name, int(errno)); engine != EngineEpoll ||
				!strings.HasPrefix(reason, want) || err != nil {
				t.Errorf("%s, %q, %v; want %q", engine, reason, err, want)
			}
		}
	}
}

func TestUnknownSetUpFlagsAreLeftOut(t *testing.T) {
	open(t, EngineIOUring)
	errs := faultkernel.Each(t, []uintptr{sys.SYS_IO_URING_SETUP}, sys.EINVAL, func() error {
		return openAndClose(WithEngine(EngineIOUring))
	})
	for i, err := range errs {
		// There are three rings to try.
		if i != 2 && err != nil || i == 2 && len(errs) > 3 && !errors.Is(err, sys.EINVAL) {
			t.Errorf("after %d successes: %v", i, err)
		}
	}
	if len(errs) < 2 {
		t.Errorf("errors %v", errs)
	}
}

// oneENOMEM makes an AIO while the soft RLIMIT_MEMLOCK is limit, and the first
// io_uring_setup fails. It returns how many entries the ring has.
func oneENOMEM(t *testing.T, limit uint64) (entries int, err error) {
	t.Helper()
	var old sys.Rlimit
	check(t, sys.Prlimit(0, sys.RLIMIT_MEMLOCK, nil, &old))
	check(t, sys.Prlimit(0, sys.RLIMIT_MEMLOCK, &sys.Rlimit{Cur: min(limit, old.Max), Max: old.Max}, nil))
	defer func() { check(t, sys.Prlimit(0, sys.RLIMIT_MEMLOCK, &old, nil)) }()
	_, err = faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_SETUP}, 1, sys.ENOMEM, func() error {
		a, err := New(WithEngine(EngineIOUring), WithSlots(1024))
		if err != nil {
			return err
		}
		entries = a.c.eng.(*ring).SQEntries()
		return a.Close()
	})
	return entries, err
}

func TestASmallerRingIsTakenWhenMemoryIsLimited(t *testing.T) {
	open(t, EngineIOUring)
	if entries, err := oneENOMEM(t, 1<<20); entries != 512 || err != nil {
		t.Errorf("limited: %d entries, %v; want 512", entries, err)
	}
	const unlimited = ^uint64(0)
	var lim sys.Rlimit
	if check(t, sys.Prlimit(0, sys.RLIMIT_MEMLOCK, nil, &lim)); lim.Max != unlimited {
		t.Log("memory is limited here, so the other case is not tried")
		return
	}
	if _, err := oneENOMEM(t, unlimited); !errors.Is(err, sys.ENOMEM) || unavailable(err) {
		t.Errorf("unlimited: %v", err)
	}
}

func TestARingLocksWholePages(t *testing.T) {
	for _, page := range []int{4 << 10, 16 << 10, 64 << 10} {
		if n := ringSize(8, 16, page); n != uint64(2*page) {
			t.Errorf("pages of %d: %d bytes", page, n)
		}
	}
	if n := ringSize(256, 2048, 64<<10); n != 128<<10 {
		t.Errorf("a large ring: %d bytes", n)
	}
}

func TestARingWithoutFeaturesIsNotUsable(t *testing.T) {
	if err := lacks(required); err != nil {
		t.Errorf("all that is required: %v", err)
	}
	if err := lacks(required &^ uring.FeatNodrop); !unavailable(err) {
		t.Errorf("without NODROP: %v", err)
	}
}

// The n-th use of a call fails: the operation says so, and the next one works.
func TestAFailedRegistrationEndsOneOperation(t *testing.T) {
	a := open(t, EngineEpoll)
	r, w := pipe(t, 0)
	_, err := sys.Write(w, []byte("x"))
	check(t, err)
	_, err = faultkernel.Nth(t, []uintptr{sys.SYS_EPOLL_CTL}, 1, sys.ENOSPC, func() error {
		return a.Read(r, make([]byte, 1), -1, 1)
	})
	check(t, err)
	want(t, next(t, a), -1, sys.ENOSPC)
	check(t, a.Read(r, make([]byte, 1), -1, 2))
	want(t, next(t, a), 1, nil)
}

// waitCalls are the calls that PollEvents waits in.
var waitCalls = []uintptr{sys.SYS_IO_URING_ENTER, sys.SYS_EPOLL_PWAIT2, sys.SYS_EPOLL_PWAIT}

// pollAtFault is PollEvents with its first wait failing, after the submission
// of a timeout of d if that is not 0.
func pollAtFault(t *testing.T, a *AIO, errno syscall.Errno, d time.Duration, ms int) (n, seen int, err error) {
	seen, err = faultkernel.Nth(t, waitCalls, 1, errno, func() error {
		if d != 0 {
			if err := a.Timeout(d, 1); err != nil {
				return err
			}
		}
		events, err := a.PollEvents(ms)
		n = len(events)
		return err
	})
	return n, seen, err
}

func TestASignalDoesNotEndPollEvents(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		// The time must not be over before there was a wait.
		patient := func(poll func(ms int) (n, seen int, err error), want int) {
			for ms := 150; ; ms *= 2 {
				n, seen, err := poll(ms)
				if n == want && seen < 2 && err == nil && ms < 5000 {
					continue
				}
				if n != want || seen < 2 || err != nil {
					t.Errorf("%d events after %d waits, %v", n, seen, err)
				}
				return
			}
		}
		patient(func(ms int) (n, seen int, err error) {
			return pollAtFault(t, a, sys.EINTR, time.Duration(ms)*time.Millisecond, -1)
		}, 1)
		patient(func(ms int) (n, seen int, err error) {
			return pollAtFault(t, a, sys.EINTR, 0, ms)
		}, 0)
	})
}

func TestAFailedPollEventsLosesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		r, w := pipe(t, 0)
		check(t, a.Read(r, make([]byte, 4), -1, 1))
		_, _, err := pollAtFault(t, a, sys.ENOMEM, 0, -1)
		var call *os.SyscallError
		if !errors.As(err, &call) || call.Err != sys.ENOMEM {
			t.Fatalf("PollEvents: %v", err)
		}
		_, err = sys.Write(w, []byte("abc"))
		check(t, err)
		want(t, next(t, a), 3, nil)
	})
}

// The kernel may still write to the buffer: nothing may be given back, and a
// second Close does what the first could not.
func TestACloseThatCannotEndGivesNothingBack(t *testing.T) {
	a := open(t, EngineIOUring)
	r, _ := pipe(t, 0)
	check(t, a.Read(r, make([]byte, 4), -1, 1))
	var first error
	_, err := faultkernel.Nth(t, []uintptr{sys.SYS_IO_URING_ENTER}, 1, sys.EBADF, func() error {
		first = a.Close()
		return nil
	})
	check(t, err)
	if !errors.Is(first, sys.EBADF) {
		t.Fatalf("Close: %v", first)
	}
	if _, ok := registry.Load(a.c); !ok || !isOpen(int32(a.c.eng.(*ring).FD())) {
		t.Error("what the kernel may use was given back")
	}
	if err := a.SubmitRead(r, nil, -1); err != ErrClosed {
		t.Errorf("a read after Close: %v", err)
	}
	check(t, a.Close())
	if _, ok := registry.Load(a.c); ok {
		t.Error("the second Close has not ended")
	}
}

// Docker's older filters answer EPERM to calls that they do not know.
func TestEpollDoesWithoutPwait2(t *testing.T) {
	for _, errno := range []syscall.Errno{sys.ENOSYS, sys.EPERM} {
		a := open(t, EngineEpoll)
		_, err := faultkernel.Nth(t, []uintptr{sys.SYS_EPOLL_PWAIT2}, 1, errno, func() error {
			_, err := a.PollEvents(1)
			return err
		})
		check(t, err)
		check(t, a.Timeout(time.Millisecond, 1))
		want(t, next(t, a), 0, nil)
		if !a.c.eng.(*epoll).noPwait2 {
			t.Errorf("%v: epoll_pwait2 will be tried again", errno)
		}
	}
}
