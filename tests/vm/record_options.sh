#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The options of record, in one boot: what each lets into the file is counted, by a workload with a
# known number of calls. What the kernel was told is read by the COMMAND while it is recorded. Every
# file reads the same with stock.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

DD_N=500
G=opts
TRACING=/sys/kernel/tracing
READ="-e syscalls:sys_enter_read"
WRITE="-e syscalls:sys_enter_write"

# Record with options $1 and command $2, whole, into FILE.
whole() {
	guest_record $G "$1 $2"
	[ "$RC" = 0 ] || t_fail "record $1: status $RC" "$REPLY"
	[ -n "$FILE" ] || t_bail "record $1: no file" "$REPLY"
	check_file "$FILE" "$1"
}

# The text of FILE is in ours.txt since check_file.
lines() {
	grep -cE "$1" "$T_DIR/ours.txt" || true
}

# Lines without the first, cpus=
all_lines() {
	grep -cvE '^cpus=|^CPU ' "$T_DIR/ours.txt" || true
}

# Options $1 are refused, with status $2 and words $3.
refused() {
	guest_record $G "$1 $(dd_job)"
	assert_eq "$2" "$RC" "record $1: refused with status $2"
	assert_contains "$REPLY" "$3" "record $1: says why"
}

at_least() {
	if [ "$2" -ge "$1" ]; then
		t_ok "$3"
	else
		t_fail "$3" "want at least $1, got $2"
	fi
}

event_names() {
	local pattern
	t_begin "names of events"
	for pattern in sched 'sched:*' sched:sched_switch sched_switch 'sched_sw*'; do
		whole "-e '$pattern'" "$(dd_job)"
		at_least 2 "$(lines ' sched_switch: ')" "-e $pattern: there are sched_switch events"
	done
	assert_eq "$(all_lines)" "$(lines ' sched_switch: ')" "-e 'sched_sw*': and no other"
	whole "-e 'sched*' -F" "$(dd_job)"
	at_least 1 "$(lines ' sched_')" "-e 'sched*': there are events of sched"
	whole "-e all -F" "$(dd_job)"
	dd_is "$FILE" "-e all"
	at_least 3 "$(sed -nE 's/^.*: ([a-z0-9_]+):  .*$/\1/p' "$T_DIR/ours.txt" | sort -u | wc -l)" \
		"-e all: events of many kinds"
	whole "$READ $WRITE -i -e nosuchevent -F" "$(dd_job)"
	dd_is "$FILE" "-i with an event that does not exist"
}

event_rules() {
	t_begin "filter, exclusion"
	whole "$READ $WRITE -f 'count == 1' -F" "$(dd_job)"
	dd_is "$FILE" "-f 'count == 1' of the second event"
	whole "$WRITE -f 'count == 2' -F" "sh -c 'exec dd if=/dev/zero of=/dev/null bs=2 count=70'"
	assert_eq 70 "$(all_lines)" "-f 'count == 2': what passes, and nothing else"
	whole "-e syscalls -v -e syscalls:sys_enter_read -F" "$(dd_job)"
	assert_eq "0 $DD_N" "$(dd_events "$FILE" read) $(dd_events "$FILE" write)" "-v: all but reads"
	whole "-e syscalls:sys_enter_write -T -f 'count == 1' -F" "$(dd_job)"
	assert_eq $DD_N "$(lines '<stack trace')" "-T: a stack with each event"
}

clocks() {
	local clock from to
	t_begin "clocks"
	for clock in mono x86-tsc global; do
		whole "-C $clock $READ $WRITE -F" "sh -c 'cat $TRACING/trace_clock; exec $(dd_job)'"
		dd_is "$FILE" "-C $clock"
		assert_contains "$REPLY" "[$clock]" "-C $clock: the kernel used it"
		assert_contains "$("$STOCK" dump --options -i "$FILE" 2>&1)" "[$clock]" "-C $clock: the file says so"
	done
	guest_record $G "-C x86-tsc $WRITE -F $(dd_job)"
	assert_eq 0 "$("$TRACE_CMD" report -i "$FILE" | grep -cE '\[00[01]\] +[0-9]+\.[0-9]+: ')" \
		"-C x86-tsc: times are counts, not seconds"
	from=$(vm_run $G 'cut -d" " -f1 /proc/uptime')
	whole "-C tsc2nsec $WRITE -F" "$(dd_job)"
	to=$(vm_run $G 'cut -d" " -f1 /proc/uptime')
	assert_eq 0 "$(sed -nE 's/^.*\[00[01]\] +([0-9.]+): .*/\1/p' "$T_DIR/ours.txt" |
		awk -v from="$from" -v to="$to" 'NR > 1 && $1 - first > to - from { bad++ } NR == 1 { first = $1 }
			END { print NR < 2 ? "no times" : bad + 0 }')" "-C tsc2nsec: times are seconds"
}

buffers() {
	t_begin "buffers of their own"
	whole "-B one $READ -B two $WRITE -F" "$(dd_job)"
	dd_is "$FILE" "-B one, -B two"
	assert_eq "$DD_N $DD_N" "$(lines '^one: .*sys_enter_read:.*0x0*1$') $(lines '^two: .*sys_enter_write:.*0x0*1$')" \
		"each event is in its own buffer"
	check_dat "$FILE" "-B one, -B two"
	whole "$READ -B two $WRITE -F" "$(dd_job)"
	assert_eq "$DD_N $DD_N" "$(lines '^  .*sys_enter_read:.*0x0*1$') $(lines '^two: .*sys_enter_write:.*0x0*1$')" \
		"the top buffer and one more"
	whole "-B one -e sched_switch -e 'sys_enter_r*d'" "$(dd_job)"
	at_least 2 "$(lines '^one: .* sched_switch: ')" "a buffer of its own, an event without its system"
	assert_eq "$DD_N 0" "$(dd_events "$FILE" read) $(lines '^ ')" "and a glob, and nothing in the top buffer"
	assert_eq "" "$(vm_run $G "ls $TRACING/instances")" "the buffers are gone"
}

tracers() {
	t_begin "tracers"
	whole "-p function -l vfs_write -F" "$(dd_job)"
	assert_eq $((DD_N + 1)) "$(lines ' function: +vfs_write')" "-p function: each call, and dd's summary"
	whole "-p function_graph -l vfs_write -F" "$(dd_job)"
	assert_eq $((DD_N + 1)) "$(lines ' funcgraph_entry: .*vfs_write')" "-p function_graph: each call"
	whole "-p function_graph -l 'vfs_*' -g vfs_write --max-graph-depth 1 -F" "$(dd_job)"
	assert_eq $((DD_N + 1)) "$(lines ' funcgraph_entry: .*vfs_write')" "-p function_graph -g: each call"
	whole "-p function -l 'vfs_wr*' -n vfs_writev $READ -F" "$(dd_job)"
	assert_eq $((DD_N + 1)) "$(lines ' function: +vfs_write( |$)')" "-p function with a glob, -n"
	assert_eq $DD_N "$(dd_events "$FILE" read)" "and an event besides"
}

processes() {
	t_begin "processes"
	whole "$READ $WRITE -F -c" "sh -c '$(dd_job); true'"
	dd_is "$FILE" "-F -c: the child of the command"
	whole "$READ $WRITE -F" "sh -c '$(dd_job); true'"
	assert_eq "0 0" "$(dd_events "$FILE" read) $(dd_events "$FILE" write)" "-F without -c: not the child"
	# A process that was there before; it goes on when the recording says so.
	vm_run $G "mkfifo /tmp/go /tmp/end"
	job=$(vm_start $G "echo \$\$ >/tmp/pid; exec 3</tmp/go; exec dd if=/dev/zero of=/tmp/end bs=1 count=$DD_N")
	wait_for 5 vm_run $G "test -s /tmp/pid"
	whole "$READ $WRITE -P \$(cat /tmp/pid)" "sh -c 'echo >/tmp/go; cat /tmp/end >/dev/null'"
	vm_wait $G "$job" 10 || t_fail "the process of -P ended with $?"
	dd_is "$FILE" "-P"
	assert_eq "$(all_lines)" "$(lines '^ +(dd|sh)-[0-9]+ ')" "-P: and no other process"
}

# What the kernel is set to while the command runs.
settings() {
	t_begin "what the kernel is told"
	guest_record $G "-q -b 64 $READ -F cat $TRACING/buffer_size_kb"
	# The kernel makes whole pages of it, each with a header.
	assert_eq 67 "$REPLY" "-b 64"
	guest_record $G "-q -O sym-addr -O nooverwrite $READ -F cat $TRACING/options/sym-addr $TRACING/options/overwrite"
	assert_eq "1"$'\n'"0" "$REPLY" "-O sym-addr -O nooverwrite"
	guest_record $G "-q -M 2 $READ cat $TRACING/tracing_cpumask"
	assert_eq 2 "$REPLY" "-M 2"
	guest_record $G "-q $READ cat $TRACING/tracing_on"
	assert_eq 1 "$REPLY" "tracing is on when the command starts"
	whole "-M 1 $READ $WRITE" "taskset -c 0 $(dd_job)"
	dd_is "$FILE" "-M 1, on CPU 0"
	whole "-M 1 $READ $WRITE" "taskset -c 1 $(dd_job)"
	assert_eq 0 "$(dd_events "$FILE" read)" "-M 1, on CPU 1: nothing"
}

# The same options here and over virtio-serial give the same.
local_file() {
	local rc=0
	t_begin "a file in the guest"
	vm_run $G "cd /tmp && trace-cmd record -q $READ $WRITE -f 'count == 1' -F $(dd_job)" >/dev/null || rc=$?
	assert_eq 0 $rc "without -o"
	vm_get $G /tmp/trace.dat "$T_DIR/here.dat"
	dd_is "$T_DIR/here.dat" "a local trace.dat"
	check_dat "$T_DIR/here.dat" "a local trace.dat"
	vm_run $G "trace-cmd record -q -o /tmp/b.dat --file-version 6 -B one $READ -B two $WRITE -F $(dd_job)" >/dev/null || rc=$?
	assert_eq 0 $rc "-o, version 6, with buffers"
	vm_get $G /tmp/b.dat "$T_DIR/b.dat"
	dd_is "$T_DIR/b.dat" "a local file of version 6 with buffers"
	check_dat "$T_DIR/b.dat" "a local file of version 6 with buffers"
	assert_eq "b.dat trace.dat" "$(vm_run $G 'cd /tmp && echo *.dat*')" "no other file stays"
}

own_events() {
	t_begin "trace-cmd does not record itself"
	whole "-s 20000 -e syscalls" "sh -c '$(dd_job); sleep 0.5'"
	dd_is "$FILE" "no -F"
	assert_eq 0 "$(awk '/ dd-[0-9]/ { on = 1 } on && /^ +trace-cmd-.* sys_/' "$T_DIR/ours.txt" | wc -l)" \
		"no call of its own while the command runs"
}

refusals() {
	t_begin "refusals"
	refused "-o /tmp/no.dat -e sched" 2 "-o names one"
	refused "--file-version 5 -e sched" 2 "--file-version is 6 or 7"
	refused "--nosuchoption" 2 "nosuchoption"
	refused "" 2 "nothing to record"
	refused "-e sched -c" 2 "-c follows"
	refused "-e nosuchevent" 1 "nosuchevent"
	refused "-e sched:sched_switch -f 'nosuchfield == 1'" 1 "Field not found"
	refused "-C nosuchclock -e sched" 1 "nosuchclock"
	refused "-p nosuchtracer" 1 "nosuchtracer"
	refused "-O nosuchoption -e sched" 1 "nosuchoption"
	refused "-p function -l nosuchfunction" 1 "nosuchfunction"
	RC=0
	vm_run $G "trace-cmd record --virt -e sched /nosuchcommand" >"$T_DIR/said" || RC=$?
	assert_contains "$RC $(cat "$T_DIR/said")" "nosuchcommand" "a command that does not exist is named"
	assert_eq "$(files_of $G)" "$FILES" "no file came of it"
	guest_record $G "$READ $WRITE -F $(dd_job)"
	dd_is "$FILE" "and after all that a recording"
}

server_start
guest_boot $G 2
event_names
event_rules
clocks
buffers
tracers
processes
settings
local_file
own_events
FILES=$(files_of $G)
refusals
assert_status 0 "virt-server ends with status 0" server_stop
