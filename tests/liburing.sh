#!/bin/sh
# SPDX-License-Identifier: MIT
#
# liburing.sh BUILD: programs that are written for liburing (tests/liburing),
# compiled against the installed liburing.h and against that of Debian's newest
# suite, do the same with liburing and with libshim-liburing.a; this one exports
# what liburing 2.15 exports (tests/liburing/symbols.txt); and the code of the
# ring is smaller than liburing's. In the form that run.sh reads.
set -u

. tests/report.sh

o=$1
out=$o/tests/liburing
cc=${CC:-cc}
ours="$o/libshim-liburing.a $o/libshim.a"
mkdir -p "$out"
suite=liburing log=$out/log

## Symbols

exported() {
	nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort
}

symbols() {
	exported "$o/libshim-liburing.a" >"$out/exported" &&
		diff tests/liburing/symbols.txt "$out/exported"
}

# all NAME LIBRARY...: a program that wants each of them.
all() {
	sed 's/.*/extern char &[];/' tests/liburing/symbols.txt >"$out/all.c" &&
		sed 's/.*/	&,/; 1s/^/char *all[] = {\n/; $s/$/\n};/' \
			tests/liburing/symbols.txt >>"$out/all.c" &&
		echo 'int main(void) { return !all[0]; }' >>"$out/all.c" || return
	name=$1
	shift
	$cc -o "$out/$name" "$out/all.c" "$@" && "$out/$name"
}

# The machine instructions and constants of the objects.
text() {
	size "$@" | awk 'NR > 1 { sum += $1 } END { print sum + 0 }'
}

# Less than liburing.so.2.15 has.
small() {
	echo "$ring + $names bytes"
	[ "$ring" -gt 0 ] && [ "$names" -gt 0 ] && [ $((ring + names)) -lt 23500 ]
}

## Programs

# program NAME HEADERS LIBRARY...: the flags of the headers, as one word.
program() {
	source=tests/liburing/$1.c headers=$2
	shift 2
	# shellcheck disable=SC2086 # flags
	$cc -std=gnu11 -O2 -g -Wall -Wextra $headers -o "$out/program" "$source" "$@" || return
	timeout 60 "$out/program"
	echo "exit status $?"
}

# same NAME HEADERS LIBRARY...: the program prints the same with that and ours.
same() {
	name=$1 headers=$2
	shift 2
	program "$name" "$headers" "$@" >"$out/theirs" || return
	# shellcheck disable=SC2086 # two files
	program "$name" "$headers" $ours >"$out/ours" || return
	tail -n 1 "$out/ours" | grep -qx 'exit status 0' &&
		[ "$(wc -l <"$out/ours")" -gt 1 ] && diff "$out/theirs" "$out/ours"
}

# The archives where make install puts them, with the flags of the .pc file.
installed() {
	root=$PWD/$out/root
	${MAKE:-make} -s install "O=$o" "DESTDIR=$root" PREFIX=/usr || return
	libs=$(sed -n 's/^Libs: //p' "$root/usr/lib/pkgconfig/shim-liburing.pc" |
		sed "s,[$]{libdir},$root/usr/lib,")
	# shellcheck disable=SC2086 # flags
	program nop "" $libs >"$out/ours" && tail -n 1 "$out/ours" | grep -qx 'exit status 0'
}

each() {
	with=$1
	shift
	for source in tests/liburing/*.c; do
		name=$(basename "$source" .c)
		check "${name}_does_the_same_$with" same "$name" "$@"
	done
}

check exports_what_liburing_2.15_exports symbols
# shellcheck disable=SC2086 # two files
check a_program_that_wants_all_links all all $ours
ring=$(text "$o"/shim/uring*.raw.o)
names=$(text "$o"/shim/liburing/*.raw.o)
echo "text of the ring: $ring bytes, of liburing's names: $names bytes"
case " ${CFLAGS:--O2} " in
*fsanitize*) skip the_code_is_smaller_than_liburings "it is instrumented" ;;
*) check the_code_is_smaller_than_liburings small ;;
esac
check an_installed_archive_is_enough installed
each with_the_installed_header "" -luring
if newest=$(tests/liburing/newest.sh "$(uname -m)" 2>"$out/log"); then
	echo "liburing $(cat "$newest/version"), in $newest"
	check the_symbols_are_those_of_the_newest all newest "$newest/lib/liburing.a"
	each with_the_newest_header "-I$newest/include" "$newest/lib/liburing.a"
else
	skip newest_header "$(tail -n 1 "$out/log")"
fi

closing
