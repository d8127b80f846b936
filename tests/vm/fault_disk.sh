#!/bin/bash
# The output disk of virt-server is full: the loss is counted as the disk's, the guest is not held
# up, what was stored before becomes a file as soon as there is room.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"
. "$(dirname "${BASH_SOURCE[0]}")/fault_common.bash"

N=300000 # 12.6 MiB

[ "$(id -u)" = 0 ] || t_skip "only root can mount a small disk"
mount -t tmpfs -o size=16k tmpfs "$OUT" 2>/dev/null || t_skip "no tmpfs can be mounted here"
at_exit 'umount -l "$OUT"'

t_begin "not even the metadata fit"
server_start
guest_boot g1 2
wait_for 20 connected g1 || t_fail "the guest does not connect"
tracefs_remember g1
rc=0
text=$(vm_run g1 "trace-cmd record --virt $WRITES $DD count=10" | grep ^trace-cmd) || rc=$?
assert_eq 1 $rc "no disk at all: status 1"
text=$(sed 's/[0-9]\{8\}-[0-9]\{6\}/TIME/; s/offset 0x[0-9a-f]*/offset/; s/offset 0:/offset:/' <<<"$text")
assert_eq "trace-cmd: the host refuses SENDMETA: cannot write $OUT/trace.g1.TIME.dat.meta at offset: No space left on device" \
	"$text" "no disk at all: the guest's message"
tracefs_same g1 "no disk at all: tracefs is as it was"
assert_eq "" "$(ls "$OUT")" "no disk at all: the server leaves nothing there"

t_begin "the disk becomes full"
mount -o remount,size=8m "$OUT"
vm_run g1 "mkfifo /tmp/gate"
record_start g1 "$WRITES sh -c 'cat /tmp/gate; $DD count=$N'" # pages could take the metadata's room
started=$(_now_ms)
vm_run g1 ": >/tmp/gate"
record_end g1
took=$(($(_now_ms) - started))
assert_eq 3 "$RC" "a full disk: status 3"
[ $took -lt 20000 ] && t_ok "a full disk: the guest was not held up, $took ms" ||
	t_fail "a full disk: the guest took $took ms"
disk=$(lost "$REPLY" disk)
[ "$disk" -gt 0 ] && t_ok "a full disk: $disk pages are counted as lost by the disk" ||
	t_fail "a full disk: nothing is counted as lost by the disk" "$REPLY"
assert_eq "0 0 0" "$(lost "$REPLY" ring) $(lost "$REPLY" transport) $(lost "$REPLY" quota)" \
	"a full disk: nothing was lost elsewhere"
tracefs_same g1 "a full disk: tracefs is as it was"
log_tells "No space left on device; what comes from now on is lost" "a full disk: the log says when it began"
log_tells "the parts are kept; when the cause is removed: trace-cmd restore $OUT/trace.g1." \
	"a full disk: the log names the command that saves the parts"
assert_eq "" "$(files g1)" "a full disk: no file is made of it"

t_begin "there is room again"
mount -o remount,size=64m "$OUT"
meta=$(find "$OUT" -name '*.meta')
hint=$(grep -o 'trace-cmd restore .*' "$(host_log server)" | tail -n 1)
assert_eq "trace-cmd restore $meta" "$hint" "the hint names the file"
assert_ok "the command of the hint works" "$TRACE_CMD" restore "$meta"
new_file g1
# A page holds 92 or 93 writes; the last one of a CPU, and the one that the disk cut, fewer.
got=$(writes "$FILE")
low=$((N - disk * PAGE)) high=$((N - (disk - 4) * (PAGE - 1)))
[ "$got" -gt 0 ] && [ "$got" -ge $low ] && [ "$got" -le $high ] &&
	t_ok "the file has $got writes, $disk pages are lost" ||
	t_fail "the file has $got writes of $N with $disk pages lost" "want $low to $high"
check_file "$FILE" "restored"
is_whole g1 $N "the next recording"
rc=0
server_stop || rc=$?
assert_eq 3 $rc "the server's status tells of the loss"
