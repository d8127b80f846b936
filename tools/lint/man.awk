# SPDX-License-Identifier: GPL-2.0
#
# man.awk - output of "trace-cmd --tables", then the man pages: what one has and the other has not
#
# In a page's section OPTIONS an option is a labelled entry such as
#	*-q*, *--quiet*::	or	*-o* _FILE_::
# with all its names, and with its argument as the table calls it. -h and --help are everywhere
# and need no entry. trace-cmd.1.txt names every page of a subcommand as trace-cmd-NAME(1).

BEGIN { FS = "\t" }

NR == FNR && $1 == "command" { commands[$2] = 1; next }
NR == FNR && $1 == "option" {
	names = ($3 == "-" ? "" : "-" $3) " " ($4 == "-" ? "" : "--" $4)
	sub(/^ /, "", names)
	sub(/ $/, "", names)
	table[$2, names] = $5 == "-" ? "" : $5
	next
}
NR == FNR { next }

FNR == 1 {
	page = FILENAME
	sub(/.*\//, "", page)
	cmd = page
	sub(/\.1\.txt$/, "", cmd)
	sub(/^trace-cmd-?/, "", cmd)
	have[cmd] = 1
	section = before = ""
	if (cmd != "" && !(cmd in commands))
		print FILENAME ":1: there is no subcommand " cmd
}

cmd == "" { overview = overview " " $0 }

# A title: "== NAME", or NAME with a line of dashes below it.
/^== / { section = substr($0, 4) }
/^---+$/ && length($0) == length(before) && before ~ /^[A-Z]/ { section = before }
{ before = $0 }

section == "OPTIONS" && /::[ \t]*$/ && /^\*-/ {
	label = $0
	names = arg = ""
	while (match(label, /\*--?[A-Za-z0-9][-A-Za-z0-9_]*\*/)) {
		names = names (names == "" ? "" : " ") substr(label, RSTART + 1, RLENGTH - 2)
		label = substr(label, RSTART + RLENGTH)
	}
	if (match(label, /_[^_]+_/))
		arg = substr(label, RSTART + 1, RLENGTH - 2)
	if (names == "-h --help" || names == "-h" || names == "--help")
		if (!((cmd, names) in table))
			next
	if (!((cmd, names) in table))
		print FILENAME ":" FNR ": the table of " cmd " has no option \"" names "\""
	else if (table[cmd, names] != arg)
		print FILENAME ":" FNR ": " names ": the argument is \"" table[cmd, names] "\" in the table, \"" arg "\" here"
	if (described[cmd, names]++)
		print FILENAME ":" FNR ": " names " is described twice"
}

END {
	for (c in commands) {
		if (!(c in have))
			print "Documentation/trace-cmd-" c ".1.txt: missing"
		if (!index(overview, "trace-cmd-" c "(1)"))
			print "Documentation/trace-cmd.1.txt: does not name trace-cmd-" c "(1)"
	}
	if (!("" in have))
		print "Documentation/trace-cmd.1.txt: missing"
	for (key in table) {
		split(key, part, SUBSEP)
		if ((part[1] in have) && !(key in described))
			print "Documentation/trace-cmd-" part[1] ".1.txt: no entry for \"" part[2] "\" in OPTIONS"
	}
}
