#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record_net.sh - this machine's trace goes to a listener of ours: every protocol, every way to end
#
# What the table says was recorded is what the report of the listener's file prints.
# shellcheck disable=SC2317  # check, until_true and the trap call them

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

listener=

at_exit '[ -n "$listener" ] && kill -KILL "$listener" && wait "$listener" 2>/dev/null'
mkdir out

# listen: on a free port, which is $port then
listen() {
	"$tc" listen -p 0 --bind 127.0.0.1 -d out -l log >table 2>listen.err 9>&- &
	listener=$!
	until_true grep -q 'listens on' log || { echo "not ok - listen: $(cat listen.err log)"; exit 1; }
	port=$(sed -n 's/.*listens on .*port \([0-9]*\).*/\1/p' log | head -n 1)
}

end_listener() {
	[ -n "$listener" ] || return
	kill -TERM "$listener"
	wait "$listener" 2>/dev/null
	listener=
	rm -f log
}

# record WORD...: status in $status
record() {
	status=0
	timeout -k 5 60 "$tc" record -N "127.0.0.1:$port" "$@" >said 2>err </dev/null 9>&- || status=$?
}

# The one file that the listener wrote, when it is there, in $file.
find_file() {
	file=
	until_true sh -c 'ls out/*.dat && ! ls out/* | grep -v "\.dat$"'
	file=$(find out -name '*.dat')
}

told() { # events that the table counts
	awk '$1 == "all" { print $2 }' said
}

printed() {
	"$tc" report "$1" 2>/dev/null | grep -c ' \[[0-9]*\] '
}

same_count() {
	[ -n "$file" ] && [ "$(told)" -gt 0 ] && [ "$(told)" = "$(printed "$file")" ]
}

is_version() {
	head -c 12 "$1" | tr -d '\0' | grep -a "tracing$2" >/dev/null
}

untouched() {
	[ -z "$(cat "$root"/set_event)" ] && [ -z "$(ls "$root"/instances)" ]
}

[ -z "$(cat "$root"/set_event)" ] || skip "events are on already"

listen
while read -r want words; do
	# shellcheck disable=SC2086  # several words
	record $words -e sched -e raw_syscalls ls -l /
	find_file
	check "$words: status 0" [ "$status" = 0 ]
	check "$words: every event of the table is in the file" same_count
	check "$words: a file of version $want" is_version "$file" "$want"
	rm -f out/*
done <<-'END'
	7 --file-version 7
	6 --file-version 6
	7 -t
	6 -t --file-version 6
	7 --protocol 3 -t
	6 --protocol 2
	6 --protocol 2 -t
	6 --protocol 1
	6 --protocol 1 -t
END

record -e sched true
find_file
check "the statistics of the end are in the file" \
	sh -c "'$tc' report --stat '$file' | grep -q 'entries: 0'"
check "UDP to a listener that counts: no word of what is unknown" [ ! -s err ]
rm -f out/*
record --protocol 2 -e sched true
check "UDP to a listener that does not count: that is said" grep -q 'does not count' err
find_file
rm -f out/*
record --protocol 2 -q -e sched true
check "-q: nothing is said" [ ! -s said ]
find_file
rm -f out/*

for version in 6 7; do
	record -t --file-version $version -e sched -B netbuf -e raw_syscalls ls /
	find_file
	check "-B, version $version: both buffers are in the file" same_count
	check "-B, version $version: the buffer has its name" \
		sh -c "'$tc' report '$file' | grep -q '^ *netbuf:.*sys_enter'"
	rm -f out/*
done
record -e sched -B netbuf -e irq true
check "-B over UDP is refused" [ "$status" = 1 ]
check "-B over UDP: -t is named" grep -q -- '-t' err
record -t --protocol 2 -e sched -B netbuf -e irq true
check "-B to a listener without marks is refused" [ "$status" = 1 ]
check "-B that is refused: tracefs is as before" untouched
rm -f out/*

# A burst larger than any receive buffer.
record -b 4096 -e raw_syscalls dd if=/dev/zero of=/dev/null bs=1 count=20000 status=none
find_file
check "a burst over UDP: what the table says is in the file" same_count
rm -f out/*
record -t -b 8192 -e raw_syscalls dd if=/dev/zero of=/dev/null bs=1 count=20000 status=none
find_file
check "a burst over TCP: status 0" [ "$status" = 0 ]
check "a burst over TCP: every event" same_count
rm -f out/*

# The listener ends, or dies, while we record.
# while_recording SIGNAL WORD...: the listener gets SIGNAL while record runs; sets $status
while_recording() {
	local signal=$1 recorder
	shift
	(
		record "$@" -e sched sleep 5
		echo "$status" >status
	) &
	recorder=$!
	until_true grep -q 'ready -> recording' log
	kill "-$signal" "$listener"
	wait "$listener" 2>/dev/null
	listener=
	wait $recorder
	status=$(cat status)
	rm -f status
}

end_listener
for words in "" -t; do
	listen
	# shellcheck disable=SC2086  # no word or one
	while_recording TERM $words
	check "a listener that is stopped, ${words:-UDP}: status 0" [ "$status" = 0 ]
	check "a listener that is stopped, ${words:-UDP}: that is said" grep -q 'the listener ended' err
	find_file
	check "a listener that is stopped, ${words:-UDP}: every event" same_count
	check "a listener that is stopped, ${words:-UDP}: tracefs is as before" untouched
	rm -f out/* log
done

for words in "" -t; do
	listen
	# shellcheck disable=SC2086  # no word or one
	while_recording KILL $words
	check "a listener that is killed, ${words:-UDP}: status 1" [ "$status" = 1 ]
	check "a listener that is killed, ${words:-UDP}: the error says so" grep -q 'closed the connection' err
	check "a listener that is killed, ${words:-UDP}: tracefs is as before" untouched
	rm -f out/* log
done

record -e sched true
check "nobody listens: status 1" [ "$status" = 1 ]
check "nobody listens: listen is named" grep -q 'trace-cmd listen -p' err

while read -r words; do
	# shellcheck disable=SC2086  # several words
	"$tc" record $words -e sched true >said 2>err 9>&-
	status=$?
	check "usage: $words" [ "$status" = 2 ]
	check "usage: $words: one error, with what to type" grep -q 'try:' err
done <<-'END'
	-N
	-N :
	-N localhost
	-N localhost:0
	-N localhost:70000
	-N ::1:1500
	-N [::1]1500
	-N localhost:1 -o x.dat
	-N localhost:1 -V 2:1
	-N localhost:1 --virt
	-N localhost:1 --protocol 4
	-V 2:1 --protocol 2
	-V host:1
	-t
	--protocol 3
END
exit $failed
