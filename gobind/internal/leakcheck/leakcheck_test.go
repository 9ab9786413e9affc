// SPDX-License-Identifier: MIT

//go:build linux

package leakcheck

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main(m)
}

func TestOpenDescriptorIsALeak(t *testing.T) {
	before, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	now, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	if leaks := before.compare(now); len(leaks) != 1 || !strings.Contains(leaks[0], os.DevNull) {
		t.Errorf("leaks %q, want one of %s", leaks, os.DevNull)
	}
	f.Close()
	if leaks := before.Leaks(); len(leaks) != 0 {
		t.Errorf("leaks %q after Close", leaks)
	}
}

func TestReusedNumberIsALeak(t *testing.T) {
	before := Snapshot{FDs: map[int]string{3: "pipe:[1]"}}
	now := Snapshot{FDs: map[int]string{3: "pipe:[2]"}}
	if leaks := before.compare(now); len(leaks) != 1 {
		t.Errorf("leaks %q, want one", leaks)
	}
}

func TestRunningGoroutineIsALeak(t *testing.T) {
	before, now := Snapshot{Goroutines: 2}, Snapshot{Goroutines: 3}
	if leaks := before.compare(now); len(leaks) != 1 {
		t.Errorf("leaks %q, want one", leaks)
	}
}

func TestEndingGoroutineIsNoLeak(t *testing.T) {
	before, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	go runtime.Gosched()
	if leaks := before.Leaks(); len(leaks) != 0 {
		t.Errorf("leaks %q", leaks)
	}
}

func TestRingMappingIsALeak(t *testing.T) {
	before, now := Snapshot{}, Snapshot{Rings: 2}
	if leaks := before.compare(now); len(leaks) != 1 {
		t.Errorf("leaks %q, want one", leaks)
	}
}

func TestRunGivesTheResultOfTheTests(t *testing.T) {
	for _, want := range []int{0, 3} {
		if code := run(func() int { return want }); code != want {
			t.Errorf("code %d, want %d", code, want)
		}
	}
}

func TestRunFailsOnALeak(t *testing.T) {
	defer func(old time.Duration) { Patience = old }(Patience)
	Patience = 0
	var f *os.File
	code := run(func() (code int) {
		var err error
		if f, err = os.Open(os.DevNull); err != nil {
			t.Error(err)
		}
		return 0
	})
	f.Close()
	if code != 1 {
		t.Errorf("code %d, want 1", code)
	}
}

func TestThreadsCountsThisOne(t *testing.T) {
	if n, err := Threads(); err != nil || n < 1 {
		t.Errorf("%d threads, %v", n, err)
	}
}
