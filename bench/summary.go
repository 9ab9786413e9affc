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
		{"c shim", "c vfork"}, {"c shim", "c posix_spawn"}, {"c shim", "c fork"},
		{"go spawn", "go os_exec"}, {"go spawn", "c shim"},
	}},
}

// printSummary writes the ratios that most people come for, as Markdown.
func (d *driver) printSummary(out io.Writer, machine []field) {
	fmt.Fprintf(out, "\n%s\n", fill(setting(machine)+summaryLegend, 80))
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

const summaryLegend = `A ratio is that of the times of an operation, first to
second, the median of neighbouring measurements: below 1 the first is faster.
` + "`~`" + ` is noise (the 95 % interval contains 1), "within 3 %" is no result, and
"unresolved" has an interval, given here, that is too wide to quote the ratio.`

// setting is a sentence about where, with what and how long was measured.
func setting(machine []field) string {
	var facts []string
	for _, f := range [][2]string{
		{"cpu", "on "}, {"kernel", "Linux "}, {"compiler", ""}, {"go", ""},
		{"commit", "commit "}, {"measured", "in "},
	} {
		if i := slices.IndexFunc(machine, func(m field) bool { return m.key == f[0] }); i >= 0 {
			facts = append(facts, f[1]+machine[i].value)
		}
	}
	if len(facts) == 0 {
		return ""
	}
	return "Measured " + strings.Join(facts, ", ") + ". "
}

// fill breaks a text into lines of at most that many bytes where words allow it.
func fill(text string, most int) string {
	var b strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case used == 0:
		case used+1+len(word) > most:
			b.WriteByte('\n')
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String()
}

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

// summaryCell is the ratio of a pair with its verdict, and with its interval when
// that is too wide: it may lie far from 1 all the same. "" when one of them was
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
	if v := e.verdict(); v != unresolved {
		return fmt.Sprintf("%s %s", ratio(e.mid), v)
	}
	return fmt.Sprintf("%s (%s-%s) %s", ratio(e.mid), ratio(e.low), ratio(e.high), unresolved)
}
