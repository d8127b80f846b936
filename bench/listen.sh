#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# listen.sh - CPU time of listen for each GiB that comes over TCP, against the stock listen.
#
# feed.c is the client of both: it speaks as the stock client of version 3 does, sends metadata of
# version 6, and the same pages in the same chunks, over loopback. Nothing is compressed. Counted is
# user and system time of the listener with all its children, from its start to the file under its
# name. Ours ends then (--once), and has synced its file; stock runs on, so its times are read in /proc
# when its last child has ended, and with SYNC=1 (the default) 'sync FILE' is added, so that both pay
# for data on the disk. Divided by the GiB that are in the file: stock ends its receivers at CLOSE, and
# may leave out what they had not read. Runs alternate, the result is the median of the pairs' ratios.
#
# The floor, a loop of splice(2) (or read and write) from one connection to a file, and fsync, took
# 0.5 s a GiB where listen took 0.9: beside it, pages of a client without marks are read twice at the
# end, to judge and to count them.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MIB=${MIB:-1024}
CHUNK_KIB=${CHUNK_KIB:-64}
PAIRS=${PAIRS:-5}
CPUS=${CPUS:-1 4}
SYNC=${SYNC:-1}
PORT=${PORT:-$((20000 + $$ % 10000))}
DISK=${DISK:-$BENCH_OUT/listen.files} # not a tmpfs

# GIB_COST: $1 seconds of CPU for each GiB of the file, which must have nearly all; MIB_IN: its size.
per_gib() {
	local files=("$DISK"/*.dat)
	MIB_IN=$(calc "$(stat -c %s "${files[0]}") / 1048576")
	[ ${#files[@]} = 1 ] && awk "BEGIN { exit !($MIB_IN >= $MIB * 0.95) }" ||
		t_bail "$MIB_IN MiB of $MIB are in ${files[*]}" "$(cat "$(host_log "$RUN")")"
	GIB_COST=$(calc "$1 * 1024 / $MIB_IN")
}

feed_it() {
	"$FEED" net "$MIB" "$CHUNK_KIB" "$PORT" "$1" || t_bail "the feed failed" "$(cat "$(host_log "$RUN")")"
}

one_ours() {
	clean
	RUN=ours
	timed "$T_DIR/time" "$TRACE_CMD" listen -p "$PORT" --bind 127.0.0.1 -d "$DISK" --once -q
	wait_for 10 listens || t_bail "listen does not listen" "$(cat "$(host_log ours)")"
	feed_it "$1"
	host_wait ours 120 || t_bail "listen failed" "$(cat "$(host_log ours)")"
	per_gib "$(cpu_seconds "$T_DIR/time")"
}

listens() {
	[ -n "$(ss -Htln "sport = :$PORT")" ]
}

no_children() {
	! pgrep -P "$1"
}

# user, system, and those of children waited for, in s
all_times() {
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13 + $14 + $15) / hz, 0 }' "/proc/$1/stat"
}

one_stock() {
	clean
	RUN=stock
	host_start stock "$STOCK" listen -p "$PORT" -d "$DISK"
	wait_for 10 listens || t_bail "stock does not listen" "$(cat "$(host_log stock)")"
	feed_it "$1"
	wait_for 120 no_children "$(host_pid stock)" || t_bail "stock does not end" "$(cat "$(host_log stock)")"
	all_times "$(host_pid stock)" >"$T_DIR/time"
	host_stop stock INT || true
	if [ "$SYNC" = 1 ]; then
		RUN=sync timed "$T_DIR/sync" sync "$DISK"/*.dat
		host_wait sync 120
		cat "$T_DIR/sync" >>"$T_DIR/time"
	fi
	per_gib "$(cpu_seconds "$T_DIR/time")"
}

b_begin listen "listen: CPU seconds a GiB (user + system), $MIB MiB over TCP in chunks of $CHUNK_KIB KiB; SYNC=$SYNC; $(df --output=fstype "$BENCH_OUT" | tail -n 1)"
[ -x "$STOCK" ] || t_skip "no stock trace-cmd at $STOCK"
for cpus in $CPUS; do
	ratios=() ours=() stocks=()
	for ((p = 0; p < PAIRS; p++)); do
		one_ours "$cpus"
		a=$GIB_COST mib_a=$MIB_IN
		one_stock "$cpus"
		b=$GIB_COST mib_b=$MIB_IN
		ours+=("$a") stocks+=("$b")
		ratios+=("$(calc "$a / $b")")
		sayf 'CPUs %d  pair %d  ours %.3f (%.1f MiB)  stock %.3f (%.1f MiB)  ratio %.3f\n' "$cpus" $((p + 1)) \
			"$a" "$mib_a" "$b" "$mib_b" "${ratios[-1]}"
	done
	sayf 'CPUs %d  median  ours %.3f s/GiB, stock %.3f s/GiB\n' "$cpus" "$(median "${ours[@]}")" "$(median "${stocks[@]}")"
	goal "listen / stock listen, $cpus CPUs, median of $PAIRS" "$(median "${ratios[@]}")" 0.8
done
rm -rf "$DISK"
