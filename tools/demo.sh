#!/bin/bash
# demo.sh - what the README shows: a real guest sends its trace to this host, which reads it.
#
# A virt-server in a directory of its own, a guest of 2 vCPUs under software emulation, a recording
# in the guest that ends with the command it records, and the report. Takes about 20 s. The file stays:
# demo.dat, in the directory where make was started.

set -euo pipefail
cd "$(dirname "$0")/.."
. tests/vm/trace.sh

step() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

step "host\$ trace-cmd setup-guest demo -c 2     # the directory, and a pair of FIFOs for each vCPU"
step "host\$ trace-cmd virt-server --once &"
server_start --once
step "host\$ qemu-system-x86_64 ...              # Debian's kernel, software emulation, no network"
guest_boot demo 2
cat "$T_DIR/setup-demo"

step "guest# trace-cmd record --virt -e 'sched*' dd if=/dev/zero of=/dev/null bs=1 count=20000"
vm_run demo "trace-cmd record --virt -e 'sched*' dd if=/dev/zero of=/dev/null bs=1 count=20000"

step "virt-server on the host says"
host_wait server 30
cat "$(host_log server)"

step "host\$ trace-cmd report | head -n 20"
cp -f "$(last_file demo)" demo.dat
"$TRACE_CMD" report -i demo.dat | head -n 20
echo "..."
printf '\n%s events of the guest are in demo.dat, read with: ./trace-cmd report -i demo.dat\n' \
	"$("$TRACE_CMD" report -i demo.dat | grep -c '\[')"
