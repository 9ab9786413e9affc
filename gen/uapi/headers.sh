#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh [-n | -u] SUITE CPU: the kernel's headers as Debian's suite has them,
# into a directory of the cache, whose path is printed. It is one for the
# compiler's -isystem; the file "version" has the package's. Nothing is done
# when it is there. -n: nothing is fetched; fails when it is not there. -u: it is
# fetched, as the suite has it now. CACHE: where the cache is.
set -u

option=
case $1 in -*) option=$1 && shift ;; esac
suite=$1 cpu=$2
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/syshim/headers}
dir=$cache/$suite-$cpu
if [ "$option" != -u ] && [ -f "$dir/version" ]; then
	echo "$dir"
	exit 0
fi

stop() {
	{
		echo "headers: $1"
		echo "headers: $suite's linux-libc-dev for $cpu is not in $cache; \`make import-uapi\` fetches it."
	} >&2
	exit 1
}

[ "$option" != -n ] || stop "nothing is fetched now"
apt=$(mktemp -d) || stop "no place to work in"
trap 'rm -rf "$apt"' EXIT
# shellcheck source=tests/kernels/apt.sh
. "${0%/*}/../../tests/kernels/apt.sh"

arch=$(apt_arch "$cpu") || exit
apt_open "$suite" "$arch"
rm -rf "$dir.new"
mkdir -p "$apt/root" "$dir.new" || stop "cannot write into $cache"
apt_files linux-libc-dev | tar -x -C "$apt/root" --wildcards './usr/*/*' || {
	cat "$apt/log" >&2
	stop "linux-libc-dev cannot be unpacked"
}
# The CPU's directory asm may be a link into a package for all CPUs.
cp -RL "$apt/root/usr/include/." "$dir.new" || stop "cannot write into $cache"
mv "$dir.new/$cpu-linux-gnu/asm" "$dir.new" || stop "linux-libc-dev has no asm"
rm -rf "$dir.new"/*-linux-gnu*
[ -f "$dir.new/linux/version.h" ] || stop "linux-libc-dev has no linux/version.h"
apt-cache show linux-libc-dev | sed -n '/^Version: /{s///p;q;}' >"$dir.new/version"
[ -s "$dir.new/version" ] || stop "linux-libc-dev has no version"
rm -rf "$dir" && mv "$dir.new" "$dir" && echo "$dir"
