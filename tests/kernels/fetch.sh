#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch.sh SUITE CPU [PAGES]: a kernel of Debian's, and the shell that tests
# start, into a directory of the cache, whose path is printed: vmlinuz, busybox,
# release. PAGES=16k: one with such pages. Nothing is done when they are there.
#
# apt checks the signatures, with lists of its own: the system's packages and
# architectures stay as they are. The names of the packages come from Debian's
# metapackage, for they change with each version. CACHE: where the cache is.
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
		echo "fetch: KERNEL=path/to/vmlinuz runs the tests on a kernel that you have."
	} >&2
	exit 1
}

case $cpu in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) stop "$cpu: no such CPU here" ;;
esac
flavour=cloud-$arch
[ -z "$pages" ] || flavour=$arch-$pages

command -v apt-get >/dev/null || stop "there is no apt-get here"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f $keys ] || stop "$keys is missing; it is in the package debian-archive-keyring"
# The place that the system itself gets Debian from, if it does.
uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
	grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
uri=${uri:-http://deb.debian.org/debian}

apt=$(mktemp -d) || stop "no place to work in"
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
echo "deb [arch=$arch target=Packages signed-by=$keys] $uri $suite main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "2";
END
export APT_CONFIG="$apt/apt.conf"

# depends PACKAGE NAME: which package of that name it needs.
depends() {
	apt-cache show "$1" 2>/dev/null | sed -n 's/^Depends: //p' |
		tr ',' '\n' | sed -n "s/^ *\\($2[^ ]*\\).*/\\1/p" | head -n 1
}

# unpack PACKAGE FILE PATTERN...: the one file that fits.
unpack() {
	package=$1 file=$2
	shift 2
	(cd "$apt" && apt-get -qq download "$package" >log 2>&1) || return
	dpkg-deb --fsys-tarfile "$apt/${package}"_*.deb |
		tar -xO --wildcards "$@" >"$dir.new/$file" 2>/dev/null
	[ -s "$dir.new/$file" ]
}

apt-get -qq update >"$apt/log" 2>&1 || {
	cat "$apt/log" >&2
	stop "apt-get update failed"
}
image=$(depends "linux-image-$flavour" linux-image-)
[ -n "$image" ] || stop "$suite has no linux-image-$flavour"
# Later releases keep the kernel in a package beside that of its modules.
binary=linux-binary-${image#linux-image-}
apt-cache show "$binary" >/dev/null 2>&1 || binary=$image
rm -rf "$dir.new"
mkdir -p "$dir.new" || stop "cannot write into $cache"
if ! unpack "$binary" vmlinuz './boot/vmlinuz-*' './usr/lib/modules/*/vmlinuz' ||
	! unpack busybox-static busybox './bin/busybox' './usr/bin/busybox'; then
	cat "$apt/log" >&2
	stop "no kernel in $binary, or no busybox-static"
fi
chmod 755 "$dir.new/busybox"
echo "${image#linux-image-}" >"$dir.new/release"
mv "$dir.new" "$dir" && echo "$dir"
