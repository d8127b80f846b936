# shellcheck shell=bash
# shellcheck disable=SC2034 # RC and others are for the scripts
# agent_common.bash - what the tests of record -A share; after trace.sh. Takes the lock of this
# machine's tracefs until the script ends, or skips the script.
#
#   agent_start NAME [OPTION...]  the agent of guest NAME (program $AGENT) as a daemon, until its port is open
#   agent_end NAME                SIGTERM to it, until it is gone
#   settings                      what this kernel's tracing is set to, but for the sizes
#   guest_settings NAME           likewise in the guest, and which agent is there
#   same_soon NAME WHAT           they are as at the last remember NAME, in 20 s at most
#   record NAME ARGS...           record -A in the background, to $OUT/NAME.dat; until record_end NAME
#   record_end NAME [SIG] [SECS]  SIG (INT; "-" none) and wait: RC, and TEXT, what it said
#   runs NAME                     the guest records (for wait_for); runs_or_bail NAME RECORD
#   here_runs                     so does this machine
#   dd_count FILE NAME            how many of dd's reads and writes in the merged report are NAME's

AGENT=trace-cmd
T=/sys/kernel/tracing
LOCK=${TRACEFS_LOCK:-/tmp/tracefs.lock}
HOST_EVENTS="-e sched:sched_process_exec"
export TRACE_CMD_VIRT_DIR=$VIRT

[ "$(id -u)" = 0 ] || t_skip "recording needs root"
mountpoint -q $T || mount -t tracefs nodev $T 2>/dev/null || t_skip "there is no tracefs here"
exec 9>"$LOCK"
flock 9
at_exit 'flock -u 9'

settings() {
	(cd $T && cat tracing_on set_event current_tracer trace_clock tracing_cpumask set_event_pid \
		set_event_notrace_pid && ls instances) 2>/dev/null
}

guest_settings() {
	vm_run "$1" 'cd /sys/kernel/tracing && cat tracing_on set_event current_tracer trace_clock \
		tracing_cpumask set_event_pid set_event_notrace_pid; ls instances' 2>/dev/null
}

remember() {
	guest_settings "$1" >"$T_DIR/settings-$1"
}

is_as_before() {
	[ "$(guest_settings "$1")" = "$(cat "$T_DIR/settings-$1")" ]
}

same_soon() {
	wait_for 20 is_as_before "$1" || true
	assert_eq "$(cat "$T_DIR/settings-$1")" "$(guest_settings "$1")" "$1: tracefs is as it was, $2"
}

agent_start() {
	local name=$1
	shift
	vm_run "$name" "rm -f /tmp/agent.log; echo 1 >/sys/kernel/tracing/tracing_on; $AGENT agent -D -l /tmp/agent.log $*" >/dev/null
	wait_for 20 vm_run "$name" "grep -q 'control port is open' /tmp/agent.log" || t_fail "$name: no agent" "$(vm_run "$name" 'cat /tmp/agent.log')"
	remember "$name"
}

agent_end() {
	vm_run "$1" 'kill $(pidof trace-cmd trace-cmd-old); while pidof trace-cmd trace-cmd-old; do sleep 0.1; done' >/dev/null
}

record() {
	local name=$1
	shift
	rm -f "$OUT/$name".dat "$OUT/$name"-*.dat
	host_start "$name" "$TRACE_CMD" record -o "$OUT/$name.dat" "$@"
}

record_end() {
	RC=0
	if [ "${2:-INT}" = - ]; then
		host_wait "$1" "${3:-60}" || RC=$?
	else
		host_stop "$1" "${2:-INT}" "${3:-60}" || RC=$?
	fi
	TEXT=$(cat "$(host_log "$1")")
}

runs() {
	vm_run "$1" 'cat /sys/kernel/tracing/tracing_on /sys/kernel/tracing/set_event' 2>/dev/null |
		tr '\n' ' ' | grep -q "^1 .*sys_enter_write"
}

runs_or_bail() {
	wait_for 30 runs "$1" || t_bail "guest $1 does not record" "$(cat "$(host_log "$2")")"
}

here_runs() {
	grep -q 1 $T/tracing_on && grep -q sched_process_exec $T/set_event
}

dd_count() {
	"$TRACE_CMD" report "$1" 2>/dev/null | grep -cE "^ *$2: .* dd-[0-9]+ .*count: 0x0*1\$" || true
}
