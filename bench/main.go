// SPDX-License-Identifier: MIT

// Command bench compares C with Go and io_uring with epoll on this kernel. It
// drives co-processes that hold the rows: shim-bench, rivals, newest, gorivals,
// cgorows and itself. README.md has the method; `make bench` builds and starts all of it.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"example.com/syshim/bench/gorows"
)

const usage = `usage: driver SHIM_BENCH       measure; BENCH and BENCHTIME as in make help
       driver coproc           be a co-process with the Go rows
`

func init() {
	// Co-processes end with the thread that started them: let it be the main
	// thread.
	runtime.LockOSThread()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var err error
	if os.Args[1] == "coproc" {
		err = gorows.Serve(os.Stdin, os.Stdout)
	} else {
		err = drive(os.Args[1], os.Getenv, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// drive measures what the environment asks for.
func drive(shimBench string, getenv func(string) string, out, log io.Writer) error {
	wish, err := parseWish(getenv("BENCHTIME"), getenv("BENCH"))
	if err != nil {
		return err
	}
	documents := strings.Fields(getenv("BENCHREPORT"))
	if len(documents) > 0 && wish.quick() {
		return errors.New("BENCHTIME=quick, or less, only shows that all runs: no report of it")
	}
	if err := checkDocuments(documents); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	file, err := makeTestFile(filepath.Dir(self))
	if err != nil {
		return err
	}
	defer file.Close()
	tiny, err := os.Open(filepath.Join(filepath.Dir(self), "tiny"))
	if err != nil {
		return err
	}
	defer tiny.Close()

	d := &driver{wish: wish, out: out, log: log, file: file, tiny: tiny}
	defer d.close()
	machine, err := d.prepareAll(shimBench, self)
	if err != nil {
		return err
	}
	var report bytes.Buffer
	for _, f := range machine {
		fmt.Fprintf(&report, "%s: %s\n", f.key, f.value)
	}
	fmt.Fprint(io.MultiWriter(out, log), &report)
	d.run()
	measured := field{"measured", fmt.Sprintf("%.0f s", d.spent.Seconds())}
	fmt.Fprintf(&report, "%s: %s\n", measured.key, measured.value)
	var table bytes.Buffer
	d.printTable(&table)
	fmt.Fprintf(log, "%s%s", &table, legend)
	var summary bytes.Buffer
	d.printSummary(&summary, append(machine, measured))
	err = writeDocuments(documents, []section{
		{reportBegin, "```\n" + report.String() + table.String() + "```\n"},
		{summaryBegin, summary.String()},
	})
	if err != nil {
		return err
	}
	if d.failed {
		return errors.New("there are rows that failed, see above")
	}
	return nil
}

// prepareAll finds the rows and says what the machine is.
func (d *driver) prepareAll(shimBench, self string) ([]field, error) {
	where, err := place()
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(self)
	programs := []program{
		{"shim-bench", []string{shimBench, "coproc"}, filepath.Join(dir, "shim-bench-count")},
		{"rivals", []string{filepath.Join(dir, "rivals"), "coproc"}, ""},
		{"gorivals", []string{filepath.Join(dir, "gorivals"), "coproc"}, ""},
		{"cgorows", []string{filepath.Join(dir, "cgorows"), "coproc"}, ""},
		{"gorows", []string{self, "coproc"}, ""},
	}
	// It is built only where the newest liburing could be fetched.
	newest := filepath.Join(dir, "newest")
	if _, err := os.Stat(newest); err == nil {
		programs = append(programs, program{"newest", []string{newest, "coproc"}, ""})
	} else {
		fmt.Fprintln(d.log, "skip BenchmarkRing*/lang=c/impl=liburing_newest: Debian's newest liburing could not be fetched")
	}
	compilers, err := d.findRows(programs, where)
	if err != nil {
		return nil, err
	}
	d.client = d.add("client", []string{shimBench, "coproc"}, &where.client)
	machine := append(describeMachine(d.file, filepath.Base(dir), where), compilers...)
	counting := "counted by perf, raw_syscalls:sys_enter"
	if d.trace, err = findTracepoint(); err != nil {
		counting = "counted at shim_syscall, in C only (" + err.Error() + ")"
	}
	return append(machine, field{"syscalls", counting}), nil
}
