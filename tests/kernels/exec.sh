#!/bin/bash
# SPDX-License-Identifier: MIT
#
# exec.sh KERNEL PROGRAM ARGUMENTS...: runs one static program, as root, on a
# kernel of its own, with its output and exit status. For the go command:
#
#   cd gobind && CGO_ENABLED=0 GOARCH=arm64 \
#       go test -exec "$PWD/../tests/kernels/exec.sh 5.10" ./sys
#
# KERNEL is what KERNELS of run.sh may have, or a path; the CPU is the
# program's. testdata of the current directory goes with it.
set -u

vm_root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
# shellcheck source=tests/kernels/vm.sh
. "$vm_root/tests/kernels/vm.sh"

[ $# -ge 2 ] || { sed -n 's/^# \{0,1\}//; 3,10p' "$0" >&2; exit 2; }
kind=$1 program=$2
shift 2
for word; do
	case $word in '' | *[[:space:]]*) vm_stop "an argument with blanks: '$word'" || exit 2 ;; esac
done
# The machine in the ELF header.
case $(od -An -tx1 -j18 -N1 "$program" | tr -d ' ') in
3e) cpu=x86_64 ;;
b7) cpu=aarch64 ;;
*) vm_stop "$program is for neither x86_64 nor aarch64" || exit 2 ;;
esac

work=$(mktemp -d) || exit 1
trap 'vm_kill "$work/log"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
machine=$(vm_machine "$kind" "$cpu") || exit 1
read -r _ _ kernel busybox parameters <<<"$machine"
# The go command tests packages at the same time.
mkdir -p "$vm_root/build" || exit 1
# shellcheck disable=SC2046 # a list
flock "$vm_root/build/exec.lock" make -s -C "$vm_root" "ARCH=$cpu" "O=build/$cpu" $(vm_needs "$cpu") >&2 &&
	vm_tree "$work/tree" "$cpu" "$busybox" &&
	cp "$program" "$work/tree/program" && mkdir "$work/tree/work" || exit 1
[ ! -d testdata ] || cp -R testdata "$work/tree/work" || exit 1
echo "run ${TEST_TIMEOUT:-600} program /work /program $*" >>"$work/tree/list"
vm_pack "$work/tree" "$work/image" || exit 1
vm_boot "$cpu" "$kernel" "$work/image" "$work/log" "$parameters" >"$work/why" &
wait $!
why=$(cat "$work/why")
sed -n '/^== run program/,/^== end program/p' "$work/log" | grep -v '^== '
[ -z "$why" ] || vm_stop "$why" || exit 1
read -r _ _ _ how status _ < <(grep '^== end program' "$work/log")
case $how in
status) exit "$status" ;;
signal) exit $((128 + status)) ;;
*) vm_stop "no end in time" || exit 124 ;;
esac
