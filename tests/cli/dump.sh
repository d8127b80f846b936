#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# dump.sh - our dump against the stock one, byte for byte; and damaged files
#
# Files are recorded by stock in both versions, compressed and not, and with instances; files with
# the text of a latency tracer and with every option that there is are made of these. TAP on stdout;
# 77 where there is nothing to record with.

# shellcheck source=tests/cli/stock.lib
. "$(dirname "$0")/stock.lib"

load='ls -lR /etc >/dev/null 2>&1; sleep 0.05'
ev=(-e sched -e raw_syscalls)
record "" v7.dat "${ev[@]}" sh -c "$load" || skip "the stock trace-cmd cannot record here: $(tail -n 1 log)"
record "" v6.dat --file-version 6 --date "${ev[@]}" sh -c "$load"
record "" none.dat --compression none -C mono "${ev[@]}" -e irq sh -c "$load"
record "ra rbb" inst.dat -e sched -B ra -e irq -B rbb "${ev[@]}" sh -c "$load"
record "ra" inst6.dat --file-version 6 "${ev[@]}" -B ra -e irq sh -c "$load"

# le BYTES NUMBER: little endian, as printf wants it
le() {
	local v=$2 i
	for ((i = 0; i < $1; i++)); do
		printf '\\x%02x' $((v >> 8 * i & 255))
	done
}

# option ID TEXT, which is a format of printf
option() {
	local text=$2 size
	# shellcheck disable=SC2059  # a format it is
	size=$(printf "$text" | wc -c)
	# shellcheck disable=SC2059
	printf "$(le 2 "$1")$(le 4 "$size")$text"
}

# What stands before and behind the options of a file of version 6; the times of the options' samples.
at=$(grep -obUa -m 1 'options  ' v6.dat | head -n 1)
at=$((${at%%:*} + 10))
data=$(grep -obUa 'flyrecord' v6.dat | head -n 1)
data=${data%%:*}
samples="$(le 4 2)$(le 8 10)$(le 8 20)$(le 8 -5)$(le 8 7)$(le 8 1)$(le 8 2)"
{
	head -c $at v6.dat
	option 1 '0x660c55b5a4cab\0'
	option 6 'sched:a,b/sched:c,d\0'
	option 7 '1234\0'
	option 8 "$(le 4 2)"
	option 10 'c9 2 /bin/busybox\n400000 500000 /bin/busybox\n7ff0 7fff [stack]\n\0'
	option 12 "$(le 8 4660)$(le 4 1)$(le 4 2)$samples$samples$(le 8 3)$(le 8 4)$(le 8 3)$(le 8 4)"
	option 13 "guest\\0$(le 8 2748)$(le 4 2)$(le 4 0)$(le 4 100)$(le 4 1)$(le 4 -1)"
	option 14 "$(le 4 5)$(le 4 6)$(le 8 7)"
	option 24 'x:boot\0'
	option 77 'abc'
	tail -c +$((at + 1)) v6.dat
} >options.dat
{
	head -c "$data" v6.dat
	printf 'latency  \0# tracer: wakeup\n'
} >latency6.dat
"$trace_cmd" convert -i latency6.dat -o latency7.dat 2>/dev/null
"$trace_cmd" convert -i v6.dat -o ours.dat 2>/dev/null

# Stock forgets the last instance of version 6.
same() { # FILE WORDS...
	local rc
	"$stock" dump "${@:2}" -i "$1" >stock.txt 2>stock.err
	"$trace_cmd" dump "${@:2}" -i "$1" >ours.txt 2>ours.err
	rc=$?
	if [ "$1" = inst6.dat ]; then
		head -n "$(wc -l <stock.txt)" ours.txt >cut.txt
		case " $* " in *" --flyrecord "*" --clock "* | *" --all "*) cp stock.txt cut.txt ;; esac
		cp cut.txt ours.txt
	fi
	[ $rc = 0 ] && cmp -s stock.txt ours.txt
	rc=$?
	result $rc "dump $*"
	[ $rc = 0 ] || { diff -a stock.txt ours.txt; cat ours.err; } | head -n 8 | sed 's/^/# /'
}

for f in v7 v6 none inst inst6 options latency6 latency7 ours; do
	[ -s $f.dat ] || continue
	same $f.dat
	for o in summary head-page head-event ftrace-events systems events kallsyms printk cmd-lines \
		options flyrecord clock strings sections all; do
		same $f.dat --$o
	done
	same $f.dat --summary --systems
	same $f.dat --systems --events --head-page
	same $f.dat --flyrecord --clock
	same $f.dat --options --flyrecord --summary
	[ $f = options ] || same $f.dat --validate
	[ $f = options ] || same $f.dat -v
done
[ "$("$trace_cmd" dump --flyrecord inst6.dat | grep -c 'Flyrecord')" = 2 ]
result $? "all instances of version 6 are there"
"$trace_cmd" dump --summary v6.dat | cmp -s - <("$trace_cmd" dump --verbose=debug --summary -i v6.dat)
result $? "--verbose, and the file as a word"
cp v6.dat trace.dat
"$trace_cmd" dump >ours.txt && grep -q 'in file trace.dat:' ours.txt
result $? "trace.dat when no file is named"

# Damage: what is whole is printed, the error has the offset, and the status is 1.
head -c 100000 v6.dat >cut.dat
"$trace_cmd" dump cut.dat >ours.txt 2>ours.err
rc=$?
[ $rc = 1 ] && grep -q 'Events format' ours.txt && ! grep -q Kallsyms ours.txt && grep -q 'offset 0x' ours.err
result $? "a head that is cut, version 6"
size=$(stat -c %s inst.dat)
off=$("$stock" dump --sections -i inst.dat | awk '/"options"/ { print $4 }' | sed -n 2p)
head -c $((off + 20)) inst.dat >cut.dat
"$trace_cmd" dump --summary --options cut.dat >ours.txt 2>ours.err
rc=$?
[ $rc = 1 ] && grep -q 'Kallsyms, [1-9]' ours.txt && grep -q UNAME ours.txt && grep -q 'offset 0x' ours.err
result $? "a chain of options that is cut, version 7"
"$trace_cmd" dump --validate cut.dat >ours.txt 2>ours.err
rc=$?
[ $rc = 1 ] && [ ! -s ours.txt ] && grep -q 'offset 0x' ours.err
result $? "--validate of it"
head -c $((size - 100)) inst.dat >cut.dat
# The names of the sections stood last, and are gone.
cmp -s <("$trace_cmd" dump --kallsyms cut.dat 2>/dev/null | tail -n +2) \
	<("$trace_cmd" dump --kallsyms inst.dat | tail -n +2)
result $? "what is not damaged can be printed all the same"
data=$("$stock" dump --flyrecord -i v6.dat | awk '/of cpu/ && NF > 6 { print $1; exit }')
cp v6.dat bad.dat
printf '\xff\xff' | dd of=bad.dat bs=1 seek=$((data + 8)) conv=notrunc 2>/dev/null
"$trace_cmd" dump --validate bad.dat >ours.txt 2>ours.err
rc=$?
printf -v hex '%#x' "$data"
[ $rc = 1 ] && [ ! -s ours.txt ] && grep -q "offset $hex" ours.err
result $? "--validate of a file with a damaged page"
"$trace_cmd" dump v7.dat v6.dat >ours.txt 2>ours.err
rc=$?
[ $rc = 2 ] && [ ! -s ours.txt ] && grep -q v6.dat ours.err
result $? "two files"
for f in nosuch.dat log; do
	"$trace_cmd" dump $f >ours.txt 2>ours.err
	rc=$?
	[ $rc = 1 ] && [ ! -s ours.txt ] && grep -q $f ours.err
	result $? "no trace.dat: $f"
done
{
	head -c $((at)) v6.dat
	option 5 'a\033[31mred\0'
	tail -c +$((at + 1)) v6.dat
} >evil.dat
"$trace_cmd" dump --options evil.dat >ours.txt 2>&1
grep -qF 'a\x1b[31mred' ours.txt && ! grep -q $'\033' ours.txt
result $? "control characters are not printed"

echo "1..$n"
[ $failed = 0 ]
