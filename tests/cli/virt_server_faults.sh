#!/bin/bash
# virt_server_faults.sh - the host's side fails, is stopped, or is asked for too much.
# shellcheck disable=SC2016  # awk's $
# shellcheck source=tests/cli/virt_server.lib
. "$(dirname "$0")/virt_server.lib"
need_stock

d=$dir/web1
make_domain web1 2

# Stopped in the middle: the guest gets CLOSE and answers with its totals.
start_server
: >"$top/guest"
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 1 expect RINIT metax 2 data "$d" 0 3 say ready \
	expect CLOSE data "$d" 0 1 closex >"$top/guest" 2>&1 &
g=$!
until_true grep -q ready "$top/guest"
stop_server
wait $g
check "SIGTERM: the guest may end in order" is $? 0
check "SIGTERM: then the recording is whole" is "$status" 0
check "SIGTERM: the file has what was sent until the end" is "$(events "$(the_file)")" 400
rm -f "$out"/*

start_server
: >"$top/guest"
guest web1 tconnect expect RCONNECT tinit 2 4096 expect RINIT meta 2 data "$d" 0 3 say ready eof \
	>"$top/guest" 2>&1 &
g=$!
until_true grep -q ready "$top/guest"
sleep 0.2
kill -INT "$server"
wait_server
wait $g
check "SIGINT with an old peer: its file is made" is "$(events "$(the_file)")" 300
rm -f "$out"/*

# Where the regions of a recording of 2 CPUs begin in its .data, in MiB: see session/regions.c.
region0=1024
region1=$((1024 + (15 * 1024 - 1) / 2 * 1024))
cpu1_has() {
	[ "$(stat -c %s "$out"/*.data)" -ge $((region1 * 1048576 + $1)) ]
}

# Killed: restored by the next start, and by hand.
for how in start hand name; do
	start_server
	: >"$top/guest"
	guest web1 tconnect expect RCONNECT tinitx 2 4096 7 2 expect RINIT metax 2 \
		data "$d" 0 3 data "$d" 1 1 half "$d" 1 say ready eof >"$top/guest" 2>&1 &
	g=$!
	until_true grep -q ready "$top/guest"
	until_true cpu1_has 6144
	kill -KILL "$server"
	wait_server
	wait $g
	check "kill -9 ($how): the parts are there" is "$(find "$out" -name '*.meta' | wc -l)" 1
	case $how in
	start)
		start_server
		saved 1
		logged 'restored '
		check "the next start restores, and says so" grep -q 'restored .*400 events' "$top/log"
		stop_server
		;;
	hand)
		"$TRACE_CMD" restore "$out" >"$top/said"
		check "restore DIR: status 3, for the page in flight" is $? 3
		;;
	name)
		"$TRACE_CMD" restore "$out"/*.data >"$top/said" 2>&1
		check "restore FILE.data finds the rest" is $? 3
		;;
	esac
	check "kill -9 ($how): all whole pages are in the file" is "$(events "$(the_file)")" 400
	check "kill -9 ($how): nothing is left but the file" is "$(find "$out" -type f | wc -l)" 1
	rm -f "$out"/*
done

start_server
: >"$top/guest"
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 3 expect RINIT metax 2 data "$d" 0 1 say ready sleep 8000 \
	>"$top/guest" 2>&1 &
g=$!
check "a guest records" until_true grep -q ready "$top/guest"
ls -l "$out" >"$top/there"
"$TRACE_CMD" restore "$out" >"$top/said" 2>&1
grep -q 'running virt-server' "$top/said" || sed 's/^/# /' "$top/guest" "$top/there" "$top/said"
check "restore leaves what a live server writes" grep -q 'running virt-server' "$top/said"
kill $g
wait $g 2>/dev/null
saved 1
check "a control channel that ends: the file is made" is "$(events "$(the_file)")" 100
check "a second server on the same directory is refused" \
	sh -c "! '$TRACE_CMD' virt-server --dir '$dir' -o '$out' 2>'$top/second'"
check "and told the pid of the first" grep -q "with pid $server\$" "$top/second"
stop_server
rm -f "$out"/*

head -c 1000 /dev/urandom >"$out/trace.x.dat.meta"
"$TRACE_CMD" restore "$out" >"$top/said" 2>&1
check "metadata that are none: restore fails" is $? 1
check "metadata that are none: it says what is wrong" grep -q 'bad metadata.*offset' "$top/said"
check "metadata that are none: they are kept" test -s "$out/trace.x.dat.meta"
rm -f "$out"/*

# Stock's form of restore.
start_server
: >"$top/guest"
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 4 expect RINIT metax 2 data "$d" 0 2 data "$d" 1 2 say ready eof \
	>"$top/guest" 2>&1 &
g=$!
until_true grep -q ready "$top/guest"
until_true cpu1_has 8192
kill -KILL "$server"
wait_server
wait $g
cp "$out"/*.meta "$top/head"
dd if="$(echo "$out"/*.data)" of="$top/t.cpu0" bs=1M skip=$region0 count=8192 iflag=count_bytes status=none
dd if="$(echo "$out"/*.data)" of="$top/t.cpu1" bs=1M skip=$region1 count=8192 iflag=count_bytes status=none
"$TRACE_CMD" restore -i "$top/head" -o "$top/again.dat" "$top/t.cpu0" "$top/t.cpu1" >"$top/said"
check "restore -i HEAD -o FILE FILE.cpuN...: status" is $? 0
check "restore -i HEAD -o FILE FILE.cpuN...: every event" is "$(events "$top/again.dat")" 400
"$TRACE_CMD" restore -i "$top/head" -o "$top/again.dat" "$top/t.cpu0" 2>"$top/said"
check "restore does not replace a file" grep -q 'there already' "$top/said"
rm -f "$out"/*

# Directories that somebody else could have laid.
chmod 777 "$dir"
"$TRACE_CMD" virt-server --dir "$dir" -o "$out" 2>"$top/said"
check "a directory that others can write: refused" is $? 1
check "a directory that others can write: named" grep -q "$dir" "$top/said"
chmod 755 "$dir"
ln -s "$dir" "$top/link"
"$TRACE_CMD" virt-server --dir "$top/link" -o "$out" 2>"$top/said"
check "a link to a directory: refused" is $? 1
make_domain open 1
chmod 777 "$dir/open"
start_server
logged "$dir/open"
check "a domain's directory that others can write is not served" test ! -e "$dir/open/agent-ctl-path"
guest web1 tconnect expect RCONNECT tinit 4 4096 "expect" \
	"ERROR:the guest has 4 CPUs, but $dir/web1 has data channels for 2; try: run 'trace-cmd setup-guest web1 -c 4'" \
	>"$top/guest" 2>&1
check "fewer FIFOs than CPUs: the guest is told what to type on the host" is $? 0
stop_server
rm -rf "$dir/open"

# Limits.
start_server --once --max-size 8K
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 5 expect RINIT metax 2 data "$d" 0 300 closex
wait_server
check "--max-size: the rest is taken, not kept" is "$(events "$(the_file)")" 200
check "--max-size: and counted" awk '$1 == "0" && $7 == 298 { ok = 1 } END { exit !ok }' "$top/said"
check "--max-size: status 3" is "$status" 3
rm -f "$out"/*

start_server --once --max-rate 64K
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 6 expect RINIT metab 2 data "$d" 0 100 buffer "$d" 0 1 \
	data "$d" 0 100 sleep 1000 data "$d" 0 4 closex
wait_server
f=$(the_file)
check "--max-rate: what came after a pause is kept, and in its buffer" \
	sh -c "'$STOCK' report -i '$f' 2>/dev/null | grep -q '^inst:.*n=20299'"
check "--max-rate: saved and lost are all there is" \
	awk '$1 == "0" { ok = ($2 / 100 + $7 >= 204 && $2 / 100 + $7 <= 206 && $7 > 50) } END { exit !ok }' "$top/said"
rm -f "$out"/*

# The disk is full.
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=256k none "$out" 2>/dev/null; then
	mounted=$out
	start_server --once
	guest web1 tconnect expect RCONNECT tinitx 2 4096 7 7 expect RINIT metax 2 data "$d" 0 20 data "$d" 1 300 closex
	check "disk full: the guest goes on undisturbed" is $? 0
	wait_server
	check "disk full: failed, as the file does not fit beside the parts" is "$status" 1
	check "disk full: the log says how to go on" grep -q 'trace-cmd restore' "$top/log"
	check "disk full: the parts are kept" is "$(find "$out" -name '*.data' -o -name '*.meta' | wc -l)" 2
	mount -o remount,size=4m "$out"
	"$TRACE_CMD" restore "$out" >"$top/said" 2>&1
	check "disk full: with room again they are restored" saved 1
	umount "$out"
	mounted=
else
	echo "# the test of a full disk needs root, for a small tmpfs: left out"
fi

# A daemon.
"$TRACE_CMD" virt-server -D --dir "$dir" -o "$out" -l "$top/log" --once >"$top/said"
check "-D: returns when it serves" is $? 0
server=$(sed 's/.*pid //' "$top/said")
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 8 expect RINIT metax 2 data "$d" 0 1 closex
saved 1
check "-D: serves" is "$(events "$(the_file)")" 100
check "-D: the table is in its log" grep -q 'all  *100 ' "$top/log"
until_true sh -c "! kill -0 $server"
server=
check "-D: an error at the start is seen where it was typed" \
	sh -c "! '$TRACE_CMD' virt-server -D --dir '$dir' -o '$top/none' 2>'$top/said' && grep -q none '$top/said'"
finish
