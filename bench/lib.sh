# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# lib.sh - what the benchmarks share: numbers, ratios, goals. On top of tests/vm/trace.sh.
#
#   b_begin NAME WHAT      a heading; what follows also goes to $BENCH_OUT/NAME.txt
#   say TEXT...            a line of the result
#   calc EXPRESSION        awk arithmetic, to stdout
#   median NUMBER...       to stdout
#   timed FILE COMMAND...  starts it (host_start $RUN); its CPU time in s goes to FILE
#   cpu_seconds FILE       of timed: user and system time together, to stdout
#   clean                  an empty directory $DISK
#   goal NAME RATIO MAX    the verdict line: PASS or MISS
#
# A bench runs alone (bench/host-cost.sh) or with the others (bench/run.sh). It is no test: it
# prints what it measured, and the goal beside it.
# GUEST_BENCH: directory of the static helpers drain and work. FEED: the feeder of the host.

BENCH_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$BENCH_TOP/tests/vm/trace.sh"

GUEST_BENCH=${GUEST_BENCH:-$BENCH_TOP/build/static/bench}
FEED=${FEED:-$BENCH_TOP/build/bench/feed}
BENCH_OUT=${BENCH_OUT:-$BENCH_TOP/build/bench}
mkdir -p "$BENCH_OUT"

b_begin() {
	B_FILE=$BENCH_OUT/$1.txt
	printf '%s\n' "$2" "$(date -u +'%F %T UTC'), $(uname -r), $("$TRACE_CMD" --version | head -n 1)" |
		tee "$B_FILE"
}

say() {
	printf '%s\n' "$@" | tee -a "$B_FILE"
}

sayf() {
	# shellcheck disable=SC2059
	printf "$@" | tee -a "$B_FILE"
}

calc() {
	awk "BEGIN { printf \"%.6g\\n\", $1 }"
}

median() {
	printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 }
		END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# Runs the command behind its first argument, which is the file for its times.
# shellcheck disable=SC2016
TIMED='TIMEFORMAT="%U %S"; to=$1; shift; { time "$@" 2>&3; } 3>&2 2>"$to"'

timed() {
	host_start "$RUN" bash -c "$TIMED" - "$@"
}

cpu_seconds() {
	awk '{ n += $1 + $2 } END { printf "%.3f\n", n }' "$1"
}

clean() {
	rm -rf "$DISK"
	mkdir -p "$DISK"
}

goal() {
	local verdict=PASS
	awk "BEGIN { exit !($2 <= $3) }" || verdict=MISS
	sayf '%s: %.3f, goal at most %s: %s\n' "$1" "$2" "$3" $verdict
}
