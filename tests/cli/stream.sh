#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stream.sh - stream prints events while they happen, in order, and leaves tracefs as it was

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

result() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
		head -5 err out 2>/dev/null | sed 's/^/# /'
	fi
}

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

[ -z "$(cat $root/set_event)" ] || { echo "skipped: somebody traces here"; exit 77; }
state >before
timeout 60 "$tc" stream -e sched -b 8000 sh mark.sh 500 >out 2>err 9>&- </dev/null
result $? "stream of a command"
sed -n 's/.*tracing_mark_write: mark \([0-9]*\)$/\1/p' out >numbers
seq 500 | cmp -s - numbers
result $? "each mark is there, in order"
in_order out
result $? "all lines are in the order of time"
! grep -q '^ *trace-cmd-[0-9]* .*sched_stat_runtime' out || [ "$(grep -c ' trace-cmd-' out)" -lt 100 ]
result $? "its own events are hidden"
same_state "a command"

timeout 60 "$tc" stream -e sched:sched_switch -B stream-test -e raw_syscalls -F \
	sh mark.sh 5 >out 2>err 9>&- </dev/null
[ $? = 0 ] && grep -q '^stream-test: .*sys_enter: ' out && grep -q '^             .*mark 5$' out
result $? "buffers have their names in front"
in_order out
result $? "and are merged"
same_state "buffers"

# Live: a mark is on the terminal long before the end; Ctrl-C ends.
timeout 60 "$tc" stream -e sched:sched_switch >out 2>err 9>&- </dev/null &
pid=$!
for ((i = 0; i < 100; i++)); do
	[ "$(cat $root/tracing_on)$(cat $root/events/sched/sched_switch/enable)" = 11 ] && break
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
