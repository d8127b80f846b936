#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record_agent_faults.sh - record -A with an agent that answers nonsense, hangs, or goes in the middle
#
# The agents are tests/cli/agent_guest.c: one that is good beside each bad one. The host says what is
# wrong with whom; the other guest and the host's own file are whole, or, when nobody has recorded yet,
# there is nothing at all.

here=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

# The library leaks a word of some formats.
echo leak:libtraceevent >lsan
export LSAN_OPTIONS=suppressions=$PWD/lsan:print_suppressions=0
fake=${HELPERS:-}/agent_guest
[ -x "$fake" ] || {
	fake=$tmp/agent_guest
	${CC:-cc} -O1 -D_GNU_SOURCE -I"$here" -o "$fake" "$here/tests/cli/agent_guest.c" || exit 1
}
GOOD="req resp 2 - head data pages 3 say ready close ends closed eof"
pids=()
# shellcheck disable=SC2317  # at_exit
end_agents() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
}
at_exit end_agents

state() {
	cat $root/tracing_on $root/set_event $root/current_tracer $root/set_event_pid $root/trace_clock
	ls $root/instances
}

agent() { # NAME WORD...: its port is in $port
	local name=$1
	shift
	rm -f "$name.log"
	"$fake" "$@" >"$name.log" 2>&1 9>&- &
	pids+=($!)
	until_true grep -q '^port' "$name.log"
	port=$(sed -n 's/^port //p' "$name.log")
}

# record WORD...: a good agent and one of these words; $status, and what was said in out and err
record() {
	local good
	rm -f h.dat h-*
	pids=()
	# shellcheck disable=SC2086  # several words
	agent good $GOOD
	good=$port
	agent bad "$@"
	timeout -s KILL 60 "$tc" record -C mono -o h.dat -e sched:sched_process_exec -A 127.0.0.1:"$good" \
		--name good -e sched -A 127.0.0.1:"$port" --name bad -e sched \
		sh -c 'until grep -q ready good.log; do sleep 0.05; done; /bin/true; sleep 0.3' >out 2>err 9>&-
	status=$?
	end_agents
	wait "${pids[@]}" 2>/dev/null
}

ticks() {
	"$tc" report h-"$1".dat 2>/dev/null | grep -c ' tick: '
}

# shellcheck disable=SC2317  # through check
is() {
	[ "$1" = "$2" ] && return
	echo "# want $2, got $1"
	return 1
}

# bad NAME TEXT TICKS WORD...: says TEXT; the others are whole; of the bad one there are TICKS
bad() {
	local name=$1 text=$2 events=$3
	shift 3
	record "$@"
	check "$name: losses, or a guest that was not whole" is $status 3
	grep -qF -- "guest bad: $text" err
	result $? "$name: it says: $text"
	check "$name: the other guest is whole" is "$(ticks good)" 600
	check "$name: of this one is there what came" is "$(ticks bad)" "$events"
	"$tc" report h.dat >shown 2>/dev/null
	grep -q 'sched_process_exec: .*/true' shown
	result $? "$name: so is the host"
	state | cmp -s - before
	result $? "$name: tracefs is as it was"
}

# never NAME TEXT WORD...: nothing is recorded, and it says TEXT
never() {
	local name=$1 text=$2
	shift 2
	record "$@"
	check "$name: fails" is $status 1
	grep -qF -- "guest bad: $text" err
	result $? "$name: it says: $text"
	check "$name: no file is left" is "$(echo h*)" 'h*'
	state | cmp -s - before
	result $? "$name: tracefs is as it was"
}

# fine NAME TEXT TICKS WORD...: recorded, and TEXT is said in the report or on stderr
fine() {
	local name=$1 text=$2 events=$3
	shift 3
	record "$@"
	check "$name: recorded" is $status 0
	"$tc" report h.dat >shown 2>/dev/null
	grep -qF -- "$text" err shown
	result $? "$name: it says: $text"
	check "$name: all of the guest is there" is "$(ticks bad)" "$events"
}

state >before

never "closes at once" "its agent closed the connection instead of an answer" req
never "nonsense" "said its message has 4294967295 bytes" req hex ffffffffffffffffffffffff eof
never "a wrong message" "sent CLOSE_RESP, which does not belong here" req closed eof
never "no CPUs" "sent TRACE_RESP for 0 CPUs and pages of 4096 bytes" req resp 0 - eof
never "unknown time sync" "chose time sync by 'nosuch', which was not offered" req resp 2 nosuch eof
never "metadata that end in the middle" "its agent closed the connection before it recorded" \
	req resp 2 - half data
never "metadata that are none" "bad metadata: offset 0" req resp 2 - \
	hex 00000010000000030000000061626364 hex 0000000c0000000400000000 data eof
never "nonsense instead of metadata" "said its message has 4294967295 bytes" \
	req resp 2 - data hex ffffffffffffffffffffffff eof

bad "gone in the middle" "its agent is gone" 400 req resp 2 - head data pages 2 part say ready
bad "gone behind CLOSE" "its agent is gone" 400 req resp 2 - head data pages 2 close ends
bad "a wrong message in the middle" "sent TRACE_REQ, which does not belong here" 200 \
	req resp 2 - head data pages 1 hex 0000000c0000000600000000 eof
bad "nonsense in the middle" "said its message has 4294967295 bytes" 200 \
	req resp 2 - head data pages 1 hex ffffffffffffffffffffffff eof
bad "nonsense behind CLOSE" "said its message has 4294967295 bytes" 200 \
	req resp 2 - head data pages 1 close hex ffffffffffffffffffffffff eof
bad "ends by itself" "the agent ended its recording before this one" 200 \
	req resp 2 - head data pages 1 ends closed eof

fine "another version" "its agent is trace-cmd 0.0.1, and this is trace-cmd" 200 \
	req skew 2 head data pages 1 close ends closed eof
fine "time sync that closes" "method none; ptp failed: the agent closed the connection" 200 \
	req resp 2 ptp head sync syncgone data pages 1 close ends closed eof
fine "time sync that is nonsense" "method none; ptp failed: said its message has 4294967295 bytes" 200 \
	req resp 2 ptp head sync ask synchex ffffffffffffffffffffffff data pages 1 close ends closed eof
fine "time sync that says nothing" "method none; ptp failed: the agent said nothing for 10 s" 200 \
	req resp 2 ptp head sync data pages 1 close ends closed eof

# One that is busy: the other is recorded without it; alone there is nothing to record.
BUSY="busy: it records for another host"
record req refuse "$BUSY" eof
check "busy: not all was recorded" is $status 3
grep -qF "guest bad: its agent says: $BUSY" err
result $? "busy: it says who, and why"
check "busy: the other guest is whole" is "$(ticks good)" 600
check "busy: of this one is there no file" is "$(echo h*)" "h-good.dat h.dat"
"$tc" dump --options h.dat >shown 2>&1
check "busy: the host's file names the other one alone" is "$(grep -cw good shown) $(grep -cw bad shown)" "1 0"
state | cmp -s - before
result $? "busy: tracefs is as it was"

alone() { # WORD...: record -A of one agent with these words, in the background: $pid
	rm -f h.dat h-*
	pids=()
	agent bad "$@"
	"$tc" record -C mono -o h.dat -e sched:sched_process_exec -A 127.0.0.1:"$port" --name bad -e sched \
		>out 2>err 9>&- &
	pid=$!
}

alone req refuse "$BUSY" eof
wait $pid
check "the only one is busy: fails" is $? 1
grep -qF "guest bad: its agent says: $BUSY" err
result $? "it says so"
check "and leaves no file" is "$(echo h*)" 'h*'
end_agents
wait "${pids[@]}" 2>/dev/null

timeout -s KILL 20 "$tc" record -C mono -o h.dat -e sched:sched_process_exec -A 127.0.0.1:1 --name x -e sched \
	-A 127.0.0.1:2 --name x -e sched true >out 2>err 9>&-
check "two of one name: fails" is $? 1
grep -q 'two guests are called x' err
result $? "it says so"

# Nobody is left, and nothing of them in tracefs.
all_end() {
	end_agents
	wait "${pids[@]}" 2>/dev/null
	state | cmp -s - before
	result $? "and tracefs as it was"
}

# Ctrl-C: the status, and TEXT in what is said, soon.
interrupted() { # NAME STATUS TEXT
	sleep 0.3
	kill -INT $pid
	SECONDS=0
	wait $pid
	check "hangs $1" is $? "$2"
	[ $SECONDS -le 3 ] && grep -q "$3" err
	result $? "it says so, soon"
}

# One that hangs, Ctrl-C: the user need not wait, and nothing stays that is not whole. The word is where
# it hangs.
hangs() { # NAME WORD...
	local name=$1
	shift
	alone "$@"
	until_true grep -q hangs bad.log
	interrupted "$name, interrupted: fails" 1 'ended before all guests recorded'
	check "and leaves no file" is "$(echo h*)" 'h*'
	all_end
}
hangs "at the request" req say hangs sleep 20000
hangs "before its data ports" req resp 2 - say hangs sleep 20000
hangs "before its metadata" req resp 2 - data say hangs sleep 20000
hangs "in its metadata" req resp 2 - data half say hangs sleep 20000
hangs "in time sync" req resp 2 ptp head sync data say hangs sleep 20000

# It hangs behind CLOSE: what came is there, when the user is tired of it.
alone req resp 2 - head data pages 2 say records close say hangs sleep 20000
until_true grep -q records bad.log
until_true grep -q 1 $root/tracing_on
kill -INT $pid
until_true grep -q hangs bad.log
interrupted "behind CLOSE, interrupted twice: with losses" 3 'guest bad: its last words were not waited for'
check "what came is there" is "$(ticks bad)" 400
check "and the host's file" is "$(echo h*)" "h-bad.dat h.dat"
all_end
exit $failed
