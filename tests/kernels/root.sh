#!/bin/sh
# SPDX-License-Identifier: MIT
#
# root.sh COMMAND...: in a virtual machine, with another root file system than
# the first, which kernels before 7.2 let nobody exchange, and with all programs
# of busybox. Nobody else sees the mounts.
set -u

if [ "${ROOT_STEP:-}" != 2 ]; then
	ROOT_STEP=2 exec busybox unshare -m /bin/sh "$0" "$@"
fi
unset ROOT_STEP
root=/tmp/root
mkdir -p $root && busybox mount -t tmpfs none $root && cd $root || exit 1
mkdir tmp usr tests proc dev sys && busybox chmod 1777 tmp || exit 1
cp -R /bin /etc . && ln -s ../bin usr/bin || exit 1
# Programs that are there already stay.
busybox --install -s $root/bin 2>/dev/null
for dir in tests proc dev sys; do
	busybox mount --rbind /$dir $dir || exit 1
done
busybox mount --move . / || exit 1
exec busybox chroot . "$@"
