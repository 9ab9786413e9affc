# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# report.sh: results in the form that run.sh reads, for scripts, which source
# it. They set suite, what stands before the name of each result, and log, a
# file of their own.
passed=0 failed=0 skipped=0
suite='' log=/dev/null

# pass NAME, fail NAME: the log says why, skip NAME REASON.
pass() {
	echo "ok $suite/$1"
	passed=$((passed + 1))
}

fail() {
	echo "FAIL $suite/$1"
	sed 's/^/	/' "$log"
	failed=$((failed + 1))
}

skip() {
	echo "skip $suite/$1: $2"
	skipped=$((skipped + 1))
}

# check NAME COMMAND...: the command, in a shell of its own, must succeed.
check() {
	name=$1
	shift
	if ("$@") >"$log" 2>&1 </dev/null; then
		pass "$name"
	else
		fail "$name"
	fi
}

# The last line, and what the script ends with.
closing() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}
