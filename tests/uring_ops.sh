#!/bin/sh
# SPDX-License-Identifier: MIT
#
# uring_ops.sh PROGRAM [CONSOLE...]: a table in Markdown of what each operation
# of a ring was seen to do: on this kernel, by PROGRAM (tests/uring_op), and in
# virtual machines, by their consoles (build/kernels/*.log). Fails unless every
# operation of the specification was done somewhere.
set -u

program=$1
shift
new=$(mktemp -d) || exit 1
trap 'rm -rf "$new"' EXIT
URING_OPS=yes "$program" >"$new/$(uname -r | grep -oE '^[0-9]+\.[0-9]+')-$(uname -m)" || exit
for console; do
	! grep -q '^uring_op ' "$console" || cp "$console" "$new/$(basename "$console" .log)"
done
names=gen/spec/uapi_ring.spec
cd "$new" || exit 1
# shellcheck disable=SC2046 # names without blanks, in the order of versions
awk '
	FILENAME ~ /\.spec$/ {
		if ($1 ~ /^IORING_OP_/)
			names[$2] = tolower(substr($1, 11))
		next
	}
	FNR == 1 { columns[++n] = FILENAME }
	/^uring_op / { seen[$2, n] = $3; any[$2] = any[$2] " " $3 }
	END {
		head = "| operation |"
		line = "|---|"
		for (i = 1; i <= n; i++) {
			head = head " " columns[i] " |"
			line = line "---|"
		}
		print head "\n" line
		for (op = 0; op in names; op++) {
			line = "| " names[op] " |"
			for (i = 1; i <= n; i++)
				line = line " " seen[op, i] " |"
			print line
			if (any[op] !~ /beside|alone/) {
				missing++
				print "uring_ops: nowhere: " names[op] >"/dev/stderr"
			}
		}
		print "\nbeside: done, with the result of the system call that does the same."
		print "alone: done; there is no such call."
		print "lacks: the kernel does not know it, and says so."
		exit missing > 0 || !op
	}' "$OLDPWD/$names" $(printf '%s\n' [0-9]* own* | grep -v '\*' | sort -V)
