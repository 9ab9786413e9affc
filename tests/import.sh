#!/bin/sh
# SPDX-License-Identifier: MIT
#
# import.sh: the import of constants (gen/uapi), from small headers instead of
# the kernel's. In the form that run.sh reads.
set -u

. tests/report.sh

dir=build/import
suite=import log=$dir/log
for tool in x86_64-linux-gnu-gcc aarch64-linux-gnu-gcc; do
	command -v $tool >/dev/null && continue
	skip "$tool" "it is missing"
	closing
	exit
done

rm -rf $dir
mkdir -p $dir/spec || exit

# release SUITE VERSION PATCHLEVEL: its headers, as far as they are alike.
release() {
	for cpu in x86_64 aarch64; do
		cache=$dir/$1-$cpu
		mkdir -p "$cache/linux" "$cache/asm"
		echo "$2.$3.5-1" >"$cache/version"
		printf '#define LINUX_VERSION_MAJOR %s\n#define LINUX_VERSION_PATCHLEVEL %s\n' \
			"$2" "$3" >"$cache/linux/version.h"
	done
	echo '#define CPU_FLAG 0x10' >"$dir/$1-x86_64/asm/a.h"
	printf '#define CPU_FLAG 0x20\n#define ARM_ONLY 3\n' >"$dir/$1-aarch64/asm/a.h"
}

# add SUITES: standard input to a header of theirs.
add() {
	cat >$dir/part
	for suite in $1; do
		for cpu in x86_64 aarch64; do
			cat $dir/part >>"$dir/$suite-$cpu/linux/a.h"
		done
	done
}

release sid 7 2
release trixie 6 12
release bookworm 6 1
all="sid trixie bookworm"
echo '#include <asm/a.h>' | add "$all"
add "$all" <<'END'
#define A_OCTAL 00000100
#define A_HEX 0x000000FFU
#define A_DECIMAL (12)
#define A_BIT (1U << 5)
#define A_TOP (1<<31)
#define A_BITS (A_BIT|A_HEX)
#define A_MINUS (-3)
#define A_HUGE 0x8000000000000000ULL
#define A_ALL (~0ULL)
#define A_CHAR 'A'
#define A_TEXT "text"
#define A_EMPTY
#define A_TYPE int
#define A_UNKNOWN (A_NOWHERE + 1)
#define A_UNKNOWN_TOO (A_NOWHERE + 2)
#define A_FUNCTION(x) (x)
#define A_BY_HAND 1
enum
{
	E_ZERO, E_ONE /* one */,
	E_SHIFTED = (1 << (2 + 2)),
	E_MINUS = (unsigned long long)-32,
#define E_MACRO E_MACRO
	E_MACRO
};
struct other { int E_NONE; };
typedef enum e_named { E_NAMED = 7 } e_named_t;
#define OTHER_FIRST 1
END
echo '#define A_OF_6_12 1' | add "sid trixie"
echo '#define A_OF_7_0 1' | add sid
echo '#define A_BACKPORTED 1' | add "$all"
echo '#define A_LAST 5' | add sid
echo '#define A_LAST 4' | add "trixie bookworm"
printf 'const - "By hand."\n\tA_BY_HAND 1\n\nend\n' >$dir/spec/hand.spec
echo 'stale' >$dir/spec/uapi_gone.spec

import() {
	CACHE=$PWD/$dir LIST=$dir/list SPEC=$dir/spec OUT=$dir/out gen/uapi/import.sh \
		>$dir/stdout 2>$dir/stderr
}

# same NAME FILE: it is like standard input.
same() {
	if diff - "$2" >$dir/log; then
		pass "$1"
	else
		cat $dir/stderr >>$dir/log
		fail "$1"
	fi
}

cat >$dir/list <<'END'
file uapi_a "Of a."

# A comment.
const linux/a.h "Constants of a."
	A_OF_7_0 since 7.0
	A_BACKPORTED since 6.9
	!A_CHAR A_*

const linux/a.h go syscall.Errno "Enumerators of a, and more."
	E_* CPU_FLAG ARM_????

end
END
import
same values_are_the_compilers_and_look_as_in_the_header $dir/spec/uapi_a.spec <<'END'
# SPDX-License-Identifier: MIT
# Of a.
# From linux-libc-dev 7.2.5-1 by `make import-uapi`; change gen/uapi/list instead.

const linux/a.h "Constants of a."
	A_OCTAL 0100
	A_HEX 0xff
	A_DECIMAL 12
	A_BIT 1<<5
	A_TOP 1<<31
	A_BITS 0xff
	A_MINUS -3
	A_HUGE 0x8000000000000000
	A_ALL 0xffffffffffffffff
	A_OF_6_12 1 since 6.12
	A_OF_7_0 1 since 7.0
	A_BACKPORTED 1 since 6.9

const linux/a.h go syscall.Errno "Enumerators of a, and more."
	CPU_FLAG 0x10 0x20
	E_ZERO 0
	E_ONE 1
	E_SHIFTED 0x10
	E_MINUS -32
	E_MACRO -31
	E_NAMED 7
	ARM_ONLY - 3

end
END
same what_changes_with_the_version_is_left_out $dir/stdout <<'END'
left out, for it changes with the version: A_LAST
20 constants of 7.2.5-1
END
(cd $dir/spec && echo *) >$dir/names
same files_of_before_are_removed $dir/names <<'END'
hand.spec uapi_a.spec
END
cp $dir/spec/uapi_a.spec $dir/before

sed 's/7\.0/6.12/; s/E_\*/E_* NO_SUCH/' $dir/list >$dir/list.new
mv $dir/list.new $dir/list
import && echo 'it succeeded' >>$dir/stderr
same patterns_without_a_match_are_errors $dir/stderr <<-END
	$dir/list:10: NO_SUCH matches nothing in linux/a.h; remove it
	END
sed 's/ NO_SUCH//' $dir/list >$dir/list.new
mv $dir/list.new $dir/list
import && echo 'it succeeded' >>$dir/stderr
same versions_that_the_headers_contradict_are_errors $dir/stderr <<-END
	$dir/list:5: A_OF_7_0 is in the headers since after 6.12, and before or in 7.2; write such a version
	END
sed '$d' $dir/list >$dir/list.new
mv $dir/list.new $dir/list
import && echo 'it succeeded' >>$dir/stderr
same a_list_without_an_end_is_an_error $dir/stderr <<-END
	$dir/list:11: write "end" as the last line
	END
same failures_change_nothing $dir/spec/uapi_a.spec <$dir/before

closing
