# shellcheck shell=bash
# shellcheck disable=SC2034 # RC and others are for the scripts
# comego.bash - what the tests of record -A share in which guests and hosts come and go; reads remote.bash.
#
#   agent_up NAME [OPTION...]  the agent of guest NAME (program $AGENT) as a daemon, until its port is
#                              open; what tracefs in the guest is now counts for same_soon
#   agent_end NAME             SIGTERM to it, until it is gone
#   same_soon NAME WHAT        tracefs in the guest is as it was, in 20 s at most
#   record_end NAME [SIG]      SIG (INT; -: none) to a recording, and wait: RC, and TEXT, what it said
#   all_run RECORD NAME...     these guests and this machine record, or the script ends
#   whole_of NAME N            a recording of guest NAME and this machine has N writes of dd, all
#   writes_of FILE NAME        how many of dd's writes (WRITES) in the merged report are NAME's
#   writes_are FILE N WHAT     that many are in a guest's own file. Of a guest that left, the names of
#                              processes are not known, so the filter of WRITES must do
#   cut_are FILE N WHAT        of a guest with 2 CPUs that left: all but the pages that were not full yet

. "$(dirname "${BASH_SOURCE[0]}")/remote.bash"

AGENT=trace-cmd
WRITES=(-e syscalls:sys_enter_write -f 'count==1&&comm=="dd"')

guest_settings() {
	vm_run "$1" 'cd /sys/kernel/tracing && cat tracing_on set_event current_tracer trace_clock \
		tracing_cpumask set_event_pid set_event_notrace_pid; ls instances' 2>/dev/null
}

is_as_before() {
	[ "$(guest_settings "$1")" = "$(cat "$T_DIR/settings-$1")" ]
}

same_soon() {
	wait_for 20 is_as_before "$1" || true
	assert_eq "$(cat "$T_DIR/settings-$1")" "$(guest_settings "$1")" "$2: tracefs of $1 is as it was"
}

agent_up() {
	local name=$1
	shift
	vm_run "$name" "rm -f /tmp/agent.log; echo 1 >$T/tracing_on; $AGENT agent -D -l /tmp/agent.log $*" >/dev/null
	wait_for 20 vm_run "$name" "grep -q 'control port is open' /tmp/agent.log" ||
		t_fail "$name: no agent" "$(vm_run "$name" 'cat /tmp/agent.log')"
	guest_settings "$name" >"$T_DIR/settings-$name"
}

agent_end() {
	vm_run "$1" "kill \$(pidof $AGENT); while pidof $AGENT; do sleep 0.1; done" >/dev/null
}

record_end() {
	RC=0
	if [ "${2:-INT}" = - ]; then
		host_wait "$1" 60 || RC=$?
	else
		host_stop "$1" "${2:-INT}" 60 || RC=$?
	fi
	TEXT=$(cat "$(host_log "$1")")
}

all_run() {
	local name log
	log=$(host_log "$1")
	shift
	for name; do
		wait_for 30 runs "$name" || t_bail "guest $name does not record" "$(cat "$log")"
	done
	wait_for 10 host_runs || t_bail "this machine does not record" "$(cat "$log")"
}

writes_of() {
	"$TRACE_CMD" report "$1" 2>/dev/null | grep -cE "^ *$2: .* sys_enter_write: " || true
}

writes_are() {
	assert_eq "$2" "$(events "$1" sys_enter_write)" "$3: each of dd's $2 writes is in the file"
}

# Pages that are full are sent, 46 events each; the newest of each CPU is still in its ring.
cut_are() {
	local n
	n=$(events "$1" sys_enter_write)
	if [ "$n" -le "$2" ] && [ "$n" -ge $(($2 - 2 * 46)) ]; then
		t_ok "$3: $n of dd's $2 writes were sent"
	else
		t_fail "$3: $n of dd's $2 writes are in the file"
	fi
}

whole_of() {
	# shellcheck disable=SC2086
	record w -C mono $HOST_EVENTS -A "$1" "${WRITES[@]}"
	all_run w "$1"
	vm_run "$1" "$(dd_job "$2")" >/dev/null
	record_end w
	assert_eq 0 "$RC" "$3: the next recording of $1 is whole"
	[ "$RC" = 0 ] || sed 's/^/# /' <<<"$TEXT"
	writes_are "$OUT/w-$1.dat" "$2" "$3: the next recording of $1"
	same_soon "$1" "$3"
}
