#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh COMMAND...: runs test programs, each a shell command, with a timeout,
# and closes with one line over all of them: "N passed, N failed, N skipped".
#
# A program prints "ok NAME", "FAIL NAME..." or "skip NAME: REASON" and ends
# with its own closing line; one that crashes, hangs or says nothing counts as
# failed. With CI set, a skip that no line of .ci/skips matches fails, too.
# TEST_TIMEOUT: seconds for each program.
set -u

timeout=${TEST_TIMEOUT:-900}
logs=${TEST_LOGS:-build/logs}
mkdir -p "$logs" || exit 1
passed=0 failed=0 skipped=0 n=0

for command; do
	n=$((n + 1))
	name=${command#build/}
	log=$logs/$(printf %s "$name" | tr -c 'A-Za-z0-9_.\n-' _ | cut -c1-200).log
	printf '[%d/%d] %s: ' "$n" $# "$name"
	start=$(date +%s)
	timeout -k 10 "$timeout" sh -c "$command" >"$log" 2>&1 </dev/null
	status=$?
	took=$(($(date +%s) - start))
	closing=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
	p=0 f=0 s=0
	if [ -n "$closing" ]; then
		p=${closing%% passed*}
		f=${closing#* passed, } f=${f%% failed*}
		s=${closing#* failed, } s=${s%% skipped*}
	fi
	if [ $status -ne 0 ] && [ "$f" -eq 0 ] || [ -z "$closing" ]; then
		f=$((f + 1))
		case $status in
		124 | 137) why="no end within $timeout s" ;;
		*) why="exit status $status without a failed test" ;;
		esac
		echo "FAIL $name: $why" >>"$log"
	fi
	if [ -n "${CI:-}" ]; then
		bad=$(sed -n "s|^skip |$name: &|p" "$log" | grep -vEf .ci/skips)
		if [ -n "$bad" ]; then
			echo "$bad" | sed 's/^/FAIL not expected: /' >>"$log"
			f=$((f + $(echo "$bad" | wc -l)))
		fi
	fi
	echo "$p passed, $f failed, $s skipped (${took} s)"
	grep '^skip ' "$log"
	if [ "$f" -gt 0 ]; then
		grep -A 20 '^FAIL' "$log" | head -n 100
		echo "(all of it: $log)"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed)) -gt 0 ]
