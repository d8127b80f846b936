#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# help.sh - help, version and wrong command lines: streams, texts, exit status
#
# Each subcommand of the tables is asked; TAP on stdout. Nothing is recorded.

set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
tc=$(cd "$here" && realpath "${TRACE_CMD:-./trace-cmd}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 failed=0

result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
		sed 's/^/# /' "$tmp/out" "$tmp/err"
	fi
}

# run STATUS STREAM PATTERN WORD...: exit status, and a line on "out" or "err"; the other is empty.
run() {
	local status=$1 stream=$2 pattern=$3 other=err got
	[ "$stream" = err ] && other=out
	shift 3
	timeout 10 "$tc" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	[ $got = "$status" ] && grep -qE -e "$pattern" "$tmp/$stream" && [ ! -s "$tmp/$other" ]
	result $? "'trace-cmd $*' gives $status and, on std$stream, '$pattern' (status was $got)"
}

run 2 err '^usage: trace-cmd COMMAND'
run 0 out '^usage: trace-cmd COMMAND' help
run 0 out '^usage: trace-cmd COMMAND' --help
run 0 out '^usage: trace-cmd COMMAND' -h
run 0 out "^trace-cmd version $(cat "$here/VERSION")\$" --version
run 0 out "^trace-cmd version $(cat "$here/VERSION")\$" version
run 2 err "^trace-cmd: no subcommand 'recrod'\$" recrod
run 2 err "^  try: 'trace-cmd record'; 'trace-cmd help' lists all\$" recrod
run 2 err "^  try: 'trace-cmd help' lists them\$" xyzzy
run 2 err "^trace-cmd: no subcommand 'recrod'\$" help recrod
run 2 err "^trace-cmd: no subcommand ''\$" ''
run 2 err "no subcommand '.x1b\[2J'" $'\033[2J'

"$tc" --tables >"$tmp/tables"
commands=$(awk -F'\t' '$1 == "command" { print $2 }' "$tmp/tables")
[ -n "$commands" ]
result $? "the tables have subcommands"
for c in $commands; do
	run 0 out "^  $c +[a-z]" help
	run 0 out "^usage: trace-cmd $c" help "$c"
	run 0 out "^usage: trace-cmd $c" "$c" --help
	run 0 out "^usage: trace-cmd $c" "$c" -h
	run 2 err "^trace-cmd: $c: no option '--no-such-option'\$" "$c" --no-such-option
	run 2 err "^  try: 'trace-cmd $c --help' lists the options\$" "$c" --no-such-option
	"$tc" "$c" --help >"$tmp/out" 2>"$tmp/err"
	! grep -nE '.{101}' "$tmp/out" >"$tmp/err"
	result $? "the help of $c has lines of at most 100 columns"
	awk -F'\t' -v c="$c" '$1 == "option" && $2 == c && $5 != "-" && $5 !~ /^\[/ { # [ARG] may be left out
		print ($4 != "-" ? "--" $4 : "-" $3) }' "$tmp/tables" >"$tmp/with-argument"
	while read -r o; do
		run 2 err "^trace-cmd: $c: option $o needs an argument: " "$c" "$o"
	done <"$tmp/with-argument"
done

run 2 err "^  try: --virt; " record --vitr
run 1 err "^trace-cmd: -o /dev/null: that is no file" record -o /dev/null -e sched true
run 2 err "^trace-cmd: record: option --virt takes no argument\$" record --virt=1
run 2 err "^trace-cmd: no event and no tracer is given" record
run 2 err "^trace-cmd: --virt writes no file in the guest" record --virt -o x -e sched
run 2 err "^trace-cmd: --file-version is 6 or 7, not 8\$" record --file-version 8 -e sched

echo "1..$n"
[ $failed = 0 ]
