#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What this machine's tracefs may refuse is tried in a guest: functions, kprobes, histograms. stat and
# show print what stock prints, and reset takes all of it away.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

G=tracefs
STATIC=${STATIC:?}
STOCK=${STOCK:-/usr/bin/trace-cmd}
T=/sys/kernel/tracing

# Both tools with these words, in the guest. Stock says so when there is no stack tracer.
same() {
	local ours stock
	ours=$(vm_run $G "/tc $1 2>/dev/null")
	stock=$(vm_run $G "/stock/trace-cmd $1 2>/dev/null | grep -v '^Error reading stack tracer'")
	assert_eq "$stock" "$ours" "as stock: $1"
}

ours() {
	local reply rc=0
	reply=$(vm_run $G "/tc $1") || rc=$?
	assert_eq "0 " "$rc $reply" "$1"
}

says() {
	assert_eq "$2" "$(vm_run $G "grep -v '^#' $T/$1 2>/dev/null")" "$1"
}

settings='cd /sys/kernel/tracing
echo "p:myp do_sys_openat2" >>kprobe_events
echo "r:myr do_sys_openat2" >>kprobe_events
echo "p:uprobes/myu /bin/busybox:0x1000" >>uprobe_events
echo "my_lat int x; pid_t pid" >>synthetic_events
echo 100 >tracing_max_latency
echo stacktrace >events/sched/sched_switch/trigger
echo "hist:keys=next_pid" >>events/sched/sched_switch/trigger
echo "traceoff:1 if prio == 4" >events/sched/sched_waking/trigger
echo "enable_event:irq:softirq_raise:3" >events/sched/sched_wakeup/trigger
echo "prev_pid > 3" >events/sched/sched_switch/filter
echo "foo > 3" >events/sched/sched_waking/filter
echo vfs_read >set_ftrace_filter
echo vfs_write >>set_ftrace_filter
echo vfs_read:stacktrace >>set_ftrace_filter
echo vfs_write:traceoff:5 >>set_ftrace_filter
echo vfs_open >set_ftrace_notrace
echo do_sys_openat2 >set_graph_function
echo vfs_unlink >set_graph_notrace
echo 1 >set_event_pid
echo 2 >>set_event_pid
echo 1 >set_ftrace_pid
echo 7 >set_event_notrace_pid
echo 9 >set_ftrace_notrace_pid
echo function_graph >current_tracer
echo 200 >buffer_size_kb
echo 300 >per_cpu/cpu1/buffer_size_kb
echo 1 >tracing_cpumask
echo mono >trace_clock
echo 0 >tracing_on
echo 3 >max_graph_depth
echo 1 >options/sym-addr
echo 0 >options/print-parent
echo 1 >events/kprobes/myp/enable
echo 1 >events/irq/enable'

t_begin "stat, show and reset in a guest"
[ -x "$STOCK" ] || t_skip "stock trace-cmd is not installed at $STOCK"
"$(dirname "${BASH_SOURCE[0]}")/../guest-image/overlay.sh" --dynamic "$T_DIR/tools.cpio" \
	"$STOCK=/stock/trace-cmd" "$STATIC=/tc"
vm_boot $G --cpus 2 --overlay "$T_DIR/tools.cpio"

same stat
vm_run $G "$settings" >/dev/null 2>&1 || true
same stat
same "stat -o"
for o in tracing_on current_tracer buffer_size ftrace_filter ftrace_notrace ftrace_pid \
	graph_function graph_notrace cpumask; do
	same "show --$o"
done
vm_run $G "mkdir $T/instances/foo; cd $T/instances/foo; echo vfs_read >set_ftrace_filter
	echo 1 >events/sched/enable; echo 1 >snapshot" >/dev/null || true
same "stat -t -B foo"
same "show -B foo -s"

ours "reset -b 500 -t -a -d"
for f in kprobe_events uprobe_events synthetic_events set_ftrace_filter set_ftrace_notrace \
	set_graph_function set_graph_notrace set_event set_event_pid set_event_notrace_pid \
	error_log events/sched/sched_switch/trigger events/sched/sched_waking/trigger \
	events/sched/sched_wakeup/trigger; do
	says $f ""
done
for f in tracing_on=1 current_tracer=nop tracing_cpumask=3 max_graph_depth=0 options/sym-addr=0 \
	options/print-parent=1 tracing_max_latency=0 events/sched/sched_switch/filter=none \
	events/sched/sched_waking/filter=none "set_ftrace_pid=no pid" "set_ftrace_notrace_pid=no pid"; do
	says "${f%%=*}" "${f#*=}"
done
assert_eq "" "$(vm_run $G "ls $T/instances")" "-a -d: the instance is gone"

t_begin "start with functions"
ours "start -p function -l vfs_read -l vfs_write -n vfs_open"
says current_tracer function
vm_run $G "cat /etc/passwd >/dev/null" || true
ours "stop"
assert_contains "$(vm_run $G '/tc show | tail -n 3')" vfs_ "functions are in the ring"
same stat
ours "start -p function_graph -g vfs_read --max-graph-depth 2 -D"
assert_eq 0 "$(vm_run $G 'cat /proc/sys/kernel/ftrace_enabled')" "-D: no functions for anybody"
ours "set -l vfs_open"
same stat
ours reset
assert_eq 1 "$(vm_run $G 'cat /proc/sys/kernel/ftrace_enabled')" "reset: functions for all"
same stat
assert_eq 1 "$(vm_run $G 'cat /proc/sys/kernel/ftrace_enabled')" "ftrace_enabled before record"
ours "record -q -o /tmp/x.dat -e sched -D --date --proc-map -m 100 -r 5 sleep 0.1"
assert_eq 1 "$(vm_run $G 'cat /proc/sys/kernel/ftrace_enabled')" "record -D puts it back"
