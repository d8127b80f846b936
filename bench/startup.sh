#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# startup.sh - how long a recording takes to begin, and to be over, against the stock record.
#
# In one guest, by its own clock, under QEMU -icount shift=1, where an instruction is 2 ns however busy
# this machine is: from exec of the recorder to the first thing that the traced command does, which
# both recorders start as soon as tracing is on, and to the recorder's end. The methods take turns.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RUNS=${RUNS:-5}
METHODS="stock virt file"
EVENT="-e sched:sched_switch work stamp"
declare -A CMD=(
	[stock]="/stock/trace-cmd record -o /tmp/x $EVENT"
	[virt]="trace-cmd record --virt $EVENT"
	[file]="trace-cmd record -o /tmp/x $EVENT"
)
declare -A BEGIN=() END=()

# "begin end" in us of method $1.
timed() {
	local text
	text=$(vm_run g "work time ${CMD[$1]} 2>/tmp/said >/tmp/out || { cat /tmp/said /tmp/out; exit 1; }
		tail -n 1 /tmp/out; rm -f /tmp/x*") || t_bail "$1 failed" "$text"
	echo "$text"
}

b_begin startup "startup: exec to the traced command, and to the end, in ms of guest time (QEMU -icount shift=1, 1 vCPU)"
server_start
"$VM_TOP/tests/guest-image/overlay.sh" --dynamic "$T_DIR/stock.cpio" "$STOCK=/stock/trace-cmd" "$GUEST_BENCH/work=/bin/work" >&2
export VM_TIMEOUT=120
guest_boot g 1 --icount --mem 512 --overlay "$T_DIR/stock.cpio"
for m in $METHODS; do
	timed "$m" >/dev/null # the first run finds nothing in memory
done
for ((i = 0; i < RUNS; i++)); do
	for m in $METHODS; do
		read -r b e <<<"$(timed "$m")"
		BEGIN[$m]+=" $b"
		END[$m]+=" $e"
	done
done
for m in $METHODS; do
	# shellcheck disable=SC2086
	sayf '%-6s to the command: median %8.1f ms (us:%s)\n       to the end:     median %8.1f ms (us:%s)\n' "$m" \
		"$(calc "$(median ${BEGIN[$m]}) / 1000")" "${BEGIN[$m]}" \
		"$(calc "$(median ${END[$m]}) / 1000")" "${END[$m]}"
done
for m in virt file; do
	# shellcheck disable=SC2086
	goal "record $m / stock record, to tracing on" "$(calc "$(median ${BEGIN[$m]}) / $(median ${BEGIN[stock]})")" 0.2
	# shellcheck disable=SC2086
	goal "record $m / stock record, to the end" "$(calc "$(median ${END[$m]}) / $(median ${END[stock]})")" 0.2
done
vm_stop g
server_stop || true
