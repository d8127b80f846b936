#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record_net_stock.sh - this machine's trace goes to the stock trace-cmd's listener
#
# UDP and TCP, versions 6 and 7: what our table counts is what both reports print of its file.
# shellcheck disable=SC2317  # check, until_true and the trap call them

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

[ -x "$stock" ] || skip "stock trace-cmd is not installed at $stock"
listener=

at_exit '[ -n "$listener" ] && kill -KILL "$listener" && wait "$listener" 2>/dev/null'
mkdir out

# Is somebody listening on TCP port $1?
is_open() {
	grep -q ":$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp ||
		grep -q ":$(printf %04X "$1") 0\{32\}:0000 0A" /proc/net/tcp6
}

port=$((20000 + $$ % 20000))
while is_open $port; do
	port=$((port + 1))
done
"$stock" listen -p $port -d out >log 2>&1 </dev/null 9>&- &
# shellcheck disable=SC2034  # at_exit uses it
listener=$!
until_true is_open $port || skip "the stock listener does not start: $(head -1 log)"

# record WORD...: status in $status, the listener's file in $file
record() {
	unless_dropped record_once "$@"
}

record_once() { # as record
	rm -f out/*
	status=0
	timeout -k 5 60 "$tc" record -N "127.0.0.1:$port" "$@" >said 2>err </dev/null 9>&- || status=$?
	file=
	until_true sh -c 'ls out/*.dat && ! ls out/* | grep -v "\.dat$"'
	file=$(find out -name '*.dat')
}

counts() { # PROGRAM
	"$1" report "$file" 2>/dev/null | grep -c ' \[[0-9]*\] '
}

same_count() { # PROGRAM
	local told
	told=$(awk '$1 == "all" { print $2 }' said)
	[ -n "$file" ] && [ "$told" -gt 0 ] && [ "$told" = "$(counts "$1")" ]
}

while read -r version words; do
	# shellcheck disable=SC2086  # several words
	record $words --file-version "$version" -e sched -e raw_syscalls ls -l /
	name="version $version, ${words:-UDP}"
	check "$name: status 0" [ $status = 0 ]
	check "$name: our report prints every event" same_count "$tc"
	check "$name: the stock report prints every event" same_count "$stock"
	check "$name: the file is of that version" \
		sh -c "head -c 12 '$file' | tr -d '\0' | grep -qa 'tracing$version'"
	check "$name: dump --validate has nothing to say against it" \
		sh -c "'$stock' dump --validate -i '$file' | grep -q 'is a valid'"
	check "$name: the clock is in the file" \
		sh -c "'$stock' dump --options -i '$file' | grep -q TRACECLOCK"
done <<-'END'
	6
	6 -t
	7
	7 -t
	7 --protocol 3
END

record -e sched true
check "UDP to a listener that does not count: that is said" grep -q 'does not count' err
record -t -e sched true
check "TCP: nothing is unknown" [ ! -s err ]

# More than its receive buffers hold, and less than our ring.
record -b 8192 -e raw_syscalls dd if=/dev/zero of=/dev/null bs=1 count=10000 status=none
check "a burst over UDP: the stock report prints every event" same_count "$stock"

record --protocol 1 -e sched -e raw_syscalls ls -l /
check "--protocol 1: our report prints every event" same_count "$tc"
check "--protocol 1: the stock report prints every event" same_count "$stock"

"$tc" record -N "127.0.0.1:$port" -t -e sched -B netbuf -e irq true >said 2>err 9>&-
status=$?
check "-B is refused" [ $status = 1 ]
check "-B: the error says why" grep -q 'buffers apart' err
"$tc" record -N "127.0.0.1:$port" --protocol 2 -e sched true >said 2>err 9>&-
status=$?
check "--protocol 2, which it does not speak, is refused" [ $status = 1 ]
check "--protocol 2: the error says what it speaks" grep -q V3 err
exit $failed
