// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"slices"
	"strings"
)

// A program holds rows; counting is its build that counts system calls.
type program struct {
	name     string
	argv     []string
	counting string
}

// add makes a co-process, which runs on one CPU when cpu is not nil.
func (d *driver) add(name string, argv []string, cpu *int) *coproc {
	p := &coproc{name: name, argv: argv, files: []*os.File{d.file, d.tiny}}
	if cpu != nil {
		p.cpus = cpuSet(*cpu)
	}
	d.programs = append(d.programs, p)
	return p
}

// findRows asks the programs for their rows and chooses among them. It returns
// what the C programs were compiled by.
func (d *driver) findRows(programs []program, where placement) ([]field, error) {
	var rows []*row
	var compilers []field
	for _, p := range programs {
		free := d.add(p.name, p.argv, nil)
		text, err := free.compiler()
		if err != nil {
			return nil, err
		}
		f := field{"compiler", text}
		if !strings.HasPrefix(text, "go") && !slices.Contains(compilers, f) {
			compilers = append(compilers, f)
		}
		more, err := d.rowsOf(p, free, where)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	works, err := choose(rows, d.glob)
	d.works = works
	return compilers, err
}

// rowsOf returns the rows of a program, with the co-processes that measure
// them: servers have a CPU.
func (d *driver) rowsOf(p program, free *coproc, where placement) ([]*row, error) {
	names, err := free.rows()
	if err != nil {
		return nil, err
	}
	pinned := d.add(p.name, p.argv, &where.server)
	var counter *coproc
	if p.counting != "" {
		counter = d.add(p.name+"-count", append([]string{p.counting}, p.argv[1:]...), nil)
	}
	var rows []*row
	for _, name := range names {
		parsed, err := parseName(name)
		if err != nil {
			return nil, err
		}
		r := &row{rowName: parsed, program: free, counter: counter}
		if r.isServer() {
			r.program = pinned
		}
		rows = append(rows, r)
	}
	return rows, nil
}
