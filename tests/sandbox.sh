#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sandbox.sh DIRECTORY: what shells try to get out of the box of the example,
# as root and as nobody. DIRECTORY is build/ARCH. In the form that run.sh reads.
set -u

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cp "$1/examples/sandbox" "$dir/sandbox" && chmod 755 "$dir" "$dir/sandbox" || exit 1
passed=0 failed=0 skipped=0
box=$dir/box
secret=$dir/secret
echo secret >"$secret"
chmod 644 "$secret"

# box COMMAND: in the shell of a new box. It says what it prints.
box() {
	$as "$dir/sandbox" "$box" /bin/sh -c "$1" 2>&1 </dev/null |
		grep -v 'there is no Landlock here'
}

# check NAME COMMAND WANT: what it prints in the box is the pattern WANT.
check() {
	said=$(box "$2")
	# shellcheck disable=SC2254 # it is a pattern
	case $said in
	$3)
		echo "ok sandbox/$user/$1"
		passed=$((passed + 1))
		;;
	*)
		echo "FAIL sandbox/$user/$1"
		echo "$said" | sed 's/^/	/'
		failed=$((failed + 1))
		;;
	esac
}

try() {
	check it_is_somebody 'id -u' 1000
	check it_is_alone 'echo $$; ls /proc | grep -cE "^[0-9]{3,}$"' '1
0'
	check it_has_no_network 'grep -c : /proc/net/dev' 1
	check it_has_no_rights 'grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status | tr -dc "1-9\n"' "



${nothing}1
2"
	check it_sees_nothing_else 'ls -d /* | grep -vE "^/(bin|dev|lib|lib64|proc|tmp|usr)$"; echo end' end
	check it_does_not_find_the_way_up "exec 2>&-; cat /etc/shadow ../../../../..$secret /proc/1/root$secret; echo end" end
	check it_mounts_nothing 'mount -t tmpfs x /tmp || echo no' '*no'
	check it_has_no_other_namespace 'unshare -U true || echo no' '*no'
	# shellcheck disable=SC2016 # for the shell in the box
	check it_changes_nothing 'exec 2>&-; for f in /x /usr/x /dev/x; do echo x >$f && echo "$f"; done; echo end' end
	check it_writes_its_own 'echo x >/tmp/x && cat /tmp/x' x
	check it_opens_few_files 'ulimit -n' 64
	# shellcheck disable=SC2016 # likewise
	check it_cannot_multiply 'i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i + 1)); done' '*ork*'
	check it_ends_with_its_children 'sleep 60 & echo $$' 1
}

nothing='
'
user=root as=
if [ "$(id -u)" -ne 0 ]; then
	user=user
elif ! setpriv --reuid 65534 --regid 65534 --clear-groups true; then
	echo "skip sandbox/nobody: setpriv cannot change users"
	skipped=1
fi
if [ "$(box 'echo here')" != here ]; then
	echo "skip sandbox: no such namespaces here: $(box true)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
try
if [ $user = root ]; then
	# A program of root's that lends its rights lends none in there.
	cp /usr/bin/id "$box/tmp/id" && chmod 4755 "$box/tmp/id"
	check it_gains_nothing_by_setuid '/tmp/id -u' 1000
fi
if [ $user = root ] && [ $skipped -eq 0 ]; then
	user=nobody as="setpriv --reuid 65534 --regid 65534 --clear-groups"
	rm -rf "$box"
	mkdir "$box" && chown 65534 "$box" || exit 1
	try
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
