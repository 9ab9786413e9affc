#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sandbox.sh ESCAPE SANDBOX: what programs try to get out of the box of the
# example, in C or in Go, as root and as nobody. ESCAPE is tests/box/escape, of
# which most attempts are. In the form that run.sh reads.
set -u

dir=$(mktemp -d) || exit 1
served=
trap '[ -z "$served" ] || kill "$served"; rm -rf "$dir"' EXIT
cp "$1" "$dir/escape" && cp "$2" "$dir/sandbox" && chmod 755 "$dir"/* "$dir" || exit 1
passed=0 failed=0 skipped=0
box=$dir/box
secret=$dir/secret
echo secret >"$secret"
chmod 644 "$secret"

# boxed PROGRAM...: in a new box, with a descriptor that nobody gave it. It says
# what it prints.
boxed() {
	$as "$dir/sandbox" "$box" "$@" 2>&1 </dev/null 9<"$dir" |
		grep -v 'there is no Landlock here'
}

pass() {
	echo "ok sandbox/$user/$1"
	passed=$((passed + 1))
}

# fail NAME SAID
fail() {
	echo "FAIL sandbox/$user/$1"
	echo "$2" | sed 's/^/	/'
	failed=$((failed + 1))
}

# want NAME SAID WANT: the words are the pattern WANT.
want() {
	# shellcheck disable=SC2254 # it is a pattern
	case $2 in
	$3) pass "$1" ;;
	*) fail "$1" "$2" ;;
	esac
}

# check NAME COMMAND WANT: what a shell in the box prints.
check() {
	want "$1" "$(boxed /bin/sh -c "$2")" "$3"
}

# attempts NAME SAID ALL: lines of escape, each with an error; or all with none,
# which shows that they are attempts.
attempts() {
	good=0 bad=0
	while read -r what result; do
		case $3:$result in
		refused:OUT | reached:E*) bad=$((bad + 1)) && fail "$1/$what" "$result" ;;
		refused:E* | reached:OUT) good=$((good + 1)) ;;
		esac
	done <<-END
	$2
	END
	case $2 in
	*"
end") [ $bad -gt 0 ] || pass "${1}_$good" ;;
	*) fail "$1" "$2" ;;
	esac
}

# serve: a process outside that owns what the attempts are for.
serve() {
	name=sandbox-$$-$user
	: >"$dir/served"
	$as "$dir/escape" serve "$name" "$secret" >>"$dir/served" &
	served=$!
	tries=0
	while [ $tries -lt 100 ]; do
		read -r pid handle <"$dir/served" && return
		sleep 0.1
		tries=$((tries + 1))
	done
	fail serve "$(cat "$dir/served")"
	pid=$served handle=-
}

# last: the program ends though it does not want to, when this one does.
last() {
	rm -f "$dir/held"
	mkfifo "$dir/held" || exit 1
	$as "$dir/sandbox" "$box" /tmp/escape hold >"$dir/held" 2>/dev/null &
	held=$!
	exec 8<"$dir/held"
	read -r said <&8
	kill -9 $held
	wait $held 2>/dev/null
	want it_says_to_be_let_alive "$said" 'hold E*'
	timeout 15 cat <&8 >/dev/null
	want it_ends_with_its_starter $? 0
	exec 8<&-
}

# lend: a program of root's that lends its rights lends none in there.
lend() {
	cp "$dir/escape" "$box/tmp/root" && chmod 4755 "$box/tmp/root" || exit 1
	want outside_it_gains_by_setuid "$("$dir/escape" as 65534 "$box/tmp/root" user)" 0
	want it_gains_nothing_by_setuid "$(boxed /tmp/root user)" 1000
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

	want it_tells_what_fails "$(boxed /no/such/program)" 'sandbox: execve: No such file or directory'
	want it_wants_a_place "$($as "$dir/sandbox" /no/such/place /bin/true 2>&1)" 'sandbox: /no/such/place: No such file or directory'
	want it_wants_a_program "$(boxed)" 'usage: sandbox DIRECTORY PROGRAM *'
	$as "$dir/sandbox" "$box" /bin/sh -c 'exit 7' 2>/dev/null
	want it_has_the_status_of_the_program $? 7
	# shellcheck disable=SC2016 # likewise
	$as "$dir/sandbox" "$box" /bin/sh -c 'sh -c "exit 3"; exec /no/such' >/dev/null 2>&1
	want it_has_the_status_of_a_shell $? 127
	$as "$dir/sandbox" "$box" /no/such/program 2>/dev/null
	want it_has_a_status_for_failure $? 125

	# From outside: the box's user owns neither.
	cp "$dir/escape" "$box/tmp/escape" || exit 1
	serve
	attempts outside_all_succeeds "$($as "$dir/escape" reach "$pid" "$name" "$secret" "$handle" 9<"$dir")" reached
	attempts no_way_leads_out "$(boxed /tmp/escape try "$pid" "$name" "$secret" "$handle")" refused
	attempts no_call_changes_the_system "$(boxed /tmp/escape calls)" refused
	kill "$served"
	served=
	want it_is_few_at_most "$(boxed /tmp/escape multiply)" '[1-6][0-9] processes EAGAIN'
	last
}

nothing='
'
user=root as=
if [ "$(id -u)" -ne 0 ]; then
	user=user
elif [ "$("$dir/escape" as 65534 "$dir/escape" user)" != 65534 ]; then
	echo "skip sandbox/nobody: users cannot be changed here"
	skipped=1
fi
if [ "$(boxed /bin/sh -c 'echo here')" != here ]; then
	echo "skip sandbox: no such namespaces here: $(boxed /bin/true)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
try
[ $user != root ] || lend
if [ $user = root ] && [ $skipped -eq 0 ]; then
	user=nobody as="$dir/escape as 65534"
	rm -rf "$box"
	mkdir "$box" && chown 65534 "$box" || exit 1
	try
	lend
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
