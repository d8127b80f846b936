#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What we rely on in a virtio-serial port of the guest, proved by tests/facts/fact_virtio_port.c: with
# the host's end open and not read, read without pause, and closed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

FACT=$T_DIR/fact_virtio_port
PORTS=()

# A port called $1 with the chardev $2.
port() {
	PORTS+=(--port "$1" "$2")
}

t_begin "the program"
assert_ok "it is built, static" "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -static -o "$FACT" \
	"$VM_TOP/tests/facts/fact_virtio_port.c"
"$VM_TOP/tests/guest-image/overlay.sh" "$T_DIR/fact.cpio" "$FACT=/bin/fact_virtio_port"

for name in full reader; do
	fifo_pair "$T_DIR/$name"
	port $name "pipe,path=$(vm_opt "$T_DIR/$name")"
done
port closed "socket,path=$(vm_opt "$T_DIR/closed"),server=on,wait=off"
# Open, and never read; and a reader.
exec {full}<>"$T_DIR/full.out"
host_start reader cat "$T_DIR/reader.out"
vm_boot ports --overlay "$T_DIR/fact.cpio" --udev "${PORTS[@]}"

for name in full reader closed; do
	rc=0
	said=$(vm_run ports "fact_virtio_port /dev/virtio-ports/$name $name") || rc=$?
	if [ $rc = 0 ]; then
		t_ok "$name: $said"
	else
		t_fail "$name: status $rc" "$said"
	fi
done
assert_ok "the guest is alive" vm_run ports true
exec {full}>&-
