#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# run.sh - all benchmarks, one after another; then their verdicts. Status 1 if a goal is missed.
set -uo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
export BENCH_OUT=${BENCH_OUT:-$here/../build/bench}
mkdir -p "$BENCH_OUT"
rc=0
benches="guest-cost host-cost startup listen record"
for bench in $benches; do
	"$here/$bench.sh"
	case $? in
	0 | 77) ;; # 77: skipped, and it has said why
	*)
		echo "bench/$bench.sh failed"
		rc=1
		;;
	esac
	echo
done
echo "goals:"
for bench in $benches; do
	grep -H ', goal at most ' "$BENCH_OUT/$bench.txt" | sed "s|^[^:]*/||; s|\.txt:|: |"
done | tee "$BENCH_OUT/goals.txt"
! grep -q 'MISS$' "$BENCH_OUT/goals.txt" || rc=1
exit $rc
