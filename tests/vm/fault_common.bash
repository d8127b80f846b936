# shellcheck shell=bash
# shellcheck disable=SC2034 # RC, LOAD and others are for the scripts
# fault_common.bash - what the tests of faults share; after trace.sh.
#
#   server_again [OPTION...]  start virt-server where an earlier one was killed, wait until it serves
#   log_has TEXT              the server's log has it (fixed text); for wait_for
#   log_tells TEXT WHAT       assert that the log has it, or gets it within 20 s
#   tracefs_state NAME        everything of guest NAME's tracefs that a recording may change
#   tracefs_same NAME WHAT    it is as it was at the last tracefs_remember NAME
#   record_start NAME TEXT    begin "trace-cmd record --virt TEXT" in the guest, wait until the host
#                             says that it records; the job's number is in JOB
#   dd_start NAME COUNT [OPTION...]  the same with a dd of COUNT writes of one byte
#   record_end NAME [SECS]    wait for JOB: its output in REPLY, its status in RC
#   calls TEXT                the writes of the guest's /tmp/load (see LOAD), by its output
#   lost TEXT COLUMN          of the row "all": ring, transport, quota or disk
#   new_file NAME             wait for the next file of the guest: its path in FILE
#   writes FILE               how many of dd's writes are in it
#   pages_arrive NAME COUNT   wait until the server has the pages of so many writes on its disk
#   is_whole NAME COUNT WHAT  record that many writes: status 0, all are there, stock agrees
#   is_cut FILE COUNT WHAT    all but the page in flight of each CPU is there, stock agrees
#   alive_for NAME SECS       run commands in the guest for so long: the slowest took SLOWEST ms
#
# The judge is a dd of N writes of one byte: the filter lets only those through, so that a whole
# recording has N events, and one with losses has N together with what the table says.

WRITES="-e syscalls:sys_enter_write -f 'count==1&&comm==\"dd\"'"

# For the guest: a dd that lacks its count; and dd after dd until /tmp/stop is there, which says how many.
DD="/bin/dd if=/dev/zero of=/dev/null bs=1"
LOAD="n=0; until [ -e /tmp/stop ]; do $DD count=20000 2>/dev/null; n=\$((n + 20000)); done; echo calls \$n"

server_again() {
	host_start server "$TRACE_CMD" virt-server --dir "$VIRT" -o "$OUT" "$@"
	wait_for 10 log_has "serves $VIRT" ||
		t_bail "virt-server does not start" "$(cat "$(host_log server)")"
}

log_has() {
	grep -qF -- "$1" "$(host_log server)"
}

log_tells() {
	if wait_for 20 log_has "$1"; then
		t_ok "$2"
	else
		t_fail "$2" "the server's log has no: $1"$'\n'"$(cat "$(host_log server)")"
	fi
}

# How often a guest connected, by this server.
connected() {
	[ "$(grep -cF "guest $1: connected" "$(host_log server)")" -ge "${2:-1}" ]
}

tracefs_state() {
	vm_run "$1" 'cd /sys/kernel/tracing
		for f in tracing_on current_tracer set_event set_event_pid trace_clock buffer_size_kb \
			buffer_percent trace_options options/event-fork options/overwrite \
			events/syscalls/sys_enter_write/filter events/syscalls/sys_enter_write/trigger; do
			[ ! -e $f ] || echo "$f:" $(cat $f)
		done
		echo instances: $(ls instances)'
}

# Rings that were never used are small, and the kernel itself makes them large at the first use.
tracefs_remember() {
	vm_run "$1" 'cd /sys/kernel/tracing; ! grep -q expanded buffer_size_kb || echo 1408 >buffer_size_kb'
	tracefs_state "$1" >"$T_DIR/tracefs-$1"
}

tracefs_same() {
	assert_eq "$(cat "$T_DIR/tracefs-$1")" "$(tracefs_state "$1")" "$2"
}

recordings_begun() {
	[ "$(grep -cF "guest $1: recording to " "$(host_log server)")" -ge "$2" ]
}

record_start() {
	local before
	before=$(grep -cF "guest $1: recording to " "$(host_log server)") || true
	JOB=$(vm_start "$1" "trace-cmd record --virt $2")
	wait_for 30 recordings_begun "$1" $((before + 1)) ||
		t_bail "no recording began" "$(vm_out "$1" "$JOB"; cat "$(host_log server)")"
}

dd_start() {
	local name=$1 count=$2
	shift 2
	record_start "$name" "$* $WRITES $DD count=$count"
}

record_end() {
	RC=0
	vm_wait "$1" "$JOB" "${2:-60}" || RC=$?
	REPLY=$(vm_out "$1" "$JOB")
}

calls() {
	awk '/^calls/ { n += $2 } END { print n + 0 }' <<<"$1"
}

# Columns are counted from the end: "saved" has a unit.
lost() {
	local from
	case $2 in
	ring) from=3 ;;
	transport) from=2 ;;
	quota) from=1 ;;
	disk) from=0 ;;
	esac
	awk -v from=$from '$1 == "all" { n = $(NF - from) } END { print n + 0 }' <<<"$1"
}

files() {
	find "$OUT" -maxdepth 1 -name "trace.$1.*.dat" | sort
}

# By guest: the files that new_file() has given already.
declare -A SEEN=()
has_new_file() {
	[ -n "$(comm -13 <(echo "${SEEN[$1]:-}") <(files "$1"))" ]
}

new_file() {
	FILE=
	wait_for 20 has_new_file "$1" ||
		t_bail "no file of $1 appeared" "$(ls "$OUT"; cat "$(host_log server)")"
	FILE=$(comm -13 <(echo "${SEEN[$1]:-}") <(files "$1") | head -n 1)
	SEEN[$1]=$(sort <<<"${SEEN[$1]:-}"$'\n'"$FILE")
}

writes() {
	events "$1" sys_enter_write
}

alive_for() {
	local end=$(($(_now_ms) + $2 * 1000)) before took
	SLOWEST=0
	while before=$(_now_ms) && [ "$before" -lt $end ]; do
		vm_run "$1" true || return 1
		took=$(($(_now_ms) - before))
		[ $took -le $SLOWEST ] || SLOWEST=$took
		sleep 0.2
	done
}

PAGE=92 # writes in a page, at most; 44 bytes each

# The room in pages that a recording takes on the disk: files may have holes. The list of their pieces
# may take one, too.
parts_pages() {
	find "$OUT" -name "trace.$1.*" ! -name '*.meta' ! -name '*.dat' -printf '%b\n' |
		awk '{ n += $1 * 512 } END { print int(n / 4096) }'
}

# At least $2, and no more are coming: a recorder looks once a second.
parts_stand() {
	local had
	had=$(parts_pages "$1")
	[ "$had" -ge "$2" ] && sleep 2.5 && [ "$(parts_pages "$1")" = "$had" ]
}

# The page that is being written stays in the guest until it is full, or until the end.
pages_arrive() {
	wait_for 20 parts_stand "$1" $((($2 - 2 * PAGE) / PAGE)) ||
		t_fail "the pages do not arrive" "$(ls -l "$OUT")"
}

is_whole() {
	local rc=0
	REPLY=$(vm_run "$1" "trace-cmd record --virt $WRITES $DD count=$2") || rc=$?
	assert_eq 0 $rc "$3: the client says it is whole"
	new_file "$1"
	assert_eq "$2" "$(writes "$FILE")" "$3: every event is in the file"
	check_file "$FILE" "$3"
}

is_cut() {
	local got
	got=$(writes "$1")
	if [ "$got" -le "$2" ] && [ "$got" -ge $(($2 - 2 * PAGE)) ]; then
		t_ok "$3: no more than the page in flight of each CPU is missing, $got of $2"
	else
		t_fail "$3: $got of $2 events" "$(cat "$(host_log server)")"
	fi
	check_file "$1" "$3"
}
