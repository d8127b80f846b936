#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# completion.sh - the bash completion: made from the tables, and what it offers
#
# The completion function is called as bash calls it, in a shell without a
# terminal, with a tracefs of our own and a made-up table; TAP on stdout.

# shellcheck disable=SC2034  # COMP_* are read by the completion
set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 failed=0 sorted=no

result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
	fi
}

# What is offered behind the words "$2"..., the last of which is being typed, must be "$1".
offers() {
	local want=$1 name="$*" got
	shift
	COMP_WORDS=(trace-cmd "$@") COMP_CWORD=$#
	COMPREPLY=()
	_trace_cmd
	got=${COMPREPLY[*]-}
	[ "$sorted" = no ] || got=$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd' ')
	[ "$got" = "$want" ]
	result $? "'${*}' gives '${want}'"
	[ "$got" = "$want" ] || echo "# $name: got '$got'"
}

fake_tracefs() {
	mkdir -p "$tmp/tracefs/instances/net" "$tmp/tracefs/instances/disk" "$tmp/virt/web1" \
		"$tmp/virt/db" "$tmp/virt/\$(touch pwned)" "$tmp/job/sub" || exit 1
	printf '%s\n' sched:sched_switch sched:sched_waking irq:irq_entry >"$tmp/tracefs/available_events"
	echo "function_graph function nop" >"$tmp/tracefs/available_tracers"
	echo "[local] global x86-tsc" >"$tmp/tracefs/trace_clock"
	printf '%s\n' print-parent nosym-addr >"$tmp/tracefs/trace_options"
	touch "$tmp/job/a.dat" "$tmp/job/b c.dat"
}

# A trace-cmd that knows only --tables.
fake_tables() {
	cat >"$tmp/tables" <<-'END'
		#!/bin/sh
		printf 'command\trecord\tx\n'
		printf 'option\trecord\t-\tvirt\t-\t-\n'
		printf 'option\trecord\te\t-\tEVENT\tevent\n'
		printf 'option\trecord\tf\t-\tFILTER\t-\n'
		printf 'option\trecord\tp\ttracer\tTRACER\ttracer\n'
		printf 'option\trecord\tC\t-\tCLOCK\tclock\n'
		printf 'option\trecord\tO\t-\tOPTION\ttraceoption\n'
		printf 'option\trecord\tB\t-\tBUFFER\tbuffer\n'
		printf 'option\trecord\to\t-\tFILE\tfile\n'
		printf 'option\trecord\tq\tquiet\t-\t-\n'
		printf 'option\trecord\t-\tuser\tUSER\tuser\n'
		printf 'command\treport\tx\n'
		printf 'option\treport\t-\tcpu\tCPU\tcpu\n'
		printf 'command\tsetup-guest\tx\n'
		printf 'option\tsetup-guest\t-\tdir\tDIR\tdir\n'
		printf 'command\tvirt-server\tx\n'
		printf 'command\tother\tx\n'
		printf 'option\tother\te\t-\t-\t-\n'
		printf 'option\tother\tf\t-\t-\t-\n'
		printf 'option\tother\t-\tuser\tUSER\tuser\n'
	END
	chmod +x "$tmp/tables"
}

fake_tracefs
fake_tables
"$here/tools/completion.sh" -n "$tmp/tables" >"$tmp/script" && bash -n "$tmp/script"
result $? "the script is made, and bash reads it"
# shellcheck disable=SC1091
. "$tmp/script"
_trace_cmd_tracefs=("$tmp/none" "$tmp/tracefs")
export TRACE_CMD_VIRT_DIR=$tmp/virt
cd "$tmp/job" || exit 1

offers "record report setup-guest virt-server other help --help --version" ""
offers "record report" re
offers "record report setup-guest virt-server other help" help ""
offers "--virt --tracer --quiet --user --help" record --
offers "-p" record -p
offers "sched sched:sched_switch sched:sched_waking" record -e sc
offers "sched_switch sched_waking" record -e sched :
offers "sched_switch" record -e sched : sched_s
offers "irq irq:irq_entry" record -q -e irq -f x -e i
offers "function_graph function" record -p fun
offers "function_graph function nop" record --tracer ""
offers "nop" record --tracer = n
offers "global" record -qC g
offers "local global x86-tsc" record -C ""
offers "print-parent" record -O p
offers "noprint-parent nosym-addr" record -O no
sorted=yes # these come as the file system has them
offers "disk net" record -B ""
offers "a.dat" record -o a
offers "b c.dat" record -o b
offers "" record -f ""
offers "a.dat" record ls a
offers "a.dat b c.dat sub" record -- ls ""
offers "" record ls --vi
offers "root" record --user roo
offers "sub" setup-guest --dir s
offers "db web1" setup-guest ""
sorted=no
offers "-e -f --user --help" other -
offers "a.dat" report a
offers "0" report --cpu = 0
offers "" virt-server ""
offers "" nonsense -x
[ ! -e pwned ]
result $? "no name of a directory is run"

real=$(cd "$here" && realpath "${TRACE_CMD:-./trace-cmd}")
"$here/tools/completion.sh" -n "$real" | cmp -s - "$here/contrib/completion/trace-cmd.bash"
result $? "contrib/completion/trace-cmd.bash is up to date (else run tools/completion.sh)"
kinds=$("$real" --tables | awk -F'\t' '$1 == "option" && $6 != "-" { print $6 }' | sort -u)
[ -n "$kinds" ]
result $? "the tables have kinds of arguments"
for kind in $kinds; do
	grep -qE "^	([a-z]+ \| )*$kind( \| [a-z]+)*\)" "$here/contrib/completion/trace-cmd.bash.in"
	result $? "arguments of kind '$kind' are known to the completion"
done
echo "1..$n"
[ $failed = 0 ]
