// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// perOp are the keys of a sample that are sums over its operations, and
// perSample those that are not, with their units.
var (
	perOp = [][2]string{
		{"cpu", "cpu-ns/op"}, {"bytes", "B/op"}, {"allocs", "allocs/op"},
	}
	perSample = [][2]string{{"p50", "p50-ns"}, {"p99", "p99-ns"}}
)

// note keeps what a sample said.
func (r *row) note(s sample) {
	r.ns = append(r.ns, float64(s.ns)/float64(s.ops))
	for _, u := range s.units() {
		r.units[u.unit] = append(r.units[u.unit], u.value)
	}
}

type measured struct {
	unit  string
	value float64
}

// units are a sample's values beside ns/op.
func (s *sample) units() []measured {
	var all []measured
	for _, k := range perSample {
		if v, ok := s.keys[k[0]]; ok {
			all = append(all, measured{k[1], v})
		}
	}
	for _, k := range perOp {
		if v, ok := s.keys[k[0]]; ok {
			all = append(all, measured{k[1], v / float64(s.ops)})
		}
	}
	return all
}

// line is a sample in the format that benchstat reads.
func (r *row) line(s sample) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\t%d\t%.2f ns/op", r.full, s.ops, float64(s.ns)/float64(s.ops))
	for _, u := range s.units() {
		fmt.Fprintf(&b, "\t%s %s", short(u.value), u.unit)
	}
	if r.calls >= 0 {
		fmt.Fprintf(&b, "\t%s syscalls/op", short(r.calls))
	}
	return b.String()
}

// short writes a number with at most two decimals.
func short(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// scale writes nanoseconds so that three to four digits stand.
func scale(ns float64) string {
	for _, unit := range []string{"ns", "us", "ms"} {
		if ns < 9999.5 {
			switch {
			case ns < 99.95:
				return fmt.Sprintf("%.1f %s", ns, unit)
			default:
				return fmt.Sprintf("%.0f %s", ns, unit)
			}
		}
		ns /= 1000
	}
	return fmt.Sprintf("%.1f s", ns)
}

var columns = []string{
	"", "time/op", "±", "cpu/op", "p50", "p99", "syscalls/op", "B/op", "allocs/op",
	"ratio", "interval", "to", "verdict", "ratio", "interval", "to", "verdict",
}

// printTable writes the table of all works.
func (d *driver) printTable(out io.Writer) {
	for _, w := range d.works {
		var rows [][]string
		for _, r := range w.rows {
			if r.dropped == nil && len(r.ns) > 0 {
				rows = append(rows, w.cells(r))
			}
		}
		if len(rows) == 0 {
			continue
		}
		head := append([]string{}, columns...)
		head[0] = strings.TrimPrefix(w.name, "Benchmark")
		fmt.Fprintln(out)
		align(out, append([][]string{head}, rows...))
	}
}

// cells are a row's values, in the order of the columns.
func (w *work) cells(r *row) []string {
	time := estimateMedian(r.ns)
	cells := []string{
		r.rival(), scale(time.mid), fmt.Sprintf("%.0f%%", 100*time.width()/2),
	}
	for _, unit := range []string{"cpu-ns/op", "p50-ns", "p99-ns"} {
		cell := ""
		if v := r.units[unit]; len(v) > 0 {
			cell = scale(estimateMedian(v).mid)
		}
		cells = append(cells, cell)
	}
	calls := "n/a"
	if r.calls >= 0 {
		calls = short(r.calls)
	}
	cells = append(cells, calls)
	for _, unit := range []string{"B/op", "allocs/op"} {
		cell := ""
		if v := r.units[unit]; len(v) > 0 {
			cell = short(estimateMedian(v).mid)
		}
		cells = append(cells, cell)
	}
	for _, rival := range []string{r.reference(), r.twin()} {
		e, ok := w.against(r, rival)
		if !ok {
			cells = append(cells, "", "", "", "")
			continue
		}
		cells = append(cells, ratio(e.mid), ratio(e.low)+"-"+ratio(e.high), rival, string(e.verdict()))
	}
	return cells
}

// align writes columns, without those that only the heading has.
func align(out io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell), utf8.RuneCountInString(rows[0][i]))
			}
		}
	}
	widths[0] = max(widths[0], len(rows[0][0]))
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			// Words to the left, numbers to the right.
			if c := columns[i]; c == "" || c == "to" || c == "verdict" {
				line += cell + pad + "  "
			} else {
				line += pad + cell + "  "
			}
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

const legend = `
time/op is the median of the rounds, ± half the width of its 95 % interval. A
ratio is the median of the rounds' ratios to the rival that "to" names, with its
95 % bootstrap interval: below 1 is faster. "~": the interval contains 1;
"slower" and "faster": wholly beyond 3 %; "unresolved": wider than 10 %.
`

// ratio has two digits behind the point; more where these say nothing.
func ratio(r float64) string {
	if r < 0.1 {
		return fmt.Sprintf("%.4f", r)
	}
	return fmt.Sprintf("%.2f", r)
}
