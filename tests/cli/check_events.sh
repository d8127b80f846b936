#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check_events.sh - check-events finds what stock's finds in the formats of this machine

set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
tc=$(cd "$here" && realpath "${TRACE_CMD:-./trace-cmd}")
stock=${STOCK:-/usr/bin/trace-cmd}
root=/sys/kernel/tracing
[ "$(id -u)" = 0 ] || { echo "skipped: tracefs needs root"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
exec 9>"${TRACEFS_LOCK:-/tmp/tracefs.lock}"
flock 9
# The library leaks a word of some formats.
echo leak:libtraceevent >lsan
export LSAN_OPTIONS=suppressions=$PWD/lsan:print_suppressions=0
"$tc" list -C >/dev/null 2>err 9>&- || { echo "skipped: $(head -1 err)"; exit 77; }
[ -e $root/events ] || { echo "skipped: tracefs is not at $root"; exit 77; }
failed=0

result() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
		head -5 out err 2>/dev/null | sed 's/^/# /'
	fi
}

for plugins in "" -N; do
	# shellcheck disable=SC2086  # none, or one
	timeout 60 "$tc" check-events $plugins >out 2>err 9>&-
	ours=$?
	[ $ours = 0 ] && [ ! -s out ] || { [ $ours = 1 ] && [ -s out ]; }
	result $? "check-events $plugins names what it finds bad (status $ours)"
	[ -x "$stock" ] || continue
	# shellcheck disable=SC2086
	timeout 60 "$stock" check-events $plugins >stock.txt 2>&1 9>&-
	[ $(($? != 0)) = $ours ]
	result $? "check-events $plugins: stock agrees"
done
timeout 60 "$tc" check-events --verbose >out 2>err 9>&-
n=$(find $root/events -name format | wc -l)
grep -q "^$n events, [0-9]* of them cannot be parsed\$" out
result $? "--verbose counts all $n of them"
timeout 60 "$tc" check-events --verbose=debug >out 2>err 9>&-
grep -q "^$n events" out
result $? "--verbose=LEVEL, as stock has it"
timeout 10 "$tc" check-events word >out 2>err 9>&-
[ $? = 2 ] && grep -q word err
result $? "it takes no words"
exit $failed
