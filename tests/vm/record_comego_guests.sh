#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guests come and go while record -A records them and another one: a reboot, a migration to another
# QEMU, the end of QEMU. What came before is saved, the rest goes on, and the guest that is back is
# recorded next.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/comego.bash"

# begin NAME: both guests and this machine, and some events of each
begin() {
	record "$1" -C mono $HOST_EVENTS -A one "${WRITES[@]}" -A two "${WRITES[@]}"
	all_run "$1" one two
	vm_run one "$(dd_job 2000)" >/dev/null
	vm_run two "$(dd_job 100)" >/dev/null
	sleep 2 # the agent looks at each CPU once a second
}

# end NAME TEXT: one has left, two goes on
end() {
	vm_run two "$(dd_job 300)" >/dev/null
	record_end "$1"
	assert_eq 3 "$RC" "$1: status 3"
	assert_contains "$TEXT" "guest one: $2" "$1: the table says that one left"
	cut_are "$OUT/$1-one.dat" 2000 "$1: what came before"
	writes_are "$OUT/$1-two.dat" 400 "$1: the other guest"
	assert_eq "$(events "$OUT/$1-one.dat" sys_enter_write) 400" "$(writes_of "$OUT/$1.dat" one) $(writes_of "$OUT/$1.dat" two)" \
		"$1: the merged report has both"
	assert_ok "$1: our checker finds the file of one whole" "$HELPERS/dat_check" "$OUT/$1-one.dat"
	same_soon two "$1"
}

# Another QEMU of the same shape as that of guest one, which waits for it.
destination() {
	local -a args
	mapfile -d '' args <"/proc/$(vm_pid one)/cmdline"
	args=("${args[@]//qmp-one/qmp-there}")
	echo none >"$T_DIR/vm-one/initrd" # it must be there, and is not looked at
	host_start there "${args[@]}" -incoming "unix:$T_DIR/migration"
	wait_for 20 test -S "$T_DIR/migration" || t_bail "no second QEMU" "$(cat "$(host_log there)")"
}

migrated() {
	monitor one query-migrate
	grep -q '"status": "completed"' "$(host_log qmp-one)"
}

server_start --verbose
monitor_pair there
monitor_pair one
guest_boot one 2 --no-share --qemu -action --qemu reboot=reset "${MONITOR[@]}"
guest_boot two 1
monitor one qmp_capabilities
agent_up one
agent_up two

t_begin "a reboot in the middle"
begin reboot
vm_run one '(sleep 0.2; reboot -f) >/dev/null 2>&1 &'
_vm_answer one VMREADY "$VM_BOOT_TIMEOUT" || t_bail "one does not come up again"
agent_up one
end reboot "its agent began anew"
whole_of one 150 "reboot"

t_begin "a migration in the middle"
begin migration
destination
monitor one migrate "\"uri\": \"unix:$T_DIR/migration\""
wait_for 60 migrated || t_bail "it does not migrate" "$(cat "$(host_log qmp-one)")"
pid=$(vm_pid one)
# shellcheck disable=SC2154 # it is a name
_VM_PID[one]=$(host_pid there)
monitor one quit
wait_for 10 test ! -e "/proc/$pid/exe" || t_fail "QEMU does not quit"
end migration "its agent is gone"
if wait_for 30 grep -q "guest one: its agent records for nobody here" "$(host_log server)"; then
	t_ok "the agent over there is told to end"
else
	t_fail "the agent over there goes on for ever" "$(cat "$(host_log server)")"
fi
same_soon one "migration"
whole_of one 150 "migration"

t_begin "the end of QEMU"
begin quit
monitor there qmp_capabilities
monitor there quit
wait_for 10 test ! -e "/proc/$(vm_pid one)/exe" || t_fail "QEMU does not quit"
end quit "its agent is gone"
guest_boot one 2
agent_up one
whole_of one 150 "quit"
