#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the kernel of a guest has and this machine's may not: snapshots, and the function graph tracer
# under stream. No host side is involved.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

TRACING=/sys/kernel/tracing

# Run $2 in the guest: its status is $1, its output in SAID.
guest() {
	local want=$1 rc=0
	SAID=$(vm_run r1 "$2") || rc=$?
	assert_eq "$want" "$rc" "$2"
}

marks() {
	echo "for i in 1 2 3 4 5 6 7; do echo $1 \$i >$TRACING/trace_marker; done"
}

vm_boot r1 --cpus 2 --overlay "$(overlay)"
vm_run r1 "trace-cmd list -C" >/dev/null

t_begin "snapshot"
guest 0 "trace-cmd snapshot -f"
guest 0 "$(marks frozen); trace-cmd snapshot -s; $(marks later)"
guest 0 "trace-cmd snapshot"
assert_eq 7 "$(grep -c ': frozen [0-9]$' <<<"$SAID")" "what was traced before is shown"
assert_eq 0 "$(grep -c ': later' <<<"$SAID" || true)" "and not what came after"
guest 1 "trace-cmd snapshot -c 77"

t_begin "extract"
guest 0 "cd /tmp; trace-cmd extract -s -o s.dat && trace-cmd extract -o e.dat"
guest 0 "cd /tmp; trace-cmd report s.dat"
assert_eq 7 "$(grep -c ': frozen [0-9]$' <<<"$SAID")" "extract -s has the snapshot"
guest 0 "cd /tmp; trace-cmd report e.dat"
assert_eq 7 "$(grep -c ': later [0-9]$' <<<"$SAID")" "extract has what runs"
assert_eq 0 "$(grep -c ': frozen' <<<"$SAID" || true)" "and no more"
guest 0 "trace-cmd snapshot -r && trace-cmd snapshot"
assert_eq 0 "$(grep -c ': frozen' <<<"$SAID" || true)" "a snapshot that was reset is empty"
guest 0 "trace-cmd snapshot -f && trace-cmd snapshot"
assert_contains "$SAID" "Snapshot is freed" "and free"

t_begin "stream"
guest 0 "trace-cmd stream -q -p function_graph -g vfs_read -F dd if=/dev/zero of=/dev/null bs=1 count=50 2>/dev/null"
assert_ok "the calls of the command" test "$(grep -cE 'dd-.*vfs_read\(\)' <<<"$SAID")" -ge 50
assert_eq nop "$(vm_run r1 "cat $TRACING/current_tracer")" "the tracer is put back"
