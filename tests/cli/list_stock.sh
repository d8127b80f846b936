#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# list_stock.sh - list prints what the stock trace-cmd prints, byte for byte
#
# Both tools are run on this machine's tracefs with the same words. What differs on purpose is
# named below: compression (ours knows zlib too), and what is refused.

set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
tc=$(cd "$here" && realpath "${TRACE_CMD:-./trace-cmd}")
stock=${STOCK:-/usr/bin/trace-cmd}
[ -x "$stock" ] || { echo "skipped: no stock trace-cmd at $stock"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "skipped: tracefs needs root"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
exec 9>/tmp/tracefs.lock
flock 9
"$stock" list -s >"$tmp/s" 2>&1 9>&- || { echo "skipped: no tracefs: $(tail -1 "$tmp/s")"; exit 77; }
failed=0

result() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
		sed 's/^/# /' "$tmp/diff" | head -20
	fi
}

same() { # WORD...: equal standard output, and something in it unless the first word is "none"
	local want=some
	[ "$1" = none ] && want=none && shift
	timeout 30 "$stock" list "$@" >"$tmp/stock" 2>"$tmp/err" 9>&-
	timeout 30 "$tc" list "$@" >"$tmp/ours" 2>>"$tmp/err" 9>&-
	cmp -s "$tmp/stock" "$tmp/ours" && { [ "$want" = none ] || [ -s "$tmp/ours" ]; }
	local status=$?
	diff "$tmp/stock" "$tmp/ours" >"$tmp/diff"
	cat "$tmp/err" >>"$tmp/diff"
	result $status "list $* is what stock prints"
}

# refuse STATUS PATTERN WORD...
refuse() {
	local status=$1 pattern=$2 got
	shift 2
	timeout 30 "$tc" list "$@" >"$tmp/out" 2>"$tmp/diff" 9>&-
	got=$?
	[ $got = "$status" ] && [ ! -s "$tmp/out" ] && grep -qE -e "$pattern" "$tmp/diff"
	result $? "list $* is refused with status $status (was $got) and '$pattern'"
}

same -e
same -e sched
same -e '^sched$'
same -e '^sched:'
same -e ':sched_switch$'
same -e 'e:sched_sw'
same -e SCHED_SWITCH
same none -e '^switch'
same -e 'sched_sw' -F
same -e 'sched_sw' -F --full
same -F -e '^ftrace:print$'
same -e 'sched_switch$' -R
same -e '^sched:sched_sw.*$' -l -R
same -e '^irq:' -l
same -s
same -t
same -p
same -o
same -C
same -B
same -P
same -O
same -s -t
same -C -o -t -e 'sched_switch$'
mkdir /sys/kernel/tracing/instances/list-{b,a} 2>"$tmp/diff"
same -B
rmdir /sys/kernel/tracing/instances/list-{a,b}

# No option at all: the same but for the algorithms at the end.
timeout 60 "$stock" list 2>/dev/null 9>&- | sed '/^Supported compression/,$d' >"$tmp/stock"
timeout 60 "$tc" list 2>/dev/null 9>&- | sed '/^Supported compression/,$d' >"$tmp/ours"
cmp "$tmp/stock" "$tmp/ours" >"$tmp/diff" 2>&1 && [ -s "$tmp/ours" ]
result $? "list without an option is what stock prints"

zstd=$("$stock" list -c 9>&- | grep zstd)
"$tc" list -c 9>&- >"$tmp/diff" && grep -qxF -e "$zstd" "$tmp/diff"
result $? "list -c has stock's line of zstd"

refuse 2 'no event is named' -e -F
refuse 2 'no event is named' -F -e
refuse 1 'not a regular expression' -e '\('
exit $failed
