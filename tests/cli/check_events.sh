#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check_events.sh - check-events finds what stock's finds in the formats of this machine

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

# The library leaks a word of some formats.
echo leak:libtraceevent >lsan
export LSAN_OPTIONS=suppressions=$PWD/lsan:print_suppressions=0

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
