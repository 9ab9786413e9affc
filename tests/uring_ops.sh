#!/bin/sh
# SPDX-License-Identifier: MIT
#
# uring_ops.sh PROGRAM [CONSOLE...]: a table in Markdown of what each operation
# of a ring was seen to do: on this kernel, by PROGRAM (tests/uring_op) and its
# twin in Go, and in virtual machines, by their consoles (build/kernels/*.log);
# and in which cases of tests/uring_op.tab. Fails unless every operation of the
# specification was done somewhere.
set -u

program=$1
shift
new=$(mktemp -d) || exit 1
trap 'rm -rf "$new"' EXIT
here=$new/$(uname -r | grep -oE '^[0-9]+\.[0-9]+')-$(uname -m)
export URING_OPS=yes
"$program" >"$here" || exit
"${GO:-go}" -C gobind test -count=1 -v -run EveryOperationDoes ./uring >"$new/go" || exit
cat "$new/go" >>"$here"
for console; do
	! grep -q '^uring_op ' "$console" || cp "$console" "$new/$(basename "$console" .log)"
done
names=gen/spec/uapi_ring.spec
cases=tests/uring_op.tab
cd "$new" || exit 1
# shellcheck disable=SC2046 # names without blanks, in the order of versions
awk '
	# What both languages saw.
	function both(op, i, c, go) {
		c = seen["C", op, i]
		go = seen["Go", op, i]
		if (c == go || go == "")
			return c
		return c == "" ? go : c " in C, " go " in Go"
	}
	FILENAME ~ /\.spec$/ {
		if ($1 ~ /^IORING_OP_/) {
			number[$1] = $2
			names[$2] = tolower(substr($1, 11))
		}
		next
	}
	FILENAME ~ /\.tab$/ {
		if ($3 in number && $2 != "needs" && !has[$3, $1]++)
			cases[number[$3]] = cases[number[$3]] " " $1
		next
	}
	FNR == 1 { columns[++n] = FILENAME }
	# A console ends its lines as a terminal does.
	{ sub(/\r$/, "") }
	/^uring_op / { seen[$2, $3, n] = $4; any[$3] = any[$3] " " $4 }
	END {
		head = "| operation |"
		line = "|---|"
		for (i = 1; i <= n; i++) {
			head = head " " columns[i] " |"
			line = line "---|"
		}
		print head " cases |\n" line "---|"
		for (op = 0; op in names; op++) {
			line = "| " names[op] " |"
			for (i = 1; i <= n; i++)
				line = line " " both(op, i) " |"
			print line cases[op] " |"
			if (any[op] !~ /beside|alone/) {
				missing++
				print "uring_ops: nowhere: " names[op] >"/dev/stderr"
			}
		}
		print "\nbeside: done, with the result of the system call that does the same."
		print "alone: done; there is no such call, or it would wait for another thread."
		print "refused: known, and seen to fail as it must, for it needs what is not here:"
		print "  recv_zc a queue of a network card, or of none (7.2), and root; attributes a"
		print "  file system that has them, and there the system call fails, too;"
		print "  uring_cmd a disk before 6.7: tests/uring_nvme.c."
		print "lacks: the kernel does not know it, and says so."
		print "In C and Go alike, where they do not stand apart."
		exit missing > 0 || !op
	}' "$OLDPWD/$names" "$OLDPWD/$cases" \
	$(printf '%s\n' [0-9]* own* | grep -v '\*' | sort -V)
