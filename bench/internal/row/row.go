// SPDX-License-Identifier: MIT

// Package row is the co-process side of the benchmark in Go: a program's rows,
// how a sample of one is measured, and the protocol that asks for it. It is
// the twin of bench/row.h and bench/coproc.h.
package row

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// A Row is a work done by one rival. Its name is its whole identity.
type Row struct {
	Name string
	Run  func(*Sample) error
	// ParentMiB is how much memory the process has touched.
	ParentMiB int
}

// A Sample is one measurement of a row.
type Sample struct {
	// Budget is how long to measure; 0 asks for exactly Ops operations.
	Budget time.Duration
	// Ops is the wanted, then the measured number of operations.
	Ops int64
	// Elapsed is the time that they took.
	Elapsed time.Duration
	// CPU is the time that a server's process used, 0 for other rows.
	CPU time.Duration
	// Bytes and Allocs are what they took from the heap.
	Bytes, Allocs uint64
	// Announce tells the driver the port of a server.
	Announce func(port int)
}

// errSkip marks a row that cannot run here, with the reason.
type errSkip struct{ reason string }

func (e *errSkip) Error() string { return e.reason }

// Skip is the error of a row that cannot run here.
func Skip(format string, args ...any) error {
	return &errSkip{fmt.Sprintf(format, args...)}
}

// Unavailable turns the errors that say "not on this kernel" into a Skip, and
// leaves the others alone.
func Unavailable(what string, err error) error {
	for _, e := range []error{
		syscall.ENOSYS, syscall.EPERM, syscall.EACCES, syscall.EOPNOTSUPP,
	} {
		if errors.Is(err, e) {
			return Skip("%s: %v", what, err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Measure measures a batch function, which makes n operations. It warms up
// first, doubling the batch until it lasts a 32nd of the budget, so that the
// clock is read outside the loop and rarely.
func (s *Sample) Measure(batch func(n int64) error) error {
	if s.Budget == 0 {
		return s.batches(s.Ops, 0, batch)
	}
	begin := time.Now()
	n := int64(1)
	for {
		start := time.Now()
		if err := batch(n); err != nil {
			return err
		}
		if time.Since(start) >= s.Budget/32 {
			break
		}
		n *= 2
	}
	return s.batches(n, s.Budget-time.Since(begin), batch)
}

// batches runs batches of n until left has passed, but at least one.
func (s *Sample) batches(n int64, left time.Duration, batch func(n int64) error) error {
	heap := StartHeap()
	s.Ops, s.Elapsed = 0, 0
	for {
		start := time.Now()
		if err := batch(n); err != nil {
			return err
		}
		took := time.Since(start)
		s.Ops += n
		s.Elapsed += took
		if s.Elapsed+took/2 >= left {
			break
		}
	}
	heap.Stop(s)
	return nil
}

// Heap is the state of the allocator at the start of a measurement.
type Heap struct{ bytes, allocs uint64 }

// StartHeap reads the allocator's counters.
func StartHeap() Heap {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Heap{m.TotalAlloc, m.Mallocs}
}

// Stop notes in s what was allocated since.
func (h Heap) Stop(s *Sample) {
	now := StartHeap()
	s.Bytes, s.Allocs = now.bytes-h.bytes, now.allocs-h.allocs
}
