# SPDX-License-Identifier: MIT
#
# Reads the console of a virtual machine, and prints what run.sh needs: lines
# "FAIL NAME: ..." and "skip NAME: REASON", and at the end how many tests have
# passed, failed and been skipped. It knows the lines of C suites
# (tests/check.h) and of Go's test programs; of others only the status counts.

function fail(what) {
	print substr("FAIL " what, 1, 500)
	failed++
	f++
}

function begin(name) {
	program = name
	go = name ~ /(^|\/)go\//
	p = f = s = closed = 0
	nr = 0
	alarms = ""
	delete said
}

# What the program said last.
function context(    i) {
	for (i = nr > 15 ? nr - 15 : 0; i < nr; i++)
		print "\t| " lines[i]
}

function end(    status) {
	status = $4 == "hung" ? "hung" : $4 " " $5
	if (status != "status 0" && !f) {
		fail(program ": " (status == "hung" ? "no end in time" : status))
		context()
	} else if (status == "status 0" && closed && !p && !s) {
		fail(program ": no test in it")
	} else if (status == "status 0" && !closed && program !~ /^bench/) {
		fail(program ": ended in the middle")
		context()
	} else if (status == "status 0" && !closed) {
		p++
	}
	if (status != "status 0" || f)
		printf "%s", alarms
	passed += p
	skipped += s
	program = ""
}

/^== run / { begin($3); next }
/^== end / { if ($3 == program) { end(); programs++ } next }
!program { next }
{ lines[nr++] = $0 }

# C
!go && /^FAIL / { fail(program "/" substr($2, index($2, "/") + 1)); next }
!go && /^\t/ { print }
!go && /^skip / {
	s++
	name = $2
	sub(/:$/, "", name)
	sub(/^[^:]*: /, "")
	print "skip " program "/" substr(name, index(name, "/") + 1) ": " $0
}
!go && /^ok / { p++ }
!go && /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { closed = 1 }

# Go; what a test said last before its verdict is the reason.
go && /^=== (RUN|CONT|NAME) / { test = $3 }
go && /^ +[A-Za-z0-9_]+\.go:[0-9]+: / {
	text = $0
	sub(/^ +/, "", text)
	said[test] = (said[test] == "" ? "" : said[test] "; ") text
}
go && /^ *--- SKIP: / {
	if ($0 ~ /^---/)
		s++
	text = said[$3]
	sub(/^.*\.go:[0-9]+: /, "", text)
	print "skip " program "/" $3 ": " text
}
go && /^ *--- FAIL: / {
	if ($0 ~ /^---/)
		fail(program "/" $3 (said[$3] == "" ? "" : ": " said[$3]))
	else
		print substr("\t" $3 (said[$3] == "" ? "" : ": " said[$3]), 1, 500)
}
go && /^--- PASS: / { p++ }
go && /^(PASS|FAIL)$/ { closed = 1 }
# Said by the program itself, or by one that a test lets fail.
go && /^(panic|fatal error|leakcheck): / { alarms = alarms "\t" $0 "\n" }

END {
	if (program) {
		fail(program ": the machine ended in it")
		context()
	}
	printf "%d %d %d\n", passed, failed, skipped
}
