# SPDX-License-Identifier: MIT
#
# choose.awk file=1 BY_HAND file=2 NAMES file=3 NAMES file=4 LIST: what the list
# asks for, as lines of fields between tabs:
#
#	file NAME SENTENCE
#	group HEADER TYPE SENTENCE
#	constant NAME TEXT TEXT SINCE EXACT WHERE
#
# with the texts of both CPUs, the version that the list gives, or "-", and 1
# where it gives it to that very name. A name goes to the first group whose
# header has it and whose patterns match.

function complain(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what >"/dev/stderr"
	bad = 1
}

function add_pattern(p, since) {
	nr++
	source[nr] = p
	minus[nr] = sub(/^!/, "", p)
	if (p !~ /^[]A-Za-z0-9_*?[-]+$/)
		complain("\"" p "\" is no pattern; write names, with * and ?")
	gsub(/\*/, "[A-Za-z0-9_]*", p)
	gsub(/\?/, "[A-Za-z0-9_]", p)
	pattern[nr] = "^" p "$"
	version[nr] = since
	where[nr] = FILENAME ":" FNR
}

function end_group(	i, j, name, all, found, since) {
	if (header == "")
		return
	print "group\t" header "\t" type "\t" sentence
	all = split(order[header], names, " ")
	for (i = 1; i <= all; i++) {
		name = names[i]
		found = 0
		for (j = 1; j <= nr && !found; j++)
			if (name ~ pattern[j])
				found = j
		if (!found)
			continue
		used[found] = 1
		if (minus[found] || name in taken)
			continue
		taken[name] = 1
		since = version[found] ? version[found] : "-"
		print "constant\t" name "\t" text[1, header, name] "\t" \
			text[2, header, name] "\t" since "\t" \
			(source[found] == name) "\t" where[found]
	}
	for (j = 1; j <= nr; j++)
		if (!used[j]) {
			printf "%s: %s matches nothing in %s; remove it\n", where[j],
				source[j], header >"/dev/stderr"
			bad = 1
		}
	header = ""
	nr = 0
	for (j in used)
		delete used[j]
}

file == 1 {
	taken[$1] = 1
	next
}
file <= 3 {
	split($0, part, "\t")
	if (!(("any", part[1], part[2]) in text))
		order[part[1]] = order[part[1]] " " part[2]
	text["any", part[1], part[2]] = 1
	text[file - 1, part[1], part[2]] = part[3]
	next
}

/^#/ || /^[ \t]*$/ { next }
/^file / {
	end_group()
	print "file\t" $2 "\t" substr($0, index($0, "\"") + 1, \
		length($0) - index($0, "\"") - 1)
	next
}
/^const / {
	end_group()
	header = $2
	type = $3 == "go" ? $4 : "-"
	if ($0 !~ /"[^"]+\."$/)
		complain("write const HEADER \"Sentence.\"")
	sentence = substr($0, index($0, "\"") + 1)
	sub(/"$/, "", sentence)
	next
}
/^[ \t]/ && header != "" {
	since = ""
	last = NF
	if (NF > 2 && $(NF - 1) == "since") {
		since = $NF
		last = NF - 2
	}
	for (i = 1; i <= last; i++)
		add_pattern($i, since)
	next
}
/^end$/ {
	end_group()
	ended = 1
	next
}
{ complain("write \"file\", \"const\", a pattern or \"end\"") }
END {
	if (!ended)
		complain("write \"end\" as the last line")
	exit bad
}
