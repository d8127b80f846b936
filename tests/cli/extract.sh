#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# extract.sh - extract takes what is in the rings, all of it, once, and leaves tracefs as it was
#
# The rings are filled with a known number of marks; those are counted in the file, by ours and by
# stock's report. Snapshots are not tested where the kernel has none.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

# The library leaks a word of some formats.
echo leak:libtraceevent >lsan
export LSAN_OPTIONS=suppressions=$PWD/lsan:print_suppressions=0
# shellcheck disable=SC2034  # at_exit uses it
was_on=$(cat $root/tracing_on)
inst=$root/instances/extract-test
at_exit 'rmdir $inst 2>/dev/null; echo "$was_on" >$root/tracing_on'

marks() { # DIRECTORY WORD N: N marks, on both sides of a page's end
	for ((i = 1; i <= $3; i++)); do
		echo "$2 $i"
	done >"$1/trace_marker"
}

# extract STATUS WORD...: into t.dat
extract() {
	local want=$1
	shift
	rm -f t.dat
	timeout 60 "$tc" extract -o t.dat "$@" >out 2>err </dev/null 9>&-
	[ $? = "$want" ]
}

# count WORD N NAME: ours and stock find N marks in t.dat, in their order
count() {
	"$tc" report t.dat 2>err | sed -n "s/.*: $1 \([0-9]*\)\$/\1/p" >numbers
	seq "$2" >wanted
	[ "$2" != 0 ] || : >wanted
	cmp -s numbers wanted
	result $? "$3"
	[ -x "$stock" ] || return
	"$tc" report t.dat >ours.txt 2>/dev/null
	LC_ALL=C "$stock" report t.dat >stock.txt 2>/dev/null
	cmp -s ours.txt stock.txt
	result $? "$3: stock reads the same"
}

clear_all() {
	echo 1 >$root/tracing_on
	: >$root/trace
}

[ -z "$(cat $root/set_event)" ] || skip "somebody traces here"
for version in 6 7; do
	clear_all
	marks $root "v$version" 300
	extract 0 --file-version $version
	result $? "extract, version $version"
	[ "$(cat $root/tracing_on)" = 1 ]
	result $? "tracing goes on"
	count "v$version" 300 "all marks are there, the half page too"
	extract 0 --file-version $version
	result $? "once more"
	count "v$version" 0 "they were taken"
done

clear_all
marks $root stopped 5
echo 0 >$root/tracing_on
extract 0 -q
[ $? = 0 ] && [ "$(cat $root/tracing_on)" = 0 ] && [ ! -s out ]
result $? "tracing that is off stays off; -q says nothing"
count stopped 5 "what was recorded before"

mkdir $inst
echo 1 >$inst/tracing_on
clear_all
marks $root top 7
marks $inst inst 9
extract 0 -B extract-test
result $? "-B"
count inst 9 "-B takes the buffer"
count top 0 "and not the top one"
marks $inst inst 4
extract 0 -a -t
result $? "-a -t"
count inst 4 "-a takes the buffer"
count top 7 "-t the top one"
echo 4 >$inst/buffer_size_kb
marks $inst lost 2000
extract 3 -B extract-test
result $? "overwritten events are told, with status 3"
lost=$("$tc" report t.dat | sed -n 's/.*\[\([0-9]*\) EVENTS DROPPED\].*/\1/p' | awk '{ n += $1 } END { print n }')
there=$("$tc" report t.dat | grep -c ': lost [0-9]*$')
grep -q "  all .* ${lost:-none} " out && [ "$((${lost:-0} + there))" = 2000 ]
result $? "those in the file ($there) and those lost (${lost:-?}) are all; the table has them"
extract 0 -B extract-test
result $? "and not told again"
rmdir $inst
result $? "no file of the buffer is left open"

extract 1 -B extract-test && grep -q "no buffer 'extract-test'" err && [ ! -e t.dat ]
result $? "a buffer that is not there"
[ -z "$(ls t.dat* 2>/dev/null)" ]
result $? "and no file is left of it"
extract 2 nonsense
result $? "extract takes no words"

# Over the network, to a listener of ours: over TCP, so that nothing is lost on the way.
for words in '' '--protocol 1' '--protocol 2 --file-version 6' '--date'; do
	mkdir out.d
	rm -f log
	timeout 60 "$tc" listen -p 0 --bind 127.0.0.1 -d out.d -l log --once >table 2>listen.err 9>&- &
	listener=$!
	for _ in $(seq 200); do
		port=$(sed -n 's/.*listens on .*port \([0-9]*\).*/\1/p' log 2>/dev/null)
		[ -z "$port" ] || break
		sleep 0.05
	done
	clear_all
	marks $root net 3000
	# shellcheck disable=SC2086  # words
	timeout 60 "$tc" extract -N "127.0.0.1:$port" -t $words >out 2>err </dev/null 9>&-
	result $? "-N, ${words:-protocol 3}"
	wait $listener
	result $? "-N, ${words:-protocol 3}: the listener has it whole"
	mv out.d/*.dat t.dat
	count net 3000 "-N, ${words:-protocol 3}: all marks are there"
	sent=$(awk '$1 == "all" { print $2 }' out) got=$(awk '$1 == "all" { print $2 }' table)
	[ "$sent" = 3000 ] && [ "$got" = 3000 ]
	result $? "-N, ${words:-protocol 3}: both tables say so (${sent:-none}, ${got:-none})"
	rm -rf out.d log table
done
if extract 0 --date; then
	marks $root now 1
	extract 0 --date
	at=$("$tc" report t.dat 2>err | sed -n 's/.* \([0-9]*\)\.[0-9]*: print: .*now 1$/\1/p')
	now=$(date +%s)
	[ -n "$at" ] && [ $((now - at)) -ge 0 ] && [ $((now - at)) -lt 30 ]
	result $? "--date: the report has the time of day ($at, now $now)"
else
	result 1 "--date"
fi
clear_all
marks $root stays 2
timeout 60 "$tc" extract -N 127.0.0.1:1 >out 2>err 9>&-
[ $? = 1 ]
result $? "-N to nobody"
extract 0
count stays 2 "-N to nobody takes nothing"
extract 2 -N 127.0.0.1:1 && grep -q 'names one' err
result $? "-N and -o"
timeout 9 "$tc" extract -N 127.0.0.1:1 --compression zstd 2>err 9>&-
[ $? = 2 ] && grep -q 'listen --compression' err
result $? "-N and --compression"
extract 0 --compression zstd && head -c 64 t.dat | grep -a zstd >/dev/null
result $? "--compression"
clear_all
marks $root temp 300
mkdir parts
extract 1 --temp nosuch && grep -q nosuch err && [ ! -e t.dat ]
result $? "--temp that is not there"
extract 0 --temp parts && [ -z "$(ls parts)" ]
result $? "--temp"
count temp 300 "--temp"
clear_all
marks $root late 3
extract 0 --ts-offset 7000000000
count late 3 "--ts-offset"
raw=$("$tc" report -t --raw-ts t.dat 2>err | sed -n 's/.*\] *\([0-9]*\): .*: late 1$/\1/p')
late=$("$tc" report -t t.dat 2>err | sed -n 's/.* \([0-9]*\)\.\([0-9]*\): .*: late 1$/\1\2/p')
[ -n "$raw" ] && [ $((raw + 7000000000)) = "$late" ]
result $? "--ts-offset moves the times"
extract 2 --ts-offset 7 --date && grep -q 'both' err
result $? "--ts-offset and --date"
extract 2 --verbose=loud
result $? "--verbose=LEVEL that is none"
extract 0 --verbose=debug -q
result $? "--verbose=LEVEL"
clear_all
marks $root text 3
for version in 6 7; do
	extract 0 -p wakeup --file-version $version -O sym-addr
	result $? "-p of a latency tracer, version $version"
	"$tc" report t.dat 2>err | grep -c ': text [123]$' >numbers
	[ "$(cat numbers)" = 3 ]
	result $? "its text is there"
	[ -x "$stock" ] && { "$stock" report t.dat 2>/dev/null | grep -c ': text [123]$' | cmp -s - numbers; result $? "stock reads it"; }
done
extract 1 -p wakeup -O no-such-option && grep -q no-such-option err
result $? "-O that is not there"

if [ -e $root/snapshot ]; then
	clear_all
	marks $root frozen 20
	echo 1 >$root/snapshot
	marks $root later 3
	extract 0 -s
	result $? "-s"
	count frozen 20 "the snapshot"
	count later 0 "and not the buffer"
	echo 0 >$root/snapshot
else
	extract 1 -s && grep -q 'no snapshots' err
	result $? "-s on a kernel without snapshots"
fi
: >$root/trace
exit $failed
