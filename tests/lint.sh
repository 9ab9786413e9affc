#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint.sh: the rules that a machine can check. Every check fails when its tool
# is missing; LINT=glob chooses. `make lint` calls it.
set -u

make=${MAKE:-make}
go=${GO:-go}
host=$(uname -m)
out=build/lint
mkdir -p "$out"
passed=0 failed=0

# chosen NAME: whether LINT wants that check.
chosen() {
	# shellcheck disable=SC2254 # LINT is a glob
	case $1 in ${LINT:-*}) ;; *) return 1 ;; esac
}

# check NAME COMMAND...: the command must succeed; its output says why not.
check() {
	name=$1
	shift
	chosen "$name" || return 0
	if ("$@") >"$out/log" 2>&1 </dev/null; then
		echo "ok lint/$name"
		passed=$((passed + 1))
	else
		echo "FAIL lint/$name"
		sed 's/^/	/' "$out/log"
		failed=$((failed + 1))
	fi
}

# none COMMAND...: it must succeed and print nothing.
none() {
	found=$("$@") || return
	[ -z "$found" ] || {
		echo "$found"
		return 1
	}
}

# no_match GREP ARGUMENTS...: grep must find nothing, and have searched.
no_match() {
	grep "$@"
	[ $? -eq 1 ]
}

sources() {
	git ls-files -co --exclude-standard -- "$@" | sort -u |
		while read -r f; do [ -e "$f" ] && echo "$f"; done
}

## Formatting

c_format() {
	# shellcheck disable=SC2046 # no name has blanks
	clang-format --dry-run --Werror $(sources '*.c' '*.h' | grep -v 'asm/.*/asm\.h$')
}

shell_format() {
	# shellcheck disable=SC2046
	shellcheck $(sources '*.sh' .ci/run)
}

go_format() {
	none gofmt -l gobind bench tests
}

whitespace() {
	# shellcheck disable=SC2046
	no_match -nIE '[[:blank:]]+$' $(sources)
}

check clang-format c_format
check shellcheck shell_format
check gofmt go_format
check no_trailing_blanks whitespace

## The generated files

# uapi CPU [DIRECTORY]: against the system's headers, or those in the directory.
# -ffreestanding: libc's would hide a part of the kernel's.
uapi() {
	cpu=$1
	cc=$cpu-linux-gnu-gcc
	[ "$cpu" != "$host" ] || cc=gcc
	build/gen/gen --uapi "$cpu" >"$out/uapi.c" || return
	set -- ${2:+-nostdinc -isystem "$2" -isystem "$("$cc" -print-file-name=include)"} \
		-fsyntax-only -Ishim/include "-Iasm/$cpu" "$out/uapi.c"
	"$cc" -ffreestanding "$@" || return
	[ "$1" = -nostdinc ] || "$cc" -DLIBC -D_GNU_SOURCE "$@"
}

check generated_files_are_fresh build/gen/gen --check
for cpu in x86_64 aarch64; do
	check "constants_and_structs_are_the_kernel's_on_$cpu" uapi $cpu
	name="constants_and_structs_are_the_newest_kernel's_on_$cpu"
	chosen "$name" || continue
	if headers=$(gen/uapi/headers.sh -n sid $cpu 2>"$out/log"); then
		check "$name" uapi $cpu "$headers"
	else
		echo "skip lint/$name: $(tail -n 1 "$out/log")"
	fi
done

check "calls_are_the_kernel's" build/gen/gen --defines gen/syscall_defines.tsv

## The C library

# compiler_for COMPILER CPU: what compiles for it.
compiler_for() {
	case $1:$2 in
	clang:*) echo "clang --target=$2-linux-gnu" ;;
	gcc:"$host") echo gcc ;;
	*) echo "$2-linux-gnu-gcc" ;;
	esac
}

# compile COMPILER CPU NAME FLAGS: the archives, without a warning.
compile() {
	cc=$(compiler_for "$1" "$2")
	o=$out/$2-$1-$3
	$make -s "ARCH=$2" "O=$o" "CC=$cc" "CFLAGS=$4 -Werror" \
		"$o/libshim.a" "$o/libshim-start.a" "$o/libshim-liburing.a" &&
		symbols "$2" "$o" && liburing_symbols "$2" "$o"
}

# writable CPU ARCHIVE: what of it a program can write to.
writable() {
	cross=
	[ "$1" = "$host" ] || cross=$1-linux-gnu-
	"${cross}objdump" -h "$2" >"$out/sections" || return
	# Two lines: index, name, size, ...; then the flags.
	awk '
		$1 ~ /^[0-9]+$/ { name = $2; size = $3; next }
		/ALLOC/ && !/READONLY/ && size !~ /^0+$/ &&
			name !~ /^\.data\.rel\.ro/ { print "writable: " name, size }
		name ~ /^\.text/ { text = 1 }
		END { if (!text) print "no sections were found" }
		' "$out/sections"
}

# liburing_symbols CPU DIRECTORY: libshim-liburing.a defines what liburing
# exports, and needs libshim.a, malloc and free.
liburing_symbols() {
	cross=
	[ "$1" = "$host" ] || cross=$1-linux-gnu-
	"${cross}nm" -g "$2/libshim-liburing.a" >"$out/symbols" || return
	awk '
		FILENAME == "tests/liburing/symbols.txt" { exported[$1] = 1; next }
		NF == 3 && $2 != "U" {
			if (!($3 in exported))
				print "not liburing'"'"'s: " $3
			delete exported[$3]
		}
		NF == 2 && $1 == "U" && $2 !~ /^(shim|(__)?io_uring)_/ &&
			$2 !~ /^(malloc|free|_GLOBAL_OFFSET_TABLE_)$/ {
			print "undefined: " $2
		}
		END {
			for (s in exported)
				print "missing: " s
		}' tests/liburing/symbols.txt "$out/symbols" >"$out/wrong" &&
		writable "$1" "$2/libshim-liburing.a" >>"$out/wrong" &&
		none cat "$out/wrong"
}

# symbols CPU DIRECTORY: what libshim.a defines, needs and writes to.
symbols() {
	cross=
	[ "$1" = "$host" ] || cross=$1-linux-gnu-
	"${cross}nm" -g "$2/libshim.a" >"$out/symbols" || return
	awk '
		NF == 3 && $2 != "U" {
			defined[$3] = 1
			if ($3 !~ /^shim_/)
				print "not shim_: " $3
			if ($2 == "C")
				print "writable: " $3
		}
		NF == 2 && $1 == "U" { wanted[$2] = 1 }
		END {
			for (s in wanted)
				if (!(s in defined) && s != "_GLOBAL_OFFSET_TABLE_")
					print "undefined: " s
			if (!("shim_syscall" in defined))
				print "no symbols were found"
		}' "$out/symbols" >"$out/wrong"
	writable "$1" "$2/libshim.a" >>"$out/wrong" &&
		none cat "$out/wrong"
}

for compiler in gcc clang; do
	for cpu in x86_64 aarch64; do
		check "${compiler}_warns_of_nothing_on_$cpu" \
			compile $compiler $cpu plain "-O2 -g"
	done
	while read -r name cpu flags; do
		case $name in '#'*) continue ;; esac
		if [ $compiler = clang ]; then
			flags=$(echo "$flags" | sed 's/ -ffat-lto-objects//')
			[ "$cpu" = x86_64 ] || flags=$(echo "$flags" |
				sed 's/ -fstack-clash-protection//')
		fi
		check "${compiler}_builds_with_the_flags_of_${name}_on_$cpu" \
			compile $compiler "$cpu" "$name" "$flags"
	done <tests/cflags.txt
done

# In quotes stands what lies in shim/ and asm/: all else is a libc's.
only_own_headers() {
	own=$(basename -a shim/*.h shim/*/*.h "asm/$host"/*.h | paste -sd "|") &&
		grep -rnE '^[[:blank:]]*#[[:blank:]]*include' shim --include='*.[ch]' \
			>"$out/includes" &&
		no_match -vE "<(stddef|stdint|stdbool)\.h>|<shim/[a-z_]+\.h>|\"($own)\"" \
			"$out/includes"
}

# What a compiler predefines for one CPU and not, or otherwise, for the other;
# and what it would for others.
cpu_macros() {
	for compiler in gcc clang; do
		for cpu in x86_64 aarch64; do
			$(compiler_for $compiler $cpu) -dM -E -x c /dev/null | sort >"$out/macros.$cpu" &&
				[ -s "$out/macros.$cpu" ] || return
		done
		comm -3 "$out/macros.x86_64" "$out/macros.aarch64"
	done | sed 's/^[[:blank:]]*#define //; s/[ (].*//' | sort -u >"$out/macros" &&
		grep -qx __x86_64__ "$out/macros" &&
		no_match -rnwFf "$out/macros" shim &&
		no_match -rnE '__(i386|arm|riscv|ARM_[A-Z]+|AVX|LP64|ILP32)' shim
}

# Everything public, at once, together with libc's and the kernel's.
all_headers="stdio.h fcntl.h poll.h signal.h sys/epoll.h sys/mman.h
	sys/resource.h sys/socket.h sys/stat.h sys/uio.h sys/un.h sys/wait.h
	netinet/in.h time.h linux/io_uring.h linux/futex.h"

headers() {
	for h in shim/include/shim/[a-y]*.h; do
		h=shim/${h##*/}
		# shellcheck disable=SC2086 # a list of names
		include "$h" "$h" && compile_header "$h alone" -pedantic-errors &&
			include "$h" $all_headers && compile_header "$h before" &&
			include $all_headers "$h" && compile_header "$h after" ||
			return
	done
}

include() {
	printf '#include <%s>\n' "$@" >"$out/header.c"
}

# compile_header WHAT FLAGS...: as C and C++, with each compiler.
compile_header() {
	what=$1
	shift
	for c in gcc:c11:c clang:c11:c g++:c++17:c++ clang++:c++17:c++; do
		std=${c#*:}
		"${c%%:*}" "-std=${std%:*}" -x "${c##*:}" "$@" -Wall -Wextra \
			-Werror -fsyntax-only -D_GNU_SOURCE -Ishim/include \
			"-Iasm/$host" "$out/header.c" || {
			echo "$what, $c"
			return 1
		}
	done
}

layouts() {
	for cxx in g++ clang++; do
		$cxx -std=c++17 -x c++ -D_Static_assert=static_assert -fsyntax-only \
			-Ishim/include "-Iasm/$host" shim/zlayout.c || return
	done
}

# man_page HEADERS PAGE: each public function stands in it; of those that prepare
# requests, what follows prep_.
man_page() {
	# shellcheck disable=SC2086 # a glob
	grep -ohE '\bshim_[a-z0-9_]+\(' $1 | tr -d '(' | sort -u >"$out/functions" &&
		[ -s "$out/functions" ] || return
	while read -r function; do
		grep -qwF -e "${function#shim_uring_prep_}" "$2" ||
			echo "$function is not in $2"
	done <"$out/functions"
}

check "shim_spawn(3)_has_every_function" none man_page \
	"shim/include/shim/spawn*.h" shim/man/shim_spawn.3
check "shim_uring(3)_has_every_function" none man_page \
	"shim/include/shim/uring*.h shim/include/shim/zuring_prep.h" shim/man/shim_uring.3
check public_headers_compile_alone_and_beside_libc headers
check layouts_are_equal_in_C++ layouts
check no_header_but_our_own_and_the_compiler\'s only_own_headers
check no_cpu_macro_under_shim cpu_macros
check no_instruction_outside_asm no_match -rnE \
	'\b(asm|__asm|__asm__)\b[[:blank:]a-z_]*\(' \
	--include='*.c' --include='*.h' shim bench

## Layers

# below FILES PATTERN: no C file of these names includes that.
below() {
	no_match -rnE "#include.*(shim/|\")($2)" --include="$1" shim
}

layers() {
	below 'z[^u]*' '(uring|aio|spawn)[a-z_]*\.h' &&
		below 'zuring*' '(aio|spawn)[a-z_]*\.h' &&
		below 'sys*' '(uring|aio|spawn)[a-z_]*\.h' &&
		below 'vdso*' '(uring|aio|spawn)[a-z_]*\.h' &&
		below 'uring*' '(aio|spawn)[a-z_]*\.h' &&
		below 'aio*' 'spawn[a-z_]*\.h' &&
		below 'spawn*' '(uring|aio)[a-z_]*\.h' &&
		no_match -rnE '#include.*(aio|spawn)' shim/liburing &&
		no_match -rnE 'gobind/(uring|aio|spawn)"' gobind/sys &&
		no_match -rsnE 'gobind/(aio|spawn)"' gobind/uring &&
		no_match -rsnE 'gobind/spawn"' gobind/aio
}

unsafe_files() {
	# shellcheck disable=SC2046
	no_match -lE '"unsafe"' $(sources 'gobind/aio/*.go' 'gobind/spawn/*.go' |
		grep -vE '_raw_linux(_test)?\.go$')
}

# What reaches into the Go runtime, in one place that a build tag leaves out.
linknames() {
	grep -rn '^//go:linkname' gobind --include='*.go' >"$out/linknames" &&
		no_match -v '^gobind/sys/vgetrandom_linux.go:.*:linkname vgetrandom runtime.vgetrandom$' \
			"$out/linknames" &&
		grep -q '^//go:build .* && !nolinkname$' gobind/sys/vgetrandom_linux.go
}

check includes_go_left layers
check one_linkname_that_can_be_left_out linknames
check unsafe_stands_in_raw_files_only unsafe_files
check gobind_requires_nothing no_match -nE '^(require|replace)' gobind/go.mod
check the_licences_are_equal cmp LICENSE gobind/LICENSE

## Go

vet() {
	cd gobind && for target in "$@"; do
		GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 "$go" vet ./... || {
			echo "on $target"
			return 1
		}
	done
}

static() {
	"$go" -C bench build -o "$PWD/build/staticcheck" honnef.co/go/tools/cmd/staticcheck &&
		(cd bench && ../build/staticcheck ./...) &&
		(cd gobind && ../build/staticcheck ./...) &&
		(cd tests/cgo && ../../build/staticcheck ./...)
}

vet_cgo() {
	(cd bench && "$go" vet ./...) && cd tests/cgo && "$go" vet ./...
}

check go_vet vet linux/amd64 linux/arm64
check go_vet_elsewhere vet darwin/arm64 windows/amd64 linux/riscv64 linux/386
check go_vet_of_what_has_cgo vet_cgo
check staticcheck static

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
