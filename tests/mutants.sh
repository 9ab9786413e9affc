#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mutants.sh DIRECTORY: damages copies of the C and Go wrappers as
# tests/mutants.txt says, one at a time, and sees that tests/equal names the
# damaged function. DIRECTORY is build/ARCH. It ends with "N passed, N failed".
set -u

o=$1
arch=$(basename "$o")
case $arch in x86_64) goarch=amd64 ;; aarch64) goarch=arm64 ;; esac
equal=$o/tests/equal
root=$PWD
out=$PWD/build/mutants
passed=0 failed=0

report() {
	if [ "$1" = ok ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	echo "$1 $2"
}

# damage FILE SCOPE FROM TO: prints the file; fails when nothing is replaced.
damage() {
	SCOPE=$2 FROM=$3 TO=$4 awk '
		BEGIN {
			scope = ENVIRON["SCOPE"]
			line = sub(/^=/, "", scope)
		}
		# The body is between "{" behind the name of the function and "}"
		# that begins a line.
		!line && /^}/ { inside = 0 }
		(inside || line && index($0, scope)) && !done {
			i = index($0, ENVIRON["FROM"])
			if (i) {
				$0 = substr($0, 1, i - 1) ENVIRON["TO"] \
					substr($0, i + length(ENVIRON["FROM"]))
				done = 1
			}
		}
		!line && /^[a-z]/ { found = index($0, scope "(") }
		/{$/ && found { inside = 1 }
		{ print }
		END { exit !done }' "$1"
}

# The callers with a damaged file in place of its original.
build_c() {
	mkdir -p "$out/include" && cp shim/zsys.c "$out/zsys.c" &&
		cp "asm/$arch/znr.h" "$out/include/znr.h" &&
		case $1 in
		*.h) cp "$2" "$out/include/znr.h" ;;
		*) cp "$2" "$out/zsys.c" ;;
		esac &&
		${CC:-cc} -std=gnu11 -O1 -w -fno-builtin "-I$out/include" -Ishim \
			-Ishim/include "-Iasm/$arch" -o "$out/caller" \
			tests/equal/caller.c "$out/zsys.c" "$o/libshim.a"
}

build_go() {
	printf '{"Replace": {"%s": "%s"}}\n' "$root/$1" "$2" >"$out/overlay.json"
	CGO_ENABLED=0 "${GO:-go}" -C gobind build -buildvcs=false \
		-overlay "$out/overlay.json" -o "$out/caller" ./internal/equal
}

# The names of the functions of a language that fail, and the log.
run() {
	if [ "$1" = c ]; then
		"$equal/equal" "$out/caller" "$equal/go" >"$out/log" 2>&1
	else
		"$equal/equal" "$equal/c" "$out/caller" >"$out/log" 2>&1
	fi
	sed -n "s/^FAIL equal\\/$1\\/\\([^ ]*\\) .*/\\1/p" "$out/log" | sort -u | paste -sd,
}

# mutant LANGUAGE FUNCTION WHAT FILE SCOPE FROM TO
mutant() {
	name=$1/$2/$3
	copy=$out/copy/$(basename "$4")
	rm -f "$out/caller"
	damage "$4" "$5" "$6" "$7" >"$copy" || {
		report FAIL "$name: \"$6\" does not stand in $5 of $4"
		return
	}
	"build_$1" "$4" "$copy" >"$out/log" 2>&1 || {
		report FAIL "$name: it cannot be built"
		cat "$out/log"
		return
	}
	found=$(run "$1")
	# Those that call it fail, too.
	unseen=$(echo "$2" | tr , '\n' | grep -vxF "$(echo "$found" | tr , '\n')")
	if [ -z "$found" ]; then
		report FAIL "$name: not noticed"
	elif [ -n "$unseen" ]; then
		report FAIL "$name: noticed as $found"
	else
		report ok "$name: $(sed -n "s#^FAIL equal/$1/${2%%,*} ##p" "$out/log" | head -n 1)"
	fi
}

mkdir -p "$out/copy" || exit 1
"$equal/equal" "$equal/c" "$equal/go" >"$out/log" || {
	cat "$out/log"
	echo "FAIL: the wrappers fail as they are"
	exit 1
}
while IFS= read -r line; do
	text=${line#??}
	case $line in
	'=== '*) read -r _ language function what <<-END
		$line
		END
		;;
	'in '*)
		file=${text#?} scope=${file#* } file=${file%% *}
		file=$(echo "$file" | sed "s/GOARCH/$goarch/; s/ARCH/$arch/")
		;;
	'- '*) from=$text ;;
	'+ '*) mutant "$language" "$function" "$what" "$file" "$scope" \
		"$from" "$text" </dev/null ;;
	esac
done <tests/mutants.txt
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
