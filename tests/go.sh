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
	# What a test said stands before its verdict.
	/^=== RUN +[^\/]+$/ { text = ""; bad = 0 }
	!/^(=== |ok )/ { text = text $0 "\n" }
	/^--- PASS: / { passed++ }
	/^--- FAIL: / { failed++ }
	# A package that cannot be built, or whose TestMain fails.
	/^FAIL\t/ { broken++ }
	/^(--- FAIL: |panic: |fatal error: )/ && !bad {
		printf "FAIL %s\n%s", $1 == "---" ? $3 : "", text
		bad = 1
		next
	}
	/^(# |leakcheck:)/ && !bad { print "FAIL"; bad = 1 }
	/^FAIL/ { bad = 1 }
	/^ok / { bad = 0; print }
	# How far the stress is.
	sub(/^ +[a-z_]+\.go:[0-9]+: stress: /, "stress: ") { print; fflush() }
	bad { print }
	END {
		if (broken && !failed)
			failed = broken
		printf "%d passed, %d failed, %d skipped\n",
			passed, failed, skipped
		exit failed > 0
	}'
