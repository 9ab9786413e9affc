// SPDX-License-Identifier: MIT

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// A wish is what the environment asks for.
type wish struct {
	time time.Duration
	runs int
	glob string
}

const (
	quickTime = 20 * time.Second
	quickRuns = 6
	runs      = 10
)

// quick tells whether the figures are good for nothing.
func (w *wish) quick() bool { return w.runs < runs }

// parseWish reads BENCHTIME and BENCH.
func parseWish(benchtime, glob string) (wish, error) {
	w := wish{120 * time.Second, runs, glob}
	switch benchtime {
	case "":
	case "quick":
		w.time, w.runs = quickTime, quickRuns
	default:
		d, err := time.ParseDuration(benchtime)
		if err != nil || d < time.Millisecond {
			return w, fmt.Errorf("BENCHTIME=%s: write a time as 90s, 2m or 500ms, or quick", benchtime)
		}
		w.time = d
		// No time for more rounds is no time for figures.
		if d < quickTime {
			w.runs = quickRuns
		}
	}
	return w, nil
}

// A driver measures works by its co-processes.
type driver struct {
	wish
	// out gets benchstat's lines and nothing else, log the rest.
	out, log io.Writer
	// file is what rows read, tiny what they start.
	file, tiny *os.File
	client     *coproc
	// programs are all co-processes, client too.
	programs []*coproc
	trace    *tracepoint

	works []*work
	// spent is the time that was measured.
	spent  time.Duration
	failed bool
}

// close ends all co-processes.
func (d *driver) close() {
	for _, p := range d.programs {
		p.stop(false)
	}
}

// share is how much of the time the first pass takes; repeats have the rest, so
// many rounds at a time.
const (
	share        = 0.8
	repeatRounds = 2
)

// sampleTime is how long a sample lasts.
func (d *driver) sampleTime() time.Duration {
	rows := 0
	for _, w := range d.works {
		for _, r := range w.rows {
			if r.dropped == nil {
				rows++
			}
		}
	}
	t := time.Duration(share * float64(d.time) / float64(max(1, rows*d.runs)))
	return max(t, time.Microsecond)
}

// run measures everything: what a call costs and how many there are, then the
// rounds, then the rounds of what is not certain once more.
func (d *driver) run() {
	budget := d.sampleTime()
	for i, w := range d.works {
		fmt.Fprintf(d.log, "[%d/%d] %s: %d rows\n", i+1, len(d.works), w.name, len(w.rows))
		for _, r := range w.rows {
			d.prepare(w, r, budget)
		}
		d.rounds(w, d.runs, budget)
	}
	for {
		w := d.leastCertain(budget)
		if w == nil {
			break
		}
		w.repeats++
		d.rounds(w, repeatRounds, budget)
	}
	for _, w := range d.works {
		if w.repeats > 0 {
			fmt.Fprintf(d.log, "%s: %d rounds more\n", w.name, w.repeats*repeatRounds)
		}
	}
}

// leastCertain returns the work to repeat: of those that were repeated least
// the one with the widest interval; nil when all are certain or the time is up.
func (d *driver) leastCertain(budget time.Duration) *work {
	left := d.time - d.spent
	var found *work
	for _, w := range d.works {
		takes := budget * time.Duration(len(w.rows)*repeatRounds)
		if w.width <= widest || takes > left {
			continue
		}
		if found == nil || w.repeats < found.repeats ||
			w.repeats == found.repeats && w.width > found.width {
			found = w
		}
	}
	return found
}

// drop ends the measuring of a row.
func (d *driver) drop(r *row, err error) {
	r.dropped = err
	var reason skipped
	word := "skip"
	if !errors.As(err, &reason) {
		word = "FAIL"
		d.failed = true
	}
	fmt.Fprintf(d.log, "%s %s: %v\n", word, r.full, err)
}

// prepare warms up, and counts system calls, where the time does not matter.
func (d *driver) prepare(w *work, r *row, budget time.Duration) {
	r.calls, r.units = -1, map[string][]float64{}
	if r.params["cache"] == "page" {
		if err := warm(d.file); err != nil {
			d.drop(r, err)
			return
		}
	}
	s, err := d.sample(r.program, r, "run", int64(max(budget/8, time.Millisecond)))
	if err != nil {
		d.drop(r, err)
		return
	}
	r.guess = float64(s.ns) / float64(s.ops)
	r.calls, err = d.countCalls(r)
	if err != nil {
		d.drop(r, err)
	}
}

// countTime is how long a number of operations for the counter should last,
// countMost how long it may to be exact, and countRuns how often it counts.
const (
	countTime = 10 * time.Millisecond
	countMost = 50 * time.Millisecond
	countRuns = 3
)

// countCalls returns the system calls of an operation, negative when nothing
// can count them. They are those of 2n operations less those of n, so that
// setting up does not count, and the median of some runs, for a runtime and
// batching have their moods.
func (d *driver) countCalls(r *row) (float64, error) {
	if d.trace == nil && r.counter == nil {
		return -1, nil
	}
	n := int64(float64(countTime) / r.guess)
	// What the co-process does between samples is a call more or less.
	atLeast := max(4, min(256, int64(float64(countMost)/r.guess)))
	n = max(n, atLeast, 16*int64(max(r.param("conns"), r.param("depth"))))
	runs := make([]float64, countRuns)
	for i := range runs {
		once, err := d.countOnce(r, n)
		if err != nil || once < 0 {
			return -1, err
		}
		twice, err := d.countOnce(r, 2*n)
		if err != nil {
			return -1, err
		}
		runs[i] = (twice - once) / float64(n)
	}
	return max(0, median(runs)), nil
}

// countOnce returns how many system calls so many operations make, negative when
// the row cannot say.
func (d *driver) countOnce(r *row, ops int64) (float64, error) {
	if d.trace == nil {
		s, err := d.sample(r.counter, r, "ops", ops)
		if calls, ok := s.keys["calls"]; ok {
			return calls, err
		}
		return -1, err
	}
	calls, err := d.trace.count(r.program.pid(), func() error {
		_, err := d.sample(r.program, r, "ops", ops)
		return err
	})
	return float64(calls), err
}

// rounds measures every row of a work so many times. Each round begins with
// another row.
func (d *driver) rounds(w *work, n int, budget time.Duration) {
	for round := range n {
		for i := range w.rows {
			r := w.rows[(i+round)%len(w.rows)]
			if r.dropped != nil {
				continue
			}
			start := time.Now()
			s, err := d.sample(r.program, r, "run", int64(budget))
			d.spent += time.Since(start)
			if err != nil {
				d.drop(r, err)
				continue
			}
			r.note(s)
			fmt.Fprintln(d.out, r.line(s))
		}
	}
	w.width = w.widest()
}

// sample measures a row once; how is run or ops, with a time or a number.
func (d *driver) sample(p *coproc, r *row, how string, n int64) (sample, error) {
	within := patience
	if how == "run" {
		within += 4 * time.Duration(n)
	}
	command := fmt.Sprintf("%s %d %s", how, n, r.full)
	if r.isServer() {
		return d.sampleServer(p, r, command, fmt.Sprintf("client %s %d", how, n), within)
	}
	line, err := p.ask(command, within)
	if err != nil {
		return sample{}, err
	}
	return parseSample(line)
}

// sampleServer has the client make load for a server. The times are those that
// the client saw, the rest is the server's, for an operation.
func (d *driver) sampleServer(p *coproc, r *row, command, load string, within time.Duration) (sample, error) {
	line, err := p.ask(command, within)
	if err != nil {
		return sample{}, err
	}
	text, ok := strings.CutPrefix(line, "port ")
	if !ok {
		_, err := parseSample(line)
		var reason skipped
		if !errors.As(err, &reason) {
			// Whatever it does now, it is not what we know.
			p.stop(true)
		}
		return sample{}, cmp.Or(err, fmt.Errorf("unexpected answer %q", line))
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		p.stop(true)
		return sample{}, fmt.Errorf("unexpected answer %q", line)
	}
	load = fmt.Sprintf("%s %d %d %d", load, port, r.param("conns"), r.param("size"))
	line, err = d.client.ask(load, within)
	if err == nil {
		var s sample
		s, err = parseSample(line)
		if err == nil {
			return d.finishServer(p, command, s, within)
		}
	}
	// The server may wait for a client for ever.
	p.stop(true)
	return sample{}, fmt.Errorf("client: %w", err)
}

func (d *driver) finishServer(p *coproc, command string, client sample, within time.Duration) (sample, error) {
	line, err := p.receive(command, within)
	if err != nil {
		return sample{}, err
	}
	server, err := parseSample(line)
	if err != nil {
		return sample{}, err
	}
	for key, value := range server.keys {
		if key != "calls" {
			value *= float64(client.ops) / float64(server.ops)
		}
		client.keys[key] = value
	}
	return client, nil
}
