#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# extract.sh - extract takes what is in the rings, all of it, once, and leaves tracefs as it was
#
# The rings are filled with a known number of marks; those are counted in the file, by ours and by
# stock's report. Snapshots are not tested where the kernel has none.

set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
tc=$(cd "$here" && realpath "${TRACE_CMD:-./trace-cmd}")
stock=${STOCK:-/usr/bin/trace-cmd}
root=/sys/kernel/tracing
[ "$(id -u)" = 0 ] || { echo "skipped: tracefs needs root"; exit 77; }
tmp=$(mktemp -d)
cd "$tmp" || exit 1
exec 9>"${TRACEFS_LOCK:-/tmp/tracefs.lock}"
flock 9
# The library leaks a word of some formats.
echo leak:libtraceevent >lsan
export LSAN_OPTIONS=suppressions=$PWD/lsan:print_suppressions=0
"$tc" list -C >/dev/null 2>err 9>&- || { echo "skipped: $(head -1 err)"; exit 77; }
[ -e $root/tracing_on ] || { echo "skipped: tracefs is not at $root"; exit 77; }
was_on=$(cat $root/tracing_on)
inst=$root/instances/extract-test
failed=0
trap 'rmdir $inst 2>/dev/null; echo "$was_on" >$root/tracing_on; rm -rf "$tmp"' EXIT

result() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
		head -5 out err 2>/dev/null | sed 's/^/# /'
	fi
}

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

[ -z "$(cat $root/set_event)" ] || { echo "skipped: somebody traces here"; exit 77; }
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
