#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh OUT: the benchmark's programs as a user starts them; OUT is where
# make has put shim-bench. Times do not matter here, only that all rows run.
set -u

. tests/report.sh

out=$(cd "$1" && pwd) || exit 1
shim_bench=$out/shim-bench
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
mkdir here
suite=bench.sh log=$dir/log

# says STATUS TEXT COMMAND...: ends with it, and says so on stderr.
says() {
	want=$1 text=$2
	shift 2
	"$@" >stdout 2>stderr
	status=$?
	cat stdout stderr
	[ $status -eq "$want" ] && grep -qF -- "$text" stderr && [ ! -s stdout ]
}

# lines FILE: nothing but benchstat's lines and configuration.
lines() {
	! grep -vE '^Benchmark[^	 ]+	[1-9][0-9]*(	[0-9]+(\.[0-9]+)? [a-zA-Z0-9/-]+)+$|^[a-z-]+: .*$' "$1"
}

# every LIST FILE: each row of the list has a line.
every() {
	while read -r row; do
		grep -qF "$row	" "$2" || {
			echo "no line: $row"
			return 1
		}
	done <"$1"
}

help_is_help() {
	"$shim_bench" help | grep -q BENCHTIME && "$shim_bench" --help | grep -q BENCH=
}

alone() {
	(cd here && BENCHTIME=600ms "$shim_bench" >../lines 2>../table) || {
		cat table
		return 1
	}
	"$shim_bench" rows >names || return
	# What the table says was skipped has no line.
	sed -n 's/^\(Benchmark.*\): skip .*/\1/p' table >skipped
	grep -vxFf skipped names >wanted
	lines lines && every wanted lines && [ -z "$(ls -A here)" ]
}

glob() {
	BENCHTIME=100ms BENCH='*Pipe/*size=1' "$shim_bench" >lines 2>table &&
		[ "$(grep -c '^Benchmark' lines)" -eq 10 ] &&
		! grep '^Benchmark' lines | grep -v '^BenchmarkPipe/lang=c/impl=shim/size=1	'
}

without_io_uring() {
	BENCHTIME=200ms BENCH='*cache=page*' "$out/tests/tool/deny" EPERM \
		io_uring_setup,io_uring_enter,io_uring_register "$shim_bench" >lines 2>table || {
		cat table
		return 1
	}
	cat table
	grep -q '^io_uring: none: ' lines &&
		! grep engine=io_uring lines && grep -q '^Benchmark.*engine=epoll' lines &&
		grep -q 'engine=io_uring.*: skip .*io_uring' table
}

# protocol LINE ANSWER
protocol() {
	answer=$(echo "$1" | "$shim_bench" coproc)
	echo "$answer"
	[ "$answer" = "$2" ]
}

driven() {
	BENCHTIME=2s "$out/bench/driver" "$shim_bench" >lines 2>table || {
		cat table
		return 1
	}
	lines lines || return
	for part in lang=c lang=go impl=libc impl=cgo impl=net engine=epoll \
		impl=gnet impl=netpoll impl=posix_spawn impl=spawn; do
		grep -q "/${part}[/	]" lines || {
			echo "no row with $part"
			return 1
		}
	done
	# With a ring, all that is on one.
	grep -q 'skip .*io_uring' table || for part in engine=io_uring impl=uring impl=liburing; do
		grep -q "/$part/" lines || {
			echo "no row with $part"
			return 1
		}
	done
}

# All rivals of a ring, or why one cannot run here.
rings() {
	BENCHTIME=1s BENCH='*Ring*/cache=page/depth=32*' "$out/bench/driver" "$shim_bench" >lines 2>table || {
		cat table
		return 1
	}
	grep -q 'skip .*io_uring' table && return
	for part in lang=c/impl=uring lang=go/impl=uring impl=liburing impl=liburing_newest impl=fio impl=libc; do
		grep -q "/$part/" lines || grep "^skip .*$part" table || {
			echo "no row with $part"
			return 1
		}
	done
}

left_behind() {
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe") in "$out"/shim-bench | "$out"/bench/*)
			echo "$exe runs"
			return 1
			;;
		esac
	done
	[ -z "$(find "$out" -name 'bench-*')" ]
}

check help_lists_the_environment help_is_help
check an_unknown_argument_is_an_error says 2 '"fast" is not a command' "$shim_bench" fast
check a_second_argument_is_an_error says 2 'one argument too many' "$shim_bench" rows fast
check a_time_without_unit_is_an_error says 2 'BENCHTIME=20: write' env BENCHTIME=20 "$shim_bench"
check a_pattern_without_a_row_is_an_error says 2 'no row matches' env BENCH=x "$shim_bench"
check alone_it_measures_every_row_and_leaves_no_file alone
check a_pattern_chooses_rows glob
check without_io_uring_its_rows_are_skipped_with_the_reason without_io_uring
check an_unknown_command_is_refused protocol jump "fail unknown command"
check an_unknown_row_is_refused protocol "run 5 X" "fail no such row"
check a_number_that_is_none_is_refused protocol "run x X" "fail the number is missing"
check a_client_without_its_numbers_is_refused protocol "client run 5 80" "fail unknown command"
check the_driver_gets_lines_from_every_program driven
check the_driver_runs_all_rivals_of_a_ring rings
check the_driver_leaves_nothing_behind left_behind

closing
