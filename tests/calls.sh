#!/bin/sh
# SPDX-License-Identifier: MIT
#
# calls.sh DIRECTORY: shim-calls shows what a program asks of the kernel, and
# what a port to Go asks for otherwise. DIRECTORY is build/ARCH. In the form
# that run.sh reads.
set -u

. tests/report.sh

go=${GO:-go}
calls=$PWD/$1/shim-calls
out=$PWD/build/calls
gobind=$PWD/gobind
suite=calls log=$out/log

# ends STATUS COMMAND...: it must end so; what it prints goes to $out/printed.
ends() {
	wanted=$1
	shift
	timeout 60 "$@" >printed 2>&1
	got=$?
	[ $got -eq "$wanted" ] || {
		cat printed
		echo "exit status $got, not $wanted"
		return 1
	}
}

# Descriptors have the numbers that are left.
any_number() {
	sed 's/(\([0-9]*\)</(N</'
}

# says LINE...: printed has each of these lines.
says() {
	for line; do
		grep -qxF -e "$line" printed || {
			cat printed
			echo "no line: $line"
			return 1
		}
	done
}

## Two programs that append a line to a file

rm -rf "$out"
mkdir -p "$out/cgo" "$out/port" && cd "$out" || exit 1
cat >"$out/cgo/main.go" <<'END'
package main

/*
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int append(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, line, strlen(line)) < 0 || fsync(fd) < 0)
		return 1;
	return close(fd);
}
*/
import "C"
import "os"

func main() {
	if C.append(C.CString("notes"), C.CString("a line\n")) != 0 {
		os.Exit(3)
	}
}
END
cat >"$out/port/main.go" <<'END'
package main

import (
	"os"

	"example.com/syshim/gobind/sys"
)

func main() {
	flags := sys.O_WRONLY | sys.O_CREAT | sys.O_APPEND | sys.O_NOFOLLOW | sys.O_CLOEXEC
	line, sync := "a line\n", true
	for _, mistake := range os.Args[1:] {
		switch mistake {
		case "flag":
			flags &^= sys.O_NOFOLLOW
		case "byte":
			line = "a lime\n"
		case "fsync":
			sync = false
		case "order":
			sys.Umask(0o77)
			sys.Getppid()
		case "other order":
			sys.Getppid()
			sys.Umask(0o77)
		case "crash":
			sys.Kill(sys.Getpid(), 9)
		}
	}
	fd, err := sys.Open("notes", flags, 0o600)
	if err == nil {
		_, err = sys.Write(fd, []byte(line))
	}
	if err == nil && sync {
		err = sys.Fsync(fd)
	}
	if err == nil {
		err = sys.Close(fd)
	}
	if err != nil {
		os.Exit(3)
	}
}
END

# build CGO NAME FLAGS...: the program in that directory.
build() {
	cgo=$1
	name=$2
	shift 2
	(cd "$out/$name" && rm -f go.mod && "$go" mod init "example.com/$name" &&
		"$go" mod edit -require=example.com/syshim/gobind@v0.0.0 \
			"-replace=example.com/syshim/gobind=$gobind" &&
		CGO_ENABLED=$cgo GOPROXY=off "$go" build "$@" -o "../$name.out" .)
}

builds_the_port() {
	build 0 port
}

# As releases are: without symbols, also at any address.
builds_without_symbols() {
	build 0 port -ldflags=-s && cp port.out plain.out &&
		build 0 port -ldflags=-s -buildmode=pie
}

prints_a_program_without_symbols() {
	for program in plain.out port.out; do
		rm -f notes
		ends 0 "$calls" "./$program" && [ "$(grep -c '^[0-9]' printed)" -eq 5 ] &&
			! grep 'told by name' printed || return
	done
}

# Without the name of a section nothing is known of its functions.
tells_by_name_what_has_no_names() {
	objcopy --rename-section .text=.code plain.out nameless.out && rm -f notes &&
		ends 0 "$calls" ./nameless.out && grep -q 'told by name$' printed &&
		grep -q 'openat(AT_FDCWD, "notes"' printed
}

builds_cgo() {
	build 1 cgo
}

## Claims: one program

prints_calls() {
	ends 0 "$calls" -o trace ./port.out && sed 's/^[0-9]* //' trace | any_number >printed &&
		rm -f notes &&
		says "openat(AT_FDCWD, \"notes\", 0xa0441, 0600)" \
			"write(N<$out/notes>, \"a line\\n\", 7)" \
			"fsync(N<$out/notes>)" "close(N<$out/notes>)" \
			"exit_group(0)" && [ "$(grep -c '^[a-z]' printed)" -eq 5 ]
}

prints_all_calls() {
	ends 0 "$calls" -a ./port.out && grep -q 'mmap(.*Go runtime' printed &&
		grep -q '^[0-9]* prlimit64(.*start-up' printed
}

prints_children() {
	ends 0 "$calls" sh -c 'cat /dev/null; :' &&
		grep -q 'execve("[^"]*/cat", \["cat", "/dev/null"\], \[' printed &&
		grep -q 'openat(AT_FDCWD, "/dev/null", ' printed
}

passes_the_exit_status() {
	ends 7 "$calls" sh -c 'exit 7' && grep -q '^# exit status 7' printed
}

# A shell says 128 and the signal.
passes_death_by_a_signal() {
	ends 143 sh -c "$calls sh -c 'kill -TERM \$\$'; exit \$?" &&
		grep -q '^# killed by signal 15' printed
}

leaves_out_what_is_named() {
	ends 0 "$calls" -x fsync,close ./port.out && grep -q 'write(' printed &&
		! grep -E '(fsync|close)\(' printed
}

refuses_bad_usage() {
	ends 2 "$calls" && says 'usage: shim-calls [-a] [-o FILE] [-x CALLS] PROGRAM [ARGUMENT...]' &&
		ends 2 "$calls" --wrong true && ends 2 "$calls" -c true &&
		ends 2 "$calls" -c true -- && ends 2 "$calls" -c -- true &&
		ends 2 "$calls" -o no/such/file true &&
		ends 0 "$calls" -h && grep -q 'Exit status' printed
}

names_a_missing_program() {
	ends 127 "$calls" ./none && says 'shim-calls: ./none: No such file or directory' &&
		ends 2 "$calls" -c true -- ./none &&
		says 'shim-calls: ./none: No such file or directory'
}

says_that_it_cannot_run_under_itself() {
	ends 2 "$calls" -o trace "$calls" true &&
		grep -q 'no seccomp user notification here' printed
}

## Claims: two programs

# compare_with STATUS MISTAKE...: what differs goes to $out/lines.
compare_with() {
	wanted=$1
	shift
	rm -f notes
	ends "$wanted" "$calls" -c ./cgo.out -- ./port.out "$@" || return
	grep -v '^#' printed | any_number >lines
}

finds_a_port_the_same() {
	compare_with 0 && printf -- '--- ./cgo.out\n+++ ./port.out\n' | diff - lines
}

finds_the_forgotten_flag() {
	compare_with 1 flag && diff - lines <<-'END'
	--- ./cgo.out
	+++ ./port.out
	- openat(AT_FDCWD, "notes", 0xa0441, 0600)
	+ openat(AT_FDCWD, "notes", 0x80441, 0600)
	    flags: 0xa0441 and 0x80441; only the first has O_NOFOLLOW
	END
}

finds_a_wrong_byte() {
	compare_with 1 byte && diff - lines <<-END
	--- ./cgo.out
	+++ ./port.out
	- write(N<$out/notes>, "a line\n", 7)
	+ write(N<$out/notes>, "a lime\n", 7)
	    buf: "a line\n" and "a lime\n"
	END
}

finds_a_missing_call() {
	compare_with 1 fsync && diff - lines <<-END
	--- ./cgo.out
	+++ ./port.out
	- fsync(N<$out/notes>)
	END
}

compares_programs_without_symbols() {
	build 1 cgo -ldflags=-s && compare_with 0 && ! grep 'told by name' lines &&
		build 1 cgo
}

finds_another_order() {
	rm -f notes
	ends 1 "$calls" -c ./port.out order -- ./port.out 'other order' &&
		grep -q '^# 6 calls are the same, 2 differ' printed &&
		ends 0 "$calls" -cu ./port.out order -- ./port.out 'other order'
}

finds_a_crash() {
	compare_with 1 crash && says '- exit status 0' '+ killed by signal 9 (Killed)'
}

compares_children() {
	ends 1 "$calls" -c sh -c 'cat /dev/null; :' -- sh -c 'cat /proc/version; :' &&
		says '@@ process 2 @@' &&
		grep -q '^+ openat(AT_FDCWD, "/proc/version"' printed
}

check builds_the_port builds_the_port
check prints_calls prints_calls
check prints_all_calls prints_all_calls
check prints_children prints_children
check passes_the_exit_status passes_the_exit_status
check passes_death_by_a_signal passes_death_by_a_signal
check leaves_out_what_is_named leaves_out_what_is_named
check refuses_bad_usage refuses_bad_usage
check names_a_missing_program names_a_missing_program
check says_that_it_cannot_run_under_itself says_that_it_cannot_run_under_itself
check compares_children compares_children
check finds_another_order finds_another_order
check builds_without_symbols builds_without_symbols
check prints_a_program_without_symbols prints_a_program_without_symbols
check tells_by_name_what_has_no_names tells_by_name_what_has_no_names
if [ "$(CGO_ENABLED='' "$go" env CGO_ENABLED)" = 1 ]; then
	check builds_cgo builds_cgo
	check finds_a_port_the_same finds_a_port_the_same
	check finds_the_forgotten_flag finds_the_forgotten_flag
	check finds_a_wrong_byte finds_a_wrong_byte
	check finds_a_missing_call finds_a_missing_call
	check finds_a_crash finds_a_crash
	check compares_programs_without_symbols compares_programs_without_symbols
else
	skip finds_the_forgotten_flag "no cgo here: Go finds no C compiler"
fi

closing
