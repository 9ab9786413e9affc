#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch.sh SUITE CPU [PAGES]: a kernel of Debian's, and the shell that tests
# start, into a directory of the cache, whose path is printed: vmlinuz, busybox,
# release. PAGES=16k: one with such pages. Nothing is done when they are there.
#
# The names of the packages come from Debian's metapackage, for they change with
# each version. CACHE: where the cache is.
set -u

suite=$1 cpu=$2 pages=${3:-}
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/syshim/kernels}
dir=$cache/$suite-$cpu${pages:+-$pages}
if [ -f "$dir/release" ]; then
	echo "$dir"
	exit 0
fi

stop() {
	{
		echo "fetch: $1"
		echo "fetch: $suite's kernel for $cpu is not in $cache, and could not be fetched."
		echo "fetch: Once it is there, no network is needed. (A kernel of your own needs the"
		echo "fetch: programs that come with Debian's bookworm.)"
	} >&2
	exit 1
}

apt=$(mktemp -d) || stop "no place to work in"
trap 'rm -rf "$apt"' EXIT
# shellcheck source=tests/kernels/apt.sh
. "${0%/*}/apt.sh"

arch=$(apt_arch "$cpu") || exit
flavour=cloud-$arch
[ -z "$pages" ] || flavour=$arch-$pages

# depends PACKAGE NAME: which package of that name it needs.
depends() {
	apt-cache show "$1" 2>/dev/null | sed -n 's/^Depends: //p' |
		tr ',' '\n' | sed -n "s/^ *\\($2[^ ]*\\).*/\\1/p" | head -n 1
}

# unpack PACKAGE FILE PATTERN...: the one file that fits.
unpack() {
	package=$1 file=$2
	shift 2
	apt_files "$package" |
		tar -xO --wildcards "$@" >"$new/$file" 2>/dev/null
	[ -s "$new/$file" ]
}

apt_open "$suite" "$arch"
image=$(depends "linux-image-$flavour" linux-image-)
[ -n "$image" ] || stop "$suite has no linux-image-$flavour"
# Later releases keep the kernel in a package beside that of its modules.
binary=linux-binary-${image#linux-image-}
apt-cache show "$binary" >/dev/null 2>&1 || binary=$image
mkdir -p "$cache" || stop "cannot write into $cache"
new=$(mktemp -d "$dir.XXXXXX") || stop "cannot write into $cache"
trap 'rm -rf "$apt" "$new"' EXIT
echo "fetch: $binary, for $cpu" >&2
if ! unpack "$binary" vmlinuz './boot/vmlinuz-*' './usr/lib/modules/*/vmlinuz' ||
	! unpack busybox-static busybox './bin/busybox' './usr/bin/busybox'; then
	cat "$apt/log" >&2
	stop "no kernel in $binary, or no busybox-static"
fi
chmod 755 "$new" "$new/busybox"
echo "${image#linux-image-}" >"$new/release"
# Somebody else may have been faster.
mv -T "$new" "$dir" 2>/dev/null || [ -f "$dir/release" ] || stop "cannot write into $cache"
echo "$dir"
