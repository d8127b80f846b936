#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# completion.sh - make contrib/completion/trace-cmd.bash from the option tables
#
#   tools/completion.sh [-n] [TRACE-CMD]    TRACE-CMD: ./trace-cmd by default
#   -n   to stdout; write no file ('make lint' compares it with the file)
#
# "trace-cmd --tables" has a line for each option with the kind of its argument
# (base/opt.h, .complete). The lists are written out as case statements, in front
# of contrib/completion/trace-cmd.bash.in, which is the part that does not change.

set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
	sed -n '6,7s/^# \{0,3\}//p' "$0" >&2
	exit 2
}

to_stdout=
while getopts n opt; do
	case $opt in
	n) to_stdout=1 ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || usage

# stdin: the tables; stdout: the functions _trace_cmd_commands, _options and _kind.
make_lists() {
	awk -F'\t' '
	$1 == "command" { names = names " " $2; order[++n] = $2 }
	$1 == "option" {
		forms = ""
		if ($3 != "-") { add($2, "-" $3); forms = "\"" $2 " -" $3 "\"" }
		if ($4 != "-") { add($2, "--" $4); forms = forms (forms == "" ? "" : " | ") "\"" $2 " --" $4 "\"" }
		if ($5 != "-") kinds = kinds "\t" forms ") echo " ($6 == "-" ? "none" : $6) " ;;\n"
	}
	function add(cmd, word) { opts[cmd] = opts[cmd] " " word }
	END {
		print "_trace_cmd_commands() {\n\techo \"" substr(names, 2) " help\"\n}\n"
		print "# The options of subcommand $1.\n_trace_cmd_options() {\n\tcase $1 in"
		for (i = 1; i <= n; i++)
			print "\t" order[i] ") printf %s \"" substr(opts[order[i]] " --help", 2) "\" ;;"
		print "\tesac\n}\n"
		print "# What the argument of option \"$1 = SUBCOMMAND OPTION\" is; nothing: it takes none."
		print "_trace_cmd_kind() {\n\tcase $1 in\n" kinds "\tesac\n}\n"
	}'
}

make_script() {
	echo '# SPDX-License-Identifier: GPL-2.0'
	echo '# shellcheck shell=bash'
	echo '# trace-cmd.bash - completion of trace-cmd for bash; source it, or install it as'
	echo '# <prefix>/share/bash-completion/completions/trace-cmd'
	echo '# Made by tools/completion.sh: do not edit.'
	echo
	"$1" --tables | make_lists || return
	cat contrib/completion/trace-cmd.bash.in
}

text=$(make_script "${1:-./trace-cmd}") || exit 1
if [ -n "$to_stdout" ]; then
	printf '%s\n' "$text"
else
	mkdir -p contrib/completion
	printf '%s\n' "$text" >contrib/completion/trace-cmd.bash
fi
