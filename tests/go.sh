#!/bin/sh
# SPDX-License-Identifier: MIT
#
# go.sh [MODULE] [GO TEST FLAGS...]: the Go tests of a module (gobind), in the
# form that run.sh reads. Only the tests of the top level count. PACKAGES: which
# of its packages (./...).
set -u

module=${1:-gobind}
[ $# -gt 0 ] && shift
cd "$module" || exit 1
# shellcheck disable=SC2086 # a list of packages
"${GO:-go}" test -v -count=1 -timeout 600s "$@" ${PACKAGES:-./...} 2>&1 | awk '
	# The reason is the last that the test said before its verdict.
	/^=== (RUN|CONT|NAME) / { test = $3 }
	/^ +[A-Za-z0-9_]+\.go:[0-9]+: / { said[test] = $0; sub(/^ +/, "", said[test]) }
	/^ *--- SKIP: / {
		gsub(/^ +/, "")
		printf "skip %s: %s\n", $3, said[$3]
		if (!($3 ~ /\//))
			skipped++
	}
	/^--- PASS: / { passed++ }
	/^--- FAIL: / { failed++ }
	# A package that cannot be built, or whose TestMain fails.
	/^FAIL\t/ { broken++ }
	/^(FAIL|panic:|--- FAIL|# |leakcheck:)/ { bad = 1 }
	bad || /FAIL|panic|DATA RACE/ { print }
	/^ok / { bad = 0; print }
	END {
		if (broken && !failed)
			failed = broken
		printf "%d passed, %d failed, %d skipped\n",
			passed, failed, skipped
		exit failed > 0
	}'
