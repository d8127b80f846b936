#!/bin/bash
# The main job: guests of 1, 2 and 4 vCPUs record, the host's files hold every event. A workload with
# a known number of calls is the judge: dd bs=1 count=N is N reads and N writes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

N=3000
READS="-e syscalls:sys_enter_read -e syscalls:sys_enter_write"

# Record dd in guest $1; options in $2. Its output is left in REPLY, its status in RC.
record_dd() {
	RC=0
	REPLY=$(vm_run "$1" "trace-cmd record --virt $2 -F dd if=/dev/zero of=/dev/null bs=1 count=$N") || RC=$?
}

# dd also reads ELF headers and writes its summary: a few calls more than N.
count_is() {
	local got
	got=$(events "$1" "$2")
	if [ "$got" -ge "$N" ] && [ "$got" -le $((N + 20)) ]; then
		t_ok "$3: $got $2 events for $N calls"
	else
		t_fail "$3: $2 events" "want $N (and at most 20 more), got $got"
	fi
}

for cpus in 1 2 4; do
	t_begin "$cpus vCPUs"
	server_start
	udev=()
	[ $cpus != 2 ] || udev=(--udev)
	guest_boot g$cpus $cpus "${udev[@]}"
	record_dd g$cpus "$READS"
	assert_eq 0 "$RC" "the recording is whole"
	wait_for 20 last_file_exists g$cpus || t_fail "no file appeared"
	file=$(last_file g$cpus)
	count_is "$file" sys_enter_read "$cpus vCPUs"
	count_is "$file" sys_enter_write "$cpus vCPUs"
	check_file "$file" "$cpus vCPUs"
	vm_stop g$cpus
	server_stop || t_fail "virt-server's status is $?"
done
