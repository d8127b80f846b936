#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# guest-cost.sh - guest instructions for each KiB of trace that leaves the guest's ring buffer.
#
# One guest with one vCPU under QEMU -icount shift=1: an instruction is 2 ns of its clock, however
# busy this machine is. The same workload (work.c) fills N, then 2N KiB of pages while one method
# takes them out; the CPU's time not idle is read before and after. The difference between 2N and N
# is free of start and end (formats, kallsyms, handshakes), and that of a run without a reader, which
# is the workload itself, is taken off.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

N=${N:-24576}          # KiB
PAUSE_US=${PAUSE_US:-20000}
REPEAT=${REPEAT:-2}
RING_KB=${RING_KB:-4096}
METHODS=${METHODS:-none null tmpfs virt tcp udp}
PORT=${PORT:-$((20000 + $$ % 20000))}
EVENT="-e sched:sched_process_hang" # never happens: the pages hold what work.c writes

stock_overlay() {
	"$VM_TOP/tests/guest-image/overlay.sh" --dynamic "$T_DIR/stock.cpio" "$STOCK=/stock/trace-cmd" \
		"$GUEST_BENCH/work=/bin/work" "$GUEST_BENCH/drain=/bin/drain" >&2
}

# The command lines of each method; $1: KiB
tracefs_on="cd /sys/kernel/tracing && echo 0 >tracing_on && echo >trace && echo $RING_KB >buffer_size_kb && echo 1 >tracing_on"
tracefs_off="cd /sys/kernel/tracing && echo 0 >tracing_on && echo >trace"

method() {
	local work="work write $2 $PAUSE_US"
	case $1 in
	none) echo "$tracefs_on && $work && $tracefs_off" ;;
	null) echo "$tracefs_on && drain /dev/null 1000000 $work && $tracefs_off" ;;
	tmpfs) echo "$tracefs_on && drain /tmp/trace.out 1000000 $work && $tracefs_off && rm /tmp/trace.out" ;;
	virt) echo "trace-cmd record --virt -q -b $RING_KB $EVENT $work" ;;
	tcp) echo "/stock/trace-cmd record -N 10.0.2.2:$PORT -t -b $RING_KB $EVENT $work" ;;
	udp) echo "/stock/trace-cmd record -N 10.0.2.2:$PORT -b $RING_KB $EVENT $work" ;;
	esac
}

# Guest nanoseconds that method $1 kept the CPU busy for $2 KiB.
busy_for() {
	local text
	text=$(vm_run g "a=\$(work busy); { $(method "$1" "$2"); } >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
		b=\$(work busy); echo \$((b - a))") || t_bail "$1 failed" "$text"
	tail -n 1 <<<"$text"
}

# The KiB that came, counted by the stock report: work.c writes a record a KiB. (Sizes do not tell:
# stock compresses.) The file is removed.
arrived() {
	local file kib=0 try
	[ "$(ls "$OUT"/*.dat "$T_DIR"/trace.*.dat 2>/dev/null)" ] || [[ $1 = [tu][cd]p ]] || return 0
	# Stock's listen puts its file together behind the client's back: that may take a while.
	for ((try = 0; try < 10 && kib == 0; try++)); do
		[ $try = 0 ] || sleep 1
		for file in "$OUT"/*.dat "$T_DIR"/trace.*.dat; do
			[ ! -e "$file" ] || kib=$("$STOCK" report -i "$file" 2>/dev/null | grep -ac ' raw_data:' || true)
		done
	done
	ARRIVED[$1]+=" $kib"
	rm -f "$OUT"/*.dat "$T_DIR"/trace.*.dat
}

# Instructions a KiB from busy times at N and 2N.
per_kib() {
	calc "($2 - $1) / 2 / $N"
}

b_begin guest-cost "guest-cost: guest instructions a KiB of trace moved (QEMU -icount shift=1, 1 vCPU)"
server_start
host_start listen "$STOCK" listen -p "$PORT" -d "$T_DIR"
stock_overlay
export VM_TIMEOUT=300 # of lib.sh
guest_boot g 1 --icount --net --mem 512 --overlay "$T_DIR/stock.cpio"

declare -A COST=() ARRIVED=()
sayf '%-7s %14s %14s %12s %s\n' method "busy ns, $((N / 1024)) MiB" "$((N / 512)) MiB" instr/KiB ""
for m in $METHODS; do
	costs=()
	busy_for "$m" 256 >/dev/null # the first one reads files that are in memory afterwards
	arrived "$m"
	for ((i = 0; i < REPEAT; i++)); do
		a=$(busy_for "$m" "$N")
		arrived "$m"
		b=$(busy_for "$m" $((2 * N)))
		arrived "$m"
		costs+=("$(per_kib "$a" "$b")")
		sayf '%-7s %14d %14d %12.1f\n' "$m" "$a" "$b" "${costs[-1]}"
	done
	COST[$m]=$(median "${costs[@]}")
done

for m in "${!ARRIVED[@]}"; do
	say "$m: KiB that arrived, of 256 and then $N and $((2 * N)) in turn:${ARRIVED[$m]}"
done
say "" "less the workload (none):"
declare -A NET=()
for m in $METHODS; do
	[ "$m" != none ] || continue
	NET[$m]=$(calc "${COST[$m]} - ${COST[none]}")
	sayf '%-7s %8.1f instr/KiB  %6.2f us/KiB of guest time\n' "$m" "${NET[$m]}" "$(calc "${NET[$m]} * 2 / 1000")"
done
[ -z "${NET[tcp]:-}" ] || goal "record --virt / stock record -N -t" "$(calc "${NET[virt]} / ${NET[tcp]}")" 0.33
[ -z "${NET[null]:-}" ] || goal "record --virt / floor (/dev/null)" "$(calc "${NET[virt]} / ${NET[null]}")" 2.5
vm_stop g
server_stop || true
