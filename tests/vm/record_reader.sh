#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Another reader of the ring buffer that is recorded takes events away: record says how many, and who that
# was, and its exit status is 3. One that reads nothing of it, or another buffer, and a snapshot, which
# changes the kernel's counters, are no reason for that.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

DD_N=5000
ALL=$((2 * DD_N + 1)) # dd's summary is one write more
G=reader
TRACING=/sys/kernel/tracing
FACT=$T_DIR/fact_tracefs_read_events

# Column $1 of the table's last line, from stdin.
table() {
	awk -v c="$1" '$1 == "all" { print $c + 0 }'
}

# Record in the guest with the words $1 into /tmp/a.dat, while $2 runs: RC, and SAID, its output.
beside() {
	RC=0
	SAID=$(vm_run $G "rm -f /tmp/a.dat /tmp/other; { $2; } >/tmp/other 2>/dev/null & other=\$!; sleep 0.3
		trace-cmd record -o /tmp/a.dat $1; rc=\$?; sleep 0.3; kill \$other 2>/dev/null; exit \$rc") || RC=$?
}

# What was said of the recording, which is $1: kept and taken are all, and the file has what is kept.
adds_up() {
	local kept ring other
	kept=$(table 2 <<<"$SAID")
	ring=$(table 5 <<<"$SAID")
	other=$(table 9 <<<"$SAID")
	assert_eq 3 "$RC" "$1: saved, with losses"
	assert_ok "$1: something was taken" test "$other" -gt 0
	assert_eq $ALL $((kept + ring + other)) "$1: kept and lost are all"
	vm_get $G /tmp/a.dat "$T_DIR/a.dat"
	assert_eq "$kept" "$("$TRACE_CMD" report "$T_DIR/a.dat" | grep -c ' sys_enter_')" "$1: what is kept is in the file"
}

is_silent() {
	assert_ok "$1: no word of a reader" test "${SAID/reader/}" = "$SAID"
}

is_alone() {
	assert_eq 0 "$RC" "$1"
	assert_eq $ALL "$(table 2 <<<"$SAID")" "$1: all events"
	is_silent "$1"
}

t_begin "the program"
assert_ok "it is built, static" "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -static -o "$FACT" \
	"$VM_TOP/tests/facts/fact_tracefs_read_events.c"
"$VM_TOP/tests/guest-image/overlay.sh" "$T_DIR/fact.cpio" "$FACT=/bin/fact"
server_start
guest_boot $G 1 --overlay "$T_DIR/fact.cpio"
rc=0
said=$(vm_run $G fact) || rc=$?
assert_eq 0 $rc "$said"

t_begin "trace_pipe"
beside "-b 4096 $READS -F $(dd_job)" "cat $TRACING/trace_pipe"
adds_up "cat trace_pipe"
assert_eq "$(vm_run $G "grep -cE 'sys_(read|write)\(' /tmp/other")" "$(table 9 <<<"$SAID")" "as many as cat has printed"
assert_contains "$SAID" " (cat) has trace_pipe open; 'record -B NAME' has a ring buffer of its own" "who it was"

t_begin "trace_pipe_raw, some pages"
beside "-b 256 $READS -F $(dd_job)" "dd if=$TRACING/per_cpu/cpu0/trace_pipe_raw bs=4096 count=10"
adds_up "ten pages"
assert_ok "ten pages: most of it is kept" test "$(table 2 <<<"$SAID")" -gt $((ALL / 2))
assert_contains "$SAID" " (dd) has per_cpu/cpu0/trace_pipe_raw open;" "ten pages: who it was, who has ended"

t_begin "nobody takes anything"
beside "-B mine -b 4096 $READS -F $(dd_job)" "cat $TRACING/trace_pipe"
is_alone "a ring buffer of its own"
beside "-b 4096 $READS -F $(dd_job)" "sh -c 'exec <$TRACING/trace_pipe; exec sleep 100'"
is_alone "a reader that does not read"

t_begin "a snapshot"
# The ring of the second time has been read before the first one.
for n in 1 2; do
	beside "$READS -F sh -c '$(dd_job); echo 1 >$TRACING/snapshot; $(dd_job)'" true
	is_silent "rings that change places, $n"
done
vm_run $G "echo 0 >$TRACING/snapshot"

t_begin "over virtio-serial"
vm_run $G "cat $TRACING/trace_pipe >/tmp/other & echo \$! >/tmp/pid; sleep 0.3"
guest_record $G "-b 4096 $READS -F $(dd_job)"
vm_run $G "sleep 0.3; kill \$(cat /tmp/pid) 2>/dev/null || true"
assert_contains "$REPLY" " (cat) has trace_pipe open: what it takes is not in this recording" "the guest says who reads there"
kept=$("$TRACE_CMD" report "$FILE" | grep -c ' sys_enter_' || true)
assert_eq "$kept $((ALL - kept))" "$(table 2 <"$(host_log server)") $(table 9 <"$(host_log server)")" "the host's table says what was taken"
assert_status 3 "and so does its exit status" server_stop
