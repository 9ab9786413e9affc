#!/bin/sh
# SPDX-License-Identifier: MIT
#
# equal.sh DIRECTORY: no wrapper of C or Go is without a case, and each case
# shows the kernel the same from both languages. DIRECTORY is build/ARCH. In the
# form that run.sh reads.
set -u

o=$1
equal=$o/tests/equal/equal
arch=$(basename "$o")
lists=$(mktemp -d) || exit 1
trap 'rm -rf "$lists"' EXIT
missing=0

# compare LANGUAGE: the names in $lists/has are those that equal calls.
compare() {
	"$equal" --list "$1" | sort -u >"$lists/called" || exit 1
	sort -u -o "$lists/has" "$lists/has"
	[ -s "$lists/has" ] || {
		echo "FAIL equal/$1: no function found"
		missing=$((missing + 1))
	}
	for name in $(comm -23 "$lists/has" "$lists/called"); do
		echo "FAIL equal/$1/$name: no case calls it"
		missing=$((missing + 1))
	done
	for name in $(comm -13 "$lists/has" "$lists/called"); do
		echo "FAIL equal/$1/$name: there is no such function"
		missing=$((missing + 1))
	done
}

# What enters the kernel: the wrappers, and the assembler without its memcpy.
for object in "$o/shim/zsys.o" "$o/asm/$arch/"*.o; do
	case $object in *.raw.o | */mem.o | */start.o) continue ;; esac
	nm -g --defined-only "$object"
done | sed -n 's/^.* T \(shim_\)/\1/p' >"$lists/has"
compare c

# gofmt leaves one way to write it.
find gobind/sys -name '*_linux*.go' ! -name '*_test.go' -exec \
	sed -n 's/^func \([A-Z][A-Za-z0-9_]*\).*/\1/p' {} + >"$lists/has"
compare go

"$equal" "$o/tests/equal/c" "$o/tests/equal/go" >"$lists/log"
status=$?
sed '$d' "$lists/log"
tail -n 1 "$lists/log" | awk -v missing=$missing '{
	print $1 " passed, " $3 + missing " failed, " $5 " skipped"
}'
[ $status -eq 0 ] && [ $missing -eq 0 ]
