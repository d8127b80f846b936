#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# broker.sh - virt-server lends a guest's channels to processes that hang, die or talk nonsense
#
# The guest's agent is a hello that hostile.c sends; who asks is agent_host.c, whose script begins
# when it has the channels.
# shellcheck source=tests/cli/virt_server.lib
. "$(dirname "$0")/virt_server.lib"

if [ -n "${HELPERS:-}" ] && [ -x "$HELPERS/agent_host" ]; then
	asker=$HELPERS/agent_host
else
	asker=$top/agent_host
	${CC:-cc} -O1 -D_GNU_SOURCE -o "$asker" "$(dirname "$0")/agent_host.c" -lpthread || exit 1
fi
# size, command, fixed part, flags (1: busy), CPUs, "trace-cmd 9.9"
hello=0000002274637802000000080000000000000002$(printf 'trace-cmd 9.9' | od -An -tx1 | tr -d ' \n')00
children=()
trap '{ kill -KILL "${children[@]}"; wait "${children[@]}"; } 2>/dev/null; cleanup' EXIT

line() {
	"$TRACE_CMD" list --guests --dir "$dir" | grep "^$1 " | tr -s ' '
}

line_is() {
	is "$(line web1)" "$1"
}

# boot WORD...: the guest, in the background
boot() {
	"$hostile" "$dir/web1/agent-ctl-path" "$@" >/dev/null 2>&1 &
	children+=($!)
	booted=$!
}

# borrow WORD...: the channels, in the background, until $borrower ends
borrow() {
	"$asker" "$dir" web1 "$@" >/dev/null 2>&1 &
	borrower=$!
	children+=("$borrower")
}

end() { # quietly: that it was killed is no news
	kill -KILL "$1"
	{ wait "$1"; } 2>/dev/null
}

fds() {
	find "/proc/$server/fd" | wc -l
}

make_domain web1 2
check "without a server" line_is "web1 - - - 2 FIFOs no virt-server -"
start_server
check "a guest that is off" line_is "web1 - - - 2 FIFOs not connected -"
boot hex "$hello" sleep 2000 hex "$hello" sleep 1000 hex "$hello" sleep 600000
check "an agent" until_true line_is "web1 - - - 2 FIFOs idle 9.9 -"
before=$(fds)

borrow sleep 600000
check "the channels are lent" logged "its channels are lent to process $borrower"
check "and the list says to whom" line_is "web1 - - - 2 FIFOs records 9.9 record -A, process $borrower"
timeout 5 "$asker" "$dir" web1 >"$top/second" 2>&1
check "a second one is refused at once" grep -q \
	"error 16 guest web1 is being recorded for process $borrower\$" "$top/second"
kill -STOP "$borrower"
check "one that hangs blocks nobody" timeout 5 "$TRACE_CMD" list --guests --dir "$dir"
end "$borrower"
check "one that dies gives them back" logged "guest web1: the channels are back"
check "the agent has not said that it is ready" line_is "web1 - - - 2 FIFOs busy 9.9 -"
borrow sleep 600000
check "the next one has to wait, and gets them" until_true line_is \
	"web1 - - - 2 FIFOs records 9.9 record -A, process $borrower"
end "$booted"
check "a guest that is gone is not torn from him" until_true line_is \
	"web1 - - - 2 FIFOs gone record -A, process $borrower"
end "$borrower"
check "then all is as before" until_true line_is "web1 - - - 2 FIFOs not connected -"

for ((i = 0; i < 30; i++)); do
	"$hostile" "$dir/broker" hex 00 eof &
	"$hostile" "$dir/broker" hex "6c65617365207765623100ff0a" eof &
	"$hostile" "$dir/broker" hex "6775657374730a" &
	"$asker" "$dir" web1 >/dev/null 2>&1
done
check "askers leave no descriptors" until_true eval "[ \$(fds) -lt $before ]"

boot hex "$hello" sleep 600000
until_true line_is "web1 - - - 2 FIFOs idle 9.9 -"
borrow sleep 600000
check "lent once more" until_true line_is "web1 - - - 2 FIFOs records 9.9 record -A, process $borrower"
kill -STOP "$borrower"
from=$SECONDS
stop_server
check "a server that is told to end does not wait for ever" eval "[ $((SECONDS - from)) -le 8 ]"
check "and ends well" is "$status" 0
check "then nobody can be asked" line_is "web1 - - - 2 FIFOs no virt-server -"
finish
