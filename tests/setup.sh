#!/bin/sh
# SPDX-License-Identifier: MIT
#
# setup.sh GOAL: whether this machine has what the goal needs. What is missing
# is installed with apt, after saying what and how much, if we are root or have
# sudo without a password; else, or with SETUP=no, the command is printed.
set -u

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
header() {
	printf '#include <%s>\nint main(void) { return 0; }\n' "$1" |
		cc -x c -o /dev/null - ${2:+"-l$2"}
}

host=$(uname -m)
other=aarch64
[ "$host" = aarch64 ] && other=x86_64

go_is_new() {
	v=$("${GO:-go}" env GOVERSION 2>/dev/null) || return 1
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
	need_go 24
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
	need_go 24
	need clang have clang
	need clang-format have clang-format
	need g++ have g++
	need shellcheck have shellcheck
	need linux-libc-dev header linux/io_uring.h
	if [ "$host" = x86_64 ]; then
		need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc
	fi
	;;
bench)
	need_go 24
	need libc6-dev header stdio.h
	;;
*)
	echo "setup: unknown goal $goal; use test, lint or bench" >&2
	exit 2
	;;
esac
[ -n "$missing" ] || exit 0

# The list of packages that apt gets.
set -- $missing
command="apt-get install -y --no-install-recommends $*"
as=
if [ "$(id -u)" -ne 0 ]; then
	as="sudo "
fi
stop() {
	echo "setup: make $goal needs: $*" >&2
	echo "setup: $why Install it with:" >&2
	echo "    $as$command" >&2
	exit 1
}
if [ "${SETUP:-}" = no ]; then
	why="SETUP=no."
	stop "$@"
elif ! have apt-get >/dev/null; then
	why="there is no apt-get here; on Debian it would be the command below."
	stop "$@"
elif [ -n "$as" ] && ! sudo -n true 2>/dev/null; then
	why="not root, and sudo asks for a password."
	stop "$@"
fi

echo "setup: make $goal needs: $*"
# Old lists name files that are gone.
if ! apt-cache show "$@" >/dev/null 2>&1 ||
	[ -z "$(find /var/lib/apt/lists -name '*_Packages*' -mtime -1 2>/dev/null)" ]; then
	echo "setup: ${as}apt-get update"
	${as}apt-get update -q >/dev/null || echo "setup: the package lists could not be renewed" >&2
fi
${as}apt-get install -s --no-install-recommends "$@" 2>/dev/null |
	grep -c '^Inst ' | sed 's/.*/setup: & packages/'
${as}apt-get install --assume-no --no-install-recommends "$@" 2>/dev/null |
	grep -E '^(Need to get|After this)' | sed 's/^/setup: /'
echo "setup: $as$command"
# shellcheck disable=SC2086 # $as is empty or "sudo "
DEBIAN_FRONTEND=noninteractive $as$command >build-setup.log 2>&1 && rm -f build-setup.log && exit 0
tail -n 20 build-setup.log >&2
rm -f build-setup.log
why="apt-get failed, see above."
stop "$@"
