// SPDX-License-Identifier: MIT

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxWorks is how many works run when BENCH does not name them.
const maxWorks = 19

// onDemand are works that run only then: what they show can be had from others.
var onDemand = map[string]bool{
	"BenchmarkSpawn/program=tiny/parent=10MiB/ns=user": true,
	"BenchmarkSpawn/program=true/parent=10MiB/ns=user": true,
	"BenchmarkSpawn/program=true/parent=1GiB/ns=none":  true,
	"BenchmarkSpawn/program=true/parent=1GiB/ns=user":  true,
}

// A row is a work done by one rival.
type row struct {
	rowName
	// program measures it; counter is its build that counts system calls.
	program, counter *coproc

	// What was measured, a value for each round; ns is ns/op, the others are
	// by their unit.
	ns    []float64
	units map[string][]float64
	// calls are the system calls of an operation, negative when unknown.
	calls float64
	// guess is ns/op before measuring.
	guess float64
	// dropped is why the row is not measured (further).
	dropped error
}

// A work is what its rows do.
type work struct {
	name string
	rows []*row
	// width is that of the least certain ratio.
	width float64
	// repeats is how often it was measured again.
	repeats int
}

// find returns the row of a rival that was measured, or nil.
func (w *work) find(rival string) *row {
	for _, r := range w.rows {
		if r.rival() == rival && r.dropped == nil && len(r.ns) > 0 {
			return r
		}
	}
	return nil
}

// against compares a row with a rival of its work.
func (w *work) against(r *row, rival string) (estimate, bool) {
	other := w.find(rival)
	if other == nil || r.dropped != nil || len(r.ns) != len(other.ns) || len(r.ns) == 0 {
		return estimate{}, false
	}
	return compare(r.ns, other.ns), true
}

// widest returns the width of the least certain ratio of the work.
func (w *work) widest() float64 {
	width := 0.0
	for _, r := range w.rows {
		for _, rival := range []string{r.reference(), r.twin()} {
			if e, ok := w.against(r, rival); ok {
				width = max(width, e.width())
			}
		}
	}
	return width
}

// family puts rivals without an engine first.
func (r *row) family() int {
	if r.engine == "" {
		return 0
	}
	return 1
}

// base is the work's name without parameters.
func (w *work) base() string {
	base, _, _ := strings.Cut(w.name, "/")
	return base
}

// group makes works of the rows, in the order of their first rows.
func group(rows []*row) []*work {
	var works []*work
	byName, place := map[string]*work{}, map[string]int{}
	for _, r := range rows {
		w := byName[r.work]
		if w == nil {
			w = &work{name: r.work}
			byName[r.work] = w
			if _, ok := place[w.base()]; !ok {
				place[w.base()] = len(works)
			}
			works = append(works, w)
		}
		w.rows = append(w.rows, r)
	}
	// Works of one name together, whichever program has their rows.
	slices.SortStableFunc(works, func(a, b *work) int {
		return cmp.Compare(place[a.base()], place[b.base()])
	})
	for _, w := range works {
		slices.SortStableFunc(w.rows, func(a, b *row) int {
			return cmp.Or(cmp.Compare(a.lang, b.lang), cmp.Compare(a.family(), b.family()))
		})
	}
	return works
}

// choose returns the works whose rows match glob; without one, the first.
func choose(rows []*row, glob string) ([]*work, error) {
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.full] {
			return nil, fmt.Errorf("row %s stands twice", r.full)
		}
		seen[r.full] = true
	}
	if glob == "" {
		works := slices.DeleteFunc(group(rows), func(w *work) bool { return onDemand[w.name] })
		return works[:min(len(works), maxWorks)], nil
	}
	works := group(slices.DeleteFunc(slices.Clone(rows), func(r *row) bool {
		return !globMatch(glob, r.full)
	}))
	if len(works) == 0 {
		text := fmt.Sprintf("no row matches BENCH=%s; there are:", glob)
		for _, r := range rows {
			text += "\n    " + r.full
		}
		return nil, fmt.Errorf("%s", text)
	}
	return works, nil
}
