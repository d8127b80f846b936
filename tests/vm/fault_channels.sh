#!/bin/bash
# Faults of the channels: fewer of them than vCPUs, on either side; FIFOs that are missing, made anew
# under a running guest, or that hold what an earlier recording left there.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"
. "$(dirname "${BASH_SOURCE[0]}")/fault_common.bash"

N=5000

# Guest $1 is refused with the message $2, nothing is recorded; $3: what it is.
is_refused() {
	local rc=0 text
	tracefs_remember "$1"
	text=$(vm_run "$1" "trace-cmd record --virt $WRITES $DD count=10") || rc=$?
	assert_eq 1 $rc "$3: status 1"
	assert_eq "$2" "$text" "$3: the guest's message; the command was not run"
	tracefs_same "$1" "$3: tracefs is untouched"
	assert_eq "" "$(ls "$OUT")" "$3: the server leaves no file"
}

too_few() {
	echo "the guest has 2 CPUs, but $VIRT/g1 has data channels for $1"
}

t_begin "fewer ports than vCPUs"
server_start
monitor_pair few
guest_boot few 1 --qemu -smp --qemu 2 "${MONITOR[@]}"
is_refused few "trace-cmd: no virtio port 'trace-path-cpu1' among the 2 that this guest has
  try: on the host: trace-cmd setup-guest DOMAIN -c CPUS --qemu (or --libvirt) prints what to add, here -device virtserialport,chardev=ID,name=trace-path-cpu1; then restart the guest" \
	"a port too few"


t_begin "the port is plugged in a moment later"
[ -e "$VIRT/few/trace-path-cpu1.in" ] || fifo_pair "$VIRT/few/trace-path-cpu1"
monitor few qmp_capabilities
monitor few chardev-add "\"id\": \"late\", \"backend\": { \"type\": \"pipe\",
	\"data\": { \"device\": \"$VIRT/few/trace-path-cpu1\" } }"
JOB=$(vm_start few "trace-cmd record --virt $WRITES $DD count=$N")
sleep 0.3
monitor few device_add '"driver": "virtserialport", "bus": "ports0.0", "chardev": "late", "name": "trace-path-cpu1"'
record_end few
[ "$RC" = 0 ] || sed "s|^|# |" <<<"$REPLY"
assert_eq 0 "$RC" "a late port: status 0"
new_file few
assert_eq $N "$(writes "$FILE")" "a late port: every event is in the file"
rm "$FILE"
vm_stop few

t_begin "fewer FIFOs than vCPUs"
guest_boot g1 2
wait_for 20 connected g1 || t_fail "the guest does not connect"
HINT="; try: run 'trace-cmd setup-guest g1 -c 2' and attach the new ports"
mv "$VIRT/g1/trace-path-cpu1.out" "$T_DIR/fifo"
is_refused g1 "trace-cmd: the host refuses TINIT: $(too_few 1)$HINT" "a FIFO too few"
log_tells "guest g1: $(too_few 1)" "a FIFO too few: the server's log"
mv "$T_DIR/fifo" "$VIRT/g1/trace-path-cpu1.out"

t_begin "the first FIFO is missing"
mv "$VIRT/g1/trace-path-cpu0.out" "$T_DIR/fifo"
is_refused g1 "trace-cmd: the host refuses TINIT: $(too_few 0)$HINT" "no first FIFO"
log_tells "guest g1: $(too_few 0)" "no first FIFO: the server's log"
mv "$T_DIR/fifo" "$VIRT/g1/trace-path-cpu0.out"
is_whole g1 $N "the FIFOs are back"
server_stop || t_fail "virt-server's status is $?"

t_begin "stale bytes in the FIFOs"
# Half a page of rubbish; an earlier recording's mark, whole, and pages; and half a mark at the end.
mark() {
	printf '\xff\x00trace-mark\x00\x01\x00\xff'
}
stale() {
	head -c 2055 /dev/urandom
	mark
	printf '\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00'
	head -c $((4096 - 36 + 3 * 4096)) /dev/zero
	mark | head -c 11
}
soil() {
	stale >"$VIRT/g1/trace-path-cpu0.out"
	stale >"$VIRT/g1/trace-path-cpu1.out"
}
soil
server_again
wait_for 20 connected g1 || t_fail "QEMU does not come back to the server"
is_whole g1 $N "stale bytes"
# Now so that the server meets them when the recording has begun already.
kill -s STOP "$(host_pid server)"
soil
JOB=$(vm_start g1 "trace-cmd record --virt $WRITES $DD count=$N")
kill -s CONT "$(host_pid server)"
record_end g1
assert_eq 0 "$RC" "stale bytes, late: the client says it is whole"
new_file g1
assert_eq $N "$(writes "$FILE")" "stale bytes, late: every event is in the file"
check_file "$FILE" "stale bytes, late"

t_begin "a FIFO is made anew while QEMU has the old one open"
rm "$VIRT/g1/trace-path-cpu0.out"
"$TRACE_CMD" setup-guest g1 -c 2 --dir "$VIRT" >"$T_DIR/setup-again"
# shellcheck disable=SC2034 # for record_end
JOB=$(vm_start g1 "trace-cmd record --virt $WRITES taskset 1 $DD count=50")
record_end g1
assert_eq 3 "$RC" "a new FIFO: status 3"
pages=$(lost "$REPLY" transport) # one, or two when a second went by
[ "$pages" -gt 0 ] && t_ok "a new FIFO: what went into the old one is counted as lost on the way" ||
	t_fail "a new FIFO: nothing was lost on the way" "$REPLY"
log_tells "guest g1: CPU 0: $((pages * 4096)) of $((pages * 4096)) bytes never came (not even the stream's mark)" \
	"a new FIFO: the server's log says which channel is deaf"
new_file g1
assert_eq 0 "$(writes "$FILE")" "a new FIFO: a file was made without them"
rc=0
server_stop || rc=$?
assert_eq 3 $rc "a new FIFO: the server's status"
