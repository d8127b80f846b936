#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# An agent in a guest, over virtio-serial: it is started once, and records for one host after another,
# through virt-server's broker. Hosts that die, a server that goes away and comes back, a guest that was
# never told of an end. The hosts are scripts of tests/cli/agent_host.c.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

G=agentvm

settings() {
	vm_run $G 'cd /sys/kernel/tracing && cat tracing_on set_event current_tracer trace_clock tracing_cpumask \
		set_event_pid set_event_notrace_pid; ls instances' 2>/dev/null
}

# The size of the rings is left out: a ring that was never used says so, and never again.
# The guest's tracefs is as it was, soon. $1: after what.
same() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(settings)" = "$BEFORE" ] && break
		sleep 0.1
	done
	assert_eq "$BEFORE" "$(settings)" "tracefs is as it was, $1"
}

# ask WHAT WORD...: a host's script, which ends well
ask() {
	local what=$1 rc=0
	shift
	timeout 90 "$HELPERS/agent_host" "$VIRT" $G "$@" >"$T_DIR/said" 2>&1 || rc=$?
	assert_eq 0 $rc "$what"
	[ $rc = 0 ] || tail -n 3 "$T_DIR/said" "$(host_log server)" | sed 's/^/# /' >&2
}

said() {
	assert_contains "$(cat "$T_DIR/said")" "$1" "the host was told: $1"
}

agent_log() {
	vm_run $G 'cat /tmp/agent.log'
}

agent_start() {
	vm_run $G "trace-cmd agent -D -l /tmp/agent.log" >"$T_DIR/started"
}

server_logs() {
	wait_for "$2" grep -q "$1" "$(host_log server)"
}

t_begin "an agent says hello"
server_start --verbose
guest_boot $G 2
agent_start
assert_contains "$(cat "$T_DIR/started")" "agent runs with pid" "it is a daemon"
assert_ok "virt-server knows it" server_logs "an agent is there: trace-cmd" 20
vm_run $G 'echo 1 >/sys/kernel/tracing/tracing_on' # it mounts tracefs
BEFORE=$(settings)

t_begin "one recording after another"
WHOLE=(resp head data probe 20 0 probe 20 1 sleep 500 close closed marks)
ask "a recording" req -C mono -e sched -- "${WHOLE[@]}"
said "sync 'probe' without a port, tcx=7"
said "closed: with data, a tail, totals"
same "a recording"
ask "the next one" req -C mono -e sched -e irq -- "${WHOLE[@]}"
ask "two buffers" req -C mono -e sched -B other -e irq -- "${WHOLE[@]}"
same "two buffers"
ask "a clock that only the tracer can read" req -C local -e sched -- resp head data close closed
said "sync 'probe' without a port"
ask "a clock that tells no time" req -C counter -e sched -- resp head data close closed
said "sync '' without a port"

t_begin "refusals"
ask "a file in the guest" req -o x -e sched -- refused "no file is written in the guest"
ask "a command" req -e sched reboot -- refused "runs no command"
ask "no such event" req -e nosuchevent -- refused nosuchevent
ask "then a recording" req -C mono -e sched -- resp head data close closed

t_begin "hosts that die"
ask "gone at once" req -C mono -e sched -- resp
same "a host that died at once"
ask "gone while pages flow" req -C mono -e sched -B other -e irq -- resp head data sleep 300
same "a host that died while pages flowed"
ask "nonsense" hex 00000100000000060000001000000000
ask "then a recording" req -C mono -e sched -- "${WHOLE[@]}"

t_begin "a host that does not read"
ask "nothing is read" req -C mono -b 64 -e sched -e syscalls -- resp head sleep 3000
same "a host that read nothing"
assert_ok "the guest works" vm_run $G 'dd if=/dev/zero of=/dev/null bs=1 count=1000 2>/dev/null'

t_begin "the server goes away and comes back"
"$HELPERS/agent_host" "$VIRT" $G req -C mono -e sched -- resp head data sleep 20000 close >"$T_DIR/lost" 2>&1 &
pid=$!
wait_for 20 grep -q resp "$T_DIR/lost"
host_stop server KILL 10 || true
kill $pid
wait $pid || true
same "the death of the server"
server_start --verbose
assert_ok "the new server knows the agent" server_logs "an agent is there: trace-cmd" 20
ask "and a recording" req -C mono -e sched -- "${WHOLE[@]}"

t_begin "the agent ends"
assert_eq "" "$(agent_log | grep -i 'does not know agents' || true)" "it never met an old server"
vm_run $G 'kill $(pidof trace-cmd)'
wait_for 10 vm_run $G '! pidof trace-cmd' || true
same "the end of the agent"
vm_run $G 'trace-cmd record --virt -e sched true' >"$T_DIR/virt.out" 2>&1 || true
assert_contains "$(cat "$T_DIR/virt.out")" "all" "record --virt has the port again"
vm_stop $G
server_stop || true
