# SPDX-License-Identifier: MIT
#
# The output of `cc -E -dD` to "NAME<TAB>TEXT", in the order of the header: macros
# without parameters, and enumerators, whose text is "=" and what they are given.

function enumerator(s,	at, name) {
	gsub(/[ \t]+/, " ", s)
	sub(/^ /, "", s)
	if (s !~ /^[A-Za-z_]/)
		return
	at = match(s, /[^A-Za-z0-9_]/)
	name = at ? substr(s, 1, at - 1) : s
	at = index(s, "=")
	print name "\t=" (at ? substr(s, at + 1) : "")
}

# The braces may begin on a later line, and end in the middle of one.
function code(s,	i, c) {
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (!inside) {
			before = before c
			if (c == "{" || c == ";" || c == "}") {
				if (c == "{" && before ~ /(^|[^A-Za-z0-9_])enum[ \t]*[A-Za-z0-9_]*[ \t]*\{$/) {
					inside = 1
					item = ""
				}
				before = ""
			}
		} else if (c == "," && !depth || c == "}") {
			enumerator(item)
			item = ""
			inside = c != "}"
		} else {
			depth += (c == "(") - (c == ")")
			item = item c
		}
	}
	before = before " "
	item = item " "
}

/^#define [A-Za-z_][A-Za-z0-9_]*( |$)/ {
	name = $2
	sub(/^#define [^ ]*[ \t]*/, "")
	# Only what can be an expression.
	if ($0 != "" && $0 !~ /[{};"\[\]]/)
		print name "\t" $0
	next
}
/^#/ { next }
{ code($0) }
