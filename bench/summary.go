// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A pair is two rivals of a work, the first to be compared with the second.
type pair struct{ first, second string }

// summaryTables are what the summary compares: a line for each work that has
// the first pair, a column for each pair.
var summaryTables = []struct {
	title string
	pairs []pair
}{
	{"io_uring and epoll", []pair{
		{"c aio io_uring", "c aio epoll"}, {"go aio io_uring", "go aio epoll"},
		{"go aio io_uring", "c aio io_uring"}, {"go aio epoll", "c aio epoll"},
	}},
	{"system calls", []pair{
		{"go sys", "go xsys"}, {"go sys", "go cgo"}, {"go sys", "c shim"}, {"c shim", "c libc"},
	}},
	{"the bare ring", []pair{{"c uring", "c liburing"}, {"go uring", "c uring"}}},
	{"starting a program", []pair{
		{"c shim", "c posix_spawn"}, {"go spawn", "go os_exec"}, {"go spawn", "c shim"},
	}},
}

// printSummary writes the ratios that most people come for, as Markdown.
func (d *driver) printSummary(out io.Writer, machine []field) {
	var facts []string
	for _, key := range []string{"cpu", "kernel", "compiler", "go", "commit"} {
		if i := slices.IndexFunc(machine, func(f field) bool { return f.key == key }); i >= 0 {
			facts = append(facts, key+" "+machine[i].value)
		}
	}
	fmt.Fprintf(out, "\nMeasured with %s. %s\n", strings.Join(facts, ", "), summaryLegend)
	for _, t := range summaryTables {
		lines := d.summaryLines(t.pairs)
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n| %s |", t.title)
		for _, p := range t.pairs {
			fmt.Fprintf(out, " %s / %s |", p.first, p.second)
		}
		fmt.Fprintf(out, "\n|%s\n", strings.Repeat("---|", len(t.pairs)+1))
		for _, line := range lines {
			fmt.Fprintf(out, "| %s |\n", strings.Join(line, " | "))
		}
	}
	fmt.Fprintln(out)
}

const summaryLegend = `A ratio is that of the times of an operation,
first to second, the median of neighbouring measurements: below 1 the first is
faster. ` + "`~`" + ` is noise (the 95 % interval contains 1), "within 3 %" is no result,
"unresolved" is too uncertain to quote.`

// summaryLines are the cells of the works that have the first pair. A server's
// work has a line for its CPU time, too: the time can be the client's.
func (d *driver) summaryLines(pairs []pair) [][]string {
	var lines [][]string
	add := func(name string, w *work, values func(*row) []float64) {
		line := []string{name}
		for _, p := range pairs {
			line = append(line, w.summaryCell(p, values))
		}
		if line[1] != "" {
			lines = append(lines, line)
		}
	}
	for _, w := range d.works {
		name := strings.TrimPrefix(w.name, "Benchmark")
		add(name, w, func(r *row) []float64 { return r.ns })
		if strings.Contains(name, "/conns=") {
			add(name+", CPU time", w, func(r *row) []float64 { return r.units["cpu-ns/op"] })
		}
	}
	return lines
}

// summaryCell is the ratio of a pair with its verdict, "" when one of them was
// not measured.
func (w *work) summaryCell(p pair, values func(*row) []float64) string {
	first, second := w.find(p.first), w.find(p.second)
	if first == nil || second == nil {
		return ""
	}
	a, b := values(first), values(second)
	if len(a) != len(b) || len(a) == 0 {
		return ""
	}
	e := compare(a, b)
	return fmt.Sprintf("%.2f %s", e.mid, e.verdict())
}
