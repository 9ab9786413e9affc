// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"fmt"
	"testing"

	"example.com/syshim/gobind/uring"
)

// BenchmarkNop is what a request costs by itself: one operation is one request,
// submitted and reaped in batches.
func BenchmarkNop(b *testing.B) {
	for _, batch := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("batch=%d/reap=slice", batch), func(b *testing.B) {
			cqes := make([]uring.CQE, batch)
			nops(b, batch, func(r *uring.Ring) int { return r.Reap(cqes) })
		})
		b.Run(fmt.Sprintf("batch=%d/reap=loop", batch), func(b *testing.B) {
			nops(b, batch, func(r *uring.Ring) (n int) {
				for c := range r.Completions() {
					n += int(c.Res) + 1
				}
				return n
			})
		})
	}
}

func nops(b *testing.B, batch int, reap func(*uring.Ring) int) {
	r := newRing(b, uint32(batch))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += batch {
		for range batch {
			r.NextSQE().Nop()
		}
		_, err := r.SubmitAndWait(batch)
		if n := reap(r); n != batch || err != nil {
			b.Fatalf("%d completions, %v", n, err)
		}
	}
}
