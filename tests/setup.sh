#!/bin/sh
# SPDX-License-Identifier: MIT
#
# setup.sh GOAL: whether this machine has what the goal needs. What is missing
# is installed with apt, after saying what and how much, if we are root or have
# sudo without a password, and Go modules are fetched by the go command; else,
# or with SETUP=no, the commands are printed.
set -u

# The standard output is the target's.
exec >&2

goal=$1
what="make $goal"
case $goal in
kernels) what="make test-kernels" ;;
vendor) what="make vendor-go" ;;
esac
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

cross_header() {
	printf '#include <stdint.h>\n' | "$1-linux-gnu-gcc" -x c -fsyntax-only -
}

host=$(uname -m)
go=${GO:-go}
no_go=
modules=

# need_go MODULE PACKAGES...: Go, and what these need of other modules. A Go
# that is not too old fetches both, the one that go.mod asks for and them.
need_go() {
	module=$1
	shift
	GOPROXY=off "$go" -C "$module" list -deps "$@" >/dev/null 2>&1 && return
	wanted=$(sed -n 's/^go 1\.\([0-9]*\).*/\1/p' "$module/go.mod")
	found=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null) || found=none
	minor=${found##*go1.}
	if [ "${minor%%[!0-9]*}" -ge 21 ] 2>/dev/null; then
		modules="$go -C $module mod download"
		need ca-certificates test -d /etc/ssl/certs
	else
		no_go=1
	fi
}

get_go() {
	cat <<-END
	setup: $what needs Go 1.$wanted or newer (found: $found).
	Get it from https://go.dev/dl, or name one that is not in PATH: GO=/path/to/go
	END
}

[ "$goal" = vendor ] || need gcc have cc
case $goal in
test)
	need_go bench -test ./...
	need libc6-dev header stdio.h
	need libcunit1-dev header CUnit/CUnit.h cunit
	need libseccomp-dev header seccomp.h seccomp
	need liburing-dev header liburing.h uring
	need musl-tools have musl-gcc
	need uidmap have newuidmap
	if [ "$host" = x86_64 ]; then
		need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc
		need libc6-dev-arm64-cross cross_header aarch64
		need qemu-user-static have qemu-aarch64-static
	fi
	;;
lint)
	need_go bench -test ./... honnef.co/go/tools/cmd/staticcheck
	need clang have clang
	need clang-format have clang-format
	need g++ have g++
	need git have git
	need shellcheck have shellcheck
	need linux-libc-dev header linux/io_uring.h
	if [ "$host" = x86_64 ]; then
		need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc
		need libc6-dev-arm64-cross cross_header aarch64
	fi
	;;
kernels)
	need_go bench ./...
	need qemu-system-x86 have qemu-system-x86_64
	need qemu-system-arm have qemu-system-aarch64
	need cpio have cpio
	need libseccomp-dev header seccomp.h seccomp
	need musl-tools have musl-gcc
	case $host in
	x86_64) need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc ;;
	aarch64) need gcc-x86-64-linux-gnu have x86_64-linux-gnu-gcc ;;
	esac
	;;
bench)
	need_go bench ./...
	need libc6-dev header stdio.h
	need liburing-dev header liburing.h uring
	;;
vendor)
	need_go gobind ./cmd/sysvendor
	;;
*)
	echo "setup: unknown goal $goal; use test, lint, kernels, bench or vendor"
	exit 2
	;;
esac

# The MiB that the goal writes below build/; compilers that find no room say
# all sorts of things.
case $goal in
kernels) space=400 ;;
vendor) space=10 ;;
test) space=200 ;;
*) space=100 ;;
esac
used=$(du -sm build 2>/dev/null | awk '{ print $1 }')
where=.
[ ! -d build ] || where=build
free=$(df -Pm "$where" 2>/dev/null | awk 'NR == 2 { print $4 }')
if [ "$((${free:-$space} + ${used:-0}))" -lt "$space" ]; then
	echo "setup: $what needs $space MiB in $(pwd)/build, where $free are free"
	exit 1
fi

[ -n "$missing$modules$no_go" ] || exit 0

sudo=
by_root=
not_root=
if [ "$(id -u)" -ne 0 ]; then
	not_root=1
	if have sudo >/dev/null; then sudo="sudo "; else by_root="  # as root"; fi
fi
command="${sudo}apt-get install -y --no-install-recommends$missing"

as_root() {
	if [ -n "$sudo" ]; then
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	else
		env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# stop WHY: say what to do instead.
stop() {
	echo "setup: $1; $what needs what this gets:"
	[ -z "$missing" ] || echo "    $command$by_root"
	[ -z "$modules" ] || echo "    $modules"
	exit 1
}

if [ -n "$no_go" ]; then
	get_go
	[ -z "$missing" ] || stop "nothing was installed"
	exit 1
fi
[ "${SETUP:-}" != no ] || stop "SETUP=no"

install_packages() {
	have apt-get >/dev/null || stop "there is no apt-get here, as on Debian"
	[ -z "$not_root" ] || [ -n "$sudo" ] ||
		stop "we are not root, and there is no sudo"
	[ -z "$sudo" ] || sudo -n true 2>/dev/null ||
		stop "we are not root, and sudo asks for a password"
	echo "setup: $what needs:$missing"
	# Old lists name files that are gone, new machines have none.
	if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' -mtime -1 2>/dev/null)" ]; then
		echo "setup: apt-get update"
		as_root apt-get update -q >/dev/null ||
			echo "setup: the lists of packages could not be renewed"
	fi
	# shellcheck disable=SC2086 # a list of names without blanks
	apt-get install --assume-no --no-install-recommends $missing 2>/dev/null |
		sed -nE 's/^(Need to get|After this operation)/setup: \1/p'
	echo "setup: $command"
	# shellcheck disable=SC2086
	as_root apt-get install -y --no-install-recommends $missing >"$log" 2>&1 || {
		grep '^E:' "$log" | tail -n 5
		stop "apt-get failed, as shown above"
	}
	missing=
}

fetch_modules() {
	if [ "${minor%%[!0-9]*}" -ge "$wanted" ]; then
		echo "setup: $what needs the Go modules of $module/ (12 MB)"
	else
		echo "setup: $what needs Go 1.$wanted (found: $found; 70 MB)"
	fi
	echo "setup: $modules"
	$modules && return
	[ "${minor%%[!0-9]*}" -ge "$wanted" ] || get_go
	stop "the go command failed, as shown above"
}

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
[ -z "$missing" ] || install_packages
[ -z "$modules" ] || fetch_modules
