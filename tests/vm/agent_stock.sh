#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016  # $ of the guests' shells
# agent_stock.sh - record -A and agent with those of the released trace-cmd at the other end, over TCP
#
# Host and guest are both guests of QEMU, with a cable between them. What dd did in the guest is counted,
# and lies where the host's time was; both reports of the two files say the same, in the same order.
set -euo pipefail
# shellcheck source=tests/vm/trace.sh
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

T=/sys/kernel/tracing
HOST=10.0.2.2 GUEST=10.0.2.15 # the guest image has the latter
CABLE=$T_DIR/cable
DD=300
export LC_ALL=C

[ -x "$STOCK" ] || t_skip "stock trace-cmd is not installed at $STOCK"
qemu-system-x86_64 -netdev help 2>/dev/null | grep -x stream >/dev/null || t_skip "this QEMU has no -netdev stream"

# The stock tool's threads need libgcc_s, which no ldd names.
stock_overlay() {
	local plugins=/usr/lib/x86_64-linux-gnu/traceevent/plugins cpio=$T_DIR/stock.cpio gcc
	gcc=$(ldconfig -p | sed -n 's/.*libgcc_s\.so\.1 .*x86-64.* => //p' | head -n 1)
	[ -e "$cpio" ] || "$VM_TOP/tests/guest-image/overlay.sh" --dynamic "$cpio" \
		"$STOCK=/stock/trace-cmd" "${gcc:-/none}=${gcc:-/none}" $plugins=$plugins >&2
	echo "$cpio"
}

# boot NAME SERVER MAC: SERVER is on or off, of the cable's end
boot() {
	vm_boot "$1" --cpus 2 --overlay "$(overlay)" --overlay "$(stock_overlay)" \
		--qemu -netdev --qemu "stream,id=n0,server=$2,addr.type=unix,addr.path=$(vm_opt "$CABLE")" \
		--qemu -device --qemu "virtio-net-pci,netdev=n0,romfile=,mac=52:54:00:12:34:$3"
	# The stock tool looks names up, and waits long where nobody answers.
	vm_run "$1" "echo $HOST thehost >>/etc/hosts; echo $GUEST theguest >>/etc/hosts; : >/etc/resolv.conf"
}

path_of() {
	[ "$1" = ours ] && echo trace-cmd || echo /stock/trace-cmd
}

# agent ours|stock PORT [OPTION...]: and no other one
agent() {
	vm_run guest 'kill $(pidof trace-cmd) 2>/dev/null; while pidof trace-cmd; do sleep 0.1; done' >/dev/null || true
	vm_run guest "cd /tmp; ($(path_of "$1") agent -p $2 -N $HOST ${*:3} >/tmp/agent.log 2>&1 &)"
	PORT=$2
	wait_for 20 vm_run guest "netstat -ltn | grep -q :$2" || t_fail "no agent listens on $2" \
		"$(vm_run guest 'cat /tmp/agent.log')"
}

# The events of $2 are on in $1.
runs() {
	vm_run "$1" "cat $T/tracing_on $T/set_event" 2>/dev/null | tr '\n' ' ' | grep "^1 .*$2" >/dev/null
}

guest_idle() {
	[ -z "$(vm_run guest "cat $T/set_event; ls $T/instances; netstat -tn | grep ':15.*ESTABLISHED'")" ]
}

# The stock tool leaves some of it otherwise than it was.
host_state() {
	vm_run host "cat $T/set_event $T/tracing_on $T/trace_clock; ls $T/instances"
}

# The time of the host, which is CLOCK_MONOTONIC there.
now() {
	vm_run host 'cut -d" " -f1 /proc/uptime'
}

# The known workload, whose process nobody may have told the name of: its id is in $PID, and when it ran
# in $FROM and $TO.
work() {
	FROM=$(now)
	PID=$(vm_run guest "sh -c 'echo \$\$; exec $(dd_job $DD) 2>/dev/null'")
	TO=$(now)
}

# reports FILE...: both say the same; it stays in $T_DIR/merged. We say how each clock was compared.
reports() {
	local f
	local -a args=()
	for f; do
		args+=(-i "$f")
	done
	"$TRACE_CMD" report "${args[@]}" 2>"$T_DIR/ours.err" | grep -v ': clock: method ' >"$T_DIR/ours" || true
	"$STOCK" report "${args[@]}" >"$T_DIR/merged" 2>"$T_DIR/stock.err" || true
	[ -s "$T_DIR/merged" ] && cmp "$T_DIR/ours" "$T_DIR/merged"
}

# How many of dd's reads and writes are in $T_DIR/merged, and how many of them not between $FROM and $TO.
counted() {
	grep -- "-$PID .*sys_enter_\(read\|write\): .*count: 0x0*1\$" "$T_DIR/merged" |
		sed 's/.*\] *\([0-9.]*\): .*/\1/' | awk -v lo="$FROM" -v hi="$TO" -v n=0 \
		'$1 < lo - 0.02 || $1 > hi + 0.02 { bad++ } { n++ } END { print n + 0, bad + 0 }'
}

options() {
	"$STOCK" dump --options -i "$1" 2>/dev/null
}

# record ours|stock NAME ARGS...: on the host, until stop NAME; for one with $GUEST
record() {
	JOB=$(vm_start host "rm -rf /tmp/$2; mkdir /tmp/$2; cd /tmp/$2; exec $(path_of "$1") record \
		-o $2.dat -C mono -e sched:sched_process_exec ${*:3}")
}

# Its files come to $OUT.
stop() {
	RC=0
	vm_signal host "$JOB" INT
	vm_wait host "$JOB" 90 || RC=$?
	vm_get host "/tmp/$1" "$OUT/$1"
	assert_eq 0 $RC "$1: the recording is whole"
	[ $RC = 0 ] || { vm_out host "$JOB"; vm_run guest 'cat /tmp/agent.log'; } | sed 's/^/# /' >&2
}

# recorded HOST NAME SYNC: a recording with the agent on $PORT. SYNC: its times are to be the host's
recorded() {
	local before who=$1 name=$2 sync=$3 guest=$OUT/$2/$2-$GUEST.dat
	local -a how=()
	before=$(host_state)
	[ "$sync" = sync ] || how=(--tsync-interval -1)
	record "$who" "$name" "${how[@]}" -A "$GUEST:$PORT" "$READS"
	wait_for 60 runs guest sys_enter_write || t_fail "$name: the guest does not record" "$(vm_out host "$JOB")"
	wait_for 60 runs host sched_process_exec || t_fail "$name: the host does not record"
	work
	stop "$name"
	assert_ok "$name: both reports say the same, merged" reports "$OUT/$name/$name.dat" "$guest"
	assert_eq 1 "$(grep -c "sched_process_exec: *filename=" "$T_DIR/merged" | sed 's/[1-9].*/1/')" \
		"$name: the host's events are there"
	if [ "$sync" = sync ]; then
		assert_eq "$((2 * DD)) 0" "$(counted)" "$name: dd's reads and writes, when the host had it"
		assert_contains "$(options "$guest")" TimeShift "$name: the shift is stored"
	else
		assert_eq "$((2 * DD))" "$(counted | cut -d' ' -f1)" "$name: each of dd's reads and writes"
		assert_eq "" "$(options "$guest" | grep TimeShift || true)" "$name: no shift is stored"
	fi
	assert_ok "$name: the guest's tracing is over" wait_for 20 guest_idle
	[ "$who" = stock ] || assert_eq "$before" "$(host_state)" \
		"$name: the host's, too, and its instance for time sync is gone"
}

# judged NAME: our host says by which method, and how good that is; within 20 ms on a busy machine
judged() {
	local text error
	text=$("$TRACE_CMD" report "$OUT/$1/$1.dat" 2>/dev/null | sed -n "s/^ *$GUEST: clock: //p")
	error=${text#*error at most }
	assert_contains "$text" "method ptp" "$1: $text"
	assert_contains "$text" "causality violations 0" "$1: nothing is against causality"
	if [ "${error%% *}" -gt 0 ] 2>/dev/null && [ "${error%% *}" -lt 20000000 ]; then
		t_ok "$1: the error is told"
	else
		t_fail "$1: the error is told" "$text"
	fi
}

boot host on 02
boot guest off 15
vm_run host "ip addr flush dev eth0; ip addr add $HOST/24 dev eth0"

t_begin "the released host, our agent"
agent ours 823 --verbose
recorded stock stock-ours sync
recorded stock stock-ours-plain none
assert_contains "$(vm_run guest 'cat /tmp/agent.log')" "time sync ptp" "the agent chose ptp"

t_begin "our host, the released agent"
agent stock 824
recorded ours ours-stock sync
judged ours-stock
recorded ours ours-stock-plain none

# refused WHAT WHO TEXT ARGS...: a recording that does not begin, and the host says TEXT
refused() {
	local what=$1 who=$2 text=$3 said rc=0
	shift 3
	said=$(vm_run host "cd /tmp; timeout -s KILL 30 $(path_of "$who") record -o no.dat -C mono \
		-e sched:sched_process_exec $* 2>&1") || rc=$?
	assert_contains "$said" "$text" "$what: the host says '$text'"
	assert_eq 1 $((rc != 0)) "$what: and fails"
	if [ "$who" = ours ]; then
		assert_eq "" "$(vm_run host "ls /tmp | grep '^no' || true")" "$what: no file is left"
	fi
}

# busy NAME TEXT: while one records, another may not, and the first does not mind.
busy() {
	local name=$1
	record ours "$name" -A "$GUEST:$PORT" "$READS"
	wait_for 60 runs host sched_process_exec || t_fail "$name does not record" "$(vm_out host "$JOB")"
	refused "$name" ours "$2" -A "$GUEST:$PORT" "$READS"
	work
	stop "$name"
	assert_ok "$name: both reports say the same" reports "$OUT/$name/$name.dat" "$OUT/$name/$name-$GUEST.dat"
	assert_eq "$((2 * DD)) 0" "$(counted)" "$name: dd's reads and writes"
}

t_begin "the released agent says no"
busy busy-stock "it is busy, or refuses an argument"
refused "no such event" ours "closed the connection before it recorded" -A "$GUEST:$PORT" -e nosuchevent
recorded ours ours-stock-again sync

t_begin "our agent says no"
agent ours 825 --verbose
busy busy-ours "busy: it records for another host"
refused "no such event" ours "no event is named 'nosuchevent'" -A "$GUEST:$PORT" -e nosuchevent
refused "no such event" stock "Failed to receive trace response" -A "$GUEST:$PORT" -e nosuchevent
assert_contains "$(vm_run guest 'cat /tmp/agent.log')" "no event is named 'nosuchevent'" "the agent's log says why"
vm_run host "echo >$T/set_event; echo 1 >$T/tracing_on" # the stock tool has left it so
recorded stock stock-ours-again sync
