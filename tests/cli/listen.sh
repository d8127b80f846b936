#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# listen.sh - clients of all generations over the network, good ones and bad ones
# shellcheck disable=SC2016  # awk's $
# shellcheck source=tests/cli/virt_server.lib
. "$(dirname "$0")/virt_server.lib"
need_stock

if [ -n "${HELPERS:-}" ] && [ -x "$HELPERS/netpeer" ]; then
	netpeer=$HELPERS/netpeer
else
	netpeer=$top/netpeer
	${CC:-cc} -O1 -D_GNU_SOURCE -o "$netpeer" "$(dirname "$0")/netpeer.c" || exit 1
fi

# start OPTION...: listens at a free port, which is $port
start() {
	: >"$top/log"
	"$TRACE_CMD" listen -p 0 --bind 127.0.0.1 -d "$out" -l "$top/log" "$@" >"$top/said" 2>"$top/errors" &
	server=$!
	until_true grep -q ' listens on ' "$top/log" || {
		cat "$top/errors"
		not_ok "the server starts"
		exit 1
	}
	port=$(sed -n 's/.* listens on TCP port \([0-9]*\).*/\1/p' "$top/log")
}

# peer WORD...: a script of netpeer.c
peer() {
	"$netpeer" "127.0.0.1:$port" "$@" >"$top/peer" 2>&1
}

# version FILE: 6 or 7
version() {
	dd if="$1" bs=1 skip=10 count=1 status=none
}

# lost FILE: how many times the stock report says that events were lost
lost() {
	"$STOCK" report -i "$1" 2>/dev/null | grep -c 'EVENTS DROPPED'
}

# column CPU N: of the table, where "4.0 KiB" are two
column() {
	awk -v c="$1" -v n="$2" '$1 == c { print $n }' "$top/said"
}

# Every generation, UDP and TCP.
for gen in v1 v2a v2 v3; do
	for how in udp tcp; do
		start --once
		case $gen in
		v1) end=(end) ;;
		*) end=(close end) ;;
		esac
		peer $gen tinit 2 4096 $how meta 2 data 0 3 data 1 2 "${end[@]}"
		check "$gen over $how: the client is content" is "$? $(cat "$top/peer")" "0 "
		wait_server
		check "$gen over $how: status" is "$status" 0
		check "$gen over $how: every event" is "$(events "$(the_file)")" 500
		check "$gen over $how: version 6" is "$(version "$(the_file)")" 6
		check "$gen over $how: the table" is "$(column all 2)" 500
		check "$gen over $how: nothing else is left" is "$(find "$out" -type f | wc -l)" 1
		rm -f "$out"/*
	done
done

# Names.
start -o net
peer v3 tinit 1 4096 tcp meta 1 data 0 1 close eof
saved 1
name=$(basename "$(the_file)")
check "-o NAME, the client's name and its port: $name" \
	grep -qE '^net\.(localhost|[A-Za-z0-9_.+@-]+|127\.0\.0\.1):[0-9]+\.dat$' <<<"$name"
check "the log says client" grep -q "client .*: recording" "$top/log"
check "the log has the table" grep -q 'all  *100 ' "$top/log"
stop_server
rm -f "$out"/*

# A head of version 7, which another run makes; the file has the client's version, or ours.
start --once --file-version 7
peer v3 tinit 2 4096 udp meta 2 close eof
wait_server
cp "$(the_file)" "$top/seven"
rm -f "$out"/*
check "--file-version 7" is "$(version "$top/seven")" 7
start --once
peer v3 tinit 2 4096 tcp metafile "$top/seven" data 1 4 close eof
wait_server
check "metadata of version 7: every event" is "$(events "$(the_file)")" 400
check "metadata of version 7: the file is too" is "$(version "$(the_file)")" 7
rm -f "$out"/*
start --once --file-version 6
peer v3 tinit 2 4096 tcp metafile "$top/seven" data 1 4 close eof
wait_server
check "metadata of version 7 as version 6: every event" is "$(events "$(the_file)")" 400
check "metadata of version 7 as version 6: version" is "$(version "$(the_file)")" 6
rm -f "$out"/*

# Compression: a name makes every file version 7, "any" packs those that are.
for how in zlib any; do
	start --once --compression $how
	peer v2 tinit 2 4096 tcp meta 2 data 1 4 close eof
	wait_server
	check "--compression $how, a client of version 6: every event" \
		is "$status $(own_events "$(the_file)")" "0 400"
	case $how in
	zlib) check "zlib: the file is version 7, and packed" sh -c "head -c 64 '$(the_file)' | grep -aq zlib" ;;
	any) check "any: the file stays version 6" is "$(version "$(the_file)")" 6 ;;
	esac
	rm -f "$out"/*
done
start --once --compression any
peer v3 tinit 2 4096 tcp metafile "$top/seven" data 1 4 close eof
wait_server
check "--compression any, a client of version 7: every event" is "$status $(events "$(the_file)")" "0 400"
check "any: the file is packed" sh -c "head -c 64 '$(the_file)' | grep -aqE 'zstd|zlib'"
rm -f "$out"/*

# The defect of the released client when it speaks V1: no cmdlines.
start --once --protocol 1
peer v1 tinit 1 4096 tcp shortmeta data 0 2 end
wait_server
check "V1 without cmdlines: the file is good all the same" is "$(events "$(the_file)")" 200
rm -f "$out"/*

# Losses on the way.
start --once
peer v3 tinitx 2 4096 udp 15 7 meta 2 data 0 3 lose 0 2 data 0 1 swap 0 twice 0 data 0 1 data 1 1 lose 1 2 \
	closex expect CLOSE eof
check "UDP with numbers: totals, tail and numbers are granted" grep -q 'granted b' "$top/peer"
wait_server
check "UDP with numbers: the pages that came in order" is "$(column 0 2)" 700
check "UDP with numbers: two are lost, and one that was late" is "$(column 0 6)" 3
check "UDP with numbers: the last two of CPU 1" is "$(column 1 6)" 2
check "UDP with numbers: status" is "$status" 3
check "UDP with numbers: each hole is in the report" is "$(lost "$(the_file)")" 2
rm -f "$out"/*

start --once
peer v3 tinitx 1 4096 udp 8 7 meta 1 data 0 1 lose 0 5 data 0 1 end
wait_server
check "a client that is gone: losses are known by the numbers" is "$(column 0 6)" 5
rm -f "$out"/*

start --once
peer v2 tinit 1 4096 udp meta 1 data 0 2 odd 0 100 odd 0 5000 data 0 1 close eof
wait_server
check "datagrams that are no page: left out, and counted" is "$(column 0 2) $(column 0 6)" "300 2"
check "datagrams that are no page: status" is "$status" 3
check "datagrams that are no page: the report says where" is "$(lost "$(the_file)")" 1
rm -f "$out"/*

start --once
peer v3 tinitx 2 4096 tcp 15 9 meta 2 data 0 5 data 1 5 closex expect CLOSE eof
check "TCP with the extension: marks, no numbers" grep -q 'granted 7' "$top/peer"
wait_server
check "TCP with the extension: whole" is "$status $(column all 2)" "0 1000"
rm -f "$out"/*

# Others may not send.
start --once
peer v3 tinit 1 4096 tcp meta 1 from 127.0.0.2 connect 0 sleep 200 close eof
check "a data connection of another host is refused" grep -q 'a connection from 127.0.0.2 is refused' "$top/log"
wait_server
rm -f "$out"/*
start --once
peer v3 tinit 1 4096 udp meta 1 from 127.0.0.2 data 0 3 sleep 200 close eof
wait_server
check "datagrams of another host are dropped" is "$(column all 2)" 0
rm -f "$out"/*

# Two at a time, then the server stops: one in the middle of its metadata, V1 in the middle of data.
start
mkfifo "$top/hold"
"$netpeer" "127.0.0.1:$port" v1 tinit 1 4096 tcp meta 1 data 0 2 say ready hold <"$top/hold" >"$top/one" 2>&1 &
one=$!
"$netpeer" "127.0.0.1:$port" v3 tinit 1 4096 tcp say ready hold <"$top/hold" >"$top/two" 2>&1 &
two=$!
exec 9>"$top/hold"
until_true grep -q ready "$top/one"
until_true grep -q ready "$top/two"
sleep 0.2
stop_server
exec 9>&-
wait $one $two
check "SIGTERM: what V1 had sent is saved" is "$(events "$(the_file)")" 200
check "SIGTERM: without metadata there is no file" is "$(find "$out" -type f | wc -l)" 1
rm -f "$out"/* "$top/hold"

# One that understands it is asked to end.
start
: >"$top/peer"
"$netpeer" "127.0.0.1:$port" v3 tinitx 1 4096 tcp 7 3 meta 1 data 0 2 say ready expect CLOSE data 0 1 closex \
	expect CLOSE eof >"$top/peer" 2>&1 &
g=$!
until_true grep -q ready "$top/peer"
logged 'ready -> recording'
stop_server
wait $g
check "SIGTERM: a client with the extension may end in order" is "$?" 0
check "SIGTERM: then the recording is whole" is "$status $(events "$(the_file)")" "0 300"
rm -f "$out"/*

# Killed; the next start makes the file.
start
: >"$top/peer"
"$netpeer" "127.0.0.1:$port" v3 tinit 2 4096 tcp meta 2 data 0 3 data 1 1 say ready eof >"$top/peer" 2>&1 &
g=$!
until_true grep -q ready "$top/peer"
until_true sh -c "[ \$(du -k '$out'/*.data | cut -f 1) -ge 16 ]"
kill -KILL "$server"
wait_server
wait $g
start
check "kill -9: restored by the next start" saved 1
check "kill -9: every event" is "$(events "$(the_file)")" 400
stop_server
rm -f "$out"/*

# Bad ones: refused in their own words, and closed; nothing is left on the disk.
start --timeout 1
# bad NAME LOG WORD...: the script is content, the log says why
bad() {
	local name=$1 text=$2
	shift 2
	peer "$@"
	check "$name: closed, or told" is "$? $(grep -v granted "$top/peer")" "0 "
	check "$name: the log says why" logged "$text"
}
bad "a wrong magic" "" v1 hex 2d31563300 sleep 100 hex 3736363637380000 eof
bad "endless text" "" v1 text 20000 eof
bad "no greeting" "no whole greeting came" v1 eof
bad "a slow greeting" "no whole greeting came" v1 slow 100 2d31563300373636363739003030303030303030 eof
bad "V3: not TINIT first" "SENDMETA" v3 hex 0000000c000000030000000000 expect REFUSED eof
bad "V3: silence instead of TINIT" "" v3 eof
bad "V3: a huge frame" "" v3 hex 7fffffff0000000100000000 expect REFUSED eof
bad "V3: 300 CPUs" "" v3 hex 00000018000000010000000c0000012c0000100000000000 expect REFUSED eof
bad "V3: pages that no datagram takes" "use TCP" v3 hex 00000018000000010000000c000000010001000000000000 expect REFUSED eof
bad "V2: not TINIT first" "" v2 hex 0000000800000007 expect REFUSED eof
bad "V2: pages of no size" "" v2 hex 000000140000000400000002000000000000000000 expect REFUSED eof
bad "V3: metadata without end" "bytes of metadata" v3 tinit 1 4096 udp flood 4000 expect REFUSED eof
bad "V3: metadata that are none" "bad metadata" v3 tinit 1 4096 udp metafile "$top/said" expect REFUSED eof
bad "V3: metadata of another number of CPUs" "TINIT said" v3 tinit 2 4096 udp meta 1 expect REFUSED eof
bad "V3: metadata stop" "further metadata" v3 tinit 1 4096 udp hex 0000001400000003000000000102030405060708 expect REFUSED eof
bad "V1: rubbish instead of metadata" "bad metadata" v1 tinit 1 4096 tcp hex 6162636465 end
bad "V1: TINIT and no more" "" v1 tinit 1 4096 udp end
check "bad ones leave nothing behind" until_true sh -c "[ -z \"\$(ls '$out')\" ]"
peer v3 tinit 1 4096 tcp meta 1 data 0 1 close eof
check "and then a good one is served" saved 1
stop_server
rm -f "$out"/*

# Limits.
start
peer v1 conns 100
check "connections of one host are limited" grep -qx 'open 31' "$top/peer"
check "and the log says so" grep -q 'connections refused: 127.0.0.1 has 32 already' "$top/log"
stop_server
start --allow 192.0.2.0/24 --allow 2001:db8::/32
peer eof
check "--allow: others are closed without a word" is $? 0
check "--allow: and logged" grep -q '127.0.0.1 is not allowed to connect' "$top/log"
stop_server
start --once --allow 127.0.0.0/8 --max-size 8K
peer v3 tinit 1 4096 tcp meta 1 data 0 10 close eof
wait_server
check "--allow: these are served; --max-size: 8 of 10 pages are over it" is "$(column 0 2) $(column 0 7)" "200 8"
rm -f "$out"/*
start --max-cpus 1
peer v2 hex 0000001400000004000000020000100000000000 expect REFUSED eof
check "--max-cpus: refused" logged 'the client has 2 CPUs; the server takes 1'
stop_server
start --notimeout --once
peer v1 sleep 6000 tinit 1 4096 tcp meta 1 data 0 1 end
wait_server
check "--notimeout: a silent one is waited for" is "$(events "$(the_file)")" 100
rm -f "$out"/*

# The command line.
usage() {
	local text=$1
	shift
	"$TRACE_CMD" listen "$@" >"$top/said" 2>&1
	check "listen $*: usage" is "$? $(grep -c -- "$text" "$top/said")" "2 1"
}
usage 'which port'
usage 'no port' -p 70000
usage '1 to 3' -p 1 --protocol 4
usage 'no address' -p 1 --allow somewhere
usage 'not for vsock' -V -p 1 --allow 127.0.0.1
"$TRACE_CMD" listen -p 0 -d "$out" -o a/b >"$top/said" 2>&1
check "-o with a path: -d is for that" grep -q 'try: give the directory with -d' "$top/said"
"$TRACE_CMD" listen -p 0 -D -d "$out" -l "$top/log2" --once >"$top/said" 2>"$top/errors"
check "-D: returns when it serves" is $? 0
check "to all the world: it says so" grep -q 'anyone who reaches port [0-9]* may write' "$top/errors"
server=$(sed 's/.*pid //' "$top/said")
port=$(sed -n 's/.* listens on TCP port \([0-9]*\).*/\1/p' "$top/log2")
peer v3 tinit 1 4096 tcp meta 1 data 0 1 close eof
saved 1
check "-D: serves" is "$(events "$(the_file)")" 100
until_true sh -c "! kill -0 $server"
server=
finish
