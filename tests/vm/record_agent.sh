#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# record -A: this machine and two guests in one recording, the guests through their agents, which
# virt-server lends. The files are one timeline: what a guest did lies between the host's times before
# and after. Guests that are busy, refuse, or die.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/remote.bash"

# The host's CLOCK_MONOTONIC, as long as it was never suspended, and $1 s.
now() {
	awk -v off="$1" '{ printf "%.2f\n", $1 + off }' /proc/uptime
}

# All dd events of guest $2 in $1 lie between $3 and $4.
dd_between() {
	"$TRACE_CMD" report "$1" 2>/dev/null | grep "^ *$2: .* dd-[0-9].*count: 0x0*1\$" |
		sed 's/.*\] *\([0-9.]*\): .*/\1/' >"$T_DIR/times"
	awk -v lo="$3" -v hi="$4" -v n=0 '$1 < lo - 0.011 || $1 > hi + 0.011 { bad++ } { n++ }
		END { print n, bad + 0 }' "$T_DIR/times"
}

# The error that is told is less than $3 ns, and nothing contradicted causality.
clock_good() {
	local text
	text=$(clock_text "$1" "$2")
	assert_contains "$text" "method probe" "$2: the method is told"
	assert_contains "$text" "causality violations 0" "$2: nothing is against causality"
	text=${text#*error at most }
	if [ "${text%% *}" -lt "$3" ]; then
		t_ok "$2: the error, ${text%% *} ns, is below $3 ns"
	else
		t_fail "$2: the error is ${text%% *} ns"
	fi
}

BEFORE=$(settings)
server_start --verbose
guest_boot one 2
guest_boot two 1
agent_start one
agent_start two

# timeline CLOCK NAME [SECONDS OPTION...]: SECONDS by which the option puts off all times
timeline() {
	local clock=$1 name=$2 off=${3:-0} from to
	t_begin "this machine and two guests, clock $clock ${*:4}"
	# shellcheck disable=SC2086
	record "$name" -C "$clock" "${@:4}" $HOST_EVENTS -A one $READS -A two $READS
	wait_for 30 runs one || t_fail "one does not record" "$(cat "$(host_log "$name")")"
	wait_for 30 runs two || t_fail "two does not record"
	wait_for 30 host_runs || t_fail "this machine does not record"
	from=$(now "$off")
	vm_run one "$(dd_job 300)" >/dev/null
	vm_run two "$(dd_job 400)" >/dev/null
	to=$(now "$off")
	/bin/true
	ends "$name" 0 "$name: the recording is whole"
	assert_eq 3 "$(ls "$OUT/$name".dat "$OUT/$name"-one.dat "$OUT/$name"-two.dat | wc -l)" "three files"
	dd_is "$OUT/$name-one.dat" one 300
	dd_is "$OUT/$name-two.dat" two 400
	clock_good "$OUT/$name.dat" one 5000000
	clock_good "$OUT/$name.dat" two 5000000
	if [ "$clock" = mono ]; then
		assert_eq "600 0" "$(dd_between "$OUT/$name.dat" one "$from" "$to")" \
			"one: all lie where the host was then"
		assert_eq "800 0" "$(dd_between "$OUT/$name.dat" two "$from" "$to")" \
			"two: all lie where the host was then"
	fi
	assert_eq "$BEFORE" "$(settings)" "tracefs here is as it was"
}

timeline mono mono
timeline mono later 1000 --ts-offset 1000000000000
! grep -q x86-tsc "$T/trace_clock" || timeline x86-tsc tsc
