# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Functions to source: packages of any of Debian's suites, for any CPU, whose
# signatures apt has checked, with lists of its own: the system's packages and
# architectures stay as they are. Whoever sources this defines stop MESSAGE,
# which does not return, and makes and removes the directory $apt.
: "${apt:?}"

# apt_arch CPU: Debian's name of it.
apt_arch() {
	case $1 in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) stop "$1: no such CPU here" ;;
	esac
}

# apt_open SUITE ARCH: from now on apt-get and apt-cache speak of these.
apt_open() {
	command -v apt-get >/dev/null || stop "there is no apt-get here"
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -f $keys ] || stop "$keys is missing; it is in the package debian-archive-keyring"
	# The place that the system itself gets Debian from, if it does.
	uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
		grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
	uri=${uri:-http://deb.debian.org/debian}

	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	echo "deb [arch=$2 target=Packages signed-by=$keys] $uri $1 main" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-END
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "-";
	Dir::State::Lists "$apt/lists";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	APT::Architecture "$2";
	APT::Architectures { "$2"; };
	APT::Sandbox::User "";
	Acquire::Languages "none";
	Acquire::Retries "2";
	APT::Update::Error-Mode "any";
	END
	export APT_CONFIG="$apt/apt.conf"
	apt-get -qq update >"$apt/log" 2>&1 || {
		cat "$apt/log" >&2
		stop "apt-get update failed"
	}
}

# apt_files PACKAGE: what is in it, as a tar file on standard output.
apt_files() {
	(cd "$apt" && rm -f "${1}"_*.deb && apt-get -qq download "$1" >log 2>&1) &&
		dpkg-deb --fsys-tarfile "$apt/${1}"_*.deb
}
