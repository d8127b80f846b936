#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# agent_tcp.sh - an agent on TCP serves one scripted host after another, and harms nothing
#
# The hosts are tests/cli/agent_host.c. Agent and hosts share this machine's clock, so that each
# probe can be judged, and its tracefs, which must be as it was after each of them.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

agent=
at_exit '[ -n "$agent" ] && kill -KILL $agent 2>/dev/null'
host=${HELPERS:-}/agent_host
[ -x "$host" ] || {
	host=$tmp/agent_host
	${CC:-cc} -O1 -D_GNU_SOURCE -o "$host" "$lib/agent_host.c" -lpthread || exit 1
}
[ -z "$(cat $root/set_event)" ] || skip "events are on already"

result() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
		tail -n 4 out agent.log 2>/dev/null | sed 's/^/# /'
	fi
}

state() {
	cat $root/tracing_on $root/set_event $root/current_tracer $root/set_event_pid \
		$root/set_event_notrace_pid $root/trace_clock $root/tracing_cpumask $root/buffer_size_kb
	ls $root/instances
}

same_state() {
	state | cmp -s - before
}

start_agent() { # OPTION...
	: >agent.log
	"$tc" agent -N localhost -p 0 --verbose "$@" >agent.log 2>&1 9>&- </dev/null &
	agent=$!
	until_true grep -q 'TCP port' agent.log
	port=$(sed -n 's/.*TCP port //p' agent.log)
}

stop_agent() {
	kill -TERM $agent
	wait $agent
	status=$?
	agent=
}

# try NAME WORD...: the host's script ends well, and then all is as it was
try() {
	local name=$1
	shift
	timeout 60 "$host" 127.0.0.1 "$port" "$@" >out 2>&1 9>&-
	result $? "$name"
	until_true same_state
	result $? "$name: tracefs is as it was"
}

said() { # TEXT
	grep -qF -- "$1" out
	result $? "the host was told: $1"
}

logged() { # TEXT
	until_true grep -qF -- "$1" agent.log
	result $? "the log says: $1"
}

state >before
start_agent

try "a recording" req -C mono -e sched -- resp head data sleep 200 close closed marks eof
said "sync 'probe' without a port"
said "closed: with data, a tail, totals"
logged "the host is trace-cmd 0.0.1, this is trace-cmd"
logged "nothing lost"
try "probes at any time" req -C mono -e sched -- resp probe 20 0 head probe 20 0 data probe 20 0 \
	close closed eof
try "CLOSE is answered as they are" req -C mono -e sched -- resp head data wish probe 2 0 close told closed eof
try "two buffers" req -C mono -e sched -B agent-test -e raw_syscalls -- resp head data sleep 200 close \
	closed marks eof
try "a clock that only the tracer can read" req -C local -e sched -- resp head data close closed eof
said "sync 'probe' without a port"
try "a clock that tells no time" req -C counter -e sched -- resp head data close closed eof
said "sync '' without a port"

# As the released host speaks; and what it has received is a trace.
cpus=$(sed -n 's/^resp: \([0-9]*\) CPUs.*/\1/p' out)
try "a host without extension" plain -C mono -e sched -- resp head data sleep 200 close closed \
	write x.dat eof
said "closed: with data, no tail, no totals"
"$tc" report -i x.dat 2>err | grep ' sched_switch: ' >/dev/null
result $? "the file can be read"
[ "$("$tc" report -i x.dat 2>/dev/null | head -1)" = "cpus=$cpus" ]
result $? "and is of all CPUs"
try "time sync of its own" old -C mono -e sched -- resp gone
said "sync 'ptp' with a port"

# Refusals: each with its reason, and the agent goes on.
until_true grep -q 'has closed the connection' agent.log
sleep 0.5
while IFS='|' read -r args text; do
	# shellcheck disable=SC2086  # several words
	try "refused: $args" req $args -- refused "$text" eof
done <<END
-o x.dat -e sched|no file is written in the guest
-e sched ls|an agent runs no command
-e sched -N host:1|the trace goes to the host
-A other -e sched|further agents
-k -e sched|put back
--temp x -e sched|no file is written in the guest
-e sched --poll|the guest's own work goes first
--ts-offset 5 -e sched|in front of the first -A
-e nosuchevent|nosuchevent
-C nosuchclock -e sched|nosuchclock
-p wakeup|latency
--nosuch|no option
-C mono|nothing to record
END
try "the wrong message" hex 0000000c0000000400000000 refused TRACE_REQ eof
try "nonsense" hex ffffffffffffffffffffffff eof
try "a request that is cut" hex 0000001c00000006000000100000 gone
sleep 0.2
try "arguments that are none" \
	hex 00000028000000060000001000000000000000000000000000000042000000000000000400000009 \
	refused 'TRACE_REQ' eof

# One at a time.
try "a second host" req -C mono -e sched -- resp second busy head second busy data close closed eof
try "the next one after it" req -C mono -e sched -- resp head data close closed eof

# A host that dies, at each step.
for step in "" resp "resp head" "resp head data" "resp head data sleep 100 close"; do
	# shellcheck disable=SC2086  # several words
	try "gone after '${step##* }'" req -C mono -e sched -B agent-test -e sched -- $step gone
done
until_true "$host" 127.0.0.1 "$port" req -C mono -e sched -- resp head data close closed eof
result $? "then another is served"

stop_agent
[ $status = 0 ]
result $? "SIGTERM ends it"

# SIGTERM while it records is as the host's CLOSE.
start_agent
: >out
"$host" 127.0.0.1 "$port" req -C mono -e sched -- resp head data closed eof >out 2>&1 9>&- &
pid=$!
until_true grep -q reading out
sleep 0.5
stop_agent
wait $pid
result $? "SIGTERM delivers what was recorded"
[ $status = 0 ] && same_state
result $? "and leaves nothing behind"

# Limits
start_agent --allow-events 'sched:sched_s*' --allow-events 'irq:*' --max-rate 64K
try "events that are allowed" req -C mono -e irq -e sched:sched_switch -- resp head data close closed eof
try "a system that is not" req -C mono -e sched -- refused 'not allowed here' eof
try "a glob that means more" req -C mono -e 'sched_*' -- refused 'not allowed here' eof
try "all" req -e all -- refused 'not allowed here' eof
try "a trigger" req -e irq -e sched:sched_switch -R traceoff -- refused 'triggers' eof
try "a tracer" req -p function -- refused 'tracers' eof
stop_agent

start_agent --max-rate 64K
"$host" 127.0.0.1 "$port" req -C mono -b 8 -e sched -e raw_syscalls -e kmem -- resp head data sleep 2000 close \
	closed eof >out 2>&1 9>&- &
pid=$!
dd if=/dev/zero of=/dev/null bs=1 count=2000000 2>/dev/null
wait $pid
result $? "a slow recording"
grep -q 'events in the ring' agent.log
result $? "what is too fast stays behind, counted"
kib=$(sed -n 's/.*recorded: [0-9]* events, \([0-9]*\)[0-9.]* KiB.*/\1/p' agent.log)
[ -n "$kib" ] && [ "$kib" -lt 400 ]
result $? "and no more than the rate came (${kib:-?} KiB in 2 s)"
until_true same_state
result $? "tracefs is as it was"
stop_agent

# A stranger is not let in.
: >agent.log
"$tc" agent -N 192.0.2.1 -p 0 >agent.log 2>&1 9>&- </dev/null &
agent=$!
until_true grep -q 'TCP port' agent.log
port=$(sed -n 's/.*TCP port //p' agent.log)
try "a stranger" eof
logged "may not connect"
stop_agent

for words in "-p x" "-N localhost -p 70000" "word" "--allow-events" "--max-rate x"; do
	# shellcheck disable=SC2086  # several words
	timeout 10 "$tc" agent $words >out 2>&1 9>&- </dev/null
	[ $? = 2 ]
	result $? "'agent $words' is wrong usage"
done
exit $failed
