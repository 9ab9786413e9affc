#!/bin/sh
# SPDX-License-Identifier: MIT
#
# newer.sh VERSION [CPU]: the system calls of gen/spec that are newer than this
# Linux, with commas between them: their names, or their numbers on the CPU.
set -u

awk -F ' *[|] *' -v version="$1" -v cpu="${2:-call}" '
	BEGIN { split(version, old, ".") }
	$2 == "call" {
		for (i = 2; i <= NF; i++)
			if ($i == cpu)
				column = i
	}
	# Not each call is there on each CPU.
	column && $column != "-" && $6 ~ /^[0-9]+[.][0-9]/ {
		split($6, since, ".")
		if (since[1] > old[1] + 0 || since[1] == old[1] && since[2] > old[2] + 0)
			list = list "," $column
	}
	END {
		if (list == "")
			exit 1
		print substr(list, 2)
	}' gen/zreference.md || {
	echo "newer.sh: no call is newer than $1${2:+ on $2}" >&2
	exit 1
}
