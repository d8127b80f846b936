# SPDX-License-Identifier: GPL-2.0
#
# style.awk - .c and .h files: licence line, head comment, functions over 80 and files over 1000 lines
#
# In kernel style a function's body is what stands between "{" and "}" in the first column.

function base_name(path) {
	sub(/.*\//, "", path)
	return path
}

function end_of_file() {
	if (file != "" && lines > 1000)
		print file ":1: " lines " lines; split it (at most 1000)"
	if (file != "" && !named)
		print file ":1: the head comment does not say \"" base_name(file) " - ...\""
}

FNR == 1 {
	end_of_file()
	file = FILENAME
	named = 0
	begin = 0
	want = file ~ /\.c$/ ? "// SPDX-License-Identifier: GPL-2.0" : "/* SPDX-License-Identifier: GPL-2.0 */"
	if ($0 != want)
		print file ":1: the first line is not \"" want "\""
}

{ lines = FNR }

FNR <= 3 && index($0, "* " base_name(FILENAME) " - ") { named = 1 }
/^{/ { begin = FNR }
/^}/ && begin {
	if (FNR - begin - 1 > 80)
		print FILENAME ":" begin ": a function of " FNR - begin - 1 " lines (at most 80)"
	begin = 0
}

END { end_of_file() }
