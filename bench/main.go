// SPDX-License-Identifier: MIT

// Command bench compares C with Go and io_uring with epoll on this kernel. It
// drives co-processes that hold the rows: shim-bench, rivals, cgorows and
// itself. README.md has the method; `make bench` builds and starts all of it.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

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
	self, err := os.Executable()
	if err != nil {
		return err
	}
	where, err := place()
	if err != nil {
		return err
	}
	dir := filepath.Dir(self)
	file, err := makeTestFile(dir)
	if err != nil {
		return err
	}
	defer file.Close()

	d := &driver{wish: wish, out: out, log: log, file: file}
	defer d.close()
	machine := describeMachine(file, filepath.Base(dir), where)
	err = d.findRows([]program{
		{"shim-bench", []string{shimBench, "coproc"}, filepath.Join(dir, "shim-bench-count")},
		{"rivals", []string{filepath.Join(dir, "rivals"), "coproc"}, ""},
		{"cgorows", []string{filepath.Join(dir, "cgorows"), "coproc"}, ""},
		{"gorows", []string{self, "coproc"}, ""},
	}, where, &machine)
	if err != nil {
		return err
	}
	d.client = d.add("client", []string{shimBench, "coproc"}, &where.client)
	for _, f := range machine {
		fmt.Fprintf(out, "%s: %s\n", f.key, f.value)
		fmt.Fprintf(log, "%s: %s\n", f.key, f.value)
	}
	d.run()
	d.printTable(log)
	fmt.Fprint(log, legend)
	if d.failed {
		return fmt.Errorf("there are rows that failed, see above")
	}
	return nil
}
