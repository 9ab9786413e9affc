# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Functions to source: what a virtual machine is made of, and how it starts.

# The repository; whoever sources this sets it.
: "${vm_root:?}"

# How long a machine may take, from power on to power off.
vm_deadline=${VM_DEADLINE:-900}

# The programs that tests start; busybox is all of them.
vm_applets="cat cp date dd echo env expr false grep head id kill ls mkdir mv od
	printf ps pwd rm seq sh sleep sort stat tail test touch tr uname wc yes"

vm_stop() {
	echo "test-kernels: $1" >&2
	return 1
}

# vm_cpu KERNEL: the CPU that a file is a kernel for, by the marks that boot
# loaders look for.
vm_cpu() {
	if [ "$(od -An -c -j514 -N4 "$1" | tr -d ' ')" = HdrS ]; then
		echo x86_64
	elif [ "$(od -An -c -j56 -N4 "$1" | tr -d ' ')" = ARMd ]; then
		echo aarch64
	else
		vm_stop "$1 is neither a bzImage for x86_64 nor an Image for aarch64"
	fi
}

# vm_machine KIND CPU: prints "NAME CPU KERNEL BUSYBOX PARAMETERS". A kind is a
# version, a suite of Debian's, 16k, noring, sysctl, or the path of a kernel.
vm_machine() {
	kind=$1 cpu=$2 suite='' pages='' name='' parameters=''
	case $kind in
	*/*) suite=bookworm ;;
	5.10 | bullseye | oldest) suite=bullseye ;;
	6.1 | bookworm) suite=bookworm ;;
	6.12 | trixie) suite=trixie ;;
	# Its number grows.
	[7-9].* | sid | newest) suite=sid ;;
	16k) suite=sid pages=16k name=-16k ;;
	noring) suite=sid name=-noring parameters=sysctl.kernel.io_uring_disabled=2 ;;
	# After the kernel has started.
	sysctl) suite=sid name=-sysctl parameters='-- /proc/sys/kernel/io_uring_disabled=2' ;;
	*) vm_stop "no kernel $kind; use 5.10, 6.1, 6.12, sid, 16k, noring or sysctl" || return ;;
	esac
	case $kind in
	*/*) [ -f "$kind" ] || vm_stop "$kind is no file" || return ;;
	esac
	dir=$("$vm_root/tests/kernels/fetch.sh" $suite "$cpu" $pages) || return
	version=$(grep -oE '^[0-9]+\.[0-9]+' "$dir/release")
	case $kind in
	*/*)
		echo "own-$cpu $cpu $kind $dir/busybox"
		return
		;;
	[0-9]*.*)
		[ "$kind" = "$version" ] || vm_stop "$kind: $suite has $version" || return
		;;
	esac
	echo "$version$name-$cpu $cpu $dir/vmlinuz $dir/busybox $parameters"
}

# vm_needs CPU: what make has to build for vm_tree.
vm_needs() {
	echo "build/$1/kernels/init build/$1/bench/tiny"
}

# vm_tree TREE CPU BUSYBOX: what every machine has.
vm_tree() {
	rm -rf "$1"
	mkdir -p "$1/bin" "$1/usr" "$1/etc" "$1/dev" "$1/proc" "$1/sys" "$1/tmp" &&
		cp "$vm_root/build/$2/kernels/init" "$1/init" &&
		cp "$3" "$1/bin/busybox" && ln -s ../bin "$1/usr/bin" || return
	# Busybox does nothing by another name, or by none.
	cp "$vm_root/build/$2/bench/tiny" "$1/bin/true" || return
	for applet in $vm_applets; do
		ln -s busybox "$1/bin/$applet" || return
	done
	echo 'root:x:0:0:root:/tmp:/bin/sh' >"$1/etc/passwd"
	cat >"$1/list" <<-END
	env PATH=/bin
	env HOME=/tmp
	env TEST_SCALE=small
	env URING_OPS=yes
	env SCRATCH_NVME=yes
	env OWN_MACHINE=1
	END
}

# vm_pack TREE IMAGE: the file that the kernel unpacks as its root.
vm_pack() {
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$2"
}

# vm_boot CPU KERNEL IMAGE LOG [PARAMETERS]: runs the machine's list, with the
# console in LOG. Fails unless all of it was run and the machine turned itself
# off; says why on standard output. The process is in LOG.pid meanwhile.
vm_boot() {
	cpu=$1 kernel=$2 image=$3 log=$4
	shift 4
	parameters=$*
	case $cpu in
	x86_64)
		# -cx16: QEMU 7.2 crashes at times when a kernel uses it.
		set -- qemu-system-x86_64 -M q35 -cpu max,-cx16
		parameters="console=ttyS0 no_timer_check quiet panic=-1 $parameters"
		;;
	aarch64)
		set -- qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on
		parameters="console=ttyAMA0 quiet panic=-1 $parameters"
		;;
	esac
	# A disk to overwrite, of which requests can be polled.
	truncate -s 16M "$log.disk"
	parameters="nvme.poll_queues=1 $parameters"
	# One CPU: with two, kernels oops at random under this emulation.
	timeout --foreground -k 5 "$vm_deadline" "$@" -accel tcg -smp 1 -m 1024 \
		-nodefaults -no-user-config -display none -monitor none \
		-drive "file=$log.disk,format=raw,if=none,id=disk,discard=unmap" \
		-device nvme,serial=syshim-scratch,drive=disk \
		-serial stdio -no-reboot -kernel "$kernel" -initrd "$image" \
		-pidfile "$log.pid" -append "$parameters" </dev/null 2>&1 |
		sed -u 's/\r//g' >"$log"
	rm -f "$log.pid" "$log.disk"
	if grep -q 'Kernel panic' "$log"; then
		sed -n 's/^.*\(Kernel panic.*\)/\1/p' "$log" | head -n 1
		return 1
	fi
	grep -q '^== done [1-9]' "$log" && return
	if ! grep -q '^== kernel' "$log"; then
		echo "it did not boot: $(tail -n 1 "$log")"
	else
		echo "it was not finished within $vm_deadline s, or died"
	fi
	return 1
}

# vm_kill LOG...: ends machines that run.
vm_kill() {
	for log; do
		[ ! -s "$log.pid" ] || kill "$(cat "$log.pid")"
	done 2>/dev/null
}
