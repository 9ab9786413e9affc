#!/bin/sh
# SPDX-License-Identifier: MIT
#
# newest.sh [-n | -u] CPU: liburing as Debian's newest suite has it, unpacked
# into a directory of the cache, whose path is printed, and not installed:
# include/liburing.h with what it includes, lib/liburing.a, and the file
# "version". Nothing is done when it is there. -n: nothing is fetched; fails
# when it is not there. -u: it is fetched, as the suite has it now. CACHE: where
# the cache is.
set -u

option=
case $1 in -*) option=$1 && shift ;; esac
cpu=$1 suite=sid
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/syshim/liburing}
dir=$cache/$suite-$cpu
if [ "$option" != -u ] && [ -f "$dir/version" ]; then
	echo "$dir"
	exit 0
fi

stop() {
	echo "liburing: $1" >&2
	exit 1
}

[ "$option" != -n ] || stop "it is not in $cache, and nothing is fetched now"
apt=$(mktemp -d) || stop "no place to work in"
trap 'rm -rf "$apt"' EXIT
# shellcheck source=tests/kernels/apt.sh
. "${0%/*}/../kernels/apt.sh"

arch=$(apt_arch "$cpu") || exit
apt_open "$suite" "$arch"
rm -rf "$dir.new"
mkdir -p "$apt/root" "$dir.new/lib" || stop "cannot write into $cache"
apt_files liburing-dev | tar -x -C "$apt/root" --wildcards './usr/include/*' './usr/lib/*.a' || {
	cat "$apt/log" >&2
	stop "liburing-dev cannot be unpacked"
}
# Of the kernel's headers it wants one that is newer than old systems.
apt_files linux-libc-dev | tar -x -C "$apt/root" --wildcards './usr/*/linux/blkdev.h' || {
	cat "$apt/log" >&2
	stop "linux-libc-dev cannot be unpacked"
}
mv "$apt/root/usr/include" "$dir.new" || stop "liburing-dev has no header"
mv "$apt/root/usr/lib/"*"/liburing.a" "$dir.new/lib" ||
	stop "liburing-dev has no archive"
apt-cache show liburing-dev | sed -n '/^Version: /{s///p;q;}' >"$dir.new/version"
[ -s "$dir.new/version" ] || stop "liburing-dev has no version"
rm -rf "$dir" && mv "$dir.new" "$dir" && echo "$dir"
