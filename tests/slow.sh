#!/bin/sh
# SPDX-License-Identifier: MIT
#
# slow.sh DIRECTORY: each Go wrapper that takes a descriptor or a path is called
# on a file system that answers after 300 ms, and may not stall other
# goroutines. DIRECTORY is build/ARCH. In the form that run.sh reads.
set -u

o=$1
ms=300
shares=16
go=$o/tests/equal/go
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/slow" "$dir/logs"

# shellcheck disable=SC2016 # expanded by the inner shell
"$o/tests/tool/slowfs" $ms "$dir/slow" sh -c '
	share=0
	while [ $share -lt "$4" ]; do
		"$1" slow "$2" "$5" $share "$4" >"$3/$share" 2>&1 &
		share=$((share + 1))
	done
	wait' sh "$go" "$dir/slow" "$dir/logs" $shares $ms >"$dir/said"
if [ $? -eq 77 ]; then
	echo "skip slow: no slow file system: $(cat "$dir/said")"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
cat "$dir/said"
cat "$dir"/logs/* | awk -v shares=$shares '
	/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; ended++; next }
	/: it waits / { waited++ }
	{ print }
	END {
		if (ended != shares) {
			print "FAIL slow: " shares - ended " programs did not end"
			failed += shares - ended
		}
		print waited + 0 " functions waited for the file system, and no other goroutine for them"
		print passed + 0 " passed, " failed + 0 " failed, 0 skipped"
		exit failed > 0
	}'
