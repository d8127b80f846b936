#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Nothing is lost in silence: a ring that is too small for the load makes exit status 3 on both ends,
# numbers in the table that add up, and lines in the report that are stock's.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

DD_N=40000
G=losses

# Column $1 of the table's last line, from stdin: 2 events, 5 lost in the ring.
table() {
	awk -v c="$1" '$1 == "all" { print $c + 0 }'
}

# The table $1 and the report of file $2 agree; $3: what it is.
losses_add_up() {
	local kept lost shown dropped
	kept=$(table 2 <<<"$1")
	lost=$(table 5 <<<"$1")
	check_file "$2" "$3"
	shown=$(grep -c ' sys_enter_' "$T_DIR/ours.txt")
	dropped=$(sed -nE 's/^CPU:[0-9]+ \[([0-9]+) EVENTS DROPPED\]$/\1/p' "$T_DIR/ours.txt" | awk '{ n += $1 } END { print n + 0 }')
	assert_eq "$kept" "$shown" "$3: the table's events are those of the file"
	if [ "$lost" -gt 0 ] && [ "$dropped" -gt 0 ] && [ "$dropped" -le "$lost" ]; then
		t_ok "$3: $lost events lost in the ring, $dropped in the report's lines"
	else
		t_fail "$3: losses" "lost $lost, the report shows $dropped"
	fi
	# dd's summary is one write more.
	assert_eq $((2 * DD_N + 1)) $((kept + lost)) "$3: kept and lost are all"
}

# The recorder sleeps while dd runs, so the ring overwrites itself, however fast the machine is.
unread_job() {
	echo "-c sh -c 'kill -STOP \$PPID; $(dd_job); kill -CONT \$PPID'"
}

server_start
guest_boot $G 1
t_begin "over virtio-serial"
guest_record $G "-b 8 $READS -F $(unread_job)"
assert_eq 3 "$RC" "the guest's exit status says: saved, with losses"
[ -n "$FILE" ] || t_bail "no file" "$REPLY"
losses_add_up "$REPLY" "$FILE" "over virtio-serial"
assert_eq "$(table 2 <<<"$REPLY") $(table 5 <<<"$REPLY")" \
	"$(table 2 <"$(host_log server)") $(table 5 <"$(host_log server)")" "the host's table has the same numbers"
check_dat "$FILE" "with losses"

t_begin "a local file"
rc=0
said=$(vm_run $G "trace-cmd record -o /tmp/a.dat -b 8 $READS -F $(unread_job)") || rc=$?
assert_eq 3 $rc "the exit status says: saved, with losses"
vm_get $G /tmp/a.dat "$T_DIR/a.dat"
losses_add_up "$said" "$T_DIR/a.dat" "a local file"

t_begin "enough room"
guest_record $G "-b 16384 $READS -F $(dd_job)"
assert_eq 0 "$RC" "a large ring loses nothing"
dd_is "$FILE" "a large ring"
assert_status 3 "virt-server's exit status tells of the one with losses" server_stop
