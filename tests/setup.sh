#!/bin/sh
# SPDX-License-Identifier: MIT
#
# setup.sh GOAL: whether this machine has what the goal needs. What is missing
# is installed with apt, after saying what and how much, if we are root or have
# sudo without a password; else, or with SETUP=no, the command is printed.
set -u

# The standard output is the target's.
exec >&2

goal=$1
missing=

# need PACKAGE TEST...: the package, unless the test succeeds.
need() {
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

have() {
	command -v "$1"
}

# header NAME [LIBRARY]: the compiler finds both.
# shellcheck disable=SC2317 # called by need
header() {
	printf '#include <%s>\nint main(void) { return 0; }\n' "$1" |
		cc -x c -o /dev/null - ${2:+"-l$2"}
}

host=$(uname -m)

go_is_new() {
	# With a network, the go command fetches what bench/go.mod asks for.
	v=$("${GO:-go}" -C bench env GOVERSION 2>/dev/null) || return 1
	v=${v#go1.}
	[ "${v%%[!0-9]*}" -ge "$1" ] 2>/dev/null
}

need_go() {
	go_is_new "$1" && return
	found=$("${GO:-go}" version 2>/dev/null) || found=none
	cat >&2 <<-END
	setup: Go 1.$1 or newer is needed (found: $found).
	Get it from https://go.dev/dl, or name one that is not in PATH: GO=/path/to/go
	END
	exit 1
}

need gcc have cc
need make have make
case $goal in
test)
	need_go 26
	need libc6-dev header stdio.h
	need libcunit1-dev header CUnit/CUnit.h cunit
	need libseccomp-dev header seccomp.h seccomp
	need liburing-dev header liburing.h uring
	need musl-tools have musl-gcc
	if [ "$host" = x86_64 ]; then
		need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc
		need qemu-user-static have qemu-aarch64-static
	fi
	;;
lint)
	need_go 26
	need clang have clang
	need clang-format have clang-format
	need g++ have g++
	need git have git
	need shellcheck have shellcheck
	need linux-libc-dev header linux/io_uring.h
	if [ "$host" = x86_64 ]; then
		need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc
	fi
	;;
kernels)
	need_go 26
	need qemu-system-x86 have qemu-system-x86_64
	need qemu-system-arm have qemu-system-aarch64
	need cpio have cpio
	need musl-tools have musl-gcc
	case $host in
	x86_64) need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc ;;
	aarch64) need gcc-x86-64-linux-gnu have x86_64-linux-gnu-gcc ;;
	esac
	;;
bench)
	need_go 26
	need libc6-dev header stdio.h
	need liburing-dev header liburing.h uring
	;;
*)
	echo "setup: unknown goal $goal; use test, lint, kernels or bench" >&2
	exit 2
	;;
esac
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # a list of names without blanks
set -- $missing
sudo=
[ "$(id -u)" -eq 0 ] || sudo="sudo "
command="${sudo}apt-get install -y --no-install-recommends $*"

as_root() {
	if [ -n "$sudo" ]; then
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	else
		env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# stop WHY: say what to do instead.
stop() {
	{
		echo "setup: make $goal needs:$missing"
		echo "setup: $1; install it with:"
		echo "    $command"
	} >&2
	exit 1
}

[ "${SETUP:-}" != no ] || stop "SETUP=no"
have apt-get >/dev/null || stop "there is no apt-get here, and Debian would"
[ -z "$sudo" ] || sudo -n true 2>/dev/null ||
	stop "we are not root, and sudo asks for a password"

echo "setup: make $goal needs:$missing"
simulate() {
	apt-get install --assume-no --no-install-recommends "$@" 2>/dev/null
}
# Old lists name files that are gone, new machines have none.
if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' -mtime -1 2>/dev/null)" ]; then
	echo "setup: apt-get update"
	as_root apt-get update -q >/dev/null ||
		echo "setup: the lists of packages could not be renewed" >&2
fi
simulate "$@" | sed -nE 's/^(Need to get|After this operation)/setup: \1/p'
echo "setup: $command"
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
as_root apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 && exit 0
tail -n 20 "$log" >&2
stop "apt-get failed, as shown above"
