#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# record -A and agents that live long: whom it cannot reach, and what it says then; a guest that is
# busy; hosts that die in the middle, virt-server or record. Nothing stays behind on any machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/comego.bash"

# refused WHAT TEXT ARGS...: status 1, soon, TEXT in its words, no file, nothing changed here
refused() {
	local what=$1 text=$2 rc=0 begun=$SECONDS before
	shift 2
	before=$(settings)
	# shellcheck disable=SC2086
	"$TRACE_CMD" record -o "$OUT/r.dat" $HOST_EVENTS "$@" /bin/true >"$T_DIR/said" 2>&1 || rc=$?
	assert_eq 1 $rc "$what: status 1"
	assert_contains "$(cat "$T_DIR/said")" "$text" "$what: it says so"
	[ $((SECONDS - begun)) -lt 25 ] || t_fail "$what: it took $((SECONDS - begun)) s"
	assert_eq "" "$(find "$OUT" -name 'r*')" "$what: no file"
	assert_eq "$before" "$(settings)" "$what: tracefs here is as it was"
}

# both NAME: begin a recording of this machine and both guests
both() {
	# shellcheck disable=SC2086
	record "$1" -C mono $HOST_EVENTS -A one "${WRITES[@]}" -A two "${WRITES[@]}"
	all_run "$1" one two
}

# whole WHAT: a recording of both, as ever
whole() {
	both w
	vm_run one "$(dd_job 200)" >/dev/null
	vm_run two "$(dd_job 300)" >/dev/null
	record_end w
	assert_eq 0 "$RC" "$1: the next recording is whole"
	[ "$RC" = 0 ] || sed 's/^/# /' <<<"$TEXT"
	writes_are "$OUT/w-one.dat" 200 "$1: one"
	writes_are "$OUT/w-two.dat" 300 "$1: two"
	same_soon one "$1"
	same_soon two "$1"
}

# A program like ours, but for its version.
other_version() {
	local version
	version=$(cat "$VM_TOP/VERSION")
	LC_ALL=C sed "s/trace-cmd ${version//./\\.}/trace-cmd 0.0.9/g" "$STATIC" >"$1"
	chmod +x "$1"
}

t_begin "no server"
refused "no server" "no virt-server" -A one "${WRITES[@]}"

server_start --verbose
guest_boot one 2
guest_boot two 1
t_begin "no agent, no guest"
refused "a guest that nobody knows" "no guest nobody" -A nobody "${WRITES[@]}"
refused "no agent" "no agent answers in guest one" -A one "${WRITES[@]}"
agent_up one
agent_up two
refused "one of two is not there" "no guest nobody" -A one "${WRITES[@]}" -A nobody "${WRITES[@]}"
same_soon one "a start that failed"
refused "an event that is not there" "guest two: " -A one "${WRITES[@]}" -A two -e nosuchevent
same_soon one "a start that failed in another guest"
same_soon two "a start that failed"

t_begin "an agent that was ended, one that is stopped, one with limits and of another version"
agent_end two
refused "an agent that was ended" "no agent answers in guest two" -A one "${WRITES[@]}" -A two "${WRITES[@]}"
other_version "$T_DIR/trace-cmd-old"
vm_put two "$T_DIR/trace-cmd-old" /bin/trace-cmd-old
AGENT=trace-cmd-old agent_up two --allow-events "'syscalls:*'" --max-rate 10M
vm_run two 'kill -STOP $(pidof trace-cmd-old)'
refused "an agent that is stopped" "guest two: " -A one "${WRITES[@]}" -A two "${WRITES[@]}"
vm_run two 'kill -CONT $(pidof trace-cmd-old)'
same_soon one "an agent that did not answer"
refused "what it does not allow" "not allowed" -A two -e sched
whole "after all that"
assert_contains "$TEXT" "guest two: its agent is trace-cmd 0.0.9" "another version is named"

t_begin "a guest that is busy"
record first -C mono $HOST_EVENTS -A one "${WRITES[@]}"
all_run first one
refused "busy" "process $(host_pid first)" -A one "${WRITES[@]}"
record second -C mono -B second -C mono $HOST_EVENTS -A one "${WRITES[@]}" -A two "${WRITES[@]}"
wait_for 30 runs two || t_fail "two does not record" "$(cat "$(host_log second)")"
wait_for 10 test -d $T/instances/second || true
vm_run two "$(dd_job 100)" >/dev/null
vm_run one "$(dd_job 100)" >/dev/null
record_end second
assert_eq 3 "$RC" "a busy guest is missing: status 3"
assert_contains "$TEXT" "process $(host_pid first)" "it says who has the guest"
writes_are "$OUT/second-two.dat" 100 "the other guest is recorded"
record_end first
assert_eq 0 "$RC" "the first one is whole"
writes_are "$OUT/first-one.dat" 100 "the first one"
same_soon one "two that wanted it"

t_begin "the host's recording is killed"
both killed
record_end killed KILL
same_soon one "a recording that was killed"
same_soon two "a recording that was killed"
# What it left here is not to be put back by anybody else.
"$TRACE_CMD" reset -a -d -t >/dev/null 2>&1 || true
whole "killed"

t_begin "virt-server is killed in the middle"
both s
vm_run one "$(dd_job 2000)" >/dev/null
sleep 2 # the agent looks at each CPU once a second
server_stop KILL || true
server_start --verbose
same_soon one "virt-server was killed"
record_end s
assert_eq 3 "$RC" "virt-server killed: status 3"
assert_contains "$TEXT" "guest one: virt-server" "virt-server killed: it says so"
cut_are "$OUT/s-one.dat" 2000 "virt-server killed: what came before"
for guest in one two; do
	wait_for 20 grep -q "guest $guest: an agent is there" "$(host_log server)" || t_fail "$guest does not come back"
done
whole "virt-server killed"
