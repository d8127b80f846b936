#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# record -A and agents that live long: whom it cannot reach, and what it says then; a guest that is
# busy; hosts that die in the middle, virt-server or record. Nothing stays behind on any machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"
. "$(dirname "${BASH_SOURCE[0]}")/agent_common.bash"

# refused WHAT TEXT ARGS...: status 1, soon, TEXT in its words, no file, nothing changed here
refused() {
	local what=$1 text=$2 rc=0 begun=$SECONDS before
	shift 2
	before=$(settings)
	rm -f "$OUT"/r*.dat
	"$TRACE_CMD" record -o "$OUT/r.dat" $HOST_EVENTS "$@" /bin/true >"$T_DIR/said" 2>&1 || rc=$?
	assert_eq 1 $rc "$what: status 1"
	assert_contains "$(cat "$T_DIR/said")" "$text" "$what: it says so"
	sed 's/^/# /' "$T_DIR/said"
	[ $((SECONDS - begun)) -lt 25 ] || t_fail "$what: it took $((SECONDS - begun)) s"
	assert_eq "" "$(find "$OUT" -name 'r*')" "$what: no file"
	assert_eq "$before" "$(settings)" "$what: tracefs here is as it was"
}

# whole WHAT: a recording of both, as ever
whole() {
	record w -C mono $HOST_EVENTS -A one $READS -A two $READS
	runs_or_bail one w
	runs_or_bail two w
	vm_run one "$(dd_job 200)" >/dev/null
	vm_run two "$(dd_job 300)" >/dev/null
	record_end w
	assert_eq 0 "$RC" "$1: the next recording is whole"
	[ "$RC" = 0 ] || sed 's/^/# /' <<<"$TEXT"
	dd_is "$OUT/w-one.dat" "$1: one" 200
	dd_is "$OUT/w-two.dat" "$1: two" 300
	same_soon one "$1"
	same_soon two "$1"
}

BEFORE=$(settings)
t_begin "no server"
refused "no server" "no virt-server" -A one $READS

server_start --verbose
guest_boot one 2
guest_boot two 1
t_begin "no agent, no guest"
refused "a guest that nobody knows" "no guest nobody" -A nobody $READS
refused "no agent" "no agent answers in guest one" -A one $READS
agent_start one
agent_start two
refused "one of two is not there" "no guest nobody" -A one $READS -A nobody $READS
same_soon one "a start that failed"
refused "an event that is not there" "guest two: " -A one $READS -A two -e nosuchevent
same_soon one "a start that failed in another guest"
same_soon two "a start that failed"

t_begin "an agent that was ended, and one that is stopped"
agent_end two
refused "an agent that was ended" "no agent answers in guest two" -A one $READS -A two $READS
version=$(cat "$VM_TOP/VERSION")
LC_ALL=C sed "s/trace-cmd ${version//./\\.}/trace-cmd 0.0.9/g" "$STATIC" >"$T_DIR/trace-cmd-old"
chmod +x "$T_DIR/trace-cmd-old"
vm_put two "$T_DIR/trace-cmd-old" /bin/trace-cmd-old
AGENT=trace-cmd-old agent_start two --allow-events "'syscalls:*'" --max-rate 10M
vm_run two 'kill -STOP $(pidof trace-cmd-old)'
refused "an agent that is stopped" "guest two: " -A one $READS -A two $READS
vm_run two 'kill -CONT $(pidof trace-cmd-old)'
same_soon one "an agent that did not answer"
refused "what it does not allow" "not allowed" -A two -e sched
whole "after all that"
assert_contains "$TEXT" "guest two: its agent is trace-cmd 0.0.9" "another version is named"

t_begin "a guest that is busy"
record first -C mono $HOST_EVENTS -A one $READS
runs_or_bail one first
wait_for 10 here_runs || t_fail "this machine does not record"
refused "busy" "process $(host_pid first)" -A one $READS
record second -C mono -B second -C mono $HOST_EVENTS -A one $READS -A two $READS
runs_or_bail two second
vm_run two "$(dd_job 100)" >/dev/null
vm_run one "$(dd_job 100)" >/dev/null
record_end second
assert_eq 3 "$RC" "a busy guest is missing: status 3"
assert_contains "$TEXT" "process $(host_pid first)" "it says who has the guest"
dd_is "$OUT/second-two.dat" "the other guest is recorded" 100
record_end first
assert_eq 0 "$RC" "the first one is whole"
dd_is "$OUT/first-one.dat" "the first one has it all" 100
same_soon one "two that wanted it"

t_begin "the host's recording is killed"
record killed -C mono $HOST_EVENTS -A one $READS -A two $READS
runs_or_bail one killed
runs_or_bail two killed
record_end killed KILL
rm -f "$OUT"/killed*
same_soon one "a recording that was killed"
same_soon two "a recording that was killed"
"$TRACE_CMD" reset -a -d -t >/dev/null 2>&1 || true
whole "killed"

t_begin "virt-server is killed in the middle"
record s -C mono $HOST_EVENTS -A one $READS -A two $READS
runs_or_bail one s
runs_or_bail two s
vm_run one "$(dd_job 200)" >/dev/null
sleep 0.5
server_stop KILL || true
server_start --verbose
same_soon one "virt-server was killed"
/bin/true
record_end s
assert_eq 3 "$RC" "virt-server killed: status 3"
assert_contains "$TEXT" "guest one: virt-server" "virt-server killed: it says so"
sed 's/^/# /' <<<"$TEXT"
dd_is "$OUT/s-one.dat" "what came before is saved" 200
whole "virt-server killed"
