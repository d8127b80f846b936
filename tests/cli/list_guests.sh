#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# list_guests.sh - list --guests: what has channels, and what runs
#
set -u
TRACE_CMD=${TRACE_CMD:-./trace-cmd}
top=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill -KILL $server 2>/dev/null; rm -rf "$top"' EXIT
failed=0

check() {
	if [ "$2" = "$3" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		printf '  want: %s\n  got:  %s\n' "$2" "$3"
		failed=1
	fi
}

guests() {
	"$TRACE_CMD" list --guests --dir "$top/virt" | grep -E "^($1) " | tr -s ' '
}

mkdir -m 755 "$top/virt"
"$TRACE_CMD" setup-guest web1 -c 2 --dir "$top/virt" >/dev/null
"$TRACE_CMD" setup-guest web2 -c 3 --sockets --dir "$top/virt" >/dev/null
check "a guest with FIFOs that does not run" "web1 - - - 2 FIFOs no virt-server -" "$(guests web1)"
check "a guest with sockets has none before its server runs" "web2 - - - - no virt-server -" "$(guests web2)"
check "the titles" "GUEST QEMU VCPUS THREADS CHANNELS AGENT RECORDING" "$(guests GUEST)"
"$TRACE_CMD" virt-server --dir "$top/virt" -o "$top" -l "$top/log" >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do
	guests web2 | grep "3 sockets not connected" >/dev/null && break
	sleep 0.05
done
check "with a server, a guest with FIFOs" "web1 - - - 2 FIFOs not connected -" "$(guests web1)"
check "with a server, a guest with sockets" "web2 - - - 3 sockets not connected -" "$(guests web2)"
kill -STOP $server
check "a server that hangs is no error" "web1 - - - 2 FIFOs no answer -" "$(guests web1)"
kill -KILL $server
{ wait $server; } 2>/dev/null

# qemu NAME: a guest that does nothing; sets $pid, $line, and $threads of its two vCPUs as they are
qemu() {
	"$qemu" -name "guest=$1" -smp 2 -S -accel tcg -display none -nodefaults -m 32 </dev/null >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		line=$(guests web1)
		grep -q " $pid " <<<"$line" && break
		sleep 0.05
	done
	sleep 0.2 # its threads come behind it
	line=$(guests web1)
	first=$(grep -l '^CPU 0/TCG$' /proc/$pid/task/*/comm | cut -d/ -f5)
	second=$(grep -l '^CPU 1/TCG$' /proc/$pid/task/*/comm | cut -d/ -f5)
	threads=$first,$second
	[ "$second" != $((first + 1)) ] || threads=$first-$second
	kill $pid
	wait $pid 2>/dev/null
}

if qemu=$(command -v qemu-system-x86_64); then
	qemu web1
	check "a guest that runs" "web1 $pid 2 ? 2 FIFOs no virt-server -" "$line"
	qemu web1,debug-threads=on
	check "its threads, where QEMU names them" "web1 $pid 2 $threads 2 FIFOs no virt-server -" "$line"
else
	echo "# a running guest needs qemu-system-x86_64: left out"
fi
"$TRACE_CMD" list --guests --dir "$top/nowhere" >/dev/null
check "a directory that is not there is no error" 0 $?
exit $failed
