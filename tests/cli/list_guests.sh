#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# list_guests.sh - list --guests: what has channels, and what runs
#
set -u
TRACE_CMD=${TRACE_CMD:-./trace-cmd}
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
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
check "a guest with FIFOs that does not run" "web1 - - 2 FIFOs" "$(guests web1)"
check "a guest with sockets has none before its server runs" "web2 - - -" "$(guests web2)"
if qemu=$(command -v qemu-system-x86_64); then
	"$qemu" -name guest=web1 -smp 2 -S -accel tcg -display none -nodefaults -m 32 </dev/null >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		guests web1 | grep -q " $pid " && break
		sleep 0.05
	done
	check "a guest that runs" "web1 $pid 2 2 FIFOs" "$(guests web1)"
	kill $pid
	wait $pid 2>/dev/null
else
	echo "# a running guest needs qemu-system-x86_64: left out"
fi
"$TRACE_CMD" list --guests --dir "$top/nowhere" >/dev/null
check "a directory that is not there is no error" 0 $?
exit $failed
