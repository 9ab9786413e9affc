// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testWork is a work whose rivals took so long, all with the same noise.
func testWork(t *testing.T, params string, times map[string]float64) *work {
	t.Helper()
	w := &work{}
	for rival, ns := range times {
		r := &row{rowName: mustParse(t, "BenchmarkX/"+rival+params), units: map[string][]float64{}}
		for i := range 10 {
			r.ns = append(r.ns, ns*(1+0.001*float64(i)))
		}
		r.units["cpu-ns/op"] = slices.Clone(r.ns)
		w.name = r.work
		w.rows = append(w.rows, r)
	}
	return w
}

func TestTheSummaryHasALineForEachWork(t *testing.T) {
	d := &driver{works: []*work{
		testWork(t, "/depth=1", map[string]float64{
			"lang=c/impl=aio/engine=io_uring":  150,
			"lang=c/impl=aio/engine=epoll":     100,
			"lang=go/impl=aio/engine=io_uring": 150,
		}),
		testWork(t, "/conns=4", map[string]float64{
			"lang=c/impl=aio/engine=io_uring": 50, "lang=c/impl=aio/engine=epoll": 100,
		}),
		testWork(t, "", map[string]float64{"lang=go/impl=sys": 100, "lang=go/impl=xsys": 100}),
		testWork(t, "/other=1", map[string]float64{"lang=go/impl=xsys": 100}),
	}}
	var out bytes.Buffer
	d.printSummary(&out, []field{{"goos", "linux"}, {"cpu", "a CPU"}, {"kernel", "6.1"}, {"commit", "abc"}, {"measured", "9 s"}})
	for _, want := range []string{
		"\nMeasured on a CPU, Linux 6.1, commit abc, in 9 s. A ratio is that of the times\nof an",
		"| io_uring and epoll | c aio io_uring / c aio epoll | go aio io_uring",
		"| X/depth=1 | 1.50 slower |  | 1.00 ~ |  |\n",
		"| X/conns=4 | 0.50 faster |  |  |  |\n",
		"| X/conns=4, CPU time | 0.50 faster |  |  |  |\n",
		"| X | 1.00 ~ |  |  |  |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, &out)
		}
	}
	for _, unwanted := range []string{"linux", "other", "bare ring", "X/depth=1, CPU"} {
		if strings.Contains(out.String(), unwanted) {
			t.Errorf("the summary has %q:\n%s", unwanted, &out)
		}
	}
}

func TestARowThatWasDroppedHasNoRatio(t *testing.T) {
	w := testWork(t, "", map[string]float64{"lang=go/impl=sys": 100, "lang=go/impl=xsys": 100})
	w.rows[0].dropped = skipped("not here")
	d := &driver{works: []*work{w}}
	var out bytes.Buffer
	d.printSummary(&out, nil)
	if strings.Contains(out.String(), "|") {
		t.Errorf("a table of nothing:\n%s", &out)
	}
}

func TestARatioThatIsTooUncertainHasItsInterval(t *testing.T) {
	w := testWork(t, "", map[string]float64{"lang=go/impl=sys": 30, "lang=go/impl=xsys": 100})
	first := w.find("go sys")
	for i := range first.ns {
		first.ns[i] *= 1 + 0.03*float64(i)
	}
	cell := w.summaryCell(pair{"go sys", "go xsys"}, func(r *row) []float64 { return r.ns })
	if ok, _ := regexp.MatchString(`^0\.3\d \(0\.3\d-0\.3\d\) unresolved$`, cell); !ok {
		t.Errorf("the cell is %q", cell)
	}
}

func TestTextIsFilledToTheWidth(t *testing.T) {
	for _, c := range [][2]string{
		{"", ""}, {"a\n b", "a b"}, {"aaa bb c", "aaa\nbb c"}, {"toolong a", "toolong\na"},
		{"a toolong", "a\ntoolong"},
	} {
		if got := fill(c[0], 4); got != c[1] {
			t.Errorf("fill(%q, 4) = %q, want %q", c[0], got, c[1])
		}
	}
}
