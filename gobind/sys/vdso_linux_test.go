// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"testing"

	"example.com/syshim/gobind/sys"
)

var clocks = []int32{
	sys.CLOCK_REALTIME, sys.CLOCK_MONOTONIC, sys.CLOCK_PROCESS_CPUTIME_ID, sys.CLOCK_THREAD_CPUTIME_ID,
	sys.CLOCK_MONOTONIC_RAW, sys.CLOCK_REALTIME_COARSE, sys.CLOCK_MONOTONIC_COARSE, sys.CLOCK_BOOTTIME,
	sys.CLOCK_TAI, -1, -6, 31, 32, 64, 1000,
}

func nanoseconds(ts sys.Timespec) int64 {
	return ts.Sec*1e9 + ts.Nsec
}

func TestClockGettimeIsBetweenTwoCalls(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, clock := range clocks {
		var before, now, after sys.Timespec
		want := sys.RawClockGettime(clock, &before)
		if err := sys.ClockGettime(clock, &now); err != want {
			t.Errorf("clock %d: %v, want %v", clock, err, want)
		}
		sys.RawClockGettime(clock, &after)
		a, b, c := nanoseconds(before), nanoseconds(now), nanoseconds(after)
		if a > b || b > c {
			t.Errorf("clock %d: %d is not between %d and %d", clock, b, a, c)
		}
	}
}

func TestClockGettimeWithoutARoomForTheTimeIsAnError(t *testing.T) {
	for _, clock := range clocks {
		want := sys.RawClockGettime(clock, nil)
		if err := sys.ClockGettime(clock, nil); err != want {
			t.Errorf("clock %d: %v, want %v", clock, err, want)
		}
	}
}

func TestGetrandomFillsWhatItIsAskedFor(t *testing.T) {
	for _, size := range []int{0, 1, 31, 256, 257, 4096, 4097, 70000} {
		p := make([]byte, size+8)
		n, err := sys.Getrandom(p[:size:size], 0)
		wantCount(t, "Getrandom", n, err, size)
		if !bytes.Equal(p[size:], make([]byte, 8)) {
			t.Errorf("%d bytes: more than that was written", size)
		}
		// Eight zeros in a row are no accident.
		if size >= 8 && (bytes.Contains(p[:size], make([]byte, 8)) || bytes.Equal(p[:8], p[size-8:size]) && size > 8) {
			t.Errorf("%d bytes: not random", size)
		}
	}
	if n, err := sys.Getrandom(nil, 0); n != 0 || err != nil {
		t.Errorf("of nothing: %d, %v", n, err)
	}
	for _, flags := range []int{8, 1 << 20, -1, sys.GRND_RANDOM | sys.GRND_INSECURE} {
		var p [4]byte
		_, want := sys.RawGetrandom(p[:], flags)
		if n, err := sys.Getrandom(p[:], flags); n != -1 || err != want {
			t.Errorf("flags %#x: %d, %v, want %v", flags, n, err, want)
		}
	}
}

// deep calls f with a stack that is n frames deeper, so that it grows wherever.
//
//go:noinline
func deep(n int, f func()) {
	var pad [64]byte
	if n > 0 {
		deep(n-1, f)
	} else {
		f()
	}
	runtime.KeepAlive(&pad)
}

// readClocks reads the clocks into variables of a stack, and says whether they
// went on.
func readClocks(last *sys.Timespec) bool {
	var now, real sys.Timespec
	if sys.ClockGettime(sys.CLOCK_MONOTONIC, &now) != nil || sys.ClockGettime(sys.CLOCK_REALTIME, &real) != nil {
		return false
	}
	ok := nanoseconds(now) >= nanoseconds(*last) && real.Sec > 0
	*last = now
	return ok
}

// On a new goroutine, the stack is as small as it can be.
func TestClocksAreReadOnStacksOfAnyDepth(t *testing.T) {
	for i := range rounds(400) {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			deep(i%100, func() {
				var last sys.Timespec
				var p [16]byte
				n, err := sys.Getrandom(p[:], 0)
				if !readClocks(&last) || n != len(p) || err != nil {
					t.Errorf("%d frames deep: %v, %d random bytes, %v", i%100, last, n, err)
				}
			})
		}()
		wg.Wait()
	}
}

// A signal may find a thread in the vDSO, where Go knows neither frames nor, on
// some CPUs, the goroutine. The profile must count it, preemption wait, and no
// other signal do harm, while the collector scans and moves stacks.
func TestSignalsInTheVDSO(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(readers))
	tries := 10
	if runtime.GOARCH != "amd64" {
		// A profile does not show it there.
		tries = rounds(tries)
	}
	for range tries {
		var profile bytes.Buffer
		if err := pprof.StartCPUProfile(&profile); err != nil {
			t.Skipf("the profile is in use: %v", err)
		}
		readUnderSignals(t)
		pprof.StopCPUProfile()
		if t.Failed() || counted(t, &profile, "runtime._VDSO") {
			return
		}
	}
	if runtime.GOARCH == "amd64" {
		t.Error("no signal found the vDSO")
	}
}

const readers = 4

// readUnderSignals starts threads that read clocks and send signals, each to
// the next.
func readUnderSignals(t *testing.T) {
	// The runtime has a handler for each, and no one waits for the last two.
	signals := []syscall.Signal{syscall.SIGPROF, syscall.SIGURG, syscall.SIGPROF, syscall.SIGUSR1, syscall.SIGCHLD}
	var wg, ready sync.WaitGroup
	var tids [readers]int
	ready.Add(readers)
	for id := range readers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			tids[id] = sys.Gettid()
			ready.Done()
			ready.Wait()
			var last sys.Timespec
			for i := range rounds(10000) {
				if !readDeep(i%40, &last) {
					t.Errorf("reader %d: round %d is wrong", id, i)
					return
				}
				sys.Tgkill(sys.Getpid(), tids[(id+1)%readers], signals[i%len(signals)])
				if i%1000 == 250*id {
					runtime.GC()
				}
			}
		}()
	}
	wg.Wait()
}

func readDeep(depth int, last *sys.Timespec) (ok bool) {
	deep(depth, func() {
		var p [64]byte
		n, err := sys.Getrandom(p[:], 0)
		ok = n == len(p) && err == nil
		for range 20 {
			ok = readClocks(last) && ok
		}
	})
	return ok
}

// counted says whether a profile has samples of a function.
func counted(t *testing.T, profile io.Reader, name string) bool {
	t.Helper()
	r, err := gzip.NewReader(profile)
	check(t, err)
	text, err := io.ReadAll(r)
	check(t, err)
	return bytes.Contains(text, []byte(name))
}
