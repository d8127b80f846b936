#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# record.sh - CPU time of a local recording for each GiB of its file, and its losses, against stock.
#
# On this machine's own tracefs, with raw_syscalls and the same -b: one dd for each CPU of LOADS, pinned
# there, reads and writes COUNT single bytes as fast as it can, beside the recorder. What is recorded is a
# command that only waits for the dd to end, so that user and system time of the recorder with all its
# children is the recorder's: from exec to the finished file, which ours has synced, while for stock
# 'sync FILE' is added (SYNC=0: is not). Nothing is compressed; the last lines, for information, are stock
# as it compresses by default. Lost are the events that the rings' counters say were overwritten, dropped
# or nested too deep, from the statistics in the file, as the stock report prints them. Runs alternate, the
# results are medians. What else this machine does is recorded as well, and takes CPUs away from both.
#
# Files of tracefs that may not be written are covered by a plain one for stock, as tests/cli/report_stock.sh
# does. Skipped where this machine cannot be traced.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

COUNT=${COUNT:-3000000} # of a dd; 4 events each, 48 bytes
KBS=${KBS:-1408 8192}
LOADS=${LOADS:-$(($(nproc) - 1))}
PAIRS=${PAIRS:-5}
SYNC=${SYNC:-1}
DISK=${DISK:-$BENCH_OUT/record.files} # not a tmpfs
DISK=$(realpath -m "$DISK")
LOCK=${TRACEFS_LOCK:-/tmp/tracefs.lock}

skip() {
	say "skipped: $1"
	t_skip "$1"
}

load() {
	local cpu pids=()
	for cpu in $LOADS; do
		taskset -c "$cpu" dd if=/dev/zero of=/dev/null bs=1 count="$COUNT" status=none &
		pids+=($!)
	done
	wait "${pids[@]}"
}

# The options of record after those of all, in $@; $RUN: ours or stock.
record() {
	local wait_for_load='echo >"$1"; read -r x <"$2"' inside=() rc=0
	local cmd=("$TRACE_CMD" record -q)
	clean
	mkfifo "$DISK/stop"
	if [ "$RUN" = stock ]; then
		inside=(env -C "$T_DIR" unshare -m "$BENCH_TOP/tests/cli/report_stock.sh" --inside --) # it leaves a plain file there
		cmd=("$STOCK" record)
	fi
	host_start "$RUN" flock -o "$LOCK" timeout -s KILL 200 "${inside[@]}" bash -c "$TIMED" - "$T_DIR/time" \
		"${cmd[@]}" -e raw_syscalls -b "$KB" -o "$DISK/t.dat" "$@" \
		sh -c "$wait_for_load" - "$DISK/started" "$DISK/stop"
	wait_for 200 test -e "$DISK/started" || t_bail "$RUN does not record" "$(cat "$(host_log "$RUN")")"
	load
	echo >"$DISK/stop"
	host_wait "$RUN" 200 || rc=$?
	[ $rc = 0 ] || [ "$RUN $rc" = "ours 3" ] || t_bail "$RUN failed: $rc" "$(cat "$(host_log "$RUN")")"
}

# RESULT: "CPU s a GiB, MiB, events lost"
one() {
	local mib
	RUN=$1
	shift
	record "$@"
	if [ "$RUN$SYNC" = stock1 ]; then
		RUN=sync timed "$T_DIR/sync" sync "$DISK/t.dat"
		host_wait sync 120
		cat "$T_DIR/sync" >>"$T_DIR/time"
	fi
	mib=$(calc "$(stat -c %s "$DISK/t.dat") / 1048576")
	RESULT="$(calc "$(cpu_seconds "$T_DIR/time") * 1024 / $mib") $mib $("$STOCK" report --stat "$DISK/t.dat" 2>/dev/null |
		awk '/^(commit )?overrun: |^dropped events: / { n += $NF } END { print n + 0 }')"
}

b_begin record "record: CPU seconds a GiB of file (user + system) and events lost, raw_syscalls, dd on CPU $LOADS; SYNC=$SYNC; $(df --output=fstype "$BENCH_OUT" | tail -n 1)"
[ "$(id -u)" = 0 ] || skip "tracefs needs root"
[ -x "$STOCK" ] || skip "no stock trace-cmd at $STOCK"
"$TRACE_CMD" list -C >/dev/null 2>"$T_DIR/why" || skip "$(head -n 1 "$T_DIR/why")"
unshare -m true 2>/dev/null || skip "no mount namespaces here"
for KB in $KBS; do
	ratios=() ours=() stocks=() lost=() stock_lost=()
	for ((p = 0; p < PAIRS; p++)); do
		one ours
		read -r a mib_a lost_a <<<"$RESULT"
		one stock --compression none
		read -r b mib_b lost_b <<<"$RESULT"
		ours+=("$a") stocks+=("$b") lost+=("$lost_a") stock_lost+=("$lost_b")
		ratios+=("$(calc "$a / $b")")
		sayf -- '-b %d  pair %d  ours %.3f (%.0f MiB, lost %d)  stock %.3f (%.0f MiB, lost %d)  ratio %.3f\n' \
			"$KB" $((p + 1)) "$a" "$mib_a" "$lost_a" "$b" "$mib_b" "$lost_b" "${ratios[-1]}"
	done
	a=$(median "${lost[@]}") b=$(median "${stock_lost[@]}")
	sayf -- '-b %d  median  ours %.3f s/GiB, %.0f lost; stock %.3f s/GiB, %.0f lost\n' \
		"$KB" "$(median "${ours[@]}")" "$a" "$(median "${stocks[@]}")" "$b"
	goal "record / stock record, -b $KB, median of $PAIRS" "$(median "${ratios[@]}")" 0.8
	# One more of each, as there may be none.
	goal "events lost, record / stock record, -b $KB" "$(calc "($a + 1) / ($b + 1)")" 1
	one stock
	read -r b mib_b lost_b <<<"$RESULT"
	sayf -- '-b %d  stock as it compresses by default: %.3f CPU s in all for %.0f MiB, lost %d\n' "$KB" \
		"$(calc "$b * $mib_b / 1024")" "$mib_b" "$lost_b"
done
rm -rf "$DISK"
