#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The main job: guests of 1, 2 and 4 vCPUs record, the host's files hold every event. A workload with
# a known number of calls is the judge: dd bs=1 count=N is N reads and N writes. Each guest makes files
# of both versions, and with 2 vCPUs many recordings one after another in the same boot.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

# shellcheck disable=SC2034  # for trace.sh
DD_N=3000
SHORT=10

# The guest $1 records dd, the server writes version $2; WHAT is $3.
record_once() {
	guest_record "$1" "$READS -F $(dd_job)"
	assert_eq 0 "$RC" "$3: the recording is whole"
	[ -n "$FILE" ] || { t_fail "$3: no file appeared" "$REPLY"; return; }
	assert_eq "$2" "$(file_version "$FILE")" "$3: the file's version"
	dd_is "$FILE" "$3"
	check_dat "$FILE" "$3"
}

# Behind the magic stands the version as a text.
file_version() {
	tail -c +11 "$1" | head -c 1
}

# The events of the table's last line, which guest and host print.
table_events() {
	awk '$1 == "all" { print $2 }'
}

# A dd on each CPU at once: each channel has its own CPU's events. $2: CPUs.
record_spread() {
	local cpu want='' got='' last=$(($2 - 1))
	guest_record "$1" "$READS -F -c sh -c 'for c in \$(seq 0 $last); do taskset -c \$c $(dd_job 1000) & done; wait'"
	[ -n "$FILE" ] || { t_fail "a dd on each CPU: no file appeared" "$REPLY"; return; }
	"$TRACE_CMD" report -i "$FILE" 2>/dev/null >"$T_DIR/spread.txt"
	for ((cpu = 0; cpu < $2; cpu++)); do
		want+=" 1000"
		got+=" $(grep -cE " dd-[0-9]+ +\\[00$cpu\\] .* sys_enter_read: .*count: 0x0*1\$" "$T_DIR/spread.txt" || true)"
	done
	assert_eq "$want" "$got" "a dd on each of $2 CPUs: the reads of each are there, on its CPU"
	check_dat "$FILE" "a dd on each CPU"
}

record_many() {
	local i sum=0 whole=0
	for ((i = 1; i <= SHORT; i++)); do
		guest_record "$1" "-q $READS -F $(dd_job $((i * 10)))"
		[ "$RC" != 0 ] || whole=$((whole + 1))
		[ -z "$FILE" ] || sum=$((sum + $(dd_events "$FILE" read)))
	done
	assert_eq $SHORT $whole "$SHORT recordings in one boot are whole"
	assert_eq $((SHORT + 1)) "$(files_of "$1")" "each has a file of its own"
	assert_eq $((SHORT * (SHORT + 1) * 5)) $sum "and each file has just its own events"
}

for cpus in 1 2 4; do
	t_begin "$cpus vCPUs"
	guest=g$cpus
	server_start
	guest_boot $guest $cpus
	record_once $guest 7 "$cpus vCPUs, version 7"
	assert_eq "$(table_events <<<"$REPLY")" "$(table_events <"$(host_log server)")" \
		"$cpus vCPUs: guest and host count the same events"
	[ $cpus != 2 ] || record_many $guest
	[ $cpus = 1 ] || record_spread $guest $cpus
	server_stop || t_fail "virt-server's status is $?"
	server_start --file-version 6
	# QEMU finds the new server by itself.
	wait_for 10 grep -q "guest $guest: connected" "$(host_log server)" || t_fail "no connection to the new server"
	record_once $guest 6 "$cpus vCPUs, version 6"
	vm_stop $guest
	server_stop || t_fail "virt-server's status is $?"
done
