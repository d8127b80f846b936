#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stream.sh - stream prints events while they happen, in order, and leaves tracefs as it was

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

state() {
	cat $root/tracing_on $root/set_event $root/current_tracer $root/set_event_pid \
		$root/set_event_notrace_pid $root/trace_clock $root/tracing_cpumask
	ls $root/instances
}

same_state() {
	state | cmp -s - before
	result $? "tracefs is as it was, after $1"
}

in_order() { # the times of FILE
	sed -n 's/.*\] *\([0-9]*\.[0-9]*\): .*/\1/p' "$1" >"times"
	[ -s times ] && sort -n -c times 2>/dev/null
}

# A command that marks, on each CPU in turn.
cat >mark.sh <<END
for i in \$(seq \$1); do echo "mark \$i"; done >$root/trace_marker
END

[ -z "$(cat $root/set_event)" ] || skip "somebody traces here"
state >before
ln -s "$tc" streamself # a name that no other process has
timeout 60 ./streamself stream -e sched -b 8000 sh mark.sh 500 >out 2>err 9>&- </dev/null
result $? "stream of a command"
sed -n 's/.*tracing_mark_write: mark \([0-9]*\)$/\1/p' out >numbers
seq 500 | cmp -s - numbers
result $? "each mark is there, in order"
in_order out
result $? "all lines are in the order of time"
# The little that it does before is not. What wakes others while it runs belongs to those.
[ "$(grep "^ *streamself-" out | grep -vcE " sched_(wak|switch|migrate)[a-z_]*: ")" -lt 20 ]
result $? "its own events are hidden"
same_state "a command"

timeout 60 "$tc" stream -e sched:sched_switch -B stream-test -e raw_syscalls -F \
	sh mark.sh 5 >out 2>err 9>&- </dev/null
[ $? = 0 ] && grep -q '^stream-test: .*sys_enter: ' out && grep -q '^             .*mark 5$' out
result $? "buffers have their names in front"
in_order out
result $? "and are merged"
same_state "buffers"

# --stderr and --ts-offset: the time in the mark is that of the clock.
echo "read up rest </proc/uptime; echo said; echo \"mark \$up\" >$root/trace_marker" >up.sh
timeout 60 "$tc" stream --verbose=debug --poll --stderr --ts-offset 100000000000000 -C mono \
	-e sched:sched_switch sh up.sh >out 2>err 9>&- </dev/null
[ $? = 0 ] && [ "$(cat out)" = said ] && in_order err
result $? "--stderr: the events are there, and COMMAND has stdout"
awk '/: mark [0-9.]*$/ { for (i = 1; i < NF; i++) if ($i ~ /^[0-9]+\.[0-9]+:$/) d = $i - $NF }
	END { exit !(d > 99999 && d < 100001) }' err
result $? "--ts-offset moves the times"
timeout 60 "$tc" stream --verbose=loud -e sched true >out 2>err 9>&- </dev/null
[ $? = 2 ]
result $? "--verbose=LEVEL that is none"
same_state "--stderr"

# Live: a mark is on the terminal long before the end; Ctrl-C ends.
: >out
timeout 60 "$tc" stream -e sched:sched_switch >out 2>err 9>&- </dev/null &
pid=$!
for ((i = 0; i < 100; i++)); do
	[ "$(cat $root/events/sched/sched_switch/enable)$(cat $root/tracing_on)" = 11 ] && break
	sleep 0.1
done
sleep 0.2
echo "live one" >$root/trace_marker
for ((i = 0; i < 20; i++)); do
	grep -q 'live one$' out && break
	sleep 0.1
done
[ $i -lt 20 ]
result $? "an event is printed within two seconds"
pkill -INT -P $pid
wait $pid
result $? "Ctrl-C is a good end"
in_order out
result $? "in order"
same_state "Ctrl-C"

# A reader that takes nothing more cannot hold it.
mkfifo pipe
tail -f /dev/null 3<pipe &
reader=$!
timeout 60 "$tc" stream -e sched -e raw_syscalls >pipe 2>err 9>&- </dev/null &
pid=$!
sleep 2
pkill -INT -P $pid
sleep 0.5
pkill -INT -P $pid
for ((i = 0; i < 50; i++)); do
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
[ $i -lt 50 ]
result $? "Ctrl-C ends it although nobody reads"
kill $reader $pid 2>/dev/null
wait $pid $reader 2>/dev/null
same_state "a reader that stands still"

timeout 60 "$tc" stream -e sched 2>err 9>&- </dev/null | head -3 >out
[ "${PIPESTATUS[0]}" = 0 ] && [ "$(wc -l <out)" = 3 ] && [ ! -s err ]
result $? "a reader that goes away is the end"
same_state "that"

# More than can be printed: what is missing is said in its place.
timeout 60 "$tc" stream -b 4 -e raw_syscalls dd if=/dev/zero of=/dev/null bs=1 count=30000 >out 2>err 9>&- </dev/null
[ $? = 3 ] && grep -q 'EVENTS DROPPED' out && grep -q ' all ' err
result $? "losses are told, in place and at the end, with status 3"
same_state "losses"
kb=$(sed 's/ .*//' $root/buffer_size_kb)
[ "$kb" -ge 4 ]
result $? "the size of the ring is back"

for words in "-p wakeup" "" "-e"; do
	# shellcheck disable=SC2086  # several words
	timeout 10 "$tc" stream $words >out 2>err 9>&- </dev/null
	[ $? = 2 ] && [ ! -s out ]
	result $? "'stream $words' is wrong usage"
done
exit $failed
