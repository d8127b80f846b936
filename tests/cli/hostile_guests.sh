#!/bin/bash
# hostile_guests.sh - guests that break every rule: the answer, the others' service, the memory.
# shellcheck source=tests/cli/virt_server.lib
. "$(dirname "$0")/virt_server.lib"
need_stock

d=$dir/bad
make_domain bad 2
make_domain good 1
make_domain '-odd+name@1' 1
mkdir -m 755 "$dir/a name"
mkdir -m 755 "$dir/.."$'\n'"x" 2>/dev/null
start_server --timeout 1 --max-meta 1M

hello='tconnect expect RCONNECT'

# refuses NAME TEXT WORD...: the guest is answered ERROR with TEXT in the reason
refuses() {
	local name=$1 text=$2
	shift 2
	check "$name" guest bad "$@" "expect" "ERROR:$text"
}

refuses "wrong magic: a V1 client is recognised" 'legacy text protocol' hex 3200343039360030 hex 00
refuses "wrong magic: a V3 client is recognised" 'V3' hex 2d3156330000000000
refuses "wrong magic: rubbish" 'said its message has 3735928559 bytes' hex deadbeefdeadbeef
refuses "size 0" 'said its message has 0 bytes; 8..8192' hex 0000000000000002
refuses "size 4 GiB" '4294967295 bytes' hex ffffffff00000002
refuses "command 99" 'command 99' hex 0000000800000063
refuses "TINIT before TCONNECT" 'sent TINIT while TCONNECT' tinit 1 4096
# shellcheck disable=SC2086
{
refuses "metadata before TINIT" 'sent SENDMETA while TINIT' $hello meta 1
refuses "FINMETA before TINIT" 'sent FINMETA while TINIT' $hello finmeta
refuses "0 CPUs" '0 CPUs' $hello hex 0000001400000004000000000000100000000000
refuses "4 billion CPUs" '4294967295 CPUs' $hello hex 0000001400000004ffffffff0000100000000000
refuses "a page of 3 bytes" 'pages of 3 bytes' $hello hex 0000001400000004000000010000000300000000
refuses "TINIT twice" 'sent TINIT while SENDMETA' $hello tinit 2 4096 expect RINIT tinit 2 4096
refuses "options that are not there" 'options' $hello hex 00000014000000040000000100001000ffffffff
refuses "no metadata at all" 'no metadata' $hello tinit 2 4096 expect RINIT finmeta
refuses "metadata that are rubbish" 'bad metadata: offset 0' $hello tinit 2 4096 expect RINIT flood 1 finmeta
refuses "metadata of another machine" 'metadata are of 1 CPUs, TINIT said 2' $hello tinit 2 4096 expect RINIT metax 1
refuses "metadata with another page size" 'pages of 4096 bytes, TINIT said 8192' $hello tinit 2 8192 expect RINIT meta 2
refuses "metadata without end" 'more than 1048576 bytes of metadata' $hello tinit 2 4096 expect RINIT flood 1000000
refuses "a client that says nothing after TCONNECT" 'no TINIT came in 1.0 s' $hello
refuses "a client that stops in its metadata" 'no further metadata came' $hello tinit 2 4096 expect RINIT
refuses "one byte a quarter of a second" 'bytes of a message came in 1.0 s' slow 250 00000008000000
refuses "one byte at a time in a body" 'TINIT came in 1.0 s' $hello slow 120 0000001400000004000000010000
refuses "totals of other CPUs than TINIT's" 'totals of 1 CPUs, after TINIT with 2' $hello tinitx 2 4096 7 1 \
	expect RINIT metax 2 hex 0000002800000001 hex 00000001 hex 00000000000000000000000000000000000000000000000000000000
refuses "metadata again, when that was not agreed on" 'not agreed on' $hello tinit 2 4096 expect RINIT meta 2 tail

check "after a fault the connection is good for the next recording" \
	guest bad hex deadbeefdeadbeef expect ERROR hex 0102030405 $hello tinitx 2 4096 7 2 expect RINIT metax 2 \
	data "$d" 0 1 closex
until_true sh -c "ls '$out'/trace.bad.*.dat | wc -l | grep -qv '^0\$'"
# shellcheck disable=SC2046  # words are wanted
check "after 16 faults it is closed" guest bad $(for _ in $(seq 16); do echo tconnect expect RCONNECT hex ffffffffffffffff expect ERROR; done) eof
check "CLOSE before the metadata: no answer, and a new beginning" guest bad $hello tinit 2 4096 expect RINIT close $hello
}

# A name with a way out of the directory: the connection is closed, and nothing is made anywhere.
check "a domain called ../x is refused" sh -c "! '$hostile' '$dir/agent-ctl-path' -name 'guest=../x' $hello 2>/dev/null"
check "a domain called ../x: the log says why" logged "'../x'"
check "a domain called ../x: no file is made of it" is "$(find "$top" -name 'trace*x*' | wc -l)" 0
check "a good name on the same socket is taken" \
	"$hostile" "$dir/agent-ctl-path" -name guest=good tconnect expect RCONNECT
check "no file is left of all those" sh -c "until [ -z \"\$(find '$out' -name '*.meta')\" ]; do sleep 0.1; done"

# What the guest may not do to others: here one holds its connection half a message long, floods its
# channels, and opens connections, while another one records.
"$hostile" "$dir/bad/agent-ctl-path" junk "$d" 0 50000000 junk "$d" 1 50000000 >"$top/junk" 2>&1 &
j=$!
guest bad conns 1000 sleep 2500 >"$top/conns" 2>&1 &
c=$!
"$hostile" "$dir/agent-ctl-path" conns 1000 sleep 2500 >"$top/shared" 2>&1 &
s=$!
sleep 0.7
rm -f "$out"/*
check "a good guest is served meanwhile" guest good tconnect expect RCONNECT tinitx 1 4096 7 3 expect RINIT metax 1 \
	data "$dir/good" 0 50 closex
saved 1
check "and its recording is whole" is "$(events "$(find "$out" -name 'trace.good.*.dat')")" 5000
wait $c $s $j
check "1,000 connections of one guest: a few stay" grep -qxE 'open 1[345]' "$top/conns"
check "1,000 connections to the shared socket: a few stay" grep -qx 'open 15' "$top/shared"
check "they are logged once a second, not a thousand times" \
	sh -c "[ \$(grep -c 'connections refused' '$top/log') -le 12 ]"
check "a domain with an odd name is served" guest -odd+name@1 tconnect expect RCONNECT
check "a directory whose name cannot be a domain's is not" test ! -e "$dir/a name/agent-ctl-path"

# A session of the largest kind: 256 CPUs, a metadata flood, pages.
peak=$(awk '/VmHWM/ { print $2 }' "/proc/$server/status")
case $("$TRACE_CMD" --version 2>/dev/null; nm "$TRACE_CMD" 2>/dev/null | grep -c __asan) in
*[1-9]) echo "# built with AddressSanitizer: its memory is not measured" ;;
*) check "the server stayed under 64 MiB resident (peak $peak KiB)" test "$peak" -lt 65536 ;;
esac
before=$(find "/proc/$server/fd" | wc -l)
for i in 1 2 3 4 5; do
	guest good tconnect expect RCONNECT tinitx 1 4096 7 "$i" expect RINIT metax 1 data "$dir/good" 0 1 closex
done
saved 6
until_true sh -c "[ \$(find /proc/$server/fd | wc -l) -le $before ]"
check "no descriptor leaks from recording to recording" test "$(find "/proc/$server/fd" | wc -l)" -le "$before"
stop_server
finish
