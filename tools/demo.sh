#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# demo.sh - what the README shows: a real guest sends its trace to this host, which reads it.
#
# A virt-server in a directory of its own, a guest of 2 vCPUs under software emulation, a recording
# in the guest that ends with the command it records, and the report. Takes about 10 s. The file stays:
# demo.dat at the top of the tree, or where DEMO_DAT says. All else is removed.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC2034  # for lib.sh
T_PLAN=no
. tests/vm/trace.sh

COUNT=20000
FILE=${DEMO_DAT:-demo.dat}
bold='' plain=''
if [ -t 1 ]; then
	bold=$'\033[1m' plain=$'\033[0m'
fi

step() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# How many events of kind $1 dd made with one byte each: what it was told to do, not its start and end.
count() {
	"$TRACE_CMD" report -i "$FILE" | grep -cE " dd-[0-9]+ .* $1: .*count: 0x0*1\$" || true
}

step "host\$ trace-cmd setup-guest demo -c 2     # a directory with a pair of FIFOs for each vCPU"
"$TRACE_CMD" setup-guest demo -c 2 --dir "$VIRT" 2>&1 | sed -n 1p

step "host\$ trace-cmd virt-server --once &"
server_start --once
echo "listens on $VIRT/agent-ctl-path"

step "host\$ qemu-system-x86_64 ...              # Debian's kernel, software emulation, no network card"
trace_ports demo 2
vm_boot demo --cpus 2 --overlay "$(overlay)" "${PORTS[@]}"
vm_run demo 'echo "$(hostname) runs Linux $(uname -r), $(nproc) CPUs"'

work="dd if=/dev/zero of=/dev/null bs=1 count=$COUNT"
events="-b 8192 -e 'sched*' -e syscalls:sys_enter_read -e syscalls:sys_enter_write"
step "guest# trace-cmd record --virt $events \\"$'\n'"             $work"
vm_run demo "trace-cmd record --virt $events $work"

step "what virt-server said on the host"
host_wait server 30
sed "s,$OUT/,," "$(host_log server)"

vm_stop demo

step "host\$ trace-cmd report | head -n 15"
cp -f "$(last_file demo)" "$FILE"
"$TRACE_CMD" report -i "$FILE" | sed -n 1,15p
echo "..."

step "dd made $COUNT reads and $COUNT writes of one byte; in the file are $(count sys_enter_read) and $(count sys_enter_write)"
echo "All of them are in $FILE, read with: ./trace-cmd report -i $FILE"
