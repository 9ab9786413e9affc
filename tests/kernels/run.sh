#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh: the test programs of this repository on real kernels, in virtual
# machines of both CPUs, two at a time. `make test-kernels` calls it.
#
#   KERNELS="5.10 sid"  which: a version, a suite of Debian's, "oldest",
#                       "newest", "16k" (pages of 16 KiB), "noring" (io_uring
#                       is disabled on the kernel's command line) or "sysctl"
#                       (by the system when it runs)
#   ARCHS="aarch64"     which CPUs
#   TESTS="plain/sys*"  which programs: plain/NAME, musl/NAME, go/NAME, bench;
#                       4.18-ENOSYS/NAME, 4.18-EPERM/go/NAME: on 5.10, without
#                       every call that is newer than 4.18
#   KERNEL=path         a kernel of yours instead, for the CPU that it is for
#
# Prints a line for each machine, then each skipped test with its reason and
# the machines, then "N passed, N failed, N skipped". The consoles are kept in
# build/kernels/. With CI set, a skip that no line of .ci/skips matches fails.
set -u

here=tests/kernels
# shellcheck disable=SC2034 # for vm.sh
vm_root=.
# shellcheck source=tests/kernels/vm.sh
. $here/vm.sh

make=${MAKE:-make}
out=build/kernels
jobs=${JOBS:-2}
tests=${TESTS:-*}
seconds=${TEST_TIMEOUT:-240}
mkdir -p $out
# A machine that was left behind has its disk, and keeps it locked.
rm -f $out/*.log $out/*.result $out/*.cpio $out/*.pid $out/*.disk
trap 'vm_kill $out/*.log; exit 130' INT TERM

## What to run

machines() {
	if [ -n "${KERNEL:-}" ]; then
		kernel=$(realpath -e "$KERNEL") && cpu=$(vm_cpu "$kernel") &&
			vm_machine "$kernel" "$cpu"
		return
	fi
	for kind in ${KERNELS:-5.10 6.1 6.12 sid 16k noring sysctl}; do
		for cpu in ${ARCHS:-aarch64 x86_64}; do
			# x86_64 has pages of 4 KiB.
			[ "$kind$cpu" = 16kx86_64 ] || vm_machine "$kind" "$cpu" || return
		done
	done
}

## The files of a machine

# part MACHINE: which programs it runs. One without io_uring runs those that
# would use it.
part() {
	case $1 in
	*-noring-* | *-sysctl-*) echo ring ;;
	*) echo all ;;
	esac
}

# add NAME DIRECTORY PROGRAM ARGUMENTS...: to the list, if it is wanted.
add() {
	case $part:$1 in
	all:* | ring:bench) ;;
	ring:musl/*) return ;;
	ring:*/aio* | ring:*/uring* | ring:*/sys | ring:*/sys_socket | ring:*/echo | ring:*/cat) ;;
	ring:*) return ;;
	esac
	# shellcheck disable=SC2254 # TESTS is a glob
	case $1 in $tests) echo "run $seconds $*" >>"$tree/list" ;; esac
}

# add_older CPU BUILT TREE: on the oldest kernel, programs that find one older
# still, without every call that is newer than 4.18.
add_older() {
	cp "$2/kernels/refuse" "$3/tests" && calls=$(tests/newer.sh 4.18 "$1") || return
	echo 'on 5.10.' >>"$3/list"
	for error in ENOSYS EPERM; do
		for name in spawn spawn_box spawn_fds spawn_io spawn_limits spawn_map \
			spawn_options spawn_refused spawn_space spawn_step spawn_storm \
			spawn_thread aio aio_table; do
			add "4.18-$error/$name" /tmp /tests/refuse $error "$calls" "/tests/plain/$name"
		done
		for name in spawn aio; do
			seconds=$((2 * seconds)) add "4.18-$error/go/$name" /tmp /tests/refuse $error "$calls" \
				"/tests/go/$name.test" -test.v -test.short
		done
	done
}

# on TREE SED: what comes next is only for the kernels of this run that are these
# lines of their list, oldest first.
on() {
	# A kernel of one's own has no number here.
	[ -n "${KERNEL:-}" ] || awk '{ sub(/-.*/, ".", $1); print $1 }' <<<"$list" |
		sort -Vu | sed -n "$2" | xargs echo on >>"$1/list"
}

# add_world WORLD BUILT TREE: the C suites.
add_world() {
	mkdir "$3/tests/$1"
	for source in tests/*.c; do
		name=$1/$(basename "$source" .c)
		# Hosted suites are not there, nor is musl for every CPU.
		[ -f "$2/$name" ] || continue
		cp "$2/$name" "$3/tests/$name" || return
		add "$name" /tmp "/tests/$name"
	done
}

# add_equal CPU BUILT TREE: what the kernel sees of each wrapper, on the newest
# kernel alone, for it takes long. A supervisor answers in the kernel's place, so
# that `make test` has shown the same for the CPU of the host.
add_equal() {
	[ "$1" != "$(uname -m)" ] || return 0
	mkdir "$3/tests/equal" && cp "$2"/tests/equal/{equal,c,go} "$3/tests/equal" || return
	on "$3" "\$p"
	seconds=$((3 * seconds)) add equal /tmp /tests/equal/equal /tests/equal/c /tests/equal/go
}

# Go's tests of roots, mounts, users and namespaces.
box_tests='Directory|Namespace|UsersAre|Maps|LongNames|Clocks|Ranges|InABox|Refused'

# add_box BUILT TREE: what wants another root than the first, and what it could
# matter to.
add_box() {
	mkdir "$2/tests/box" && cp "$1/tests/box/escape" "$1/tests/box/sandbox-go" \
		tests/sandbox.sh $here/root.sh "$2/tests/box" || return
	set -- /bin/sh /tests/box/root.sh
	add box/spawn_box /tmp "$@" /tests/plain/spawn_box
	add box/spawn_space /tmp "$@" /tests/plain/spawn_space
	add box/go/spawn /tmp "$@" /tests/go/spawn.test -test.v -test.short -test.run "$box_tests"
	for sandbox in examples/sandbox box/sandbox-go; do
		add "box/${sandbox#*/}" /tmp "$@" /bin/sh /tests/box/sandbox.sh \
			/tests/box/escape "/tests/$sandbox"
	done
}

# image CPU BUSYBOX PART
image() {
	tree=$out/$1-$3.tree built=build/$1 part=$3
	vm_tree "$tree" "$1" "$2" || return
	mkdir "$tree/tests" || return
	add_world plain "$built" "$tree" || return
	# The programs that tests find beside themselves.
	cp -R "$built/examples" "$tree/tests" && rm -f "$tree"/tests/examples/*.d
	cp -R "$built/kernels/go" "$tree/tests" && cp "$built/shim-bench" "$tree/tests" ||
		return
	for program in "$tree"/tests/go/*.test; do
		name=${program##*/}
		seconds=$((2 * seconds)) add "go/${name%.test}" /tmp "/tests/go/$name" -test.v -test.short
	done
	cp "$built/static/sys_real" "$tree/tests" || return
	cp -R "$built/tests/filters" "$tree/tests" || return
	add sys_real /tmp /bin/sh /tests/real
	echo 'SYS_REAL=yes exec /tests/sys_real' >"$tree/tests/real"
	add bench /tmp /bin/sh /tests/bench
	echo 'BENCHTIME=1s exec /tests/shim-bench' >"$tree/tests/bench"
	add_box "$built" "$tree" || return
	# What is said to be for some kernels comes last. Another libc shows
	# nothing new on each of them.
	on "$tree" "1p;\$p"
	add_world musl "$built" "$tree" || return
	add_equal "$1" "$built" "$tree" && add_older "$1" "$built" "$tree" || return
	# Without a program there is none.
	! grep -q '^run ' "$tree/list" || vm_pack "$tree" "$out/$1-$3.cpio" || return
	rm -rf "$tree"
}

## One machine

# expect NAME LOG: says what the machine should have been and was not.
expect() {
	case $1 in
	*-16k-*) grep -q '^== kernel .* pages 16384 ' "$2" || echo "pages are not of 16 KiB" ;;
	*-noring-* | *-sysctl-*) grep -q '^== kernel .* io_uring off$' "$2" || echo "io_uring is on" ;;
	esac
	# Skipped where the first file system stays the root, but not in the box.
	! grep -q '^== run box/go/spawn$' "$2" ||
		grep -q '^--- PASS: TestDirectoryIsAllThatRemains ' "$2" ||
		echo "box/go/spawn has not exchanged the root"
}

run() {
	name=$1 cpu=$2 kernel=$3
	shift 4
	log=$out/$name.log start=$SECONDS
	why=$(vm_boot "$cpu" "$kernel" "$out/$cpu-$(part "$name").cpio" "$log" "$@")
	[ -n "$why" ] || why=$(expect "$name" "$log")
	awk -f $here/log.awk "$log" >"$out/$name.result"
	read -r p f s < <(tail -n 1 "$out/$name.result")
	if [ -n "$why" ]; then
		f=$((f + 1))
		sed -i "1iFAIL $why" "$out/$name.result"
	elif [ "$p" -eq 0 ] && [ "$f" -eq 0 ]; then
		f=1
		sed -i "1iFAIL nothing has passed" "$out/$name.result"
	fi
	if [ -n "${CI:-}" ]; then
		bad=$(sed -n "s|^skip |test-kernels $name: &|p" "$out/$name.result" |
			grep -vEf .ci/skips)
		if [ -n "$bad" ]; then
			awk '{ print "FAIL not expected: " $0 }' <<<"$bad" >>"$out/$name.result"
			f=$((f + $(wc -l <<<"$bad")))
		fi
	fi
	release=$(sed -n 's/^== kernel \([^ ]*\) .*/\1/p' "$log")
	{
		echo "$name (${release:-no kernel}): $p passed, $f failed, $s skipped ($((SECONDS - start)) s)"
		if [ "$f" -gt 0 ]; then
			grep -A 20 -E '^FAIL' "$out/$name.result" | grep -E '^(FAIL|	)' |
				head -n 60 | sed 's/^/  /'
			echo "  (all of it: $log)"
		fi
	} >"$out/$name.part"
	# In one piece, for two run at a time.
	cat "$out/$name.part"
	rm "$out/$name.part"
	echo "total $p $f $s" >>"$out/$name.result"
}

list=$(machines) || exit 1
[ -n "$list" ] || vm_stop "no such machine" || exit 1
while read -r cpu; do
	$make -s "ARCH=$cpu" "O=build/$cpu" vm-programs </dev/null || exit 1
done < <(cut -d ' ' -f 2 <<<"$list" | sort -u)
while read -r name cpu _ busybox _; do
	part=$(part "$name")
	[ -f "$out/$cpu-$part.cpio" ] || image "$cpu" "$busybox" "$part" || exit 1
done <<<"$list"
list=$(while read -r name cpu rest; do
	[ ! -f "$out/$cpu-$(part "$name").cpio" ] || echo "$name $cpu $rest"
done <<<"$list")
[ -n "$list" ] || vm_stop "no program is called $tests" || exit 1
echo "$(wc -l <<<"$list") kernels, $jobs at a time; consoles in $out/"
while read -r name rest; do
	while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	echo "$name: started"
	# shellcheck disable=SC2086 # words
	run "$name" $rest &
done <<<"$list"
wait

## The end

for result in "$out"/*.result; do
	name=${result##*/}
	sed -n "s/^skip \(.*\)/\1	${name%.result}/p" "$result"
done | awk -F '\t' '
	!($1 in where) { order[n++] = $1 }
	{ where[$1] = where[$1] " " $2 }
	END { for (i = 0; i < n; i++) print "skip " order[i] " (on" where[order[i]] ")" }'
cat "$out"/*.result | awk -v machines="$(wc -l <<<"$list")" '
	$1 == "total" { n++; p += $2; f += $3; s += $4 }
	END {
		f += machines - n
		printf "%d passed, %d failed, %d skipped\n", p, f, s
		exit f > 0 || !p
	}'
