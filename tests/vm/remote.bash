# shellcheck shell=bash
# remote.bash - what the tests of record -A share: this machine's tracefs, agents, one recording.
#
# Sourced behind the first lines of a test; skips where this machine cannot record, else takes the
# lock of its tracefs until the end of the script, as other tests trace it too.
#
#   settings              what tracefs here is set to, but for the sizes
#   agent_start GUEST     an agent in the guest, that virt-server knows
#   record NAME ARGS...   record to $OUT/NAME.dat in the background, until host_stop NAME INT
#   ends NAME STATUS WHAT [SECS]  Ctrl-C: it ends with that status
#   runs GUEST            true when the guest traces
#   host_runs             true when this machine does
#   clock_text FILE GUEST how its clock was compared, as report says it
#   clock_error FILE GUEST  the error in it, in ns

. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

T=/sys/kernel/tracing
# shellcheck disable=SC2034  # for the tests
HOST_EVENTS="-e sched:sched_process_exec"
export TRACE_CMD_VIRT_DIR=$VIRT

[ "$(id -u)" = 0 ] || t_skip "recording needs root"
mountpoint -q $T || mount -t tracefs nodev $T 2>/dev/null || t_skip "there is no tracefs here"
exec 9>"${TRACEFS_LOCK:-/tmp/tracefs.lock}"
flock 9
at_exit 'flock -u 9'

settings() {
	(cd $T && cat tracing_on set_event current_tracer trace_clock tracing_cpumask set_event_pid \
		set_event_notrace_pid && ls instances) 2>/dev/null
}

agent_start() {
	vm_run "$1" "trace-cmd agent -D -l /tmp/agent.log" >/dev/null
	wait_for 20 grep -q "guest $1: an agent is there" "$(host_log server)" || t_fail "$1: no agent"
}

record() {
	local name=$1
	shift
	rm -f "$OUT/$name".dat "$OUT/$name"-*.dat
	host_start "$name" "$TRACE_CMD" record -o "$OUT/$name.dat" "$@"
}

# What record said last stands in the line of a failure.
ends() {
	local rc=0 log
	log=$(host_log "$1")
	host_stop "$1" INT "${4:-60}" || rc=$?
	if [ $rc = "$2" ]; then
		t_ok "$3"
	else
		t_fail "$3: status $rc, '$(tail -n 1 "$log")'" "$(cat "$log")"
	fi
}

# In this order: a recorder first switches tracing off, then events on, and tracing at last.
runs() {
	vm_run "$1" "grep -q : $T/set_event && grep -q 1 $T/tracing_on"
}

host_runs() {
	grep -q : $T/set_event && grep -q 1 $T/tracing_on
}

clock_text() {
	"$TRACE_CMD" report "$1" 2>/dev/null | sed -n "s/^ *$2: clock: //p" || true
}

clock_error() {
	clock_text "$1" "$2" | sed -n 's/.*error at most \([0-9]*\) ns.*/\1/p'
}
