#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The ways between guest and host: data channels as FIFOs and as sockets, ports found with and without
# udev's links, the names that stock trace-cmd uses, a static and a dynamic binary in the guest.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

DYNAMIC=$T_DIR/dynamic.cpio

# Record dd in guest $1 by the binary GUEST_CMD, and judge the file. $2: what is tried.
record_is_whole() {
	guest_record "$1" "$READS -F $(dd_job)"
	assert_eq 0 "$RC" "$2: the recording is whole"
	[ -n "$FILE" ] || { t_fail "$2: no file appeared" "$REPLY"; return; }
	dd_is "$FILE" "$2"
	check_dat "$FILE" "$2"
}

has_links() {
	assert_status "$2" "$3" vm_run "$1" "test -e /dev/virtio-ports/agent-ctl-path"
}

sockets() {
	t_begin "data channels are sockets, links by udev"
	guest_boot sock 2 sockets --udev
	has_links sock 0 "the guest has links"
	assert_status 1 "there are no FIFOs" compgen -G "$VIRT/sock/*.out"
	record_is_whole sock "sockets"
	t_begin "a second recording in the same boot, over sockets"
	record_is_whole sock "sockets, again"
	vm_stop sock
}

dynamic() {
	t_begin "data channels are FIFOs, no links; a dynamic binary"
	"$VM_TOP/tests/guest-image/overlay.sh" --dynamic "$DYNAMIC" "$TRACE_CMD=/dyn/trace-cmd"
	guest_boot dyn 2 --overlay "$DYNAMIC"
	has_links dyn 1 "the guest has no links"
	GUEST_CMD=/dyn/trace-cmd
	record_is_whole dyn "dynamic, FIFOs"
	# shellcheck disable=SC2034  # for trace.sh
	GUEST_CMD=trace-cmd
	record_is_whole dyn "static, in the same guest"
	vm_stop dyn
}

# trace-pipe-cpuN as ports and as FIFOs, made by hand as stock's documentation says.
stock_names() {
	local cpu
	local -a PORTS=(--port agent-ctl-path "socket,path=$(vm_opt "$VIRT/agent-ctl-path"),reconnect=1")
	t_begin "the names of stock trace-cmd, FIFOs made by hand"
	mkdir "$VIRT/old"
	for cpu in 0 1; do
		fifo_pair "$VIRT/old/trace-pipe-cpu$cpu"
		PORTS+=(--port "trace-pipe-cpu$cpu" "pipe,path=$(vm_opt "$VIRT/old/trace-pipe-cpu$cpu")")
	done
	vm_boot old --cpus 2 --overlay "$(overlay)" "${PORTS[@]}"
	record_is_whole old "stock's names"
	vm_stop old
}

server_start
sockets
dynamic
stock_names
assert_status 0 "virt-server ends with status 0" server_stop
