#!/bin/bash
# Faults of virt-server, seen from a guest: it is not there, comes late, stands still for 10 s under
# load, is interrupted, is killed. The guest lives on, and nothing is lost in silence.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"
. "$(dirname "${BASH_SOURCE[0]}")/fault_common.bash"

N=20000
MANY=250000 # 10.6 MiB: more than ring, port and FIFO hold

NO_SERVER="trace-cmd: no virt-server: nothing on the host is connected to port agent-ctl-path
  try: start 'trace-cmd virt-server' on the host; QEMU finds one that is started later only with reconnect=1"
GONE="trace-cmd: the host has closed its end of port agent-ctl-path
  try: is 'trace-cmd virt-server' running on the host? its log says why it closed"

t_begin "no virt-server"
# shellcheck disable=SC2086
guest_boot g1 2 ${KIND:-}
tracefs_remember g1
rc=0
started=$(_now_ms)
text=$(vm_run g1 "trace-cmd record --virt $WRITES $DD count=10") || rc=$?
took=$(($(_now_ms) - started))
assert_eq 1 $rc "no server: status 1"
assert_eq "$NO_SERVER" "$text" "no server: the message; the command was not run"
[ $took -lt 4000 ] && t_ok "no server: said at once, $took ms" || t_fail "no server: said after $took ms"
tracefs_same g1 "no server: tracefs is untouched"

t_begin "the server is started late"
server_start
wait_for 20 connected g1 || t_fail "QEMU does not come back to the server"
is_whole g1 $N "a late server"
tracefs_remember g1

t_begin "the host stops reading for 10 s"
vm_run g1 "rm -f /tmp/stop; echo '$LOAD' >/tmp/load"
record_start g1 "-b 512 $WRITES sh -c 'sh /tmp/load & sh /tmp/load & wait'"
kill -s STOP "$(host_pid server)"
answers=ok
alive_for g1 10 || answers="no answer"
kill -s CONT "$(host_pid server)"
vm_run g1 "touch /tmp/stop"
record_end g1
assert_eq ok "$answers" "a stopped host: the guest answers all the time"
[ "$SLOWEST" -lt 5000 ] && t_ok "a stopped host: the slowest answer took $SLOWEST ms" ||
	t_fail "a stopped host: an answer took $SLOWEST ms"
assert_eq 3 "$RC" "a stopped host: status 3, saved with losses"
new_file g1
calls=$(calls "$REPLY")
got=$(writes "$FILE")
ring=$(lost "$REPLY" ring)
[ "$ring" -gt 0 ] && t_ok "a stopped host: $ring events were lost in the ring" ||
	t_fail "a stopped host: nothing was lost in the ring" "$REPLY"
assert_eq "$calls" $((got + ring)) "a stopped host: events in the file ($got) and lost ($ring) are the calls"
assert_eq "0 0 0" "$(lost "$REPLY" transport) $(lost "$REPLY" quota) $(lost "$REPLY" disk)" \
	"a stopped host: nothing was lost behind the ring"
log_tells "; lost: $ring events in the ring, pages: 0 transport, 0 quota, 0 disk" \
	"a stopped host: the server tells the same loss"
check_file "$FILE" "a stopped host"
tracefs_same g1 "a stopped host: tracefs is as it was"

t_begin "the host reads again only when the guest has given its last pages up"
pumps_ended() { vm_run g1 '[ "$(ls /proc/$(pidof trace-cmd)/task | wc -l)" = 1 ]'; }
vm_run g1 "rm -f /tmp/gate; mkfifo /tmp/gate"
# On one CPU, for one channel holds several MiB.
record_start g1 "-b 256 $WRITES sh -c 'cat /tmp/gate; taskset 1 $DD count=$MANY'"
kill -s STOP "$(host_pid server)"
vm_run g1 ": >/tmp/gate"
wait_for 30 pumps_ended || t_fail "the client does not give up"
kill -s CONT "$(host_pid server)"
record_end g1
assert_eq 3 "$RC" "a late host: status 3"
new_file g1
got=$(writes "$FILE")
ring=$(lost "$REPLY" ring)
pages=$(lost "$REPLY" transport)
rest=$((MANY - got - ring))
[ "$ring" -gt 0 ] && [ $rest -ge 0 ] && [ $rest -le $((pages * PAGE)) ] &&
	t_ok "a late host: $got events in the file, $ring lost in the ring, $rest in $pages pages on the way" ||
	t_fail "a late host: $got events in the file, $ring lost in the ring, $pages pages on the way" "$REPLY"
check_file "$FILE" "a late host"
tracefs_same g1 "a late host: tracefs is as it was"
rc=0
server_stop || rc=$?
assert_eq 3 $rc "a stopped host: the server's status tells of it at the end"

t_begin "virt-server is interrupted while a guest records without a command"
server_again
wait_for 20 connected g1 || t_fail "QEMU does not come back to the server"
record_start g1 "$WRITES"
vm_run g1 "$DD count=$N" >/dev/null
rc=0
host_stop server INT 30 || rc=$?
record_end g1
assert_eq 0 $rc "SIGINT to the server: its status says whole"
assert_eq 0 "$RC" "SIGINT to the server: the guest ends, whole"
assert_eq "trace-cmd: the host ended the recording" "$(grep '^trace-cmd' <<<"$REPLY")" \
	"SIGINT to the server: the guest says who ended it"
new_file g1
assert_eq $N "$(writes "$FILE")" "SIGINT to the server: every event is in the file"
check_file "$FILE" "SIGINT to the server"
tracefs_same g1 "SIGINT to the server: tracefs is as it was"

t_begin "virt-server is killed while a guest records"
server_again
wait_for 20 connected g1 || t_fail "QEMU does not come back to the server"
record_start g1 "$WRITES sh -c '$DD count=$N; cat /tmp/gate'"
pages_arrive g1 $N
kill -s KILL "$(host_pid server)"
{ host_wait server || true; } 2>/dev/null
record_end g1 20
assert_eq 1 "$RC" "a killed server: the client ends with status 1"
assert_eq "$GONE" "$(grep -A 1 '^trace-cmd' <<<"$REPLY")" "a killed server: the message"
tracefs_same g1 "a killed server: tracefs is as it was"
server_again
log_tells "restored $OUT/trace.g1." "a killed server: the next one restores the recording"
new_file g1
is_cut "$FILE" $N "a killed server"
assert_eq "" "$(find "$OUT" -type f ! -name '*.dat')" "a killed server: no parts are left"
wait_for 20 connected g1 || t_fail "QEMU does not come back to the server"
is_whole g1 $N "after a killed server"
server_stop || t_fail "virt-server's status is $?"
