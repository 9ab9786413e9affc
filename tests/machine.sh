#!/bin/sh
# SPDX-License-Identifier: MIT
#
# machine.sh: what setup.sh says and does on machines that lack something, in
# the form that run.sh reads. A machine is a directory of programs, some of
# them false.
set -u

. tests/report.sh

go=$(command -v "${GO:-go}") || exit 1
export GO=go
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# The false programs stand before those that are ours.
bin=$dir/false
ours=$dir/ours
suite=machine log=$dir/log

# on_machine COMMAND...: on a machine of its own, which has all that we have.
on_machine() {
	rm -rf "$bin"
	mkdir "$bin"
	mv -f "$dir/away/"* "$ours" 2>/dev/null
	false_program id 'echo 0'
	# shellcheck disable=SC2016 # for the program
	false_program apt-get 'echo "$@" >>'"$dir/apt"
	rm -f "$dir/apt"
	"$@" || {
		cat "$dir/said"
		return 1
	}
}

# false_program NAME LINE: a program of the machine.
false_program() {
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
	chmod +x "$bin/$1"
}

lacks() {
	for program; do
		mv "$ours/$program" "$dir/away"
	done
}

# setup STATUS GOAL [VARIABLE=VALUE...]: ends with that status.
setup() {
	want=$1 goal=$2
	shift 2
	env "PATH=$bin:$ours" SETUP= "$@" tests/setup.sh "$goal" 2>"$dir/said"
	status=$?
	[ $status -eq "$want" ] || {
		echo "status $status"
		return 1
	}
}

# says TEXT...: each is a part of what it said.
says() {
	for text; do
		grep -qF -- "$text" "$dir/said" || {
			echo "it does not say: $text"
			return 1
		}
	done
}

complete() {
	setup 0 test && setup 0 bench && setup 0 vendor &&
		[ ! -s "$dir/said" ] && [ ! -e "$dir/apt" ]
}

no_go() {
	lacks go musl-gcc
	setup 1 test && says 'make test needs Go 1.26 or newer (found: none)' 'go.dev/dl' \
		'nothing was installed' 'apt-get install -y --no-install-recommends musl-tools'
}

old_go() {
	# shellcheck disable=SC2016 # for the program
	false_program go '[ "$1" = env ] && echo go1.19.8'
	setup 1 bench && says '(found: go1.19.8)' && setup 1 vendor &&
		says 'make vendor-go needs Go 1.24 or newer'
}

no_modules() {
	setup 1 bench SETUP=no GOMODCACHE="$dir/empty" &&
		says 'SETUP=no' '    go -C bench mod download'
}

no_network() {
	setup 1 bench GOPROXY=off GOMODCACHE="$dir/empty" &&
		says 'module lookup disabled' 'the go command failed' \
			'    go -C bench mod download'
}

only_print() {
	lacks musl-gcc
	setup 1 test SETUP=no && [ ! -e "$dir/apt" ] &&
		says '    apt-get install -y --no-install-recommends musl-tools'
}

install() {
	lacks musl-gcc
	setup 0 test && says 'setup: make test needs: musl-tools' &&
		grep -qxF 'install -y --no-install-recommends musl-tools' "$dir/apt"
}

install_fails() {
	lacks musl-gcc
	false_program apt-get 'echo "E: no such host"; exit 100'
	setup 1 test && says 'E: no such host' 'apt-get failed' \
		'    apt-get install -y --no-install-recommends musl-tools'
}

no_apt() {
	lacks musl-gcc
	rm "$bin/apt-get"
	setup 1 test && says 'there is no apt-get' 'musl-tools'
}

no_sudo() {
	lacks musl-gcc
	false_program id 'echo 1000'
	setup 1 test && [ ! -e "$dir/apt" ] &&
		says 'we are not root, and there is no sudo' '# as root'
}

sudo_asks() {
	lacks musl-gcc
	false_program id 'echo 1000'
	false_program sudo 'exit 1'
	setup 1 test && [ ! -e "$dir/apt" ] && says 'sudo asks for a password' \
		'    sudo apt-get install -y --no-install-recommends musl-tools'
}

sudo_works() {
	lacks musl-gcc
	false_program id 'echo 1000'
	# shellcheck disable=SC2016 # for the program
	false_program sudo 'shift; exec "$@"'
	setup 0 test && grep -q '^install .*musl-tools$' "$dir/apt"
}

no_space() {
	false_program df 'printf "Filesystem\nnone 100 97 3 97%% /\n"'
	false_program du 'echo 7 build'
	setup 1 bench && says "make bench needs 100 MiB in $PWD/build, where 3 are free"
}

mkdir "$ours" "$dir/away" "$dir/empty"
# Of a name the first counts.
(IFS=: && for d in $PATH; do ln -s "$d"/* "$ours"; done) 2>/dev/null
ln -sf "$go" "$ours/go"
rm -f "$ours/sudo" "$ours/apt-get"

check with_all_there_it_says_nothing on_machine complete
check without_Go_it_names_the_packages_too on_machine no_go
check an_old_Go_is_named on_machine old_go
check SETUP=no_fetches_no_module on_machine no_modules
check without_a_network_the_command_for_modules_is_there on_machine no_network
check SETUP=no_prints_the_command_and_installs_nothing on_machine only_print
check what_is_missing_is_installed_after_saying_so on_machine install
check an_installation_that_fails_shows_why on_machine install_fails
check without_apt_the_packages_are_named on_machine no_apt
check without_sudo_root_is_asked_to_do_it on_machine no_sudo
check a_sudo_that_asks_is_not_called on_machine sudo_asks
check a_sudo_that_does_not_ask_installs on_machine sudo_works
check without_space_it_stops_before_the_compiler_does on_machine no_space

closing
