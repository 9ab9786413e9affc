// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAnswersThatAreNotThoseOfTheProtocol(t *testing.T) {
	for line, want := range map[string]string{
		"":                   "unexpected answer",
		"okay 1 2":           "unexpected answer",
		"ok":                 "unexpected answer",
		"ok 1":               "unexpected answer",
		"ok 0 100":           "unexpected numbers",
		"ok 100 0":           "unexpected numbers",
		"ok -1 100":          "unexpected numbers",
		"ok 1e3 100":         "unexpected numbers",
		"ok 1 100 cpu":       `unexpected "cpu"`,
		"ok 1 100 cpu=x":     `unexpected "cpu=x"`,
		"fail read: errno 5": "read: errno 5",
		"skip no disk":       "no disk",
	} {
		_, err := parseSample(line)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", line, err, want)
		}
		var reason skipped
		if errors.As(err, &reason) != strings.HasPrefix(line, "skip") {
			t.Errorf("%q is a skip: %v", line, !strings.HasPrefix(line, "skip"))
		}
	}
	s, err := parseSample("ok 10 200 cpu=30 p50=4")
	if err != nil || s.ops != 10 || s.ns != 200 || s.keys["cpu"] != 30 || s.keys["p50"] != 4 {
		t.Errorf("sample %v, %v", s, err)
	}
}

// open are this process's descriptors and children.
func open(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		// The one that lists them is gone again.
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			found["fd "+fd.Name()] = to
		}
	}
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		for _, child := range strings.Fields(readLine(list)) {
			found["child"] = child
		}
	}
	return found
}

func TestACoprocThatDiesIsAnErrorAndStartsAgain(t *testing.T) {
	settle(t)
	before := open(t)
	p := testCoproc(t, "dies")
	for range 2 {
		_, err := p.ask("run 1 X", patience)
		if err == nil || !strings.Contains(err.Error(), `dies ended (exit status 7) when it was told "run 1 X"`) {
			t.Errorf("error %v", err)
		}
		if after := open(t); !maps.Equal(before, after) {
			t.Errorf("open before: %v, after: %v", before, after)
		}
		// It is there again when it is asked.
		if text, err := p.compiler(); err != nil || text != "test 1.0" {
			t.Errorf("compiler %q, %v", text, err)
		}
	}
	if err := p.stop(false); err != nil {
		t.Errorf("its end: %v", err)
	}
}

func TestACoprocThatHangsIsKilled(t *testing.T) {
	settle(t)
	before := open(t)
	p := testCoproc(t, "hangs")
	_, err := p.ask("run 1 X", 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "did not answer") {
		t.Errorf("error %v", err)
	}
	if after := open(t); !maps.Equal(before, after) {
		t.Errorf("open before: %v, after: %v", before, after)
	}
}

func TestAProgramThatIsNotThereIsNamed(t *testing.T) {
	settle(t)
	before := open(t)
	p := &coproc{name: "rivals", argv: []string{"/nonexistent/rivals"}}
	if _, err := p.compiler(); err == nil || !strings.Contains(err.Error(), "/nonexistent/rivals") {
		t.Errorf("error %v", err)
	}
	if after := open(t); !maps.Equal(before, after) {
		t.Errorf("open before: %v, after: %v", before, after)
	}
}

// settle has the runtime open what it keeps open.
func settle(t *testing.T) {
	t.Helper()
	p := testCoproc(t, "good")
	if _, err := p.compiler(); err != nil {
		t.Fatal(err)
	}
	p.stop(false)
}

// testDriver drives one co-process of each kind as the rivals of a work.
func testDriver(t *testing.T, kinds ...string) (d *driver, out, log *bytes.Buffer) {
	t.Helper()
	out, log = &bytes.Buffer{}, &bytes.Buffer{}
	d = &driver{wish: wish{time: 50 * time.Millisecond, runs: 6}, out: out, log: log}
	w := &work{name: "BenchmarkA"}
	for _, kind := range kinds {
		name := mustParse(t, "BenchmarkA/lang=c/impl="+kind)
		p := testCoproc(t, kind)
		w.rows = append(w.rows, &row{rowName: name, program: p, counter: p})
		d.programs = append(d.programs, p)
	}
	d.works = []*work{w}
	return d, out, log
}

var benchstatLine = regexp.MustCompile(`^Benchmark[^\s]+\t[1-9][0-9]*(\t[0-9.]+ [^\s]+)+$`)

func TestARowThatFailsLeavesTheOthers(t *testing.T) {
	d, out, log := testDriver(t, "libc", "shim", "dies", "talks", "skips", "fails")
	d.run()
	d.close()
	d.printTable(log)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 12 {
		t.Errorf("%d lines, want 6 of each of the two good rows", len(lines))
	}
	for _, line := range lines {
		if !benchstatLine.MatchString(line) || !strings.Contains(line, "123.45 ns/op") {
			t.Errorf("line %q", line)
		}
	}
	for _, want := range []string{
		`FAIL BenchmarkA/lang=c/impl=dies: dies ended (exit status 7)`,
		`FAIL BenchmarkA/lang=c/impl=talks: unexpected numbers in answer "ok many 17"`,
		`FAIL BenchmarkA/lang=c/impl=fails: read: input/output error`,
		`skip BenchmarkA/lang=c/impl=skips: no such device`,
		"1.00-1.00  c libc  ~",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if !d.failed {
		t.Error("failures are forgotten")
	}
}

func TestWhatIsNotCertainIsMeasuredAgain(t *testing.T) {
	sure, unsure, worst := &work{width: 0.05}, &work{width: 0.2}, &work{width: 0.9}
	for _, w := range []*work{sure, unsure, worst} {
		w.rows = make([]*row, 3)
	}
	d := &driver{wish: wish{time: time.Second}, works: []*work{sure, unsure, worst}}
	const budget = 10 * time.Millisecond
	for _, want := range []*work{worst, unsure, worst, unsure} {
		got := d.leastCertain(budget)
		if got != want {
			t.Fatalf("%+v is repeated, want %+v", got, want)
		}
		got.repeats++
	}
	d.spent = d.time - 2*3*budget + 1
	if got := d.leastCertain(budget); got != nil {
		t.Errorf("%+v is repeated beyond the time", got)
	}
	d.spent = 0
	unsure.width, worst.width = widest, 0
	if got := d.leastCertain(budget); got != nil {
		t.Errorf("%+v is repeated, which is certain", got)
	}
}

func TestASkipIsNoFailure(t *testing.T) {
	d, _, log := testDriver(t, "skips")
	d.run()
	d.printTable(log)
	if d.failed {
		t.Error(log)
	}
}

func TestAServerWhoseClientFailsIsEnded(t *testing.T) {
	settle(t)
	before := open(t)
	d, _, log := testDriver(t, "serves")
	r := d.works[0].rows[0]
	r.params = map[string]string{"conns": "4", "size": "8"}
	d.client = testCoproc(t, "client")
	d.programs = append(d.programs, d.client)
	d.run()
	d.close()
	if want := "client: connect: errno 111"; !strings.Contains(fmt.Sprint(r.dropped), want) {
		t.Errorf("dropped for %v, want %q; %s", r.dropped, want, log)
	}
	if after := open(t); !maps.Equal(before, after) {
		t.Errorf("open before: %v, after: %v", before, after)
	}
}

func TestCallsThatNothingCountsAreUnknown(t *testing.T) {
	d, _, _ := testDriver(t, "good", "counts-nothing")
	for i, want := range []float64{0, -1} {
		r := d.works[0].rows[i]
		r.guess = 100
		if calls, err := d.countCalls(r); calls != want || err != nil {
			t.Errorf("%s: %v calls, %v; want %v", r.full, calls, err, want)
		}
	}
}

func TestAServerThatTalksIsEnded(t *testing.T) {
	d, _, _ := testDriver(t, "talks")
	r := d.works[0].rows[0]
	r.params = map[string]string{"conns": "4", "size": "8"}
	if _, err := d.sample(r.program, r, "run", 1); err == nil {
		t.Error("an answer without a port was taken")
	}
	if r.program.pid() != 0 {
		t.Error("it still runs, and may say more that is not awaited")
	}
}

func TestBenchTimeIsATimeOrQuick(t *testing.T) {
	for text, want := range map[string]wish{
		"":      {120 * time.Second, 10, "x"},
		"quick": {20 * time.Second, 6, "x"},
		"90s":   {90 * time.Second, 10, "x"},
		"20s":   {20 * time.Second, 10, "x"},
		"500ms": {500 * time.Millisecond, 6, "x"},
	} {
		if got, err := parseWish(text, "x"); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1s", "fast", "20", "10us"} {
		if _, err := parseWish(text, ""); err == nil || !strings.Contains(err.Error(), "quick") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestTheTestFileHasNoNameAndKnowsItsOffsets(t *testing.T) {
	dir := t.TempDir()
	f, err := makeTestFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if names, err := os.ReadDir(dir); len(names) != 0 || err != nil {
		t.Errorf("in its directory: %v, %v", names, err)
	}
	var b [8]byte
	const at = 77 * blockSize
	if _, err := f.ReadAt(b[:], at); err != nil || binary.NativeEndian.Uint64(b[:]) != at {
		t.Errorf("at %d is %v, %v", at, b, err)
	}
}
