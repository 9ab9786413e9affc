// SPDX-License-Identifier: MIT

package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// rounds are n pairs of costs: about base with 1 % of noise, and factor times
// that, each with its own noise. What both share, as a slow machine, drifts.
func rounds(n int, factor func(i int) float64) (a, b []float64) {
	random := rand.New(rand.NewPCG(1, 2))
	drift := 100.0
	for i := range n {
		drift *= 1 + 0.1*(random.Float64()-0.5)
		a = append(a, drift*factor(i)*(1+0.01*(random.Float64()-0.5)))
		b = append(b, drift*(1+0.01*(random.Float64()-0.5)))
	}
	return a, b
}

func always(factor float64) func(int) float64 {
	return func(int) float64 { return factor }
}

// outlier is a factor that is 50 in one round.
func outlier(at int, factor float64) func(int) float64 {
	return func(i int) float64 {
		if i == at {
			return 50
		}
		return factor
	}
}

func TestVerdictsOnKnownSamples(t *testing.T) {
	for _, c := range []struct {
		name   string
		factor func(i int) float64
		want   verdict
		mid    float64
		// The interval reaches from about low to about high.
		low, high float64
	}{
		{"equal", always(1), same, 1, 1, 1},
		{"1.5 % slower", always(1.015), within, 1.015, 1.015, 1.015},
		{"5 % slower", always(1.05), slower, 1.05, 1.05, 1.05},
		{"5 % faster", always(0.95), faster, 0.95, 0.95, 0.95},
		{"twice", always(2), slower, 2, 2, 2},
		{"half", always(0.5), faster, 0.5, 0.5, 0.5},
		{"bimodal", func(i int) float64 { return 1 + float64(i%2) }, unresolved, 1.5, 1, 2},
		{"one outlier", outlier(3, 1), same, 1, 1, 1},
		{"twice with an outlier", outlier(0, 2), slower, 2, 2, 2},
		{"an outlier that is fast", func(i int) float64 {
			if i == 9 {
				return 0.01
			}
			return 1.05
		}, slower, 1.05, 1.05, 1.05},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := rounds(10, c.factor)
			e := compare(a, b)
			if got := e.verdict(); got != c.want {
				t.Errorf("%v is %q, want %q", e, got, c.want)
			}
			if math.Abs(e.mid-c.mid) > 0.02*c.mid {
				t.Errorf("median %v, want %v", e.mid, c.mid)
			}
			if e.low > e.mid || e.mid > e.high {
				t.Errorf("the median is not in the interval %v", e)
			}
			if math.Abs(e.low-c.low) > 0.02*c.low || math.Abs(e.high-c.high) > 0.02*c.high {
				t.Errorf("interval %v to %v, want %v to %v", e.low, e.high, c.low, c.high)
			}
		})
	}
}

func TestTheIntervalHoldsTheTruthInMostSamples(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const trials = 300
	held := 0
	for range trials {
		xs := make([]float64, 10)
		for i := range xs {
			xs[i] = 1 + 0.05*random.NormFloat64()
		}
		if e := estimateMedian(xs); e.low <= 1 && 1 <= e.high {
			held++
		}
	}
	// The bootstrap of so few values is somewhat too narrow; that is why
	// nothing within 3 % is called a difference.
	if held < trials*88/100 {
		t.Errorf("%d of %d intervals hold the true median", held, trials)
	}
}

func TestTheSameValuesGiveTheSameInterval(t *testing.T) {
	xs := []float64{5, 3, 4, 9, 1, 2}
	first := estimateMedian(xs)
	if again := estimateMedian(xs); again != first {
		t.Errorf("%v, then %v", first, again)
	}
	if xs[0] != 5 {
		t.Error("the values were reordered, which pairs of rounds are not to be")
	}
	if e := estimateMedian([]float64{7}); e != (estimate{7, 7, 7}) {
		t.Errorf("one value gives %v", e)
	}
}
