#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# report_machines.sh - a host and two guests in one report: names, filters, vCPUs, memory
#
# All of them are this machine, one moment after the other; attach makes host and guests of them. The
# host's file has the switches from and to a process that plays a vCPU.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

rec() { # FILE ARGS...
	"$tc" record -C mono -o "$@" >out 2>err 9>&- || skip "nothing can be recorded: $(head -1 err)"
}

marks() { # N: so many marks
	echo "dd if=/dev/zero of=$root/trace_marker bs=4 count=$1 2>/dev/null"
}

# It naps, so that it is switched to often.
sh -c 'while :; do sleep 0.01; read -r x </proc/self/stat; done' 9>&- &
vcpu=$!
at_exit "kill $vcpu 2>/dev/null"
rec h.dat -e sched:sched_switch sh -c "$(marks 10); sleep 0.3; $(marks 10)"
kill $vcpu
rec big.dat -b 20000 -e sched:sched_process_exec sh -c "$(marks 500000)"
rec h-one.dat -e sched:sched_process_exec sh -c "$(marks 20); /bin/true"
rec h-two.dat -e sched:sched_process_fork sh -c "$(marks 30)"
flock -u 9
for g in one two; do
	"$tc" attach -n $g -s 0 h.dat h-$g.dat "$([ $g = one ] && echo 3 || echo 0),$([ $g = one ] && echo $vcpu || echo 1)" >out 2>err ||
		result 1 "attach $g"
done

count() { # MACHINE TEXT: its lines in the file out
	grep -cE "^ *$1: .*$2" out || true
}

says() { # STATUS ARGS...: a report, whose status must be this
	local want=$1
	shift
	"$tc" report "$@" >out 2>err
	[ $? = "$want" ]
}

says 0 h.dat && [ "$(count host ': print:') $(count one ': print:') $(count two ': print:')" = "20 20 30" ]
result $? "each machine's events have its name"
[ "$(tail -n 3 out | awk '{ print $1, $3, $4, $5 }')" = "host: events, 0 lost
one: events, 0 lost
two: events, 0 lost" ]
result $? "what each has lost is told at the end"
for g in host one two; do
	[ "$(tail -n 3 out | sed -n "s/^ *$g: \([0-9]*\) events.*/\1/p")" = "$(count $g '\[[0-9]{3}\] ')" ] || false
	result $? "$g: and how many events it has"
done

says 0 h.dat -F print && [ "$(count '(host|one|two)' 'sched_')" = 0 ] && [ "$(count '(host|one|two)' ': print:')" = 70 ]
result $? "-F behind the host's file is for its guests, too"
says 0 -F sched_process_exec h.dat && [ "$(count one sched_process_exec)" -ge 1 ] && [ "$(count '(host|two)' '\] ')" = 0 ]
result $? "a filter that means nothing in some of them: they show nothing"
says 1 -F sched_process_none h.dat && grep -q 'not understood' err
result $? "a filter that means nothing in any of them: an error"
says 0 h.dat --guest two && [ "$(count '(host|one)' '\] ')" = 0 ] && [ "$(count two ': print:')" = 30 ]
result $? "--guest: nobody else's events"
says 0 h.dat --guest one -F sched_process_exec --guest host -F 'print' &&
	[ "$(count one ': print:') $(count host ': print:') $(count host sched_switch) $(count two '\] ')" = "0 20 0 0" ]
result $? "-F behind --guest is for this machine"
says 0 h.dat --guest two -r print && [ "$(count two ': print: .*ip=')" = 30 ]
result $? "-r behind --guest"
says 1 h.dat --guest three && grep -q "names no guest 'three'" err
result $? "a guest that is none"

says 0 h.dat --names --guest host -F sched_switch
to=$(grep -c "==> .*:$vcpu \[.* \[host ==> one vCPU 3\]\$" out)
from=$(grep -c ":$vcpu \[[0-9]*\] [A-Z|+]* ==> .* \[one vCPU 3 ==> host\]\$" out)
all=$(grep -c ":$vcpu \[" out)
[ "$to" -ge 3 ] && [ "$from" -ge 3 ] && [ $((to + from)) = "$all" ] && [ "$(grep -c vCPU out)" = "$all" ]
result $? "--names: each of $all switches from and to the thread of a vCPU names it"

# ARGS...: are both reports the same? How they differ is in the file said.
as_stock() {
	"$tc" report "$@" >out 2>err
	timeout -s KILL 60 "$stock" report "$@" 2>log | diff -a - out >said
}

if [ -x "$stock" ]; then
	for args in "" "-t --ts-diff" "-l" "-R" "--align-ts" "--raw-ts" "-r print" "-n print" "--uname" "--stat"; do
		# shellcheck disable=SC2086
		as_stock -i h.dat -i h-one.dat -i h-two.dat $args
		result $? "-i, -i, -i $args: as stock has it"
	done
	as_stock -i h.dat -F print -i h-one.dat -v -F print -i h-two.dat
	result $? "-F is for the file before it, as in stock"
fi

peak() { # FILE: KiB of memory that its report took at most
	local pid most=0 kib
	"$tc" report --no-guests "$1" >out 2>err &
	pid=$!
	while read -r _ kib _ < <(grep VmHWM /proc/$pid/status 2>/dev/null); do
		most=$kib
	done
	wait $pid
	echo "$most"
}

# It is looked at while it runs, so the very end may be missed.
if nm "$tc" 2>/dev/null | grep __asan >/dev/null; then
	echo "# built with AddressSanitizer: its memory is not measured"
else
	small=$(peak h.dat)
	large=$(peak big.dat)
	more=$(($(stat -c %s big.dat) / 1024 - $(stat -c %s h.dat) / 1024))
	[ "$more" -gt 8000 ] && [ $((large - small)) -lt $((more / 2)) ]
	result $? "memory does not grow with the file: $small KiB, with $more KiB more in it $large KiB"
fi
exit $failed
