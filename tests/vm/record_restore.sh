#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A recording leaves tracefs as it was: a listing of all settings of the guest, made before and after,
# is the same; after the end of the command, after Ctrl-C and SIGTERM, and after starts that fail half
# way. The settings are not the kernel's own: somebody is tracing here already.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

G=restore
# shellcheck disable=SC2034  # for trace.sh
DD_N=300

# What others had set: events with filters, triggers, a clock, a size, options, functions, a buffer.
mess() {
	vm_run $G "cd /sys/kernel/tracing && set -e
		echo 0 >tracing_on
		echo 1000 >buffer_size_kb
		echo mono >trace_clock
		echo 1 >events/sched/sched_wakeup/enable
		echo 'prev_pid > 7' >events/sched/sched_switch/filter
		echo 'count > 9' >events/syscalls/sys_enter_read/filter
		echo 1 >events/timer/enable
		echo 'stacktrace if pid == 1' >events/sched/sched_process_exit/trigger
		echo 1 >options/sym-addr
		echo 0 >options/overwrite
		echo 1 >tracing_cpumask
		echo 123 >set_event_pid
		echo 'vfs_read' >set_ftrace_filter
		echo 'vfs_write' >set_ftrace_notrace
		echo 77 >set_ftrace_pid
		mkdir instances/mine
		echo 1 >instances/mine/events/sched/sched_switch/enable
		echo 500 >instances/mine/buffer_size_kb
		echo boot >instances/mine/trace_clock"
}

# Left out: what is data (rings, statistics), what never changes (formats, ids), and what says only
# what a tracer makes of the settings (enabled_functions).
IS_SETTING="-type f -perm -400 ! -name 'trace*_pipe*' ! -name 'trace_pipe*' ! -name trace ! -name 'snapshot*'
	! -name stats ! -name format ! -name id ! -name 'hist*' ! -path './trace_stat*' ! -path './rv/*'
	! -name 'saved_*' ! -name 'available_*' ! -name error_log ! -name printk_formats ! -name README
	! -name enabled_functions ! -name touched_functions ! -name 'dyn_ftrace*' ! -name '*_profile'
	! -name synthetic_events ! -name events_version ! -name free_buffer -exec grep -H '' {} +"
IS_SETTING=${IS_SETTING//[$'\n\t']/ }

# All settings, a line each, into file $1.
snapshot_all() {
	vm_run $G "cd /sys/kernel/tracing && find . $IS_SETTING" 2>/dev/null | sort >"$1"
}

# The same without the events of most systems, which take long: only those that are touched here.
snapshot() {
	vm_run $G "cd /sys/kernel/tracing && find . -path '*/events' -prune -o $IS_SETTING
		cd /sys/kernel/tracing && for d in . instances/*; do
			find \$d/events/enable \$d/events/sched \$d/events/timer \$d/events/irq \
				\$d/events/syscalls/sys_enter_read \$d/events/syscalls/sys_enter_write $IS_SETTING
		done" 2>/dev/null | sort >"$1"
}

# Nothing is different from before. $1: after what.
same() {
	snapshot "$T_DIR/after"
	if cmp -s "$T_DIR/before" "$T_DIR/after"; then
		t_ok "all settings are as before, $1"
	else
		t_fail "settings differ, $1" "$(diff "$T_DIR/before" "$T_DIR/after" | head -n 20)"
	fi
}

ALL="-e syscalls:sys_enter_read -f 'count == 1' -e syscalls:sys_enter_write -f 'count == 1'"
ALL+=" -e sched_switch -f 'prev_pid > 3' -C x86-tsc -b 300 -O nosym-addr -O stacktrace -M -1"

# $1: the options; the command is dd, whole.
after_command() {
	guest_record $G "$1 $(dd_job)"
	[ "$RC" = 0 ] && t_ok "record $1: it is whole" || t_fail "record $1: status $RC" "$REPLY"
	same "after record $1"
}

# $1: a signal that ends the recording.
after_signal() {
	local job rc=0 had
	had=$(grep -c "ready -> recording" "$(host_log server)" || true)
	job=$(vm_start $G "trace-cmd record --virt $ALL -e sched -p function -l vfs_write -B mine -e timer -B new -e irq")
	wait_for 20 more_recordings "$had" || t_fail "no recording began" "$(vm_out $G "$job")"
	assert_eq 1 "$(vm_run $G 'cat /sys/kernel/tracing/tracing_on')" "SIG$1: it is tracing"
	vm_signal $G "$job" "$1"
	vm_wait $G "$job" 20 || rc=$?
	assert_eq 0 $rc "SIG$1: the recording is whole"
	same "after SIG$1"
}

more_recordings() {
	[ "$(grep -c "ready -> recording" "$(host_log server)")" -gt "$1" ]
}

# $1: options that the kernel or we refuse, when much has been set already; $2: words that say why
after_failure() {
	guest_record $G "$1 $(dd_job)"
	assert_eq 1 "$RC" "record $1: it fails"
	assert_contains "$REPLY" "$2" "record $1: says why"
	same "after record $1"
}

server_start
guest_boot $G 2
mess || t_bail "cannot set the guest's tracing up"
snapshot_all "$T_DIR/all-before"
snapshot "$T_DIR/before"
for file in all-before before; do
	if [ "$(grep -c '/events/sched/sched_[a-z_]*/filter:' "$T_DIR/$file")" -gt 20 ] &&
	   grep -q '^./trace_clock:.*\[mono\]' "$T_DIR/$file"; then
		t_ok "$file is a snapshot of $(wc -l <"$T_DIR/$file") lines"
	else
		t_fail "$file is no snapshot" "$(head -n 5 "$T_DIR/$file")"
	fi
done
vm_run $G "echo 'prev_pid > 8' >/sys/kernel/tracing/events/sched/sched_switch/filter"
snapshot "$T_DIR/after"
assert_eq 2 "$(diff "$T_DIR/before" "$T_DIR/after" | grep -c '^[<>] ./events/sched/sched_switch/filter')" \
	"a snapshot shows a change"
vm_run $G "echo 'prev_pid > 7' >/sys/kernel/tracing/events/sched/sched_switch/filter"
same "and a change back"

t_begin "the end of the command"
after_command "$ALL -F"
[ -z "$FILE" ] || dd_is "$FILE" "with filters of its own"
after_command "$READS -M -1 -F"
[ -z "$FILE" ] || dd_is "$FILE" "without a filter of its own, the filter that others had set"
after_command "-e all -M -1 -F"
[ -z "$FILE" ] || dd_is "$FILE" "-e all, too"
after_command "$READS -p function -l vfs_write -n vfs_read -F -c"
after_command "$READS -p function_graph -l vfs_write -g vfs_write --max-graph-depth 2 -F"
after_command "$READS -e irq -R stacktrace -B mine -e sched -b 200 -C global -B new -e irq"
t_begin "signals"
after_signal INT
after_signal TERM
t_begin "failed starts"
after_failure "$ALL -B new -e nosuchevent" nosuchevent
after_failure "$ALL -B mine -e sched -e sched:sched_switch -f 'nosuchfield == 1'" "Field not found"
after_failure "$ALL -p function -l vfs_write -O nosuchoption" nosuchoption
after_failure "$ALL -b 100000000" "buffer_size_kb"
t_begin "no virt-server"
assert_status 0 "virt-server ends with status 0" server_stop
after_failure "$ALL" "virt-server"
t_begin "all of it, at the end"
snapshot_all "$T_DIR/all-after"
if cmp -s "$T_DIR/all-before" "$T_DIR/all-after"; then
	t_ok "all settings of all events are as before"
else
	t_fail "settings differ" "$(diff "$T_DIR/all-before" "$T_DIR/all-after" | head -n 20)"
fi
