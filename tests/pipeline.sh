#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pipeline.sh PROGRAM: what the example writes, says and returns, in C or in Go.
# In the form that run.sh reads.
set -u

. tests/report.sh

program=$1
PATH=/usr/bin:/bin # what is not there is not forbidden
export PATH
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
suite=pipeline log=$dir/log

# runs STATUS OUT SAID ARGUMENTS...
runs() {
	status=$1 out=$2 said=$3
	shift 3
	"$program" "$@" >"$dir/out" 2>"$dir/said"
	got=$?
	echo "status $got, not $status"
	printf %b "$out" | diff - "$dir/out" &&
		printf %b "$said" | diff - "$dir/said" && [ $got -eq "$status" ]
}

check three runs 0 '9\n10\n11\n' 'seq 11 | tail -n 3 | sort -n: 0 0 0\n' \
	seq 11 '|' tail -n 3 '|' sort -n
check dashes runs 0 '1\n' 'seq 3 | head -n 1: 0 0\n' seq 3 -- head -n 1
check one runs 0 'one\n' 'echo one: 0\n' echo one
check statuses runs 5 '' 'sh -c exit 4 | true | false: 4 0 1\n' \
	sh -c 'exit 4' '|' true '|' false
check early runs 141 'y\n' 'yes | head -n 1: 141 0\n' yes '|' head -n 1
check no_program runs 1 '' 'pipeline: nosuch: execve: error 2\n' \
	yes '|' nosuch '|' cat
check in_time runs 0 'x\n' 'echo x | cat: 0 0\n' -t 100 echo x '|' cat
# The sleepers have the output, too: it comes to its end with the last of them.
check killed_with_descendants runs 124 '' \
	'sh -c sleep 1000 & wait | sleep 1000: 137 137\npipeline: the time is over\n' \
	-t 1 sh -c 'sleep 1000 & wait' '|' sleep 1000
check no_time_at_all runs 124 '' \
	'sleep 1000 | sleep 1000: 137 137\npipeline: the time is over\n' \
	-t 0 sleep 1000 -- sleep 1000
usage="usage: pipeline [-t SECONDS] PROGRAM [ARGUMENT]... ['|' PROGRAM [ARGUMENT]...]...\n"
check nothing runs 2 '' "$usage"
check nothing_first runs 2 '' "$usage" '|' cat
check nothing_last runs 2 '' "$usage" cat '|'
check nothing_between runs 2 '' "$usage" cat '|' -- cat
check no_time runs 2 '' "$usage" -t x cat

closing
