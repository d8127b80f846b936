#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# record -A while its guest is paused, with its clock (QMP stop) and without (QEMU stopped), and while
# CPUs are plugged in and taken away: nothing is lost, nothing gives up, and each event lies in the
# host's time where it happened. PAUSE_S (12) is how long it is paused.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/comego.bash"

PAUSE_S=${PAUSE_S:-12}
CPU1=/sys/devices/system/cpu/cpu1

# The host's clock mono; it was never suspended.
now() {
	cut -d' ' -f1 /proc/uptime
}

# dd_at NAME COUNT: that many writes in guest one, and between which times of the host they are
dd_at() {
	FROM[$1]=$(now)
	COUNT[$1]=$2
	vm_run one "${3:-} $(dd_job "$2")" >/dev/null
	TO[$1]=$(now)
}
declare -A FROM=() TO=() COUNT=()

# Each batch is where the host was then: as many writes, and no others near. The host's clock is read
# in 1/100 s, and a guest that stood still may have been resumed before it could answer.
judge_times() {
	local what
	"$TRACE_CMD" report "$OUT/p.dat" 2>/dev/null |
		sed -n 's/^ *one: .* \([0-9]*\.[0-9]*\): sys_enter_write: .*/\1/p' >"$T_DIR/times"
	assert_ok "the times of the guest ascend" sort -n -c "$T_DIR/times"
	for what in "$@"; do
		assert_eq "${COUNT[$what]}" "$(awk -v lo="${FROM[$what]}" -v hi="${TO[$what]}" \
			'$1 > lo - 0.05 && $1 < hi + 0.05' "$T_DIR/times" | wc -l)" \
			"$what: all lie where the host was then, ${FROM[$what]} to ${TO[$what]}"
	done
}

server_start --verbose
monitor_pair one
guest_boot one 2 --qemu -smp --qemu 1,maxcpus=2 "${MONITOR[@]}"
monitor one qmp_capabilities
agent_up one

t_begin "a guest that is paused, and stopped"
record p -C mono $HOST_EVENTS -A one "${WRITES[@]}"
all_run p one
dd_at before 200
monitor one stop
/bin/true
sleep "$PAUSE_S"
monitor one cont
dd_at after 300
sleep 2.5
vm_pause one
sleep 5
vm_cont one
dd_at later 250

t_begin "a CPU is plugged in, and leaves"
monitor one device_add '"driver": "qemu64-x86_64-cpu", "id": "more", "socket-id": 0, "core-id": 1, "thread-id": 0'
wait_for 20 vm_run one "test -d $CPU1" || t_bail "the guest does not see the new CPU" "$(cat "$(host_log qmp-one)")"
vm_run one "cat $CPU1/online | grep -q 1 || echo 1 >$CPU1/online"
dd_at plugged 150 "taskset 2"
vm_run one "echo 0 >$CPU1/online"
dd_at left 100
record_end p
assert_eq 0 "$RC" "the recording is whole"
sed 's/^/# /' <<<"$TEXT"
writes_are "$OUT/p-one.dat" 1000 "all of it"
assert_eq 150 "$("$TRACE_CMD" report -i "$OUT/p-one.dat" --cpu 1 | grep -c " sys_enter_write:")" "the new CPU's are its own"
"$TRACE_CMD" report "$OUT/p.dat" 2>/dev/null | grep "one: clock" | sed 's/^/# /'
judge_times before after later plugged left
same_soon one "the pause"
