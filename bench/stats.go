// SPDX-License-Identifier: MIT

package main

import (
	"math/rand/v2"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

const (
	resamples  = 2000
	confidence = 0.95
	// noise is how far from 1 a ratio must be to say more than "different".
	noise = 1.03
	// widest is the width of an interval, over its median, that still says
	// something.
	widest = 0.10
)

// An estimate is a median with its interval.
type estimate struct{ mid, low, high float64 }

// estimateMedian returns the median of xs with a bootstrap interval: the
// quantiles of the medians of samples that are drawn from xs. The same xs give
// the same interval.
func estimateMedian(xs []float64) estimate {
	random := rand.New(rand.NewPCG(uint64(len(xs)), 0x5eed))
	medians := make([]float64, resamples)
	drawn := make([]float64, len(xs))
	for i := range medians {
		for j := range drawn {
			drawn[j] = xs[random.IntN(len(xs))]
		}
		medians[i] = median(drawn)
	}
	sorted := stats.Sample{Xs: medians}
	sorted.Sort()
	return estimate{
		mid:  median(slices.Clone(xs)),
		low:  sorted.Quantile((1 - confidence) / 2),
		high: sorted.Quantile((1 + confidence) / 2),
	}
}

// median sorts xs.
func median(xs []float64) float64 {
	s := stats.Sample{Xs: xs}
	s.Sort()
	return s.Quantile(0.5)
}

// width is that of the interval, over the median.
func (e estimate) width() float64 {
	return (e.high - e.low) / e.mid
}

// compare estimates how many times the cost of b is a's; a[i] and b[i] are
// neighbours, measured in the same round.
func compare(a, b []float64) estimate {
	ratios := make([]float64, len(a))
	for i := range ratios {
		ratios[i] = a[i] / b[i]
	}
	return estimateMedian(ratios)
}

// A verdict is what a comparison says in a word.
type verdict string

const (
	unresolved verdict = "unresolved"
	same       verdict = "~"
	slower     verdict = "slower"
	faster     verdict = "faster"
	within     verdict = "within 3 %"
)

// verdict judges a ratio of costs.
func (e estimate) verdict() verdict {
	switch {
	case e.width() > widest:
		return unresolved
	case e.low <= 1 && e.high >= 1:
		return same
	case e.low > noise:
		return slower
	case e.high < 1/noise:
		return faster
	}
	return within
}
