#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tracefs_undo.sh - record leaves the kernel's tracing as it was, however it ends; reset after start
# (or after a recorder that was killed) leaves it as after boot
#
# All settings files of this machine's tracefs are read before and after, and compared.
# "7 (expanded: 1408)" counts as 1408: a ring that was used once stays expanded.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

# The times, sizes and texts that change by themselves are left out.
snapshot() {
	{
		[ ! -e /proc/sys/kernel/ftrace_enabled ] || printf '%s\0' /proc/sys/kernel/ftrace_enabled
		find $root -maxdepth 1 -type f -perm -u+rw ! -name trace ! -name 'trace_marker*' \
			! -name free_buffer ! -name error_log -print0
		find $root/options $root/instances -type f -perm -u+rw \
			! -name trace ! -name 'trace_marker*' ! -name free_buffer \
			! -name error_log -print0
		find $root/events $root/per_cpu -type f \
			\( -name enable -o -name filter -o -name trigger -o -name buffer_size_kb \) \
			-print0
	} | xargs -0 grep -sH '' | sed 's/:[^:]*(expanded: \([0-9]*\))$/:\1/' | sort
	ls $root/instances
}

check() { # STATUS NAME
	snapshot >"$tmp/after"
	diff "$tmp/before" "$tmp/after" >"$tmp/diff"
	local same=$?
	if [ "$1" = 0 ] && [ $same = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2 (status $1)"
		failed=1
		head -10 "$tmp/diff" "$tmp/err" | sed 's/^/# /'
		cp "$tmp/after" "$tmp/before"
	fi
}

# ends STATUS NAME WORD...: record with these words
ends() {
	local want=$1 name=$2 got
	shift 2
	rm -f "$tmp"/t.dat*
	timeout 60 "$tc" record -o "$tmp/t.dat" "$@" >"$tmp/err" 2>&1 </dev/null 9>&-
	got=$?
	[ $got = "$want" ]
	check $? "$name (status was $got)"
}

# signalled SIGNAL NAME WORD...: end it while it records
signalled() {
	local signal=$1 name=$2 pid got
	shift 2
	rm -f "$tmp"/t.dat*
	timeout 60 "$tc" record -o "$tmp/t.dat" "$@" >"$tmp/err" 2>&1 </dev/null 9>&- &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		[ "$(cat $root/events/sched/enable)$(cat $root/tracing_on)" = 11 ] && break
		sleep 0.1
	done
	[ $i -lt 100 ]
	local started=$?
	pkill "-$signal" -P $pid
	wait $pid
	got=$?
	[ $started = 0 ] && [ $got = 0 ]
	check $? "$name (status was $got)"
}

events=(-e sched -b 2000)
snapshot >"$tmp/before"
[ "$(wc -l <"$tmp/before")" -gt 100 ] || { echo "not ok - a snapshot has settings in it"; exit 1; }
echo "ok - a snapshot has $(wc -l <"$tmp/before") settings"

ends 0 "a system" "${events[@]}" true
ends 0 "globs, a filter, what is left out" -e 'sched*' -e 'irq:softirq*' -f 'vec == 1' -v \
	-e sched_stat_runtime -b 2000 true
ends 0 "a filter of a system" -e sched -f 'common_pid != 0' -b 2000 true
ends 0 "a trigger" -b 8000 -e sched_switch -R stacktrace \
	-R 'traceoff if prev_pid == 4000000' true
ends 0 "clock, options, mask" -C mono -O sym-addr -O nooverwrite -T -M 1 "${events[@]}" true
ends 0 "the command alone, with its children" -F -c "${events[@]}" sh -c 'true; true'
ends 0 "-d, --cmdlines-size, --date, --proc-map" -d --cmdlines-size 9000 --date --proc-map -r 3 \
	"${events[@]}" true
ends 0 "a buffer of its own" -B undo-test -e sched -C global -b 500 -O sym-offset true
signalled INT "Ctrl-C" "${events[@]}"
signalled TERM "SIGTERM" "${events[@]}" -C boot -B undo-test -e irq
ends 1 "a clock that --date cannot use" -C counter --date "${events[@]}" true
ends 1 "no such event" -C mono -b 777 -e irq -e no_such_event true
ends 1 "a filter that the kernel refuses" -C mono -b 777 -e irq -e sched_switch -f 'nosuch == 1' true
ends 1 "no such clock" -e sched -C nosuch true
ends 1 "no such option" -e sched -C mono -O no-such-option true
ends 1 "no such command" -C mono "${events[@]}" /nonexistent/command

# Events that somebody else has on come back.
echo 1 >$root/events/irq/softirq_raise/enable
echo 'prev_pid > 3' >$root/events/sched/sched_switch/filter
echo 1 >$root/tracing_on
snapshot >"$tmp/before"
ends 0 "another one's events and filter come back" -e sched -f 'common_pid > 1' -b 2000 true
signalled INT "and after Ctrl-C" "${events[@]}"
ends 1 "and after a failed start" -e sched -f "common_pid > 1" -C nosuch true
echo 0 >$root/events/irq/softirq_raise/enable
echo 0 >$root/events/sched/sched_switch/filter

# Tracing that was off stays off.
echo 0 >$root/tracing_on
snapshot >"$tmp/before"
ends 0 "tracing_on was 0" "${events[@]}" true
signalled TERM "tracing_on was 0, SIGTERM" "${events[@]}"
ends 1 "tracing_on was 0, no such event" -e sched -e no_such_event true
echo 1 >$root/tracing_on

# start and set leave what reset takes away; the size of the ring is for -b.
kb=$(sed 's/.*expanded: \([0-9]*\)).*/\1/' $root/buffer_size_kb)
"$tc" reset -b "$kb" 9>&-
snapshot >"$tmp/before"
resets() { # NAME WORD...: these words for trace-cmd, and reset
	local name=$1
	shift
	timeout 60 "$tc" "$@" >"$tmp/err" 2>&1 </dev/null 9>&- &&
		! snapshot | cmp -s - "$tmp/before" &&
		timeout 60 "$tc" reset -a -d -t -b "$kb" >>"$tmp/err" 2>&1 9>&-
	check $? "$name; reset"
}
resets "start" start -e 'sched*' -f 'common_pid != 0' -e irq -R stacktrace -C mono -M 1 -b 300 \
	-O sym-addr -O nooverwrite -O noprint-parent -T -P 1 -c
resets "start -B" start -e sched -B undo-test -e irq -f 'irq == 1' -C boot
resets "start -d COMMAND" start -e sched -d -F sh -c true
resets "set" set -e block -O sym-offset -M 1 -v -e block_rq_issue

# A recorder that cannot put anything back.
timeout 60 "$tc" record -o "$tmp/killed.dat" "${events[@]}" -C mono -B undo-test -e irq >"$tmp/err" 2>&1 </dev/null 9>&- &
pid=$!
for ((i = 0; i < 100; i++)); do
	[ "$(cat $root/events/sched/enable)$(cat $root/tracing_on)" = 11 ] && break
	sleep 0.1
done
pkill -KILL -P "$pid"
wait "$pid" 2>/dev/null
! snapshot | cmp -s - "$tmp/before" && "$tc" reset -a -d -t -b "$kb" 2>"$tmp/err" 9>&-
check $? "kill -9; reset"

# Without tracefs it is mounted, and the old place is found.
if unshare -m true 2>/dev/null; then
	unshare -m sh -c "umount -l $root; mount | grep -q ' $root ' || '$tc' stat" >"$tmp/out" 2>"$tmp/err" 9>&- &&
		grep -q "^Tracing is" "$tmp/out"
	check $? "tracefs that was not mounted is mounted"
	unshare -m sh -c "umount -l $root; mount -t tmpfs none /sys/kernel && '$tc' stat" >"$tmp/out" 2>"$tmp/err" 9>&-
	[ $? = 1 ] && grep -q "^  try: " "$tmp/err"
	check $? "tracefs that cannot be mounted: what to do is said"
fi
exit $failed
