#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# start_stop.sh - start, set, stop, restart, clear, show, stat and reset on this machine's tracefs
#
# What they do is read from tracefs; what stat and show print is compared with the stock trace-cmd,
# where there is one. Files that may not be read here are covered by plain ones in a mount namespace,
# which say what a kernel says when no function is filtered.

set -uo pipefail
tc=$(realpath "${TRACE_CMD:-./trace-cmd}")
stock=${STOCK:-/usr/bin/trace-cmd}
lock=${TRACEFS_LOCK:-/tmp/tracefs.lock}
T=/sys/kernel/tracing
n=0 failed=0

skip() {
	echo "1..0 # SKIP $1"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "tracefs needs root"
if [ "${1:-}" != --inside ]; then
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	"$tc" list -C >/dev/null 2>&1 || skip "there is no tracefs"
	exec flock -w 300 "$lock" unshare -m "$(realpath "$0")" --inside
fi
# shellcheck source=tests/cli/alone.lib
. "$(dirname "$(realpath "$0")")/alone.lib"
other=$(wait_alone 30) || skip "$other: settings and events would not be ours"

tmp=$(mktemp -d) || exit 1
cd "$tmp" || exit 1
[ -e $T/tracing_on ] || skip "tracefs is not at $T"
kb=$(sed 's/.*expanded: \([0-9]*\)).*/\1/' $T/buffer_size_kb)
clean() {
	"$tc" reset -t -b "$kb" >/dev/null 2>&1
	for i in st_one st_two; do
		[ ! -e $T/instances/$i ] || "$tc" reset -B $i -d >/dev/null 2>&1
	done
	cd / && rm -rf "$tmp"
}
trap clean EXIT
: >refused
echo "#### all functions enabled ####" >all
mount --bind refused /proc/sys/kernel/ftrace_enabled 2>/dev/null
for f in set_ftrace_{filter,notrace} set_graph_{function,notrace}; do
	[ ! -e "$T/$f" ] || cat "$T/$f" >/dev/null 2>&1 || mount --bind all "$T/$f"
done

result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
	fi
}

# says FILE TEXT: the first line, with the current one of those in brackets
says() {
	local got
	got=$(sed -e 's/.*\[\(.*\)\].*/\1/' -e q "$T/$1")
	[ "$got" = "$2" ] && return
	echo "# $1 says '$got', not '$2'"
	return 1
}

# does STATUS WORD...: our status, and words on stderr exactly when it is not 0
does() {
	local want=$1 got
	shift
	timeout 60 "$tc" "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] && { [ $got = 0 ] || [ -s err ]; } && return
	echo "# trace-cmd $*: status $got, not $want: $(head -n 2 err)"
	return 1
}

# same WORD...: what we print is what stock prints
# A trace without the names of its tasks: the kernel may forget one between two readings.
nameless() {
	sed -E 's/^ *[^ #].*-([0-9]+ +\[)/\1/' "$1"
}

same() {
	[ -x "$stock" ] || return 0
	LC_ALL=C "$stock" "$@" >stock.txt 2>/dev/null
	"$tc" "$@" >out 2>err
	[ -s out ] && cmp -s <(nameless stock.txt) <(nameless out)
	result $? "as stock: $*"
	cmp -s <(nameless stock.txt) <(nameless out) || diff -a stock.txt out | head -n 8 | sed 's/^/# /'
}

does 0 reset -t -b "$kb" && says tracing_on 1 && says current_tracer nop && says events/enable 0
result $? "reset"
same stat
same stat -o

does 0 start -e sched:sched_switch -f 'prev_pid > 0 || next_pid == 3' -R stacktrace \
	-R 'traceoff if prev_pid == 4000000' -e irq -C mono -M 1 -O sym-addr -e timer -v \
	-e timer:timer_init &&
	says tracing_on 1 && says trace_clock mono && says tracing_cpumask 1 &&
	says events/irq/enable 1 && says events/timer/timer_init/enable 0 && says options/sym-addr 1
result $? "start sets all up, and switches tracing on"
same stat
same stat -o
does 0 stop && says tracing_on 0 && says events/irq/enable 1
result $? "stop"
same stat
same show
same show -f -c 0
for o in tracing_on current_tracer buffer_size buffer_total_size cpumask; do
	same show --$o
done
same show -f --tracing_on --cpumask
does 0 restart && says tracing_on 1
result $? "restart"
sleep 0.1
does 0 show && grep -q ': ' out
result $? "show prints what was traced"
does 0 stop && does 0 clear && does 0 show && ! grep -vq '^#' out
result $? "clear leaves nothing to show"

does 0 set -e block -b 300 -B st_one -e irq -b 200 -B st_two && says tracing_on 0 &&
	says events/irq/enable 1 && says events/block/enable 1 && says trace_clock mono &&
	says events/sched/sched_switch/filter 'prev_pid > 0 || next_pid == 3' &&
	says instances/st_one/events/irq/enable 1 && says instances/st_one/events/block/enable 0
result $? "set adds to what there is, and leaves tracing_on"
for level in --verbose --verbose=debug --verbose=error --verbose=6; do
	does 0 set --stderr $level sh -c 'echo said' && [ "$(cat out)" = said ] && [ ! -s err ] &&
		does 0 start --stderr $level -e irq sh -c 'echo said' && [ "$(cat out)" = said ]
	result $? "start and set: --stderr $level"
done
does 2 set --verbose=loud && does 2 start --verbose=7 && says tracing_on 1
result $? "start and set: --verbose=LEVEL that is none"
does 0 stop && does 0 stop -B st_one && says instances/st_one/tracing_on 0 && says instances/st_two/tracing_on 1
result $? "stop -B: this one alone"
does 0 restart && says tracing_on 1 && says instances/st_one/tracing_on 0
result $? "restart: the top one alone"
does 0 stop -a && says tracing_on 1 && says instances/st_two/tracing_on 0
result $? "stop -a: all but the top one"
does 0 stop -a -t && says tracing_on 0
result $? "stop -a -t: all"
for words in "stat" "stat -B st_one" "stat -t -B st_one" "stat -B st_two -o" \
	"show -B st_one" "show -f -B st_one --buffer_size"; do
	# shellcheck disable=SC2086  # several words
	same $words
done
does 0 set sh -c 'cat /sys/kernel/tracing/tracing_on' && [ "$(cat out)" = 1 ]
result $? "set COMMAND: it is traced"
does 0 set -v -B st_two && [ ! -e $T/instances/st_two ] && says events/irq/enable 1
result $? "set -v -B removes a buffer"

does 0 reset -B st_one -b 500 && says instances/st_one/events/irq/enable 0 &&
	says instances/st_one/tracing_on 1 && says events/irq/enable 1 &&
	[ "$(cat $T/instances/st_one/buffer_size_kb)" -ge 500 ] &&
	[ "$(cat $T/buffer_size_kb)" -lt 400 ]
result $? "reset -B -b: this one alone"
sleep 30 9<$T/instances/st_one/trace_pipe &
pid=$!
sleep 0.2
does 1 reset -B st_one -d && grep -q "$pid (" err
result $? "a buffer that is read is not removed, and the reader is named"
kill $pid
wait $pid 2>/dev/null
does 0 reset -B st_one -d && [ ! -e $T/instances/st_one ] && says events/irq/enable 1
result $? "reset -B -d"
does 0 reset -b "$kb" && says events/enable 0 && says trace_clock local && says tracing_on 1 &&
	says options/sym-addr 0 && says events/sched/sched_switch/filter none &&
	! grep -vq '^#' $T/events/sched/sched_switch/trigger && does 0 show && ! grep -vq '^#' out
result $? "reset: switches, clock, options, filters, triggers, ring"
same stat -o

does 0 start -e raw_syscalls -F sh -c 'echo $$' && pid=$(cat out) && does 0 stop &&
	does 0 show && grep -q "sh-$pid .* sys_enter" out && ! grep -v '^#' out | grep -v -- "-$pid " >/dev/null
result $? "start -F COMMAND: it alone"
before=$(date +%s)
does 0 start --fork -e irq sh -c 'sleep 3' && [ $(($(date +%s) - before)) -lt 3 ]
result $? "start --fork does not wait"
does 0 reset
does 1 start -e sched -C mono -B st_one -e irq -e no_such_event && says trace_clock local &&
	says events/enable 0 && [ ! -e $T/instances/st_one ]
result $? "start that fails puts all back"
does 1 start -e sched -C mono /nonexistent/command && says trace_clock local && says events/enable 0
result $? "start of a command that is not there puts all back"

while read -r status words; do
	# shellcheck disable=SC2086  # several words
	does "$status" $words && says events/enable 0
	result $? "status $status: $words"
done <<-'END'
	1 stop -B no_such_buffer
	1 reset -B no_such_buffer
	1 stat -B no_such_buffer
	1 show -B no_such_buffer
	1 show -c 4000
	1 set -v -B no_such_buffer
	2 start
	2 start -F -e irq
	2 set -v -B x -e irq
	2 show -p -s
	2 show -c x
	2 reset -d
	2 reset -a -t -d
	2 stop word
	2 stat --no-such-option
END

echo "1..$n"
[ $failed = 0 ]
