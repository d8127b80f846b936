#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# split.sh - the pieces of a trace.dat against the whole and against those of the stock tool
#
# The stock trace-cmd records this kernel, in versions 6 and 7, with losses and with instances. For
# each way to split: each piece has the same report by stock as stock's own piece has, and all pieces
# together have each event once, by our report and by stock's. TAP on stdout; 77 where there is
# nothing to record with. What stock does wrong is not compared: it leaves out the instances, makes
# only one piece of -r with an end, doubles events when the start is before the first one, loses
# the last event of each CPU with -r alone, and an event here and there where pieces of -r -m meet.

# shellcheck source=tests/cli/stock.lib
. "$(dirname "$0")/stock.lib"

load='dd if=/dev/zero of=/dev/null bs=1 count=8000 2>/dev/null; sleep 0.05'
ev=(-e sched -e raw_syscalls)
record "" v7.dat "${ev[@]}" sh -c "$load" || skip "the stock trace-cmd cannot record here: $(tail -n 1 log)"
record "" v6.dat --file-version 6 "${ev[@]}" sh -c "$load"
# Something is lost, and enough is left.
has_gaps() {
	"$stock" report "$1" 2>/dev/null | awk '/EVENTS DROPPED/ { lost = 1 } / \[[0-9]+\] / { n++ }
		END { exit !(lost && n > 6000) }'
}

# The recorder is quick at times, and slow at others.
for count in 8000 16000 32000 64000 128000 256000; do
	burst="dd if=/dev/zero of=/dev/null bs=1 count=$count 2>/dev/null"
	for words in "lost.dat" "lost6.dat --file-version 6"; do
		has_gaps "${words%% *}" && continue
		# shellcheck disable=SC2086  # several words
		record "" $words -b 8 "${ev[@]}" sh -c "$burst"
	done
done
record "ra rbb" inst.dat -e sched -B ra -e irq -e timer -B rbb "${ev[@]}" ls -R /usr/include/linux
record "ra rbb" inst6.dat --file-version 6 -e sched -B ra -e irq -e timer -B rbb "${ev[@]}" \
	ls -R /usr/include/linux
rm -f ./*.dat.cpu*

# The name that a reader prints before a pid depends on what it read before: libtraceevent takes names from
# sched_switch and sched_wakeup too, so a piece may say "<...>-15" or "sh-8034" of what the whole calls
# "rcu_preempt-15" or "ls-8034". Events are compared by pid here; the stored names are compared as such.
nameless() {
	awk 'match($0, /-[0-9]+ +\[[0-9]+\] /) {
		rest = substr($0, RSTART + 1)
		buffer = match($0, /^ *[^ ]+: /) ? substr($0, 1, RLENGTH) : ""
		$0 = buffer rest
	} { print }'
}

# The names of tasks that are stored in FILE.
names() {
	"$trace_cmd" dump --cmd-lines -i "$1" | grep -v 'Section'
}

# The events that TOOL reports of FILES, without the number of CPUs, in any order; lines of losses
# have no time and stay as they are.
events() { # TOOL FILE...
	local tool=$1
	shift
	for f; do
		"$tool" report -t "$f" 2>>report.err | grep -v '^cpus='
	done | nameless | sort
}

pieces() { # FILE ARGS...: ours in ours/, quiet
	rm -rf ours
	mkdir ours
	"$trace_cmd" split -i "$1" -o ours/p "${@:2}" >ours.txt 2>ours.err
}

# Is an event in the report twice?
doubled() {
	grep ' \[[0-9]*\] ' "$1" | sort | uniq -d | grep . >/dev/null
}

# Stock's split with the same arguments: the same names, and the same report of each. Where the start
# is before the first event of a CPU's page, stock has that event twice: no piece to compare with.
as_stock() { # FILE ARGS...
	local rc=0
	pieces "$@" || { cp ours.err why && result 1 "split $*" && return; }
	rm -rf stock
	mkdir stock
	"$stock" split -i "$1" -o stock/p "${@:2}" >/dev/null 2>&1
	[ "$(ls ours)" = "$(ls stock)" ] || { rc=1 && echo "pieces: $(echo ours/*) $(echo stock/*)" >why; }
	for p in stock/*; do
		"$stock" report -t "$p" >stock.txt 2>stock.err
		"$stock" report -t "ours/${p#*/}" >mine.txt 2>mine.err
		cmp -s stock.txt mine.txt && cmp -s stock.err mine.err && continue
		doubled stock.txt && ! doubled mine.txt && echo "# stock has an event twice: split $*" && continue
		rc=1
		diff -a stock.txt mine.txt >why
		cat mine.err >>why
	done
	result $rc "split $*: each piece as stock's"
}

# All pieces together are the file.
union() { # FILE ARGS...
	local rc=0
	pieces "$@" || { cp ours.err why && result 1 "split $*" && return; }
	: >why
	[ "$(find ours -type f | wc -l)" -gt 1 ] || { rc=1 && echo "only one piece" >why; }
	for tool in "$trace_cmd" "$stock"; do
		: >report.err
		events "$tool" "$1" >whole.txt
		events "$tool" ours/* >sum.txt
		[ -s whole.txt ] && cmp -s whole.txt sum.txt && ! [ -s report.err ] && continue
		rc=1
		{ echo "$tool" && cat report.err && diff -a whole.txt sum.txt; } >why
	done
	names "$1" >lines.txt
	[ -s lines.txt ] || { rc=1 && echo "no names of tasks" >>why; }
	for p in ours/*; do
		"$trace_cmd" dump --validate "$p" >/dev/null 2>>why || rc=1
		names "$p" | cmp -s - lines.txt && continue
		rc=1
		echo "$p has other names of tasks" >>why
	done
	result $rc "split $*: the pieces are the whole"
}

# Each event with its buffer's name in front: "top:" where there is none; sorted.
named() {
	awk '/ \[[0-9]+\] / {
		if ($1 !~ /:$/) $0 = "top: " $0
		$1 = $1
		print
	}' | sort
}

# Keep the events of the buffers FROM, which become TO: FROM=TO...
renamed() {
	awk -v map="$*" 'BEGIN { n = split(map, pairs); while (n) { split(pairs[n--], p, "="); to[p[1]] = p[2] } }
		$1 in to { $1 = to[$1]; print }' | sort
}

# The Nth time in the report that only one event has, to the ns: of several at the end stock takes one.
# Stock takes a time times 10^9 as a double and cuts it off: where that is 1 ns less, it is left out here.
time_of() { # FILE N
	"$stock" report -t "$1" 2>/dev/null | sed -n 's/.* \[[0-9]*\] *\([0-9]*\.[0-9]\{9\}\): .*/\1/p' | uniq -u |
		awk '{ ns = $1; sub(/\./, "", ns) } sprintf("%.0f", int($1 * 1e9)) == ns' | sed -n "$2p"
}

# The same near the Nth, from where on stock has no event twice.
start_at() { # FILE LINE
	local i at
	for ((i = 0; i < 10; i++)); do
		at=$(time_of "$1" $(($2 + 7 * i)))
		"$stock" split -i "$1" -o try "$at" >/dev/null 2>&1
		"$stock" report -t try.1 >try.txt 2>/dev/null
		doubled try.txt || break
	done
	echo "$at"
}

for f in v7 v6 lost lost6; do
	[ -s $f.dat ] || continue
	case $f in lost*)
		has_gaps $f.dat || {
			echo "# $f.dat has no losses, or few events: left out"
			continue
		}
		;;
	esac
	for words in "" "-e 1000" "-m 5" "-u 300" "-s 1" "-p 3" "-c -e 200" "-c -m 2" "-C 0" "-C 1 -e 50"; do
		# shellcheck disable=SC2086  # several words
		as_stock $f.dat $words
	done
	for words in "-r -e 3001" "-r -m 9" "-r -p 40" "-r -c -e 2500" "-r -c -m 11"; do
		# shellcheck disable=SC2086  # several words
		union $f.dat $words
		case $words in *-m*) continue ;; esac
		# shellcheck disable=SC2086  # several words
		as_stock $f.dat $words
	done
	a=$(start_at $f.dat 777) b=$(time_of $f.dat 4321)
	as_stock $f.dat "$a"
	as_stock $f.dat "$a" "$b"
	as_stock $f.dat "$b" "$b"
	as_stock $f.dat -e 100 "$a"
	as_stock $f.dat -p 2 "$a"
	as_stock $f.dat -C 1 -m 3 "$a" "$b"
	as_stock $f.dat "${a%???}" "${b%???}"
	as_stock $f.dat 1 2
	# The time of a piece begins with the start, on whatever CPU that is, or between two events.
	for cpu in 0 1; do
		a=$("$stock" report -t --cpu $cpu $f.dat 2>/dev/null | grep ' \[' | sed -n 300p | grep -oE '[0-9]+\.[0-9]{9}')
		[ -n "$a" ] || continue
		as_stock $f.dat -C $((1 - cpu)) -u 200 "$a"
		as_stock $f.dat -u 20 "${a%???}001"
	done
done

# Instances: stock leaves them out, so only the sum is compared.
for f in inst inst6; do
	[ -s $f.dat ] || continue
	union $f.dat -r -e 197
	union $f.dat -r -u 700
	union $f.dat -r -c -e 150
	union $f.dat -r -p 1
	"$trace_cmd" report -t $f.dat | nameless | named >whole.txt
	while IFS='|' read -r words kept; do
		# shellcheck disable=SC2086  # several words
		pieces $f.dat $words
		rc=$?
		"$trace_cmd" report -t ours/p.1 2>why | nameless | named >mine.txt
		# shellcheck disable=SC2086
		renamed $kept <whole.txt | diff -a - mine.txt >>why && [ $rc = 0 ]
		result $? "split $words $f.dat"
	done <<-'END'
		-B ra|ra:=ra:
		-B ra -B rbb|ra:=ra: rbb:=rbb:
		-B rbb -B ra|ra:=ra: rbb:=rbb:
		--top|top:=top:
		--top -B rbb|top:=top: rbb:=rbb:
		-B rbb -t|rbb:=top:
		-B rbb -t -B ra|rbb:=top: ra:=ra:
		--top -b was_top|top:=was_top:
		--top -b was_top -B rbb -t|top:=was_top: rbb:=top:
		-B rbb -b rc|rbb:=rc:
	END
done

# -r with an end, and -r alone.
a=$(time_of v6.dat 500) b=$(time_of v6.dat 5000)
pieces v6.dat -r -e 1000 "$a" "$b"
events "$trace_cmd" ours/* >sum.txt
pieces v6.dat "$a" "$b"
events "$trace_cmd" ours/* >whole.txt
[ -s whole.txt ] && cmp -s whole.txt sum.txt
result $? "-r with an end goes on to the end"
pieces v6.dat -r
events "$trace_cmd" ours/p.0001 | cmp -s - <(events "$trace_cmd" v6.dat)
result $? "-r alone is all of the file"

# Metadata and formats.
for o in --kallsyms --events --systems --printk --cmd-lines; do
	for f in v6.dat v7.dat; do
		pieces $f -e 10
		cmp -s <("$stock" dump $o -i $f | sed '/^\t\[Section/d') \
			<("$stock" dump $o -i ours/p.1 | sed '/^\t\[Section/d')
		result $? "a piece of $f has all of dump $o"
	done
done
for o in --uname --stat --version; do
	pieces v7.dat -e 10
	cmp -s <("$trace_cmd" report $o v7.dat | sed '/data recorded/,$d') \
		<("$trace_cmd" report $o ours/p.1 | sed '/data recorded/,$d')
	result $? "a piece has what report $o prints"
done
for words in "--compression none" "--compression zlib" "--file-version 6"; do
	# shellcheck disable=SC2086  # several words
	pieces v7.dat $words
	cmp -s <("$trace_cmd" report v7.dat) <("$trace_cmd" report ours/p.1)
	result $? "$words: the same events"
done

# Names.
cp v6.dat trace.dat
"$trace_cmd" split -e 5 >ours.txt && [ -s trace.dat.1 ] && grep -q '^trace.dat.1: 5 events' ours.txt
result $? "the names of input and pieces when none is given"
cp v6.dat in.1
"$trace_cmd" split -i in.1 -o in >ours.txt 2>ours.err
rc=$?
[ $rc = 1 ] && cmp -s in.1 v6.dat && grep -qF in.1 ours.err
result $? "the input is not overwritten by a piece"

# Damage.
size=$(stat -c %s v6.dat)
head -c $((size - 5000)) v6.dat >cut.dat
pieces cut.dat -r -e 3000
rc=$?
events "$trace_cmd" ours/* >sum.txt
[ $rc = 3 ] && grep -q 'offset 0x' ours.err && cmp -s sum.txt <(events "$trace_cmd" cut.dat)
result $? "a file that is cut: what is whole, the offset, and status 3"
off=$("$stock" dump --flyrecord -i v6.dat | awk '/of cpu 0/ { print $1 }')
cp v6.dat bad.dat
printf '\xff\xff' | dd of=bad.dat bs=1 seek=$((off + 4096 + 8)) conv=notrunc 2>/dev/null
pieces bad.dat -r -e 3000
rc=$?
printf -v hex '%#x' $((off + 4096))
[ $rc = 3 ] && [ "$(grep -c "offset $hex" ours.err)" = 1 ]
result $? "a page that is damaged: said once, with its offset, and status 3"
for tool in "$trace_cmd" "$stock"; do
	[ "$(events "$tool" ours/* | grep -c 'CPU:0 \[EVENTS DROPPED\]')" = 1 ]
	result $? "the loss is in the piece (${tool##*/})"
done

# Usage and other errors.
while read -r want words; do
	# shellcheck disable=SC2086  # several words
	"$trace_cmd" split $words >ours.txt 2>ours.err
	rc=$?
	[ $rc = "$want" ] && [ ! -s ours.txt ] && [ -s ours.err ]
	result $? "status $want: split $words"
done <<-'END'
	1 -i nosuch.dat
	1 -i log
	1 -i v6.dat -o nosuch/dir/p
	2 -i v6.dat -e 1 -m 1
	2 -i v6.dat -e 0
	2 -i v6.dat -e x
	2 -i v6.dat x
	2 -i v6.dat 1 x
	2 -i v6.dat 1.
	2 -i v6.dat 2 1
	2 -i v6.dat 1 2 3
	2 -i v6.dat -C 99999
	2 -i v6.dat -B nosuch
	2 -i v6.dat -b name
	2 -i v6.dat --file-version 5
	2 -i v6.dat --compression nosuch
END

echo "1..$n"
[ $failed = 0 ]
