#!/bin/bash
# Faults on the guest's side: its client is interrupted, stopped, killed; the guest is killed or
# powered off while it records. The other guests do not notice.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"
. "$(dirname "${BASH_SOURCE[0]}")/fault_common.bash"

N=20000

client() {
	vm_run "$1" "kill -$2 \$(pidof trace-cmd)"
}

server_start
guest_boot g1 2
guest_boot g2 1
wait_for 20 connected g2 || t_fail "the guests do not connect"
for g in g1 g2; do
	vm_run $g "echo '$LOAD' >/tmp/load; mkfifo /tmp/gate"
done

t_begin "Ctrl-C in the guest"
is_whole g1 $N "before all"
tracefs_remember g1
record_start g1 "$WRITES"
vm_run g1 "$DD count=$N" >/dev/null
vm_signal g1 "$JOB" INT
record_end g1
assert_eq 0 "$RC" "Ctrl-C: status 0"
new_file g1
assert_eq $N "$(writes "$FILE")" "Ctrl-C: every event is in the file"
check_file "$FILE" "Ctrl-C"
tracefs_same g1 "Ctrl-C: tracefs is as it was"

t_begin "the client is stopped for 10 s; another guest records meanwhile"
record_start g1 "-b 512 $WRITES sh -c 'sh /tmp/load & sh /tmp/load & wait'"
client g1 STOP
is_whole g2 $N "the other guest"
alive_for g1 10 && t_ok "a stopped client: the guest answers, at worst after $SLOWEST ms" ||
	t_fail "a stopped client: the guest does not answer"
client g1 CONT
vm_run g1 "touch /tmp/stop"
record_end g1
assert_eq 3 "$RC" "a stopped client: status 3"
new_file g1
calls=$(calls "$REPLY")
got=$(writes "$FILE")
assert_eq "$calls" $((got + $(lost "$REPLY" ring))) \
	"a stopped client: events in the file ($got) and lost are the calls"
check_file "$FILE" "a stopped client"

t_begin "the client is killed, then a second recording"
record_start g1 "$WRITES sh -c '$DD count=$N; cat /tmp/gate'"
pages_arrive g1 $N
client g1 KILL
record_end g1
assert_eq 137 "$RC" "a killed client: it is dead"
assert_contains "$(tracefs_state g1)" "set_event: syscalls:sys_enter_write" \
	"a killed client leaves its event on"
# What nobody reads stays in the ring: it does not belong to the next recording.
vm_run g1 "$DD count=$N" >/dev/null
rc=0
REPLY=$(vm_run g1 "trace-cmd record --virt $WRITES $DD count=1234") || rc=$?
assert_eq 0 $rc "after a killed client: a second recording is whole"
log_tells "guest g1: the recording ends without the guest's CLOSE: the client began anew" \
	"a killed client: the server's log"
new_file g1
first=$FILE
new_file g1
is_cut "$first" $N "a killed client"
assert_eq 1234 "$(writes "$FILE")" "after a killed client: every event is in the second file"
check_file "$FILE" "after a killed client"

t_begin "QEMU is killed while two guests record"
record_start g1 "$WRITES sh -c '$DD count=$N; cat /tmp/gate'"
record_start g2 "$WRITES sh -c '$DD count=$N; cat /tmp/gate'"
pages_arrive g1 $N
vm_kill g1
log_tells "guest g1: the recording ends without the guest's CLOSE: the control channel ended" \
	"a killed guest: the server's log"
new_file g1
is_cut "$FILE" $N "a killed guest"
log_tells "(the peer sent no totals: what else was lost on the way is unknown)" \
	"a killed guest: the table says what is not known"
vm_run g2 ": >/tmp/gate"
record_end g2
assert_eq 0 "$RC" "a killed guest: the other one's recording is whole"
new_file g2
assert_eq $N "$(writes "$FILE")" "a killed guest: every event of the other one is in its file"

t_begin "a guest is powered off while it records"
record_start g2 "$WRITES sh -c '$DD count=$N; cat /tmp/gate'"
pages_arrive g2 $N
vm_stop g2
new_file g2
is_cut "$FILE" $N "a guest that is off"
rc=0
server_stop || rc=$?
assert_eq 3 $rc "the server's status tells of the losses"
