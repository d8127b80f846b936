#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# host-cost.sh - CPU time of virt-server for each GiB received, against cat FIFO >file.
#
# No guest: feed.c writes the same pages in the same chunks into FIFOs, once with the protocol of a
# guest around them and once without. Counted is user and system time of the receiving process from
# its start to its end: for virt-server (--once) that is the recording, putting the file together and
# fsync; for cat (one for each FIFO) the copy, and with SYNC=1 (the default) 'sync FILE' behind it,
# so that both pay for data on the disk. Runs alternate, the result is the median of the pairs' ratios.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MIB=${MIB:-1024}
CHUNK_KIB=${CHUNK_KIB:-64}
PAIRS=${PAIRS:-5}
CPUS=${CPUS:-1 4}
SYNC=${SYNC:-1}
DISK=${DISK:-$BENCH_OUT/host-cost.files} # not a tmpfs

one_server() {
	clean
	RUN=server timed "$T_DIR/time" "$TRACE_CMD" virt-server --dir "$VIRT" -o "$DISK" --once -q
	wait_for 10 test -S "$VIRT/b$1/agent-ctl-path" || t_bail "no virt-server" "$(cat "$(host_log server)")"
	"$FEED" guest "$MIB" "$CHUNK_KIB" "$VIRT/b$1" "$1" || t_bail "the feed failed" "$(cat "$(host_log server)")"
	host_wait server 120 || t_bail "virt-server failed" "$(cat "$(host_log server)")"
	cpu_seconds "$T_DIR/time"
}

# shellcheck disable=SC2016
one_cat() {
	local i fifos=() script=
	clean
	for ((i = 0; i < $1; i++)); do
		fifos+=("$T_DIR/fifo$i")
		[ -p "$T_DIR/fifo$i" ] || mkfifo "$T_DIR/fifo$i"
		script+="{ cat $T_DIR/fifo$i >$DISK/cat$i; [ $SYNC = 0 ] || sync $DISK/cat$i; } & "
	done
	RUN="cat" timed "$T_DIR/time" bash -c "$script wait"
	"$FEED" raw "$MIB" "$CHUNK_KIB" "${fifos[@]}"
	host_wait cat 120 || t_bail "cat failed" "$(cat "$(host_log cat)")"
	cpu_seconds "$T_DIR/time"
}

b_begin host-cost "host-cost: CPU seconds a GiB (user + system), $MIB MiB in chunks of $CHUNK_KIB KiB; SYNC=$SYNC; $(df --output=fstype "$BENCH_OUT" | tail -n 1)"
for cpus in $CPUS; do
	"$TRACE_CMD" setup-guest "b$cpus" -c "$cpus" --dir "$VIRT" >"$T_DIR/setup" 2>&1 || t_bail "setup-guest" "$(cat "$T_DIR/setup")"
	ratios=() servers=() cats=()
	for ((p = 0; p < PAIRS; p++)); do
		one_server "$cpus" >"$T_DIR/a"
		one_cat "$cpus" >"$T_DIR/b"
		servers+=("$(calc "$(cat "$T_DIR/a") * 1024 / $MIB")")
		cats+=("$(calc "$(cat "$T_DIR/b") * 1024 / $MIB")")
		ratios+=("$(calc "${servers[-1]} / ${cats[-1]}")")
		sayf 'CPUs %d  pair %d  virt-server %.3f  cat %.3f  ratio %.3f\n' "$cpus" $((p + 1)) \
			"${servers[-1]}" "${cats[-1]}" "${ratios[-1]}"
	done
	sayf 'CPUs %d  median  virt-server %.3f s/GiB, cat %.3f s/GiB\n' "$cpus" "$(median "${servers[@]}")" "$(median "${cats[@]}")"
	goal "virt-server / cat, $cpus CPUs, median of $PAIRS" "$(median "${ratios[@]}")" 1.2
done
rm -rf "$DISK"
