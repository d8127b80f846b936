#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record_opts.sh - what record stores, and how it reads and writes, when an option asks for it
#
# Marks are recorded, in a known number. Where the stock trace-cmd is there, its report says of each
# file what ours does.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

# The library leaks a word of some formats.
echo leak:libtraceevent >lsan
export LSAN_OPTIONS=suppressions=$PWD/lsan:print_suppressions=0
marks='for i in $(seq 300); do echo "mark $i"; done >/sys/kernel/tracing/trace_marker'
seq 300 >wanted

# record STATUS WORD...: 300 marks into t.dat
record() {
	local want=$1
	shift
	rm -f t.dat
	timeout 60 "$tc" record -o t.dat "$@" sh -c "$marks" >out 2>err </dev/null 9>&-
	[ $? = "$want" ]
}

# whole NAME: all marks are in t.dat, and stock reads the same
whole() {
	"$tc" report t.dat 2>err | sed -n 's/.*: mark \([0-9]*\)$/\1/p' >numbers
	cmp -s numbers wanted
	result $? "$1: all is there"
	as_stock "$1" t.dat
}

as_stock() { # NAME ARGUMENTS OF REPORT...
	local name=$1
	shift
	[ -x "$stock" ] || return
	"$tc" report "$@" >ours.txt 2>/dev/null
	LC_ALL=C "$stock" report "$@" >stock.txt 2>/dev/null
	[ -s ours.txt ] && cmp -s ours.txt stock.txt
	result $? "$name: stock reads the same"
}

# first ARGUMENTS OF REPORT...: the time of the first mark, in nanoseconds
first() {
	"$tc" report -t "$@" 2>err | sed -n 's/.* \([0-9]*\)\.\([0-9]\{9\}\): .*: mark 1$/\1\2/p'
}

# --ts-offset
for version in 6 7; do
	for offset in 1000000000 -1000000007 0x10; do
		what="--ts-offset $offset, version $version"
		record 0 --file-version $version --ts-offset "$offset" -e sched
		result $? "record $what"
		raw=$("$tc" report -t --raw-ts t.dat 2>err |
			sed -n 's/.*\] *\([0-9]*\): .*: mark 1$/\1/p')
		[ -n "$raw" ] && [ $((raw + offset)) = "$(first t.dat)" ]
		result $? "$what: the times are moved by it"
		as_stock "$what" -t t.dat
		as_stock "$what" -t --raw-ts t.dat
	done
done
record 0 --ts-offset 0 -e sched && "$tc" dump --options t.dat >out && ! grep -q 'Option OFFSET' out
result $? "--ts-offset 0 is none"
for words in "--ts-offset" "--ts-offset abc" "--ts-offset 99999999999999999999" \
	"--ts-offset 5 --date" "--date --ts-offset 5" "--ts-offset 5 -p wakeup"; do
	# shellcheck disable=SC2086  # several words
	timeout 60 "$tc" record -o no.dat $words true >out 2>err </dev/null 9>&-
	[ $? = 2 ] && grep -q -e --ts-offset err && ! grep -q "no option" err && [ ! -e no.dat ]
	result $? "usage error: record $words"
done

# --temp: the parts are there, on another file system where there is one
parts=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
at_exit 'rm -rf "$parts"'
mkdir out_dir
both="ls $parts out_dir >seen"
timeout 60 "$tc" record -o out_dir/t.dat --temp "$parts" -e sched sh -c "$marks; $both" >out 2>err </dev/null 9>&-
result $? "record --temp"
printf '%s\n' "$parts:" t.dat.data t.dat.meta "" out_dir: | cmp -s - seen
result $? "the parts are in that directory"
[ "$(ls out_dir)" = t.dat ] && [ -z "$(ls "$parts")" ] && mv out_dir/t.dat .
result $? "the file is where -o says, and no part is left"
whole "--temp"
record 0 --temp "$parts" --compression zstd -B two -e sched && [ -z "$(ls "$parts")" ]
result $? "record --temp --compression -B"
whole "--temp --compression -B"

timeout 60 "$tc" record -o out_dir/t.dat --temp "$parts" -e sched sh -c "$marks; rmdir out_dir" \
	>out 2>err </dev/null 9>&-
[ $? = 1 ] && grep -q "restore $parts/t.dat.meta" err
result $? "a file that cannot be written: the error says where the parts are"
timeout 60 "$tc" restore "$parts" >out 2>err && [ "$(ls "$parts")" = t.dat ] && mv "$parts/t.dat" .
result $? "restore makes the file of them"
whole "--temp and restore"
: >"$parts/t.dat.meta"
record 1 --temp "$parts" -e sched && grep -q "$parts/t.dat.meta is there" err && [ ! -e t.dat ]
result $? "the parts of another recording are not written over"
rm "$parts/t.dat.meta"
timeout 60 "$tc" record -o no.dat --temp nosuch -e sched touch ran >out 2>err </dev/null 9>&-
[ $? = 1 ] && grep -q nosuch err && [ ! -e no.dat ] && [ ! -e ran ]
result $? "--temp that is not there: nothing is recorded"
for words in "-N localhost:1" "-V 2:1" --virt; do
	# shellcheck disable=SC2086  # several words
	timeout 60 "$tc" record --temp "$parts" $words -e sched true >out 2>err </dev/null 9>&-
	[ $? = 2 ] && grep -q -e "leave out --temp" err
	result $? "usage error: record --temp $words"
done

# --poll: no thread of the recorder waits in ppoll, and they work all the time
cpu_time() { # WORD...: record, and say in $ms how much CPU time that took
	local TIMEFORMAT='%3U %3S'
	ms=$({ time record "$@" 2>/dev/null; } 2>&1 | awk '{ printf "%d", 1000 * ($1 + $2) }')
}
marks="$marks; sleep 1"
cpu_time 0 -e sched
idle=$ms
cpu_time 0 -e sched --poll
[ -s t.dat ] && [ "$ms" -gt $((idle + 150)) ]
result $? "record --poll took $ms ms of CPU time, without it $idle"
whole "--poll"
if [ -d $root/events/syscalls/sys_enter_ppoll ]; then
	waits() { # WORD...: how often the recorder called ppoll
		record 0 --no-filter -e syscalls:sys_enter_ppoll "$@" &&
			"$tc" report t.dat 2>err | grep -c '^ *trace-cmd-.*sys_enter_ppoll'
	}
	[ "$(waits)" -gt 0 ] && [ "$(waits --poll)" = 0 ]
	result $? "--poll never waits in poll"
fi

exit $failed
