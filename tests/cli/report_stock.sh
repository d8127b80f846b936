#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# report_stock.sh - our report against the stock one, byte for byte
#
# The stock trace-cmd records this kernel, in versions 6 and 7, with instances, clocks and losses;
# then every option of report is given to both. TAP on stdout; 77 where there is nothing to record
# with. Files of tracefs that may not be written are covered by a plain one in a mount namespace.

set -uo pipefail
T=/sys/kernel/tracing

# In the mount namespace: INSTANCE... -- COMMAND...
if [ "${1:-}" = --inside ]; then
	shift
	mountpoint -q $T || mount -t tracefs nodev $T || exit 77
	: >refused
	mount --bind refused /proc/sys/kernel/ftrace_enabled
	made=()
	while [ "$1" != -- ]; do
		mkdir "$T/instances/$1" 2>/dev/null && made+=("$1")
		shift
	done
	shift
	kb=$(sed 's/ .*//' $T/buffer_size_kb) # stock's -b stays
	for dir in $T "${made[@]/#/$T/instances/}"; do
		for f in set_ftrace_{filter,notrace,pid,notrace_pid} set_graph_{function,notrace}; do
			[ -e "$dir/$f" ] && mount --bind refused "$dir/$f"
		done
	done
	"$@"
	rc=$?
	echo "$kb" >$T/buffer_size_kb
	for i in "${made[@]}"; do
		umount "$T/instances/$i"/* 2>/dev/null
		rmdir "$T/instances/$i" 2>/dev/null
	done
	exit $rc
fi

# shellcheck source=tests/cli/stock.lib
. "$(dirname "$0")/stock.lib"

busy='ls -l /usr/sbin >/dev/null; echo hello >/sys/kernel/tracing/trace_marker; sleep 0.1'
load='dd if=/dev/zero of=/dev/null bs=1 count=8000 2>/dev/null'
ev=(-e sched -e raw_syscalls -e kmem -e irq -e timer)

record "" v7.dat "${ev[@]}" sh -c "$busy" || skip "the stock trace-cmd cannot record here: $(tail -n 1 log)"
record "" v6.dat --file-version 6 "${ev[@]}" sh -c "$busy"
record "" none.dat --compression none "${ev[@]}" sleep 0.05
record "" lost.dat -b 8 "${ev[@]}" sh -c "$load"
record "" lost6.dat --file-version 6 -b 8 "${ev[@]}" sh -c "$load"
record "" date.dat --date -e sched -e irq sleep 0.05
record "" mono.dat -C mono -e sched sleep 0.05
record "" tsc.dat --file-version 6 -C x86-tsc -e sched sleep 0.05
record "ra rbb" inst.dat -e sched -B ra -e irq -e timer -B rbb -e raw_syscalls -e sched ls /
record "ra rbb" ties.dat --file-version 6 -C uptime -e sched -B ra -C uptime -e sched -e timer \
	-B rbb -C uptime -e raw_syscalls -e sched ls -R /usr/include/linux
# Everything runs on one CPU, so the others have no data. (A subshell's CPUs are its own.)
for cpu in 0 1; do
	(taskset -pc $cpu $BASHPID >/dev/null 2>&1 && record "" on$cpu.dat -e sched:sched_process_exec sh -c /bin/true)
done
rm -f ./*.dat.cpu*

# Both reports of these arguments are the same, and not empty.
same() {
	local rc
	LC_ALL=C "$stock" report "$@" >stock.txt 2>stock.err || {
		echo "# stock fails with $*: $(head -n 1 stock.err)"
		result 1 "report $*"
		return
	}
	"$trace_cmd" report "$@" >ours.txt 2>ours.err
	rc=$?
	[ -s stock.txt ] && [ $rc = 0 ] && cmp -s stock.txt ours.txt
	rc=$?
	result $rc "report $*"
	[ $rc = 0 ] || { diff -a stock.txt ours.txt; cat ours.err; } | head -n 8 | sed 's/^/# /'
}

files=()
for f in v7 v6 none lost lost6 date mono tsc inst ties; do
	[ -s $f.dat ] && files+=("$f.dat")
done
for f in "${files[@]}"; do
	for o in "" -l -R; do
		same ${o:+"$o"} "$f"
	done
done
for f in v7.dat v6.dat inst.dat; do
	for o in -t -N --ts-diff --stat --uname --version; do
		same "$o" "$f"
	done
done
for f in on0.dat on1.dat; do
	[ -s $f ] || continue
	for o in "" --stat --first-event; do
		same ${o:+"$o"} "$f"
	done
done
for o in -t --nodate --raw-ts --first-event; do
	same "$o" date.dat
done

while read -r -a words; do
	same "${words[@]}" v7.dat
done <<-'END'
	-t -l -R
	-l -N
	-R -l
	--raw-ts
	--raw-ts --ts-diff
	--align-ts
	--align-ts -t --ts-diff
	--ts2secs 3000000000
	--ts2secs 3000000000 --ts-diff
	--ts-check
	--cpu 0
	--cpu 0-1
	--cpu 1,0
	-I
	-S
	-I -S
	-w
	-w -t
	-q
	-F sched
	-F sched_switch:next_pid==0
	-F sched:prev_state==0||(success==1)
	-F .*:COMM=="sleep"
	-F sched_switch -F irq
	-v -F sched
	-v -F sched -F irq/softirq_entry
	-F sched -v -F sched/sched_switch
	-T -F sched:next_pid==0
	-T -F sched_switch -v -F irq
	-n sched_sw.*
	-r sched_switch
	-r SCHED
	-O parent
	-O fgraph:tailprint
	-e
	-E
	-f
	--cpus
	--first-event
	--first-event --last-event -t
END
same -P v7.dat
same --events v6.dat
same --event sched:switch v6.dat
same --event wakeup v6.dat
same -i v7.dat
same -i v7.dat -i v6.dat
same -t -i inst.dat -i ties.dat -i lost.dat
same -l -i date.dat -i tsc.dat
same --stat -i inst.dat -i v7.dat
same -i v6.dat --ts2secs 2000000000 -i mono.dat

# What is not as stock does it, as stock is wrong or gives up.
cpus_of() { # ARGS...: of each event that report prints
	"$trace_cmd" report "$@" | sed -nE 's/^[^[]*\[([0-9]+)\] .*/\1/p'
}
cpu=$(cpus_of inst.dat | sort | uniq -c | sort -n | awk 'END { print $2 }') # idle ones have none
cpus_of inst.dat | grep -x "$cpu" >whole.txt
cpus_of --cpu $((10#$cpu)) inst.dat >ours.txt
[ -s ours.txt ] && cmp ours.txt whole.txt >why 2>&1
result $? "--cpu is the CPU in every instance"
"$trace_cmd" report --align-ts -t inst.dat >ours.txt
[ "$(grep -oE '[0-9]+\.[0-9]{9}: ' ours.txt | head -n 1)" = "0.000000000: " ] && ! grep '1844[0-9]*\.' ours.txt >why
result $? "--align-ts is from the first event of all buffers"
"$trace_cmd" report -t v7.dat | sed -n '/ \[[0-9]*\] /{p;q}' >first.txt
"$trace_cmd" report -t -i v7.dat --ts-offset 1000000000 | sed -n '/ \[[0-9]*\] /{p;q}' >later.txt
a=$(grep -oE '[0-9]+\.[0-9]{9}' first.txt) b=$(grep -oE '[0-9]+\.[0-9]{9}' later.txt)
[ $((${b%.*} - ${a%.*})) = 1 ] && [ "${a#*.}" = "${b#*.}" ]
result $? "--ts-offset moves the times"
"$trace_cmd" report v7.dat -t | cmp -s - <("$trace_cmd" report -t v7.dat)
result $? "options may follow the file"

size=$(stat -c %s v6.dat)
head -c $((size - 5000)) v6.dat >cut.dat
"$trace_cmd" report cut.dat >ours.txt 2>ours.err
rc=$?
[ $rc = 3 ] && grep -q sched ours.txt && grep -q cut.dat ours.err
result $? "a file that is cut: what is whole is printed, and status 3"
"$trace_cmd" report --check-events v7.dat >ours.txt 2>ours.err
rc=$?
"$stock" report --check-events v7.dat >stock.txt 2>&1
[ $rc = $? ] && [ ! -s ours.txt ]
result $? "--check-events"
"$trace_cmd" report -F '(((' v7.dat >ours.txt 2>ours.err
rc=$?
[ $rc = 1 ] && [ ! -s ours.txt ] && grep -qF '(((' ours.err
result $? "a filter that is not understood"
head -c 100 v7.dat >short.dat
"$trace_cmd" report short.dat >ours.txt 2>ours.err
rc=$?
[ $rc = 1 ] && [ ! -s ours.txt ] && grep -q short.dat ours.err
result $? "a file without a whole head: status 1"
"$trace_cmd" report nosuch.dat >/dev/null 2>ours.err
rc=$?
[ $rc = 1 ] && grep -q nosuch.dat ours.err
result $? "no file: status 1"
for words in "--cpu x v7.dat" "v7.dat v6.dat" "-i v7.dat v6.dat" "-w -i v7.dat -i v6.dat" \
	"--ts-offset 5 v7.dat" "--verbose=loud v7.dat"; do
	# shellcheck disable=SC2086  # several words
	"$trace_cmd" report $words >ours.txt 2>ours.err
	rc=$?
	[ $rc = 2 ] && [ ! -s ours.txt ] && [ -s ours.err ]
	result $? "usage error: report $words"
done
"$trace_cmd" report v7.dat 2>ours.err | head -n 2 >/dev/null
[ ! -s ours.err ]
result $? "a reader that goes away is no error"

echo "1..$n"
[ $failed = 0 ]
