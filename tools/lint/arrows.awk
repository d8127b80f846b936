# SPDX-License-Identifier: GPL-2.0
#
# arrows.awk - Makefile, then .c and .h files: includes that point the wrong way
#
# The order is LAYERS in the Makefile, and the files of a layer that is not a folder are SRCS_<layer>
# there. Commands (the other files at the top) stand above all layers. tests/unit/<layer> may
# include what <layer> may, and files of its own folder; other tests, fuzz targets and benches may
# include every layer, but no command. A header called *local.h is for its own folder only.

function layer_of(path,   parts, n) {
	if (path in special)
		return special[path]
	n = split(path, parts, "/")
	if (n == 1)
		return "commands"
	if (parts[1] == "tests" && parts[2] == "unit" && n > 3)
		return parts[3]
	return parts[1]
}

function folder_of(path) {
	return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/) - 1) : ""
}

FILENAME == "Makefile" && /^LAYERS[ \t]*:?=/ {
	sub(/^[^=]*=/, "")
	for (i = 1; i <= NF; i++)
		rank[$i] = i
	top = NF
	next
}

FILENAME == "Makefile" && /^SRCS_[a-z]+[ \t]*:?=/ {
	layer = substr($1, 6)
	sub(/[:=].*/, "", layer)
	sub(/^[^=]*=/, "")
	for (i = 1; i <= NF; i++) {
		special[$i] = layer
		sub(/\.c$/, ".h", $i)
		special[$i] = layer
	}
	next
}

FILENAME == "Makefile" { next }

FNR == 1 {
	if (!top) {
		print "Makefile: no line LAYERS := ..."
		exit
	}
	mine = layer_of(FILENAME)
	test = FILENAME ~ /^(tests|bench|contrib)\//
	limit = mine in rank ? rank[mine] : mine == "commands" || test ? top : 0
	if (!limit)
		print FILENAME ":1: the folder " mine " is not in LAYERS"
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	target = quoted[2]
	if (test && target !~ /\//)
		next # a header next to it
	if (target !~ /\// && !(target in special) && target !~ /^trace-/) {
		print FILENAME ":" FNR ": \"" target "\": write the path from the top of the tree"
		next
	}
	if (target ~ /^(tests|bench)\//) {
		if (!test)
			print FILENAME ":" FNR ": includes a test: " target
		next
	}
	theirs = layer_of(target)
	if (theirs == "commands" && (mine != "commands" || test))
		print FILENAME ":" FNR ": includes a command: " target
	else if (theirs != "commands" && !(theirs in rank))
		print FILENAME ":" FNR ": includes " target ", whose folder is not in LAYERS"
	else if (theirs != "commands" && limit && rank[theirs] > limit)
		print FILENAME ":" FNR ": " mine " must not include " target ": " theirs " stands above it"
	if (target ~ /local\.h$/ && folder_of(target) != folder_of(FILENAME) && !test)
		print FILENAME ":" FNR ": " target " is for its own folder"
}
