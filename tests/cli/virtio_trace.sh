#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# virtio_trace.sh - record -A --virtio-trace with FIFOs whose other end is a script, not a QEMU
#
# The script hears orders and, on a 1, writes pages that this kernel made before: 400 marks, of which
# each must be in the report, and what stands before and behind them must not.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

buffer=$root/instances/virtio-trace-test
mkdir "$buffer" || skip "no instances here"
at_exit 'rmdir $buffer'
fake=
at_exit '[ -z "$fake" ] || kill $fake 2>/dev/null'

# The pages of CPU 0, and the metadata: only what must be there.
echo global >"$buffer/trace_clock"
taskset 1 bash -c "for ((i = 0; i < 400; i++)); do echo \"mark \$i\" >$buffer/trace_marker; done"
dd if="$buffer/per_cpu/cpu0/trace_pipe_raw" of=pages bs=4096 iflag=nonblock 2>/dev/null
check "pages were made" test "$(stat -c %s pages)" -ge 8192
mkdir -p copy/events/ftrace/print
cp $root/events/header_page $root/events/header_event copy/events
cp $root/events/ftrace/print/format copy/events/ftrace/print
head -c 1000 pages >torn

mkdir -m 700 guest
for name in agent-ctl-path trace-path-cpu0 trace-path-cpu1; do
	mkfifo -m 600 guest/$name.in guest/$name.out
done

# hear FILE...: the agent: notes orders, writes the files to CPU 0 on a 1
hear() {
	local order file
	while read -r order <&8; do
		echo "$order" >>orders
		[ "$order" = 1 ] || continue
		for file; do
			cat "$file" >guest/trace-path-cpu0.out
		done
	done
}

agent() {
	rm -f orders
	exec 8<>guest/agent-ctl-path.in
	hear "$@" 9>&- &
	fake=$!
	exec 8>&-
}

agent_ends() {
	kill $fake 2>/dev/null
	wait $fake 2>/dev/null
	fake=
}

# run STATUS NAME OPTION...
run() {
	local want=$1 name=$2 rc=0
	shift 2
	rm -f host.dat host-guest.dat
	timeout 60 "$tc" record -C mono -o host.dat -A "$tmp/guest" --virtio-trace "$@" >out 2>err 9>&- || rc=$?
	[ $rc = "$want" ]
	result $? "$name: status $want, is $rc"
}

marks() {
	"$tc" report -i "$1" 2>/dev/null | grep -c 'mark [0-9]*$'
}

says() { # FILE TEXT
	grep -qF -- "$2" "$1"
	result $? "it says: $2"
}

agent pages
head -c 3000 pages >guest/trace-path-cpu0.out & # nobody reads yet: it waits for the recording
stale=$!
run 0 "pages behind half a page" --metadata copy sleep 1
wait $stale
check "all marks are there" test "$(marks host-guest.dat)" = 400
check "0, 1 and 0 were ordered" test "$(paste -sd' ' orders)" = "0 1 0"
check "stock finds them too" test "$("$stock" report -i host-guest.dat 2>/dev/null | grep -c 'mark [0-9]*$')" = 400
agent_ends

agent pages torn
run 3 "a page that never became whole" --metadata copy/events --name web sleep 1
check "all marks are there" test "$(marks host-web.dat)" = 400
check "the torn page is counted" grep -qE '^ +0 +400 +[0-9.]+ KiB +0 +1 +0 +0' out
agent_ends

agent pages
run 0 "no metadata" sleep 1
says err "no event formats"
"$tc" report -i host-guest.dat >out 2>err
says err "has no event formats, so its 400 records cannot be read"
"$tc" convert -i host-guest.dat -o later.dat --metadata copy 2>err
result $? "convert --metadata"
check "all marks are there" test "$(marks later.dat)" = 400
run 0 "metadata of a file" --metadata later.dat -C local sleep 1
check "all marks are there" test "$(marks host-guest.dat)" = 400
"$tc" dump --options -i host-guest.dat >out 2>&1
says out "[local]"
agent_ends

run 1 "no QEMU" sleep 0
says err "nobody has FIFO"
exec 8<>guest/agent-ctl-path.in
run 1 "nobody hears" sleep 0
says err "nobody there reads its port agent-ctl-path"
read -r -t 1 order <&8
check "the order that waits is to stop" test "$order" = 0
exec 8>&-

hear_once() {
	local order
	read -r order <&8
	read -r order <&8
	cat pages >guest/trace-path-cpu0.out
	sleep 5
}
exec 8<>guest/agent-ctl-path.in
hear_once 9>&- &
fake=$!
run 3 "an agent that hangs" --metadata copy sleep 1
says err "did not take the order to stop"
check "what came is there" test "$(marks host-guest.dat)" = 400
agent_ends
exec 8>&-

run 1 "metadata that are none" --metadata guest sleep 0
says err "is no copy of a tracefs"
run 1 "metadata that are not there" --metadata nowhere sleep 0
run 2 "options for an agent that hears none" -e sched sleep 0
says err "knows only start and stop"
"$tc" record -A x --metadata copy sleep 0 >out 2>err
check "--metadata is for --virtio-trace" test $? = 2
"$tc" record --virtio-trace -A x sleep 0 >out 2>err
check "--virtio-trace stands behind -A" test $? = 2
exit $failed
