#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# snapshot.sh - take, show, reset and free the kernel's snapshot; or say that there is none

set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
tc=$(cd "$here" && realpath "${TRACE_CMD:-./trace-cmd}")
root=/sys/kernel/tracing
[ "$(id -u)" = 0 ] || { echo "skipped: tracefs needs root"; exit 77; }
tmp=$(mktemp -d)
cd "$tmp" || exit 1
exec 9>"${TRACEFS_LOCK:-/tmp/tracefs.lock}"
flock 9
"$tc" list -C >/dev/null 2>err 9>&- || { echo "skipped: $(head -1 err)"; exit 77; }
[ -e $root/tracing_on ] || { echo "skipped: tracefs is not at $root"; exit 77; }
failed=0
trap 'rm -rf "$tmp"' EXIT

# run STATUS STREAM PATTERN WORD...
run() {
	local status=$1 stream=$2 pattern=$3 got
	shift 3
	timeout 20 "$tc" snapshot "$@" >out 2>err </dev/null 9>&-
	got=$?
	if [ $got = "$status" ] && grep -qE -e "$pattern" "$stream"; then
		echo "ok - snapshot $*"
	else
		echo "not ok - snapshot $* (status $got)"
		failed=1
		head -5 out err | sed 's/^/# /'
	fi
}

run 2 err 'one at a time' -s -r
run 2 err '-c' -c nonsense
run 2 err "takes no 'word'" word
run 1 err 'snapshot-test' -B snapshot-test
if [ ! -e $root/snapshot ]; then
	run 1 err 'no snapshots'
	run 1 err 'no snapshots' -s
	run 1 err 'no snapshots' -c 0 -f
	exit $failed
fi
[ "$(cat $root/tracing_on)" = 1 ] || { echo "skipped: tracing is off"; exit 77; }
echo "frozen mark" >$root/trace_marker
run 0 out '' -s
echo "later mark" >$root/trace_marker
run 0 out 'frozen mark'
if grep -q 'later mark' out; then
	echo "not ok - the snapshot stands still"
	failed=1
fi
run 0 out '' -r
run 0 out 'entries-in-buffer/entries-written: 0/0'
run 1 err 'no CPU 4000' -c 4000
run 0 out '' -f
run 0 out 'Snapshot is freed'
exit $failed
