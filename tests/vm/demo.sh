#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The README's demo ends well, leaves its file, and what it claims is so.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

export TRACE_CMD STATIC DEMO_DAT=$T_DIR/demo.dat
t_begin "tools/demo.sh"
host_start demo "$VM_TOP/tools/demo.sh"
rc=0
host_wait demo 120 || rc=$?
said=$(cat "$(host_log demo)")
assert_eq 0 $rc "it ends with status 0"
assert_contains "$said" "trace-cmd record --virt" "it shows the commands"
assert_contains "$said" "nothing lost" "nothing is lost"
assert_contains "$said" "dd made 20000 reads and 20000 writes of one byte; in the file are 20000 and 20000" "all is counted"
assert_eq "" "$(grep -E '^(1\.\.|ok|not ok)' <<<"$said" || true)" "no test's plan in it"
if [ ! -s "$DEMO_DAT" ]; then
	t_bail "it leaves no file"
fi
check_dat "$DEMO_DAT" "demo.dat"
dd_is "$DEMO_DAT" "demo.dat" 20000
if [ "$(events "$DEMO_DAT" sched_switch)" -ge 2 ]; then
	t_ok "and the scheduler's events"
else
	t_fail "no sched_switch in demo.dat"
fi
