#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A real guest whose channels virt-server lends: what list --guests says of it at each moment, and what
# becomes of record -A when the agent, the server or the recorder dies in the middle.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/comego.bash"

G=lentvm

line() {
	"$TRACE_CMD" list --guests --dir "$VIRT" | grep "^$G " | tr -s ' '
}

# is WHAT TEXT...: the columns from AGENT on, soon
is() {
	local what=$1
	shift
	matches() { [[ $(line) == *"FIFOs $*" ]]; }
	wait_for 20 matches "$@" || true
	assert_contains "$(line)" "FIFOs $*" "$what: $*"
}

# begin NAME: this machine and the guest, until both record
begin() {
	# shellcheck disable=SC2086
	record "$1" -C mono $HOST_EVENTS -A $G $READS
	all_run "$1" $G
}

VERSION=$("$TRACE_CMD" version | grep -oE '[0-9]+\.[0-9.]+' | head -n 1)

t_begin "list --guests"
server_start --verbose
guest_boot $G 2
is "before there is an agent" "none -"
agent_up $G
is "then" "idle $VERSION -"
assert_eq "$G $(vm_pid $G) 2" "$(line | cut -d' ' -f1-3)" "QEMU and the CPUs"
begin one
is "while it is recorded" "records $VERSION record -A, process $(pgrep -P $$ -f "record -o $OUT/one.dat" | head -n 1)"
# shellcheck disable=SC2086
record two $HOST_EVENTS -A $G -e sched true
record_end two -
assert_eq 1 $RC "a second record -A of it alone fails at once"
assert_contains "$TEXT" "guest $G is being recorded for process" "and says why"
record_end one INT
assert_eq 0 $RC "the first one is whole"
[ $RC = 0 ] || echo "$TEXT" | sed 's/^/# /' >&2
is "afterwards" "idle $VERSION -"

t_begin "one after another, without a pause"
for i in 1 2 3; do
	# shellcheck disable=SC2086
	record row $HOST_EVENTS -A $G -e sched true
	record_end row -
	assert_eq 0 $RC "recording $i"
done

t_begin "the agent dies and is started anew"
begin died
vm_run $G 'kill -KILL $(pidof trace-cmd); trace-cmd reset; echo 1 >/sys/kernel/tracing/tracing_on; trace-cmd agent -D -l /tmp/agent.log' >"$T_DIR/anew" || t_fail "the agent starts anew" "$(cat "$T_DIR/anew")"
guest_settings $G >"$T_DIR/settings-$G"
sleep 1
record_end died INT
assert_eq 3 $RC "what came of the guest is saved, with losses"
assert_contains "$TEXT" "its agent began anew" "and it says why"
is "the new one" "idle $VERSION -"

t_begin "the recorder dies"
begin killed
record_end killed KILL
is "its guest" "idle $VERSION -"
same_soon $G "after a recorder that was killed"

t_begin "the server is told to end, and comes back"
begin stopped
rc=0
server_stop || rc=$?
assert_eq 0 $rc "the server ends well"
same_soon $G "while the host still records"
record_end stopped INT
assert_contains "$TEXT" "ended its recording before this one" "the recorder says that the guest ended before it"
server_start --verbose
is "after the restart" "idle $VERSION -"

t_begin "the server dies, and comes back"
begin orphan
host_stop server KILL 10 || true
server_start --verbose
same_soon $G "while the host still records"
record_end orphan INT
assert_contains "$TEXT" "virt-server has taken its channels back" "the recorder says why"
is "after the death" "idle $VERSION -"

t_begin "an agent that is gone is told from one that is idle"
vm_run $G 'kill -KILL $(pidof trace-cmd)' >/dev/null
gone() { [[ $(line) == *"silent $VERSION -" ]]; }
assert_ok "it falls silent" wait_for 45 gone
record late -A $G -e sched
record_end late -
assert_contains "$TEXT" "was not heard for" "and record -A says so"
vm_stop $G
is "a guest that is off" "not connected -"
server_stop || true
