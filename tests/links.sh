#!/bin/sh
# SPDX-License-Identifier: MIT
#
# links.sh: a program that uses libshim links and runs with glibc, with musl
# and with no libc, on this CPU and, under qemu-user, on the other; it leaves a
# libc's own functions alone; and the README's programs do what it says. In the
# form that run.sh reads.
set -u

. tests/report.sh

make=${MAKE:-make}
go=${GO:-go}
host=$(uname -m)
out=build/links
mkdir -p "$out"
suite=links log=$out/log

# hello CPU COMPILER FLAGS...: build it and look at its greeting. The library
# stands before all others.
hello() {
	cpu=$1
	cc=$2
	shift 2
	rm -f "$out/hello"
	$cc -O2 -Wall -Wextra -Werror -Ishim/include "-Iasm/$cpu" -o "$out/hello" \
		tests/hello/hello.c "build/$cpu/libshim.a" "$@" &&
		[ "$($run "$out/hello")" = "hello through a pipe" ]
}

none() {
	hello "$1" "$2" -ffreestanding -fPIE -static-pie -nostdlib \
		"build/$1/libshim-start.a" "build/$1/libshim.a" &&
		! readelf -l "$out/hello" | grep INTERP
}

not_pie() {
	hello "$1" "$2" -ffreestanding -fno-pie -static -no-pie -nostdlib \
		"build/$1/libshim-start.a" "build/$1/libshim.a"
}

packed() {
	hello "$1" "$2" -ffreestanding -fPIE -static-pie -nostdlib \
		-Wl,-z,pack-relative-relocs \
		"build/$1/libshim-start.a" "build/$1/libshim.a"
}

# The mem* functions of a program with a libc are the libc's.
no_mem() {
	hello "$host" cc -static && nm "$out/hello" >"$out/symbols" || return
	grep -q ' T shim_syscall$' "$out/symbols" || return
	cat >"$out/copy.c" <<-'END'
	#include <shim/sys.h>
	#include <string.h>
	int main(int argc, char **argv)
	{
		char to[64];
		memcpy(to, argv[0], (size_t)argc);
		memset(to + 32, argc, (size_t)argc);
		return memcmp(to, argv[0], (size_t)argc) || shim_getpid() < 1;
	}
	END
	cc -O0 -fno-builtin -Ishim/include "-Iasm/$host" -o "$out/copy" "$out/copy.c" \
		"build/$host/libshim.a" && "$out/copy" && nm "$out/copy" >"$out/symbols" || return
	for f in memcpy memset memcmp; do
		grep -E " U $f(@|\$)" "$out/symbols" || return
	done
}

# example LANGUAGE N: the README's n-th program in it.
example() {
	awk -v fence="^\`\`\`$1\$" -v wanted="$2" '
		$0 ~ fence { inside = ++n == wanted; next }
		/^```/ { inside = 0 }
		inside' README.md
}

# The README's commands, in the form of a script.
without_libc() {
	cc -Wall -Wextra -Werror -Ishim/include "-Iasm/$host" \
		-ffreestanding -fPIE -static-pie -nostdlib -o "$1" "$1.c" \
		"build/$host/libshim-start.a" "build/$host/libshim.a"
}

readme_in_c() {
	example c 1 >"$out/version.c" && without_libc "$out/version" &&
		same_version "$out/version"
}

readme_starts_in_c() {
	example c 2 >"$out/uname.c" && without_libc "$out/uname" &&
		[ "$("$out/uname")" = "$(uname -sm)" ]
}

# With a libc, and installed.
readme_installed() {
	$make -s install "DESTDIR=$PWD/$out/root" PREFIX=/usr &&
		cc -Wall -Wextra -Werror "-I$out/root/usr/include" \
			-o "$out/version" "$out/version.c" \
			"-L$out/root/usr/lib" -lshim &&
		same_version "$out/version" &&
		$make -s uninstall "DESTDIR=$PWD/$out/root" PREFIX=/usr &&
		[ -z "$(find "$out/root" -type f)" ]
}

for_aarch64() {
	$make -s ARCH=aarch64 all
}

# in_go NAME N: the README's n-th program, beside its module.
in_go() {
	mkdir -p "$out/$1-go" && example go "$2" >"$out/$1-go/main.go" &&
		cd "$out/$1-go" && rm -f go.mod &&
		"$go" mod init "example.com/$1" &&
		"$go" mod edit -require=example.com/syshim/gobind@v0.0.0 \
			-replace=example.com/syshim/gobind=../../../gobind &&
		CGO_ENABLED=0 GOPROXY=off "$go" build -o "$1" .
}

readme_in_go() {
	in_go version 1 && same_version ./version
}

readme_starts_in_go() {
	in_go uname 2 && [ "$(./uname)" = "$(uname -sm)" ]
}

# Without the directory there is no box, and some may not have one at all.
readme_boxes_in_go() {
	in_go box 3 && sed -i s,/srv/box,/nosuch/box, main.go &&
		CGO_ENABLED=0 "$go" build -o box . && ! ./box </dev/null >said 2>&1 &&
		grep -E 'spawn: (mount /nosuch/box: no such|clone|uid_map|deny setgroups)' said
}

same_version() {
	for engine in '' epoll; do
		[ "$(SHIM_AIO_ENGINE=$engine "$1")" = "$(cat /proc/version)" ] ||
			return
	done
}

run=
check hello_with_glibc hello "$host" cc
check hello_with_glibc_static hello "$host" cc -static
check hello_with_no_libc none "$host" cc
check hello_with_no_libc_at_a_fixed_address not_pie "$host" cc
check hello_with_no_libc_and_packed_relocations packed "$host" cc
check the_libc_keeps_its_own_mem_functions no_mem
check hello_with_musl hello "$host" musl-gcc
check hello_with_musl_static hello "$host" musl-gcc -static
check "the_README's_program_in_C" readme_in_c
check "the_README's_program_in_C_that_starts_another" readme_starts_in_c
check "the_README's_program_in_C_over_an_installed_library" readme_installed
check "the_README's_program_in_Go" readme_in_go
check "the_README's_program_in_Go_that_starts_another" readme_starts_in_go
check "the_README's_program_in_Go_that_starts_a_box" readme_boxes_in_go

if [ "$host" = x86_64 ]; then
	cc=aarch64-linux-gnu-gcc
	run="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
	check builds_for_aarch64 for_aarch64
	check aarch64_hello_with_glibc hello aarch64 $cc
	check aarch64_hello_with_glibc_static hello aarch64 $cc -static
	check aarch64_hello_with_no_libc none aarch64 $cc
	check aarch64_hello_with_no_libc_at_a_fixed_address not_pie aarch64 $cc
else
	skip other_cpu "only x86_64 tests the other CPU, under qemu-user"
fi

closing
