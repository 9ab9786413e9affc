// SPDX-License-Identifier: MIT

package main

import "slices"

// A program holds rows; counting is its build that counts system calls.
type program struct {
	name     string
	argv     []string
	counting string
}

// add makes a co-process, which runs on one CPU when cpu is not nil.
func (d *driver) add(name string, argv []string, cpu *int) *coproc {
	p := &coproc{name: name, argv: argv, file: d.file}
	if cpu != nil {
		p.cpus = cpuSet(*cpu)
	}
	d.programs = append(d.programs, p)
	return p
}

// findRows asks the programs for their rows and chooses among them. What the
// programs were made by, and what counts system calls, goes into machine.
func (d *driver) findRows(programs []program, where placement, machine *[]field) error {
	var rows []*row
	var compilers []string
	trace, err := findTracepoint()
	if err == nil {
		d.trace = trace
		*machine = append(*machine, field{"syscalls", "counted by perf, raw_syscalls:sys_enter"})
	} else {
		*machine = append(*machine, field{"syscalls", "counted at shim_syscall, in C (" + err.Error() + ")"})
	}
	for _, p := range programs {
		free := d.add(p.name, p.argv, nil)
		pinned := d.add(p.name, p.argv, &where.server)
		var counter *coproc
		if p.counting != "" {
			counter = d.add(p.name+"-count", append([]string{p.counting}, p.argv[1:]...), nil)
		}
		compiler, err := free.compiler()
		if err != nil {
			return err
		}
		if !slices.Contains(compilers, compiler) {
			compilers = append(compilers, compiler)
		}
		names, err := free.rows()
		if err != nil {
			return err
		}
		for _, name := range names {
			parsed, err := parseName(name)
			if err != nil {
				return err
			}
			r := &row{rowName: parsed, program: free, counter: counter}
			if r.isServer() {
				r.program = pinned
			}
			rows = append(rows, r)
		}
	}
	for _, c := range compilers {
		if len(c) > 2 && c[:2] != "go" {
			*machine = append(*machine, field{"compiler", c})
		}
	}
	d.works, err = choose(rows, d.glob)
	return err
}

const legend = `
time/op is the median of the rounds, ± half the width of its 95 % interval. A
ratio is the median of the rounds' ratios to the rival that "to" names, with its
95 % bootstrap interval: below 1 is faster. "~": the interval contains 1;
"slower" and "faster": wholly beyond 3 %; "unresolved": wider than 10 %.
`
