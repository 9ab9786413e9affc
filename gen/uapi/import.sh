#!/bin/sh
# SPDX-License-Identifier: MIT
#
# import.sh: gen/spec/uapi_*.spec, from the kernel's headers as Debian's newest
# suite has them, for both CPUs. gen/uapi/list says which constants. `make
# import-uapi` calls it; gen/README.md describes the list. UPDATE=yes: the
# headers are fetched, though older ones are there. LIST, SPEC, OUT: other places.
#
# The compilers are the judges: each name is evaluated for each CPU, and in the
# headers of older suites too, which tell what is newer.
set -u

suites="sid trixie bookworm"
cpus="x86_64 aarch64"
here=gen/uapi
list=${LIST:-$here/list}
spec=${SPEC:-gen/spec}
out=${OUT:-build/uapi}
host=$(uname -m)

stop() {
	echo "import-uapi: $1" >&2
	exit 1
}

# compile SUITE CPU FLAGS...: with the headers of the suite, and no others.
compile() {
	cc=$2-linux-gnu-gcc
	[ "$2" != "$host" ] || cc=gcc
	headers=$out/$1-$2.headers
	shift 2
	"$cc" -x c -std=gnu11 -w -ffreestanding -nostdinc -isystem "$headers" \
		-isystem "$("$cc" -print-file-name=include)" -isystem "$out/libc" "$@"
}

# includes: all headers, those that there are.
includes() {
	awk '{ printf "#if __has_include(<%s>)\n#include <%s>\n#endif\n", $1, $1 }' "$out/headers"
}

# evaluate SUITE CPU: "NAME NEGATIVE HEX DECIMAL" for each candidate that is an
# integer there. The compiler complains about the lines of those that are none,
# once about an unknown name in several: hence the repetition.
evaluate() {
	at=$out/$1-$2
	includes >"$at.c"
	compile "$1" "$2" -E -dD "$at.c" >"$at.i" 2>"$at.log" || unfit "$1" "$2"
	awk -f $here/names.awk "$at.i" | awk -F '\t' '
		FNR == NR { there[$1] = 1; next }
		$1 in there' - "$out/candidates" >"$at.left"
	while :; do
		includes >"$at.c"
		awk '{ printf "_Static_assert(!((%s) < 0) || (unsigned long long)(%s) | 1, \"\");\n", $1, $1 }' \
			"$at.left" >>"$at.c"
		compile "$1" "$2" -fsyntax-only -fmax-errors=0 -ftrack-macro-expansion=0 \
			"$at.c" 2>"$at.log" && break
		# An error in a header is none of a name.
		awk -F : -v first="$((3 * $(wc -l <"$out/headers")))" -v file="$at.c" '
			FNR == NR { if ($1 == file && $4 ~ /error/) wrong[$2 - first] = 1; next }
			!(FNR in wrong)' "$at.log" "$at.left" >"$at.rest"
		! cmp -s "$at.left" "$at.rest" || unfit "$1" "$2"
		mv "$at.rest" "$at.left"
	done
	{
		includes
		echo "const unsigned long long values[][2] = {"
		awk '{ printf "{ (%s) < 0, (unsigned long long)(%s) },\n", $1, $1 }' "$at.left"
		echo "};"
	} >"$at.c"
	compile "$1" "$2" -c -o "$at.o" "$at.c" || stop "no values of $1 for $2"
	"$2-linux-gnu-objcopy" -O binary -j .rodata "$at.o" "$at.data" ||
		stop "no values of $1 for $2"
	# As hexadecimal and as decimal numbers.
	od -An -v -w16 -t x8 "$at.data" >"$at.x"
	od -An -v -w16 -t d8 "$at.data" >"$at.d"
	paste -d ' ' "$at.left" "$at.x" "$at.d" | awk '{
		sub(/^0+/, "", $3)
		print $1, $4, ($3 == "" ? "0" : $3), $5
	}' >"$at.values"
}

unfit() {
	cat "$at.log" >&2
	stop "the headers of $1 for $2 do not go together"
}

rm -rf "$out"
# Some headers want these of libc's, and nothing of what is in them.
mkdir -p "$out/libc" && : >"$out/libc/unistd.h" && : >"$out/libc/limits.h" || exit
for suite in $suites; do
	for cpu in $cpus; do
		dir=$($here/headers.sh ${UPDATE:+-u} "$suite" "$cpu") || exit
		ln -s "$dir" "$out/$suite-$cpu.headers" || exit
	done
done

# What every header defines.
awk '$1 == "const" && !seen[$2]++ { print $2 }' "$list" >"$out/headers"
newest=${suites%% *}
for cpu in $cpus; do
	while read -r header; do
		# Some are of one CPU only.
		printf '#if __has_include(<%s>)\n#include <%s>\n#endif\n' \
			"$header" "$header" |
			compile "$newest" "$cpu" -E -dD - >"$out/text" ||
			stop "$header is none for $cpu"
		awk -f $here/names.awk "$out/text" | sed "s,^,$header	,"
	done <"$out/headers" >"$out/$cpu.names" || exit
done

# What is written by hand stays there.
awk 'FNR == 1 { const = FILENAME ~ /\/uapi_/ ? -1 : 0 }
	/^[^ \t#]/ && const >= 0 { const = $1 == "const" }
	/^[ \t]/ && const > 0 { print $1 }' "$spec"/*.spec >"$out/by_hand"
awk -f $here/choose.awk file=1 "$out/by_hand" file=2 "$out/x86_64.names" \
	file=3 "$out/aarch64.names" file=4 "$list" >"$out/chosen" || exit
awk -F '\t' '$1 == "constant" { print $2 }' "$out/chosen" >"$out/candidates"
for suite in $suites; do
	for cpu in $cpus; do
		evaluate "$suite" "$cpu" &
	done
	wait
done
rm -f "$out"/*.spec
for suite in $suites; do
	for cpu in $cpus; do
		version=$(awk '$2 == "LINUX_VERSION_MAJOR" { a = $3 }
			$2 == "LINUX_VERSION_PATCHLEVEL" { print a "." $3 }' \
			"$out/$suite-$cpu.headers/linux/version.h")
		[ -s "$out/$suite-$cpu.values" ] || stop "no values of $suite for $cpu"
		sed "s/^/$version $cpu /" "$out/$suite-$cpu.values"
	done
done >"$out/values"
awk -v package="$(cat "$out/$newest"-x86_64.headers/version)" -v dir="$out" \
	-f $here/write.awk "$out/values" "$out/chosen" || exit
rm -f "$spec"/uapi_*.spec
mv "$out"/*.spec "$spec"
