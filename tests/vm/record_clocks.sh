#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# record -A: how a guest's clock is found. Under TCG there is no KVM, but a TSC that is the host's less
# an offset: made-up files of KVM say which. Right ones are believed, wrong ones are not. Then a guest
# with 32 CPUs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/remote.bash"

grep -q x86-tsc $T/trace_clock || t_skip "this kernel has no clock x86-tsc"

BEFORE=$(settings)
DEBUGFS=$T_DIR/debugfs
export TRACE_CMD_DEBUGFS=$DEBUGFS
server_start
guest_boot one 2
agent_start one

# kvm_says OFFSET: in both vCPUs
kvm_says() {
	local dir
	dir=$DEBUGFS/kvm/$(vm_pid one)-9
	mkdir -p "$dir/vcpu0" "$dir/vcpu1"
	echo "$1" | tee "$dir/vcpu0/tsc-offset" >"$dir/vcpu1/tsc-offset"
}

# record_for SECONDS NAME [CLOCK]: one, with the clock x86-tsc; what was said of its clock is in TEXT
record_for() {
	record "$2" -C "${3:-x86-tsc}" $HOST_EVENTS -A one $READS
	wait_for 30 runs one || t_fail "one does not record" "$(cat "$(host_log "$2")")"
	wait_for 30 host_runs || t_fail "this machine does not record" "$(cat "$(host_log "$2")")"
	vm_run one "$(dd_job 100)" >/dev/null
	sleep "$1"
	INSTANCES=$(ls $T/instances)
	ends "$2" 0 "$2: the recording is whole"
	TEXT=$(clock_text "$OUT/$2.dat" one)
	echo "# $TEXT"
	assert_contains "$TEXT" "causality violations 0" "$2: nothing is against causality"
	dd_is "$OUT/$2-one.dat" "$2" 100
}

# The guest's offset (guest - host) in ticks, as the file $1 says: that of CPU 0's first point.
ticks() {
	local off
	off=$("$TRACE_CMD" dump --options -i "$1" |
		sed -n 's/^[[:space:]]*\(-\{0,1\}[0-9]*\) .*\[offset \* scaling.*/\1/p' | head -n 1)
	[ -n "$off" ] && echo $((-off))
}

t_begin "no KVM"
record_for 3 none
assert_contains "$TEXT" "method probe" "the guest is asked"
assert_contains "$TEXT" "no kvm: cannot read $DEBUGFS/kvm" "and why KVM is not"
assert_contains "$TEXT" " pages;" "pages that came count, too"
TRUE=$(ticks "$OUT/none-one.dat") || t_bail "no offset in the file"

t_begin "KVM is wrong"
kvm_says $((TRUE + 50000000))
record_for 1 wrong
assert_contains "$TEXT" "method probe" "the guest is asked"
assert_contains "$TEXT" "no kvm: its TSC offset of CPU 0 contradicts the guest's answers" "and why"
assert_contains "$(cat "$(host_log wrong)")" "KVM is wrong" "record says so, too"

t_begin "KVM is right"
# What was measured is good to some 50 us; an answer that is asymmetric may exclude it.
for try in 1 2 3 4 5; do
	kvm_says "$TRUE"
	record_for 2 right
	[[ $TEXT == "method kvm"* ]] && break
	TRUE=$(ticks "$OUT/right-one.dat")
done
assert_contains "$TEXT" "method kvm" "KVM is believed, after $try tries"
assert_contains "$TEXT" "error at most 1 ns" "it is exact"
if [ -d $T/events/kvm/kvm_write_tsc_offset ]; then
	assert_contains "$INSTANCES" "trace-cmd-kvm-" "its events were watched in an instance"
fi
assert_eq "$TRUE" "$(ticks "$OUT/right-one.dat")" "the file has KVM's number"

t_begin "a clock that only the tracer can read"
record_for 1 global global
assert_contains "$TEXT" "method probe" "the guest is asked"
error=$(clock_error "$OUT/global.dat" one)
if [ "${error:-999999999}" -lt 5000000 ]; then
	t_ok "the error, $error ns, is below 5 ms"
else
	t_fail "the error is '$error' ns"
fi
assert_eq "$BEFORE" "$(settings)" "tracefs here is as it was"
vm_stop one || true

t_begin "32 CPUs"
guest_boot many 32 --mem 768
agent_start many
record many -C x86-tsc $HOST_EVENTS -A many $READS
wait_for 60 runs many || t_fail "32 CPUs: the guest does not record" "$(cat "$(host_log many)")"
wait_for 60 host_runs || t_fail "this machine does not record" "$(cat "$(host_log many)")"
vm_run many "$(dd_job 100)" >/dev/null
ends many 0 "32 CPUs: the recording is whole" 120
dd_is "$OUT/many-many.dat" many 100
TEXT=$(clock_text "$OUT/many.dat" many)
echo "# $TEXT"
assert_contains "$TEXT" "method probe" "the guest is asked"
assert_contains "$TEXT" "causality violations 0" "nothing is against causality"
assert_eq "$BEFORE" "$(settings)" "tracefs here is as it was"
