#!/bin/bash
# virt_server_record.sh - good guests: every event arrives, whatever the peer's generation.
# shellcheck disable=SC2016  # awk's $
# shellcheck source=tests/cli/virt_server.lib
. "$(dirname "$0")/virt_server.lib"
need_stock

d=$dir/web1
make_domain web1 2

for version in 6 7; do
	start_server --once --file-version $version
	guest web1 tconnect expect RCONNECT tinitx 2 4096 7 77 expect RINIT metax 2 \
		data "$d" 0 5 data "$d" 1 3 tail closex >"$top/guest" 2>&1
	check "v$version: the guest is answered as it should be" is $? 0
	wait_server
	check "v$version: --once exits with 0 for a whole recording" is "$status" 0
	f=$(the_file)
	check "v$version: stock report prints every event" is "$(events "$f")" 800
	check "v$version: the file is of that version" grep -q "tracing$version" "$f"
	check "v$version: dump --validate has nothing to say against it" \
		sh -c "'$STOCK' dump --validate -i '$f' | grep -q 'is a valid'"
	check "v$version: the peer's version is in the file" \
		sh -c "'$STOCK' dump --options -i '$f' | grep -q 'hostile 1.0 test; features: totals tail marks'"
	check "v$version: the option of the tail is in the file" \
		sh -c "'$STOCK' dump --options -i '$f' | grep -q 'entries: 0'"
	check "v$version: the table names the file" grep -q "guest web1: $f" "$top/said"
	check "v$version: nothing is left but the file" is "$(find "$out" -type f | wc -l)" 1
	rm -f "$out"/*
done

for how in none zlib zstd; do
	start_server --once --compression $how
	guest web1 tconnect expect RCONNECT tinitx 2 4096 7 78 expect RINIT metax 2 \
		data "$d" 0 5 data "$d" 1 3 tail closex >"$top/guest" 2>&1
	wait_server
	f=$(the_file)
	check "--compression $how: whole" is "$status $(own_events "$f")" "0 800"
	check "--compression $how: the file says so" sh -c "head -c 64 '$f' | grep -aq '$how'"
	check "--compression $how: nothing is left but the file" is "$(find "$out" -type f | wc -l)" 1
	rm -f "$out"/*
done
"$TRACE_CMD" virt-server --dir "$dir" -o "$out" --file-version 6 --compression zstd 2>"$top/errors"
check "--compression: version 6 has none" is "$? $(grep -c 'version 6 of the file' "$top/errors")" "2 1"

start_server --once
guest web1 tconnect expect RCONNECT tinit 2 4096 expect RINIT meta 2 data "$d" 0 4 data "$d" 1 1 close
wait_server
check "a peer of 2013, without extensions: exit status" is "$status" 0
check "a peer of 2013: every event" is "$(events "$(the_file)")" 500
check "a peer of 2013: the table says what it cannot know" grep -q 'sent no totals' "$top/said"
rm -f "$out"/*

start_server --once
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 9 expect RINIT metab 2 \
	data "$d" 0 2 buffer "$d" 0 1 data "$d" 0 3 buffer "$d" 0 0 data "$d" 0 1 closex
wait_server
f=$(the_file)
check "two buffers: both are in the file" is "$(events "$f")" 600
check "two buffers: the instance has its own pages" \
	is "$("$STOCK" report -i "$f" 2>/dev/null | grep -c '^inst:.*tick:')" 300
rm -f "$out"/*

start_server --once
guest web1 junk "$d" 0 3000 half "$d" 1 sleep 200 half "$d" 1 \
	tconnect expect RCONNECT tinitx 2 4096 7 10 expect RINIT metax 2 \
	junk "$d" 0 1234 data "$d" 0 2 half "$d" 1 data "$d" 1 2 closex
wait_server
check "stale bytes before the mark: every event, and no others" is "$(events "$(the_file)")" 400
check "stale bytes before the mark: nothing is called lost" is "$status" 0
rm -f "$out"/*

start_server --once
guest web1 half "$d" 0 tconnect expect RCONNECT tinit 2 4096 expect RINIT meta 2 data "$d" 0 2 close
wait_server
check "a stale half page without marks is taken before RINIT" is "$(events "$(the_file)")" 200
rm -f "$out"/*

start_server --once
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 11 expect RINIT metax 2 \
	data "$d" 0 2 more 0 8192 half "$d" 1 tconnect
wait_server
check "a client that was killed: what came is saved" is "$(events "$(the_file)")" 200
check "a client that was killed: the status says that it is not whole" is "$status" 3
rm -f "$out"/*

start_server
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 12 expect RINIT metax 2 data "$d" 0 3 half "$d" 0 \
	tconnect expect RCONNECT tinitx 2 4096 7 13 expect RINIT metax 2 data "$d" 0 2 data "$d" 1 2 closex expect CLOSE \
	tconnect expect RCONNECT tinitx 2 4096 7 14 expect RINIT metax 2 data "$d" 1 1 closex
saved 3
check "three recordings on one connection: three files" is "$(find "$out" -name '*.dat' | wc -l)" 3
for f in "$out"/*.dat; do events "$f"; done | sort -n | tr '\n' ' ' >"$top/counts"
check "each has its own events" is "$(cat "$top/counts")" "100 300 400 "
stop_server
check "a server that saw losses says so at its end" is "$status" 3
rm -f "$out"/*

start_server --once
guest web1 tconnect expect RCONNECT tinitx 2 4096 7 15 expect RINIT metax 2 data "$d" 0 2 more 0 8192 closex &
g=$!
wait_server
wait $g
check "bytes that never come: status 3 after the deadline" is "$status" 3
check "bytes that never come are counted as lost on the way" \
	awk '$1 == "0" && $6 == 2 { ok = 1 } END { exit !ok }' "$top/said"
rm -f "$out"/*

mkdir -m 755 "$dir/sock"
printf 'kind socket\ncpus 2\n' >"$dir/sock/channels"
start_server --once
guest sock tconnect expect RCONNECT tinitx 2 4096 7 16 expect RINIT metax 2 \
	data "$dir/sock" 0 2 data "$dir/sock" 1 3 closex
wait_server
check "unix sockets for data: every event" is "$(events "$(the_file)")" 500
check "unix sockets for data: whole" is "$status" 0
rm -f "$out"/*

start_server
make_domain late 1
until_true test -S "$dir/late/agent-ctl-path"
guest late tconnect expect RCONNECT tinitx 1 4096 7 17 expect RINIT metax 1 data "$dir/late" 0 2 closex
saved 1
check "a domain that is made while the server runs" is "$(events "$(the_file)")" 200
"$hostile" "$dir/agent-ctl-path" tconnect expect RCONNECT tinit 1 4096 \
	"expect" "ERROR:has data channels for 0" >"$top/guest" 2>&1
check "on the shared socket the kernel names the peer" grep -q 'setup-guest pid-' "$top/guest"
stop_server
finish
