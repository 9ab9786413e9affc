# SPDX-License-Identifier: MIT
#
# write.awk VALUES CHOSEN: the specification's files, into the directory dir.
# The values of the newest version come first. They are written as the header
# does where that is a number, else in a form that is easy to check.

# written NAME CPU TEXT: the value on the newest version.
function written(name, cpu, text,	v) {
	if (!((newest, cpu, name) in value))
		return "-"
	split(value[newest, cpu, name], v, " ")
	if (text ~ /^\(?1 *<< *31\)?$/)
		return "1<<31"
	# As Go has them, enumerators are signed.
	if (v[1] || (text ~ /^=/ && v[2] ~ /^[89a-f]...............$/))
		return v[3]
	sub(/^=[ \t]*/, "=", text)
	sub(/^=$/, "=" v[3], text)
	sub(/^=/, "", text)
	gsub(/[ \t]+$/, "", text)
	while (text ~ /^\([^()]*\)$/)
		text = substr(text, 2, length(text) - 2)
	if (text ~ /^0[xX][0-9a-fA-F]+[uUlL]*$/)
		return "0x" v[2]
	if (text ~ /^0[0-7]+[uUlL]*$/) {
		gsub(/[uUlL]/, "", text)
		sub(/^0+/, "0", text)
		return text
	}
	if (text ~ /^[0-9]+[uUlL]*$/)
		return v[3]
	if (text ~ /^1[uUlL]+ *<< *[0-9]+$/ || text ~ /^_?(BIT|BITUL|BITULL) *\( *[0-9]+ *\)$/) {
		gsub(/^1[uUlL]*|[^0-9]/, "", text)
		return "1<<" text
	}
	if (length(v[2]) <= 3 && (v[2] ~ /^[0-9]$/ || text !~ /[|<]/))
		return v[3]
	return "0x" v[2]
}

# stable NAME: it has always had its value, where it was.
function stable(name,	i, c, key) {
	for (i = 1; i <= nr_versions; i++)
		for (c = 1; c <= 2; c++) {
			key = versions[i] SUBSEP cpus[c] SUBSEP name
			if (key in value && value[key] != value[newest, cpus[c], name])
				return 0
		}
	return 1
}

# first NAME: the oldest of our versions from which on it is there.
function first(name,	i, c, since) {
	for (i = 1; i <= nr_versions; i++) {
		for (c = 1; c <= 2; c++)
			if ((newest, cpus[c], name) in value && \
			    !((versions[i], cpus[c], name) in value))
				return since
		since = i
	}
	return since
}

# number VERSION: to compare it.
function number(version,	part) {
	split(version, part, ".")
	return 256 * part[1] + part[2]
}

function put_group() {
	if (group != "" && lines != "")
		printf "\n%s\n%s", group, lines >out
	else if (group != "") {
		print "import-uapi: nothing was found for: " group >"/dev/stderr"
		bad = 1
	}
	group = lines = ""
}

function put_end() {
	put_group()
	if (out == "")
		return
	print "\nend" >out
	close(out)
}

function complain(where, what) {
	print where ": " what >"/dev/stderr"
	bad = 1
}

function put_constant(name, left, right, since, exact, where,	i, x, y) {
	x = written(name, "x86_64", left)
	y = written(name, "aarch64", right)
	if (x == "-" && y == "-")
		return
	if (!stable(name)) {
		print "left out, for it changes with the version: " name
		return
	}
	i = first(name)
	if (i == nr_versions) {
		# It may have come to a stable kernel later.
		if (!exact)
			since = ""
	} else if (since == "-")
		since = versions[i]
	else if (number(since) > number(versions[i]) || \
		 number(since) <= number(versions[i + 1]))
		complain(where, name " is in the headers since after " \
			versions[i + 1] ", and before or in " versions[i] \
			"; write such a version")
	lines = lines "\t" name " " (x == y ? x : x " " y) \
		(since == "" || since == "-" ? "" : " since " since) "\n"
	count++
}

BEGIN {
	cpus[1] = "x86_64"
	cpus[2] = "aarch64"
}
FNR == NR {
	if (!($1 in known)) {
		known[$1] = 1
		versions[++nr_versions] = $1
		newest = versions[1]
	}
	value[$1, $2, $3] = $4 " " $5 " " $6
	next
}
FNR == 1 { FS = "\t"; $0 = $0 }
$1 == "file" {
	put_end()
	out = dir "/" $2 ".spec"
	print "# SPDX-License-Identifier: MIT\n# " $3 \
		"\n# From linux-libc-dev " package " by `make import-uapi`; " \
		"change gen/uapi/list instead." >out
	next
}
$1 == "group" {
	put_group()
	group = "const " $2 ($3 == "-" ? "" : " go " $3) " \"" $4 "\""
	next
}
$1 == "constant" { put_constant($2, $3, $4, $5, $6, $7) }
END {
	put_end()
	print count " constants of " package
	exit bad || !count
}
