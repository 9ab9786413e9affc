// SPDX-License-Identifier: MIT

// Sysvendor copies system calls out of this module into a package of yours: the
// chosen names of package sys with everything that they need, and nothing else.
// The copy imports the standard library only, builds without cgo and without a
// network, and needs no C compiler. Go 1.24 or later compiles it.
//
//	sysvendor -dest DIR -import PATH NAME...
//	sysvendor -check [DIR]
//	sysvendor -update [DIR]
//
// The first form writes the package PATH, whose files are in DIR, for example
//
//	sysvendor -dest internal/sys -import example.org/app/internal/sys Pipe2 Read
//	sysvendor -dest internal/sys -import example.org/app/internal/sys 'IoUring*' 'IORING_*'
//	sysvendor -dest internal/sys -import example.org/app/internal/sys aio Pipe2
//
// Without an installed sysvendor, "go run example.com/syshim/gobind/cmd/sysvendor"
// is the command, in a module that requires this one or in none with @latest
// behind it.
//
// # Names
//
// A NAME is one of:
//
//   - an exported name of package sys: a function, a type or a constant. A type
//     comes with its methods. A function comes with the types of its signature
//     and with the groups of constants whose comment names its system call:
//     MemfdCreate with "Flags of memfd_create".
//   - a pattern of such names, with *, ? and [a-z] as in a shell.
//   - a package of this module: uring, aio and so on. It is copied whole, to a
//     directory of its own in DIR, with the packages below it and what they use
//     of sys. The name sys stands for all of that package.
//
// The package that is made of sys is called as the last element of PATH.
//
// # Files
//
// Files keep their names, comments and build constraints; each begins with the
// version of this module, the licence and the command. DIR must not exist, be
// empty, or hold a copy, which is replaced. Files in it that sysvendor has not
// written, tests for instance, are left alone. A call that fails changes
// nothing.
//
// # Check and update
//
// With -check, sysvendor makes the copy in DIR (the current directory, if none
// is given) once more, by the command that its files name, and compares. It
// names each file that differs, and exits with status 1. With -update it
// replaces the copy by what this version makes of that command.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/syshim/gobind"
)

const usage = `usage: sysvendor -dest DIR -import PATH NAME...
       sysvendor -check [DIR]
       sysvendor -update [DIR]

A NAME is an exported name of package sys (Pipe2, O_CLOEXEC), a pattern of them
('IORING_*'), or a whole package: %s.
`

// errUsage is a wrong command line: what is missing stands before the usage.
var errUsage = errors.New("wrong usage")

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case errors.Is(err, errDiffers):
		os.Exit(1)
	default:
		fmt.Fprintf(os.Stderr, "sysvendor: %v\n", err)
		os.Exit(1)
	}
}

// run does what args say, and writes what was done to stdout.
func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("sysvendor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, usage, strings.Join(packages(gobind.Sources), ", "))
	}
	dest := flags.String("dest", "", "")
	path := flags.String("import", "", "")
	check := flags.Bool("check", false, "")
	update := flags.Bool("update", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	wrong := func(what string) error {
		fmt.Fprintf(stderr, "sysvendor: %s\n", what)
		flags.Usage()
		return errUsage
	}
	if *check || *update {
		if *check && *update || *dest != "" || *path != "" || flags.NArg() > 1 {
			return wrong("-check and -update stand alone, before one directory")
		}
		dir := flags.Arg(0)
		if dir == "" {
			dir = "."
		}
		if *check {
			return compare(dir, stdout)
		}
		return renew(dir, stdout)
	}
	cmd := command{path: *path, names: strings.Fields(strings.Join(flags.Args(), " "))}
	switch {
	case *dest == "":
		return wrong("-dest is missing: the directory to write")
	case *path == "":
		return wrong("-import is missing: the import path of that directory")
	case len(cmd.names) == 0:
		return wrong("no names are given")
	}
	return vendor(*dest, cmd, stdout)
}
