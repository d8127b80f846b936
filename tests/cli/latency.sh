#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# latency.sh - record -p of a latency tracer stores the tracer's text
#
# Few kernels have these tracers, so the kernel is a directory of files, bound over tracefs in a mount
# namespace: enough for what a recording of a tracer reads and writes.

set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
tc=$(cd "$here" && realpath "${TRACE_CMD:-./trace-cmd}")
stock=${STOCK:-/usr/bin/trace-cmd}
T=/sys/kernel/tracing

result() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
		head -5 out err 2>/dev/null | sed 's/^/# /'
	fi
}

skip() {
	echo "skipped: $1"
	exit 77
}

# In the mount namespace, in the directory of the test.
inside() {
	mount --bind fake $T || skip "nothing may be mounted here"
	# Its old place, which debugfs keeps, would be found behind a fake.
	[ ! -d /sys/kernel/debug ] || mount -t tmpfs nodev /sys/kernel/debug || skip "debugfs cannot be covered"
	[ "$("$tc" list -t 2>&1)" = "$(cat fake/available_tracers)" ] || skip "the kernel's own tracefs is found"
	for version in 6 7; do
		rm -f t.dat
		timeout 20 "$tc" record -p "$1" -o t.dat --file-version $version true >out 2>err </dev/null
		result $? "record -p $1, version $version"
		"$tc" report t.dat >text 2>err
		tail -n +2 text | cmp -s - fake/trace
		result $? "report prints its text"
		if [ -x "$stock" ]; then
			"$stock" report t.dat 2>/dev/null | sed '/^$/d' | cmp -s - <(sed '/^$/d' text)
			result $? "and so does stock"
		fi
		[ "$(cat $T/current_tracer) $(cat $T/tracing_on)" = "nop 1" ]
		result $? "the tracer is put back"
	done
	timeout 20 "$tc" record -p "$1" --virt true >out 2>err </dev/null
	[ $? = 2 ] && grep -q -e --virt err
	result $? "--virt sends no text"
	timeout 20 "$tc" record -p "$1" -o nosuch/t.dat true >out 2>err </dev/null
	[ $? = 1 ] && grep -q nosuch err
	result $? "a file that cannot be written"
	exit $failed
}

failed=0
if [ "${1:-}" = --inside ]; then
	inside wakeup
fi
[ "$(id -u)" = 0 ] || skip "tracefs needs root"
"$tc" list -C >/dev/null 2>&1 || skip "there is no tracefs"
[ -e $T/events/ftrace ] || skip "tracefs is not at $T"
unshare -m true 2>/dev/null || skip "no mount namespaces here"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

mkdir -p fake/{events/ftrace/print,options,instances,per_cpu/cpu0}
cp $T/events/header_{page,event} fake/events
cp $T/events/ftrace/print/format fake/events/ftrace/print
echo "wakeup nop" >fake/available_tracers
echo nop >fake/current_tracer
echo 1 >fake/tracing_on
echo "[local] global" >fake/trace_clock
echo "1 init" >fake/saved_cmdlines
echo "entries: 0" >fake/per_cpu/cpu0/stats
: >fake/set_event
: >fake/printk_formats
printf '# tracer: wakeup\n#\n# wakeup latency trace v1.1.5 on 6.1.0\n  <idle>-0  3d.h. 1us : 0:120:R\n' >fake/trace
TRACE_CMD=$tc unshare -m "$here/tests/cli/latency.sh" --inside
