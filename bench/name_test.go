// SPDX-License-Identifier: MIT

package main

import (
	"strconv"
	"strings"
	"testing"

	"example.com/syshim/bench/gorows"
)

func mustParse(t *testing.T, full string) rowName {
	t.Helper()
	n, err := parseName(full)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestANameIsAWorkAndARival(t *testing.T) {
	n := mustParse(t, "BenchmarkEcho/lang=go/impl=aio/engine=epoll/conns=64/size=128")
	if n.work != "BenchmarkEcho/conns=64/size=128" || n.rival() != "go aio epoll" {
		t.Errorf("work %q, rival %q", n.work, n.rival())
	}
	if !n.isServer() || n.param("size") != 128 {
		t.Errorf("server %v, size %d", n.isServer(), n.param("size"))
	}
	for _, bad := range []string{
		"", "Getppid/lang=c/impl=shim", "BenchmarkX", "BenchmarkX/lang=c",
		"BenchmarkX/lang=c/impl", "BenchmarkX/lang=c/impl=", "BenchmarkX/lang=c/impl=a b",
	} {
		if _, err := parseName(bad); err == nil {
			t.Errorf("%q was taken for a name", bad)
		}
	}
}

func TestReferencesAreThoseOfTheManual(t *testing.T) {
	for rival, want := range map[string][2]string{
		"lang=c/impl=shim":                 {"c libc", ""},
		"lang=c/impl=libc":                 {"", ""},
		"lang=go/impl=sys":                 {"go xsys", "c shim"},
		"lang=go/impl=syscall":             {"go xsys", ""},
		"lang=go/impl=cgo":                 {"go xsys", "c libc"},
		"lang=go/impl=xsys":                {"", ""},
		"lang=c/impl=aio/engine=io_uring":  {"c aio epoll", ""},
		"lang=c/impl=aio/engine=epoll":     {"", ""},
		"lang=go/impl=aio/engine=io_uring": {"go aio epoll", "c aio io_uring"},
		"lang=go/impl=aio/engine=epoll":    {"", "c aio epoll"},
		"lang=go/impl=net":                 {"go aio epoll", ""},
		"lang=go/impl=os":                  {"go aio epoll", ""},
		"lang=c/impl=uring":                {"c liburing", "c liburing_newest"},
		"lang=c/impl=fio":                  {"c liburing", ""},
		"lang=c/impl=liburing":             {"", ""},
		"lang=go/impl=uring":               {"go aio io_uring", "c uring"},
		"lang=go/impl=gnet":                {"go aio epoll", ""},
		"lang=go/impl=netpoll":             {"go aio epoll", ""},
		"lang=c/impl=posix_spawn":          {"", ""},
		"lang=go/impl=spawn":               {"go os_exec", "c shim"},
		"lang=go/impl=os_exec":             {"", ""},
		"lang=go/impl=forkexec":            {"go os_exec", ""},
	} {
		n := mustParse(t, "BenchmarkX/"+rival)
		if got := [2]string{n.reference(), n.twin()}; got != want {
			t.Errorf("%s: %q, want %q", rival, got, want)
		}
	}
}

func TestSpawnIsComparedWithWhatLibcHas(t *testing.T) {
	for row, want := range map[string][2]string{
		"impl=shim/ns=none":        {"c posix_spawn", "c vfork"},
		"impl=shim/ns=user":        {"c fork", "c vfork"},
		"impl=vfork/ns=none":       {"c posix_spawn", ""},
		"impl=fork/ns=none":        {"c posix_spawn", ""},
		"impl=fork/ns=user":        {"", ""},
		"impl=vfork/ns=user":       {"c fork", ""},
		"impl=posix_spawn/ns=none": {"", ""},
	} {
		n := mustParse(t, "BenchmarkSpawn/lang=c/"+row)
		if got := [2]string{n.reference(), n.twin()}; got != want {
			t.Errorf("%s: %q, want %q", row, got, want)
		}
	}
}

func TestReadingOneByOneIsComparedWithTheRing(t *testing.T) {
	n := mustParse(t, "BenchmarkRingRead/lang=c/impl=libc/depth=32")
	if got := n.reference(); got != "c uring" {
		t.Errorf("%q", got)
	}
}

func TestEveryGoRowHasAName(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range gorows.Rows {
		if n := mustParse(t, r.Name); n.lang != "go" {
			t.Errorf("%s is no Go row", r.Name)
		}
		if seen[r.Name] {
			t.Errorf("%s stands twice", r.Name)
		}
		seen[r.Name] = true
	}
}

// testRows makes rows of names.
func testRows(t *testing.T, names ...string) []*row {
	t.Helper()
	var rows []*row
	for _, name := range names {
		rows = append(rows, &row{rowName: mustParse(t, name)})
	}
	return rows
}

func TestWithoutBenchTheFirstWorksRun(t *testing.T) {
	var names []string
	for i := range maxWorks + 2 {
		name := "BenchmarkA/lang=c/impl=shim/size=" + strconv.Itoa(i)
		names = append(names, name, strings.Replace(name, "shim", "libc", 1))
	}
	rows := testRows(t, names...)
	for glob, want := range map[string]int{"": maxWorks, "*": maxWorks + 2, "*=17": 1} {
		if works, err := choose(rows, glob); len(works) != want || err != nil {
			t.Errorf("BENCH=%s: %d works, %v; want %d", glob, len(works), err, want)
		}
	}
}

func TestBenchChoosesRowsAcrossWorks(t *testing.T) {
	rows := testRows(t, "BenchmarkA/lang=c/impl=shim/size=1", "BenchmarkB/lang=c/impl=shim",
		"BenchmarkA/lang=c/impl=libc/size=1", "BenchmarkA/lang=c/impl=shim/size=2")
	for glob, want := range map[string]string{
		"":               "BenchmarkA/size=1:2 BenchmarkA/size=2:1 BenchmarkB:1",
		"*impl=shim*":    "BenchmarkA/size=1:1 BenchmarkA/size=2:1 BenchmarkB:1",
		"BenchmarkA*=1":  "BenchmarkA/size=1:2",
		"*/lang=c/*libc": "",
	} {
		works, err := choose(rows, glob)
		var got []string
		for _, w := range works {
			got = append(got, w.name+":"+string(rune('0'+len(w.rows))))
		}
		if text := strings.Join(got, " "); text != want || (err != nil) != (want == "") {
			t.Errorf("BENCH=%s: %q, %v; want %q", glob, text, err, want)
		}
	}
	if _, err := choose(append(rows, rows[0]), ""); err == nil {
		t.Error("a row that stands twice was taken")
	}
}
