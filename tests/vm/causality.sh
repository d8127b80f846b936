#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The timeline of record -A is true: this machine and a guest pass a number to and fro over a virtio
# port of its own and mark each step in their traces. Whatever the clocks say, ping N was before
# pong N, and pong N before pang N. The report must have them so, all of them, by our tool and by the
# stock one; and the error that is told for the guest's clock must not be an excuse: it is no larger
# than half of the shortest way to the guest and back.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/remote.bash"

N=${CAUSALITY_N:-10000}
PINGPONG=$(dirname "$STATIC")/tests/helpers/pingpong
G=pong
WAY=$T_DIR/pingpong
MARK="-e sched:sched_process_exec"
HOST="-e sched:sched_switch"

# A report on stdin as lines "TIME ping|pong|pang N", in its order.
marks() {
	sed -nE 's/^.*\] *([0-9.]+): (bprint|print): .*tracing_mark_write: *(p[aio]ng) ([0-9]+)$/\1 \3 \4/p'
}

# How many are in order, how many not, and of how many a mark is missing, of lines of marks().
in_order() {
	awk -v n="$N" '{ at[$2, $3] = NR }
		END {
			for (i = 1; i <= n; i++) {
				a = at["ping", i]; b = at["pong", i]; c = at["pang", i]
				if (!a || !b || !c)
					missing++
				else if (a < b && b < c)
					good++
				else
					bad++
			}
			print good + 0, bad + 0, missing + 0
		}'
}

# The shortest time from ping N to pang N, in ns. Times are ns (all of them: seconds lose digits).
shortest() {
	awk '$2 == "ping" { from[$3] = $1 }
		$2 == "pang" { d = $1 - from[$3]; if (!min || d < min) min = d }
		END { printf "%d\n", min * 1e9 }'
}

# ours FILE, stock FILE HOST GUEST: the events, each with its machine in front, times in ns
ours() {
	"$TRACE_CMD" report -t "$1" | grep -v 'cpus=\|clock:\| events, '
}

stock() {
	"$STOCK" report -t -i "$1" -i "$2" | grep -v 'cpus='
}

# Prefixes of the same machines made the same.
plain() {
	sed -E "s/^ *([^ :]+): +/\1: /; s/^($2|host): /host: /; s/^($3|$G): /guest: /" "$1"
}

judge() {
	local clock=$1 f=$OUT/$1.dat g=$OUT/$1-$G.dat
	ours "$f" >"$T_DIR/ours"
	stock "$f" "$g" >"$T_DIR/stock"
	marks <"$T_DIR/ours" >"$T_DIR/marks"
	assert_eq "$N 0 0" "$(in_order <"$T_DIR/marks")" "$clock: ping, pong, pang: in order, out of order, missing"
	assert_eq "$N 0 0" "$(marks <"$T_DIR/stock" | in_order)" "$clock: the same by the stock report"
	plain "$T_DIR/ours" host $G >"$T_DIR/ours.plain"
	plain "$T_DIR/stock" "$(basename "$f")" "$(basename "$g")" >"$T_DIR/stock.plain"
	if cmp -s "$T_DIR/ours.plain" "$T_DIR/stock.plain"; then
		t_ok "$clock: stock has the same lines in the same order, $(wc -l <"$T_DIR/ours.plain")"
	else
		t_fail "$clock: stock's order differs" "$(diff "$T_DIR/ours.plain" "$T_DIR/stock.plain" | head -n 10)"
	fi
	assert_contains "$(clock_text "$f" $G)" "causality violations 0" "$clock: nothing contradicts"
}

# Is the error at most half of the shortest trip? ERROR, TRIP
good_error() {
	ERROR=$(clock_error "$OUT/$1.dat" $G)
	TRIP=$(shortest <"$T_DIR/marks")
	[ "${ERROR:-$TRIP}" -le $((TRIP / 2)) ]
}

# --names tells where the host switches from and to the thread that is the guest's CPU.
names() {
	local tid out=$T_DIR/names
	tid=$(grep -l 'CPU.*/TCG' /proc/"$(vm_pid $G)"/task/*/comm | sed 's/.*task.\([0-9]*\).*/\1/')
	"$TRACE_CMD" report --names --guest host -F sched_switch "$1" >"$out"
	assert_eq "$(grep -c ":$tid \[" "$out")" "$(grep -cE " \[($G vCPU 0 ==> host|host ==> $G vCPU 0)\]\$" "$out")" \
		"$2: each switch from and to the vCPU's thread names it"
	assert_status 0 "$2: there are some" grep -q "==> .*:$tid \[.*\[host ==> $G vCPU 0\]\$" "$out"
}

run() {
	local clock=$1 rc=0
	t_begin "clock $clock"
	# shellcheck disable=SC2086
	record "$clock" -C "$clock" $HOST -A $G $MARK
	wait_for 30 runs $G || t_bail "the guest does not record" "$(cat "$(host_log "$clock")")"
	wait_for 30 host_runs || t_bail "this machine does not record"
	# The host first: a guest that opens the port while nobody is there reads its end.
	host_start ping "$PINGPONG" ping "$WAY" "$N"
	assert_ok "$clock: $N numbers came to the guest, and went back" \
		vm_run $G "pingpong pong /dev/virtio-ports/pingpong $N"
	host_wait ping || rc=$?
	assert_eq 0 $rc "$clock: the host has them back"
	ends "$clock" 0 "$clock: the recording is whole"
	judge "$clock"
}

# Order must be right each time. The shortest of so many trips is luck, which the questions have not
# always had when the machine does other things besides: one of three recordings must show the error.
play() {
	local try
	for try in 1 2 3; do
		run "$1"
		! good_error "$1" || break
		echo "# try $try: the error is $ERROR ns, the shortest trip $TRIP ns"
	done
	if good_error "$1"; then
		t_ok "$1: the error, $ERROR ns, is at most half of the shortest trip, $TRIP ns"
	else
		t_fail "$1: the error is $ERROR ns, the shortest trip $TRIP ns" "$(clock_text "$OUT/$1.dat" $G)"
	fi
	names "$OUT/$1.dat" "$1"
}

[ -x "$PINGPONG" ] || t_bail "no $PINGPONG: 'make static'"
"$VM_TOP/tests/guest-image/overlay.sh" "$T_DIR/pingpong.cpio" "$PINGPONG=/bin/pingpong" >&2
server_start --verbose
guest_boot $G 1 --udev --overlay "$T_DIR/pingpong.cpio" \
	--port pingpong "socket,path=$(vm_opt "$WAY"),server=on,wait=off"
agent_start $G
play mono
! grep -q x86-tsc "$T/trace_clock" || play x86-tsc
