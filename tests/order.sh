#!/bin/sh
# SPDX-License-Identifier: MIT
#
# order.sh: whether compilers turn each access to an index of the ring, which
# the kernel moves or reads at the same time, into an instruction that keeps
# the order; in objects of C and programs of Go, on both CPUs. aarch64 says it
# with ldar and stlr. x86_64 orders plain loads and stores by itself, so there
# an access has to be one, and of 32 bits. The disassembly of damaged copies
# must be found wrong. In the form that run.sh reads.
set -u

. tests/report.sh

make=${MAKE:-make}
go=${GO:-go}
host=$(uname -m)
out=$PWD/build/order
rm -rf "$out"
mkdir -p "$out"
suite=order log=$out/log

# instructions CPU: regular expressions of what loads, stores and separates.
instructions() {
	case $1 in
	aarch64)
		load='^ldap?r *w[0-9]+, *[[]x[0-9]+]$'
		store='^stlr *w[0-9]+, *[[]x[0-9]+]$'
		fence='^dmb *ish$'
		;;
	x86_64)
		load='^mov *[(]%r[a-z0-9]+[)],%(e..|r[0-9]+d)$'
		store='^(mov|xchg) *%(e..|r[0-9]+d),[(]%r[a-z0-9]+[)]$'
		fence='^(lock or[lq] *[$]0x0,|mfence$)'
		;;
	esac
}

## C

# Each function that has such an access, and what it is.
in_c="publish:shim_uring_store_release
shim_uring_sq_ready:shim_uring_load_acquire
shim_uring_cq_ready:shim_uring_load_acquire
shim_uring_cq_advance:shim_uring_store_release
wakeup_flag:fence"

# c CPU COMPILER DIRECTORY NAME: the objects of the sources that lie there.
c() {
	cpu=$1 objects=$out/$4
	(cd "$3" && $make -s "ARCH=$cpu" "O=$objects" "CC=$2" "CFLAGS=-O2 -g" \
		"$objects/shim/uring.o" "$objects/shim/aio_uring.o") || return
	cross=
	[ "$cpu" = "$host" ] || cross=$cpu-linux-gnu-
	"${cross}objdump" -dl --inlines --no-show-raw-insn "$objects/shim/uring.o" \
		"$objects/shim/aio_uring.o" >"$out/$4.s" || return
	instructions "$cpu"
	awk -v "in_c=$in_c" -v "load=$load" -v "store=$store" -v "fence=$fence" '
		function note(    access, key) {
			if (instruction ~ fence)
				seen[where ":fence"] = 1
			if (where == "shim_uring_load_acquire")
				access = load
			else if (where == "shim_uring_store_release")
				access = store
			else
				return
			# One for each place where the compiler has put it.
			key = outer " " chain
			caller[key] = from ":" where
			if (instruction ~ access)
				right[key] = 1
			else if (!(key in wrong))
				wrong[key] = instruction
		}
		/^[0-9a-f]+ <.*>:$/ { outer = $2; where = from = chain = ""; next }
		/^[A-Za-z_0-9.]+\(\):$/ { where = substr($1, 1, length($1) - 3); next }
		/^inlined by / {
			if (!inlines++) {
				from = $NF
				gsub(/[()]/, "", from)
				chain = ""
			}
			sub(/^.*\//, "", $3)
			chain = chain " " $3
			next
		}
		/^\/.*:[0-9]+/ { line = $1; inlines = 0; next }
		/^ +[0-9a-f]+:\t/ {
			inlines = 0
			instruction = $0
			sub(/^[^\t]*\t/, "", instruction)
			gsub(/\t/, " ", instruction)
			sub(/ +((\/\/|# ).*)?$/, "", instruction)
			note()
		}
		END {
			for (key in caller) {
				if (right[key])
					seen[caller[key]]++
				else {
					print caller[key] " in " key ": " wrong[key]
					bad = 1
				}
			}
			n = split(in_c, wanted, "\n")
			for (i = 1; i <= n; i++)
				if (!(wanted[i] in seen)) {
					print "no " wanted[i]
					bad = 1
				}
			exit bad
		}' "$out/$4.s"
}

## Go

# go_source DIRECTORY: the lines with such an access, as "FILE:LINE ACCESS".
# One without package atomic, or none at all, is wrong.
go_source() {
	(cd "$1/uring" && ! grep -nE '\*[a-z.]*\.(head|tail|flags)\b[^,*]' ./[a-z]*_linux.go &&
		grep -nE 'atomic\.(Load|Store)Uint32\([a-z.]*(head|tail|flags)\b' ./[a-z]*_linux.go |
		sed -E 's,^\./([^:]*:[0-9]+):.*atomic\.(Load|Store)Uint32\(([a-z.]*).*,\1 \2 \3,') \
		>"$out/lines" || { cat "$out/lines"; return 1; }
	for access in 'Store q.tail' 'Load q.head' 'Load q.tail' 'Store q.head' 'Load r.sq.flags'; do
		grep -q " $access\$" "$out/lines" || { echo "no $access"; return 1; }
	done
}

# in_go CPU DIRECTORY NAME: a program of the module that lies there.
in_go() {
	case $1 in
	aarch64) arch=arm64 load='LDARW ' store='STLRW ' ;;
	x86_64) arch=amd64 load='MOVL 0\([A-Z0-9]+\), ' store='XCHGL .*, 0\([A-Z0-9]+\)' ;;
	esac
	go_source "$2" &&
		(cd "$2" && CGO_ENABLED=0 GOARCH=$arch "$go" test -c -o "$out/$3.test" ./uring) &&
		"$go" tool objdump -s gobind/uring "$out/$3.test" >"$out/$3.s" || return
	awk -v "load=$load" -v "store=$store" '
		NR == FNR { access[$1] = $2; next }
		$1 in access && $0 ~ (access[$1] == "Load" ? load : store) { seen[$1] = 1 }
		END {
			for (line in access)
				if (!(line in seen)) {
					print line ": no " access[line] " that keeps the order"
					bad = 1
				}
			exit bad
		}' "$out/lines" "$out/$3.s"
}

## Damaged copies

copy=$out/copy

# damage FILE SED-SCRIPT: in a fresh copy; it must change something.
damage() {
	rm -rf "$copy"
	mkdir "$copy"
	cp -R Makefile asm shim gen gobind "$copy" &&
		cp --parents tests/tests.mk bench/bench.mk "$copy" || return
	sed -E "$2" "$1" >"$copy/$1"
	! cmp -s "$1" "$copy/$1" || { echo "$1 has nothing to damage"; return 1; }
}

# found COMMAND...: it must fail, and name an access.
found() {
	if "$@" >"$out/found" 2>&1; then
		echo "the damage was not seen"
		return 1
	fi
	grep -E '^(no [a-z_]+:[a-z_]+$|[a-z_]+:shim_uring_|[^ ]*_linux.go:[0-9]+: ?no |\./[a-z_]+\.go:[0-9]+:)' \
		"$out/found" || { cat "$out/found"; return 1; }
}

damaged_c() {
	damage "$3" "$4" && found c "$1" "$2" "$copy" "$1-damaged"
}

damaged_go() {
	damage "$2" "$3" && mkdir "$copy/gobind/plain" || return
	cat >"$copy/gobind/plain/plain.go" <<-END
	package plain

	func LoadUint32(p *uint32) uint32 { return *p }

	func StoreUint32(p *uint32, v uint32) { *p = v }
	END
	found in_go "$1" "$copy/gobind" "$1-damaged"
}

queue=shim/include/shim/uring_queue.h
for cpu in x86_64 aarch64; do
	gcc=$cpu-linux-gnu-gcc
	[ $cpu != "$host" ] || gcc=gcc
	check "C_on_$cpu" c $cpu $gcc . $cpu-gcc
	check "Go_on_$cpu" in_go $cpu gobind $cpu
	check "C_with_a_plain_store_of_the_tail_is_found_on_$cpu" damaged_c $cpu $gcc \
		shim/uring.c 's/shim_uring_store_release\((sq->ktail), /*\1 = (/'
	check "C_without_a_fence_is_found_on_$cpu" damaged_c $cpu $gcc \
		shim/uring.c '/__atomic_thread_fence/d'
	check "Go_with_a_plain_store_of_the_tail_is_found_on_$cpu" damaged_go $cpu \
		gobind/uring/submit_linux.go 's/atomic.StoreUint32\((q.tail), /*\1 = (/'
	check "Go_without_atomics_is_found_on_$cpu" damaged_go $cpu \
		gobind/uring/cqe_linux.go 's,"sync/(atomic)",\1 "example.com/syshim/gobind/plain",'
done
# x86_64 has no other instructions for these.
gcc=aarch64-linux-gnu-gcc
[ "$host" != aarch64 ] || gcc=gcc
check "a_relaxed_store_is_found" damaged_c aarch64 $gcc $queue s/__ATOMIC_RELEASE/__ATOMIC_RELAXED/
check "a_relaxed_load_is_found" damaged_c aarch64 $gcc $queue s/__ATOMIC_ACQUIRE/__ATOMIC_RELAXED/
rm -rf "$copy"

closing
