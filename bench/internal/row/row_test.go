// SPDX-License-Identifier: MIT

package row

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

var kept []byte

func TestARowHasAParentThatHasTouchedItsMemory(t *testing.T) {
	defer held.hold(0)
	for _, mib := range []int{8, 16, 0} {
		if err := held.hold(mib << 20); err != nil {
			t.Fatal(err)
		}
		resident := make([]byte, mib<<20/os.Getpagesize())
		if mib > 0 {
			_, _, e := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&held[0])),
				uintptr(len(held)), uintptr(unsafe.Pointer(&resident[0])))
			if e != 0 {
				t.Fatal(e)
			}
		}
		if len(held) != mib<<20 || bytes.Contains(resident, []byte{0}) {
			t.Errorf("%d MiB: %d bytes, and not all are there", mib, len(held))
		}
	}
}

var testRows = []Row{
	{Name: "BenchmarkWork/lang=go/impl=test", Run: func(s *Sample) error {
		return s.Measure(func(n int64) error {
			for range n {
				kept = make([]byte, 64)
			}
			return nil
		})
	}},
	{Name: "BenchmarkServer/lang=go/impl=test", Run: func(s *Sample) error {
		s.Announce(8080)
		s.Elapsed, s.CPU = 20, 10
		return nil
	}},
	{Name: "BenchmarkSkip/lang=go/impl=test", Run: func(*Sample) error {
		return Unavailable("ring", fmt.Errorf("set-up: %w", syscall.EPERM))
	}},
	{Name: "BenchmarkFail/lang=go/impl=test", Run: func(*Sample) error {
		return errors.New("two\nlines")
	}},
}

func TestEachLineGetsItsAnswer(t *testing.T) {
	for in, want := range map[string]string{
		"info": `compiler go1\..*\n`,
		"rows": `(row Benchmark[a-zA-Z]+/lang=go/impl=test\n){4}end\n`,
		"ops 100 BenchmarkWork/lang=go/impl=test":   `ok 100 \d+ bytes=\d+ allocs=1\d\d\n`,
		"run 1000 BenchmarkWork/lang=go/impl=test":  `ok \d+ \d+ bytes=\d+ allocs=\d+\n`,
		"ops 100 BenchmarkServer/lang=go/impl=test": `port 8080\nok 100 20 cpu=10 bytes=0 allocs=0\n`,
		"ops 1 BenchmarkSkip/lang=go/impl=test":     `skip ring: set-up: operation not permitted\n`,
		"ops 1 BenchmarkFail/lang=go/impl=test":     `fail two lines\n`,
		"ops 1 BenchmarkNone":                       `fail no such row\n`,
		"ops x BenchmarkWork/lang=go/impl=test":     `fail the number is missing\n`,
		"ops -1 BenchmarkWork/lang=go/impl=test":    `fail the number is missing\n`,
		"run":                                       `fail the number is missing\n`,
		"":                                          `fail unknown command\n`,
	} {
		var out strings.Builder
		if err := Serve(testRows, strings.NewReader(in+"\n"), &out); err != nil {
			t.Fatal(err)
		}
		if ok, _ := regexp.MatchString("^"+want+"$", out.String()); !ok {
			t.Errorf("%q gets %q, want %s", in, out.String(), want)
		}
	}
}

func TestMeasuringKeepsToTheTime(t *testing.T) {
	made := int64(0)
	s := Sample{Budget: 5 * time.Millisecond}
	err := s.Measure(func(n int64) error {
		made += n
		time.Sleep(time.Duration(n) * 100 * time.Microsecond)
		return nil
	})
	// The warm-up counts for the time, not for the result.
	if err != nil || s.Ops <= 0 || s.Ops >= made || s.Elapsed <= 0 {
		t.Errorf("%d of %d operations in %v, %v", s.Ops, made, s.Elapsed, err)
	}
	want := errors.New("broken")
	if err := s.Measure(func(int64) error { return want }); err != want {
		t.Errorf("error %v, want %v", err, want)
	}
}
