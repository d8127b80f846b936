#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# convert.sh - files of either version and every compression to any other
#
# The judge is report, ours and the stock one: its text must not change. What is converted is a
# recording of this kernel where it can be made, and files of other machines and a sparse one of
# more than 4 GiB, which dat_make makes. TAP on stdout.

set -uo pipefail
trace_cmd=$(realpath "${TRACE_CMD:-./trace-cmd}")
helpers=$(realpath "${HELPERS:-build/tests/helpers}")
stock=${STOCK:-/usr/bin/trace-cmd}
lock=${TRACEFS_LOCK:-/tmp/tracefs.lock}
n=0 failed=0
[ -x "$stock" ] || { echo "# $stock is not installed: our report alone is the judge"; stock=; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
		sed 's/^/# /' err 2>/dev/null | head -n 5
	fi
}

skipped() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

ours() { "$trace_cmd" report "$@" 2>err; }
stocks() { LC_ALL=C "$stock" report "$@" 2>/dev/null; }

# Where the data are, and how many bytes they take there, may change.
text() {
	"$@" | grep -vE 'data recorded at offset|bytes in size'
}

# The text of both reports of $2, and what they say of its options, are those of $1. $3: stock cannot.
same_report() {
	local o
	for o in -t --uname --stat; do
		cmp -s <(text ours $o "$1") <(text ours $o "$2") || return 1
		[ -z "$stock" ] || [ -n "${3:-}" ] && continue
		cmp -s <(text stocks $o "$1") <(text stocks $o "$2") || return 1
	done
	[ -n "$(ours -t "$2")" ]
}

# The stock tool of Debian has no zlib.
stock_cannot() {
	[[ $1 != *zlib ]] || echo zlib
}

# NAME FILE [no]: to each kind of file; "no": stock cannot read this machine's.
all_ways() {
	local name=$1 from=$2 not=${3:-} a
	while read -r a; do
		# shellcheck disable=SC2086  # several words
		"$trace_cmd" convert $a -i "$from" -o "${a##* }.$name" 2>err &&
			"$helpers/dat_check" "${a##* }.$name" >err &&
			same_report "$from" "${a##* }.$name" "${not:-$(stock_cannot "$a")}"
		result $? "$name: $a"
	done <ways
}

# NAME FILE: and from each kind of file back to each.
all_pairs() {
	local name=$1 a b
	all_ways "$@"
	while read -r a; do
		while read -r b; do
			# shellcheck disable=SC2086
			"$trace_cmd" convert $b -i "${a##* }.$name" b.dat 2>err &&
				cmp b.dat "${b##* }.$name" 2>err
			result $? "$name: $a, then $b"
		done <ways
	done <ways
}
cat >ways <<-'END'
	--file-version 6
	--compression none
	--compression zlib
	--compression zstd
END

# --- a recording of this kernel

record() {
	flock -w 120 "$lock" timeout -k 5 60 "$trace_cmd" record -q "$@" >err 2>&1
}
if record -o real.dat -e sched -e irq -B convert-b -e timer ls -l /usr/lib; then
	all_pairs real real.dat
	[ "$(stat -c %s real.dat)" -gt 200000 ] &&
		"$trace_cmd" convert -i real.dat -o small.dat &&
		[ $(($(stat -c %s small.dat) * 3)) -lt "$(stat -c %s real.dat)" ]
	result $? "the default is compressed"
	for z in zstd zlib any none; do
		record -o $z.dat --compression $z -e sched ls / && "$helpers/dat_check" $z.dat >err &&
			ours $z.dat | grep sched_switch >/dev/null &&
			grep -aq "${z/any/zstd}" <(head -c 30 $z.dat)
		result $? "record --compression $z"
	done
	record -o x.dat --file-version 6 --compression zstd -e sched ls /
	[ $? = 2 ] && [ ! -e x.dat ]
	result $? "record: version 6 is not compressed"
else
	skipped "a recording of this kernel" "record: $(tail -n 1 err)"
fi

# --- other machines

for m in be64 le32 be32; do
	"$helpers/dat_make" $m $m.dat
	ours $m.dat >text
	[ "$(grep -c 'tick: *seq=' text)" = 300 ] && grep -q 'seq=100000' text && grep -q 'seq=200149' text
	result $? "$m: read"
	"$trace_cmd" convert -i $m.dat -o a.dat && "$trace_cmd" convert --file-version 6 -i a.dat -o b.dat &&
		cmp b.dat $m.dat
	result $? "$m: there and back, the same bytes"
done
all_pairs be64 be64.dat
all_ways be32 be32.dat no
"$helpers/dat_make" latency latency.dat
ours latency.dat | grep 'tracer: wakeup' >/dev/null
result $? "the text of a latency tracer"
all_ways latency latency.dat

# --- more than 4 GiB

if "$helpers/dat_make" sparse sparse.dat && [ "$(du -k sparse.dat | cut -f1)" -lt 1000 ]; then
	[ "$(ours sparse.dat | grep -c seq=)" = 18 ]
	result $? "sparse: both pages are read"
	[ -z "$stock" ] || cmp -s <(ours sparse.dat) <(stocks sparse.dat)
	result $? "sparse: as stock does"
	for a in "--file-version 6" "--compression none" "--compression zstd"; do
		# shellcheck disable=SC2086
		"$trace_cmd" convert $a -i sparse.dat -o a.dat && same_report sparse.dat a.dat &&
			[ "$(stat -c %s a.dat)" -lt 100000 ]
		result $? "sparse: $a"
	done
	"$helpers/dat_check" sparse.dat >err && "$trace_cmd" convert -i sparse.dat -o sparse.dat &&
		[ "$(ours sparse.dat | grep -c seq=)" = 18 ]
	result $? "sparse: in its place"
else
	skipped "sparse" "a file of 5 GiB with holes cannot be made here"
fi
rm -f sparse.dat

# --- the output's name

"$helpers/dat_make" le32 in.dat
cp in.dat same.dat
chmod 640 same.dat
ln -s same.dat link.dat
"$trace_cmd" convert -i same.dat -o same.dat && [ "$(stat -c %a same.dat)" = 640 ] &&
	same_report in.dat same.dat
result $? "the input may be the output, and keeps its mode"
"$trace_cmd" convert --compression none -i same.dat -o link.dat && [ -L link.dat ] &&
	head -c 30 same.dat | grep -a none >/dev/null
result $? "a link's target is replaced"
cp in.dat trace.dat
"$trace_cmd" convert word.dat && same_report in.dat word.dat
result $? "trace.dat is the default, and the output may be a word"
"$trace_cmd" convert -i in.dat -o /dev/null 2>err
[ $? = 1 ] && [ -c /dev/null ]
result $? "no device is replaced"

# --- damage

fails() { # STATUS TEXT NAME ARGS...
	local want=$1 text=$2 name=$3 rc
	shift 3
	"$trace_cmd" convert "$@" 2>err >/dev/null
	rc=$?
	[ $rc = "$want" ] && grep -q -- "$text" err
	result $? "$name"
}
size=$(stat -c %s in.dat)
head -c $((size - 5000)) in.dat >cut.dat
cp cut.dat before.dat
fails 1 "missing.*offset 0x\|offset 0x.*missing" "a cut file is refused" -i cut.dat -o out.dat
[ ! -e out.dat ]
result $? "and nothing is written"
fails 3 "offset 0x" "--force takes what is whole" --force -i cut.dat -o out.dat
[ -n "$(ours out.dat)" ] && cmp -s <(ours out.dat) <(ours cut.dat)
result $? "which is what report reads"
fails 1 "give the output another name" "a damaged file is not replaced" --force -i cut.dat -o cut.dat
cmp -s cut.dat before.dat
result $? "and stays as it is"
"$trace_cmd" convert -i in.dat -o z.dat
head -c 100 z.dat >short.dat
fails 1 "offset 0x" "metadata that are cut" --force -i short.dat -o out2.dat
head -c 9 z.dat >short.dat
fails 1 "no trace.dat" "no trace.dat" -i short.dat -o out2.dat
fails 1 nosuch.dat "no file" -i nosuch.dat -o out2.dat
fails 1 "cannot write" "no directory" -i in.dat -o nosuch/out.dat
[ ! -e out2.dat ]
result $? "no output"

# --- usage

fails 2 "lz4" "unknown compression" --compression lz4 -i in.dat -o u.dat
fails 2 "file-version 7" "version 6 compressed" --compression zstd --file-version 6 -i in.dat -o u.dat
fails 2 "6 or 7" "version 5" --file-version 5 -i in.dat -o u.dat
fails 2 "which file" "no output" -i in.dat
fails 2 "too many" "two outputs" -i in.dat -o u.dat v.dat
[ ! -e u.dat ] && [ ! -e v.dat ] && ! ls ./*.tmp 2>/dev/null
result $? "nothing is left"

echo "1..$n"
[ $failed = 0 ]
