#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# run.sh - build and run the programs that prove what we rely on in the kernel
#
#   tests/facts/run.sh [NAME...]		all, or those named (fact_fifo_rdwr ...)
#
# A line for each: "ok NAME - what holds", "not ok NAME - what does not", "skip NAME - why". Exit status
# 1 when one does not hold. fact_virtio_port needs a guest and is run by the VM tests. Tracing tests
# take the lock that keeps two tracers of one kernel apart.
set -u
cd "$(dirname "$0")" || exit 1
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
lock=${TRACEFS_LOCK:-/tmp/tracefs.lock}
status=0

run_one() {
	local name=$1 text rc
	local -a how=()
	case $name in
	fact_virtio_port)
		echo "skip $name - runs inside a guest, see tests/vm"
		return ;;
	fact_tracefs_* | fact_kvm_tsc_offset) how=(flock -w 120 "$lock") ;;
	esac
	if ! text=$("${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -o "$out/$name" "$name.c" 2>&1); then
		echo "not ok $name - does not compile"
		echo "$text"
		status=1
		return
	fi
	text=$("${how[@]}" timeout 60 "$out/$name" 2>&1)
	rc=$?
	case $rc in
	0) echo "ok $name - $text" ;;
	77) echo "skip $name - $text" ;;
	*) echo "not ok $name - ${text:-ended with status $rc}"; status=1 ;;
	esac
}

if [ $# -eq 0 ]; then
	set -- fact_*.c
	set -- "${@%.c}"
fi
for name; do
	run_one "$name"
done
exit $status
