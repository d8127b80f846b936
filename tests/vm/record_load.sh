#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# This machine and two guests under load in one recording: each makes a known number of events, for
# LOAD_SECONDS. All of them are in the files, and the tables of record and of report, the events that
# report prints and the gaps that it shows are the same numbers for each machine. Then the same with
# a guest whose ring is too small for its load: what it lost is told everywhere, and nobody else lost.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/remote.bash"

SECS=${LOAD_SECONDS:-60}
GUESTS="one two"
MARKS=1000 # of this machine, in one go
DD_N=500

# Of 7 bytes, as nobody else reads or writes here: the kernel may forget one of so many processes' names.
DD="dd if=/dev/zero of=/dev/null bs=7 count=$DD_N"

# Shell text: DD again and again for $1 seconds, with pauses; prints how often.
load_job() {
	cat <<-END
		n=0 end=\$((\$(cut -d. -f1 /proc/uptime) + $1))
		while [ \$(cut -d. -f1 /proc/uptime) -lt \$end ]; do
			$DD 2>/dev/null; n=\$((n + 1)); usleep 50000
		done
		echo \$n
	END
}

# The same here: markers in this machine's trace.
host_load() {
	local n=0 end=$((SECONDS + $1))
	while [ $SECONDS -lt $end ]; do
		dd if="$T_DIR/marks" of="$T/trace_marker" bs=5 count="$MARKS" 2>/dev/null
		n=$((n + 1))
		sleep 0.05
	done
	echo $n
}

# load NAME SECS COMMAND OPTION...: RC, and the runs of each machine in RUNS. The guest two runs COMMAND
# before its load, and records with the options.
load() {
	local name=$1 secs=$2 first=$3 g
	shift 3
	local -A job
	t_begin "$secs s of load, $name"
	# shellcheck disable=SC2086
	record "$name" $HOST_EVENTS -A one $READS -A two "$@" $READS
	for g in $GUESTS; do
		wait_for 30 runs "$g" || t_bail "$g does not record" "$(cat "$(host_log "$name")")"
	done
	wait_for 30 host_runs || t_bail "this machine does not record"
	vm_run two "$first"
	for g in $GUESTS; do
		job[$g]=$(vm_start "$g" "$(load_job "$secs")")
	done
	RUNS[host]=$(host_load "$secs")
	for g in $GUESTS; do
		assert_status 0 "$g: its load ends" vm_wait "$g" "${job[$g]}" $((secs + 60))
		RUNS[$g]=$(vm_out "$g" "${job[$g]}")
	done
	RC=0
	host_stop "$name" INT 120 || RC=$?
	"$TRACE_CMD" report "$OUT/$name.dat" >"$T_DIR/report" 2>"$T_DIR/report.err" || true
	split_report
}

# One file a machine, of the whole report: lines.NAME. The line behind that of a gap has no name.
split_report() {
	awk -v to="$T_DIR/lines." '!gap { m = $1; sub(/:$/, "", m) }
		{ gap = /EVENTS DROPPED\]$/; print >(to m) }' "$T_DIR/report"
}

# said MACHINE COLUMN: of the last line of its table in record's words (2 events, 5 lost in the ring); the
# host's comes first, and has no heading
said() {
	awk -v m="$1:" -v c="$2" -v now=host: '$1 == "guest" { now = $2 }
		$1 == "all" && now == m { print $c + 0 }' "$(host_log "$NAME")"
}

# reported MACHINE: "EVENTS LOST" of the last lines of the report
reported() {
	sed -nE "s/^ *$1: ([0-9]+) events, ([0-9]+) lost.*/\1 \2/p" "$T_DIR/report"
}

shown() {
	grep -cE '\[[0-9]{3}\] +[0-9]+\.[0-9]+: ' "$T_DIR/lines.$1" || true
}

gaps() {
	sed -nE 's/.*CPU:[0-9]+ \[([0-9]+) EVENTS DROPPED\]$/\1/p' "$T_DIR/lines.$1" |
		awk '{ n += $1 } END { print n + 0 }'
}

# All numbers of machine $1 are one; $2: how many it lost, or "some". Where the kernel did not find room
# to say how many a gap is, those that it says are less.
adds_up() {
	local events lost told
	events=$(said "$1" 2)
	lost=$(said "$1" 5)
	told=$lost
	if grep -qE "^ *$1: .* gaps of unknown size" "$T_DIR/report"; then
		told=$(gaps "$1")
		assert_status 0 "$1: gaps of unknown size are more than nothing" test "$told" -lt "$lost"
	fi
	assert_eq "$events" "$(shown "$1")" "$1: record's table has the events that report shows"
	assert_eq "$events $told" "$(reported "$1")" "$1: report's table is record's, $events events, $told lost"
	assert_eq "$told" "$(gaps "$1")" "$1: what was lost is shown where it was lost"
	if [ "$2" = some ]; then
		assert_status 0 "$1: it has lost $lost events" test "$lost" -gt 0
	else
		assert_eq "$2" "$lost" "$1: lost"
	fi
}

# The events of the load of machine $1.
of_load() {
	if [ "$1" = host ]; then
		grep -c 'tracing_mark_write: *load' "$T_DIR/lines.host" || true
	else
		grep -cE ' sys_enter_(read|write): .*count: 0x0*7$' "$T_DIR/lines.$1" || true
	fi
}

declare -A RUNS
for ((i = 0; i < MARKS; i++)); do echo load; done >"$T_DIR/marks"
server_start --verbose
guest_boot one 2
guest_boot two 1
for g in $GUESTS; do
	agent_start "$g"
done

NAME=whole
load whole "$SECS" true
assert_eq 0 "$RC" "the recording is whole"
for g in host $GUESTS; do
	adds_up "$g" 0
done
assert_eq $((RUNS[host] * MARKS)) "$(of_load host)" "host: each of its marks"
for g in $GUESTS; do
	assert_eq $((RUNS[$g] * 2 * DD_N)) "$(of_load "$g")" "$g: each of its reads and writes"
done

NAME=small
# Nobody reads the ring while it overflows, however fast the machine is.
load small 2 "kill -STOP \$(pidof trace-cmd); $(dd_job) 2>/dev/null; kill -CONT \$(pidof trace-cmd)" -b 8
assert_eq 3 "$RC" "the exit status says: with losses"
adds_up host 0
adds_up one 0
adds_up two some
assert_eq $((RUNS[host] * MARKS)) "$(of_load host)" "host: each of its marks"
assert_eq $((RUNS[one] * 2 * DD_N)) "$(of_load one)" "one: each of its reads and writes"
