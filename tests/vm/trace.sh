# shellcheck shell=bash
# trace.sh - what the VM tests of tracing share: a virt-server, guests with trace channels, counts.
#
#   server_start [OPTION...]    virt-server on $VIRT (the directory), files to $OUT
#   server_stop                 SIGTERM; its exit status
#   guest_boot NAME CPUS [sockets] [vm_boot OPTION...]
#                               setup-guest, then a guest with the control port and CPUS data ports;
#                               $CTL is the control socket where it is not the guest's own
#   monitor_pair NAME          a QMP monitor for guest NAME: its vm_boot options in MONITOR
#   monitor NAME COMMAND [ARGS]  to that monitor; what it says is in the log of host process qmp-NAME
#   last_file NAME              path of the newest trace.dat of guest NAME
#   events FILE EVENT           how many lines of our report show EVENT
#   check_file FILE WHAT        ours and the stock report say the same, word for word
#   guest_record NAME TEXT      "trace-cmd record --virt TEXT" in the guest: RC, REPLY (its words) and
#                               FILE, the trace.dat that it made ("" when none came)
#   dd_job [N]                  shell words of the known workload: N (DD_N) reads and writes of a byte
#   dd_events FILE EVENT        how many of its events of syscall EVENT (read, write) are in the report
#   dd_is FILE WHAT [N]         all N of both are there, no more, no less
#   check_dat FILE WHAT         check_file, and the file is valid for stock's dump and our checker
#
# TRACE_CMD is the binary for the host, STATIC the one for the guest, STOCK Debian's trace-cmd. HELPERS
# is the folder of the programs made from tests/cli/*.c. GUEST_CMD is trace-cmd's path in the guest.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TRACE_CMD=${TRACE_CMD:-$VM_TOP/trace-cmd}
STATIC=${STATIC:-$VM_TOP/build/static/trace-cmd}
STOCK=${STOCK:-/usr/bin/trace-cmd}
HELPERS=${HELPERS:-$VM_TOP/build/tests/helpers}
GUEST_CMD=${GUEST_CMD:-trace-cmd}
DD_N=1000
# shellcheck disable=SC2034  # for the tests
READS="-e syscalls:sys_enter_read -e syscalls:sys_enter_write"
VIRT=$T_DIR/virt
OUT=$T_DIR/out
mkdir -p "$OUT"
mkdir -m 755 "$VIRT"

overlay() {
	local cpio=$T_DIR/trace-cmd.cpio
	[ -e "$cpio" ] || "$VM_TOP/tests/guest-image/overlay.sh" "$cpio" "$STATIC=/bin/trace-cmd" >&2
	echo "$cpio"
}

# server_start makes a directory safe for the server, and waits until it listens.
server_start() {
	host_start server "$TRACE_CMD" virt-server --dir "$VIRT" -o "$OUT" "$@"
	wait_for 10 test -S "$VIRT/agent-ctl-path" || t_bail "virt-server does not listen" "$(cat "$(host_log server)")"
}

server_stop() {
	host_stop server "${1:-TERM}" 30
}

# The channels of guest $1 with $2 CPUs as vm_boot options, in the array PORTS.
trace_ports() {
	local cpu
	PORTS=(--port agent-ctl-path "socket,path=$(vm_opt "${CTL:-$VIRT/$1/agent-ctl-path}"),reconnect=1")
	for ((cpu = 0; cpu < $2; cpu++)); do
		if [ "${3:-fifo}" = sockets ]; then
			PORTS+=(--port "trace-path-cpu$cpu" "socket,path=$(vm_opt "$VIRT/$1/trace-path-cpu$cpu"),reconnect=1")
		else
			PORTS+=(--port "trace-path-cpu$cpu" "pipe,path=$(vm_opt "$VIRT/$1/trace-path-cpu$cpu")")
		fi
	done
}

guest_boot() {
	local name=$1 cpus=$2 kind=fifo
	shift 2
	if [ "${1:-}" = sockets ]; then
		kind=sockets
		shift
	fi
	local -a how=()
	[ $kind = fifo ] || how=(--sockets)
	"$TRACE_CMD" setup-guest "$name" -c "$cpus" --dir "$VIRT" "${how[@]}" >"$T_DIR/setup-$name" ||
		t_bail "setup-guest $name failed" "$(cat "$T_DIR/setup-$name")"
	trace_ports "$name" "$cpus" $kind
	vm_boot "$name" --cpus "$cpus" --overlay "$(overlay)" "${PORTS[@]}" "$@"
}

monitor_pair() {
	fifo_pair "$T_DIR/qmp-$1"
	host_start "qmp-$1" cat "$T_DIR/qmp-$1.out"
	# shellcheck disable=SC2034,SC2054 # for the tests; commas are QEMU's
	MONITOR=(--qemu -chardev --qemu "pipe,id=qmp,path=$(vm_opt "$T_DIR/qmp-$1")"
		--qemu -mon --qemu chardev=qmp,mode=control)
}

monitor() {
	printf '{ "execute": "%s", "arguments": { %s } }\n' "$2" "${3:-}" >"$T_DIR/qmp-$1.in"
}

last_file() {
	# shellcheck disable=SC2012
	ls -t "$OUT"/trace."$1".*.dat 2>/dev/null | head -n 1
}

events() {
	"$TRACE_CMD" report -i "$1" 2>/dev/null | grep -c " $2:" || true
}

check_file() {
	local rc=0
	"$TRACE_CMD" report -i "$1" >"$T_DIR/ours.txt" 2>"$T_DIR/ours.err" || rc=$?
	assert_eq 0 $rc "$2: our report reads the file"
	"$STOCK" report -i "$1" >"$T_DIR/stock.txt" 2>"$T_DIR/stock.err" || true
	if cmp -s "$T_DIR/ours.txt" "$T_DIR/stock.txt"; then
		t_ok "$2: stock's report is the same, $(wc -l <"$T_DIR/ours.txt") lines"
	else
		t_fail "$2: stock's report differs" "$(diff "$T_DIR/ours.txt" "$T_DIR/stock.txt" | head -n 10)"
	fi
}

last_file_exists() {
	[ -n "$(last_file "$1")" ]
}

files_of() {
	local -a files
	shopt -s nullglob
	files=("$OUT"/trace."$1".*.dat)
	shopt -u nullglob
	echo ${#files[@]}
}

files_are() {
	[ "$(files_of "$1")" = "$2" ]
}

guest_record() {
	local had
	had=$(files_of "$1")
	RC=0
	FILE=
	REPLY=$(vm_run "$1" "$GUEST_CMD record --virt $2") || RC=$?
	[ $RC != 0 ] && [ $RC != 3 ] && return
	if wait_for 10 files_are "$1" $((had + 1)); then
		# shellcheck disable=SC2034  # for the tests
		FILE=$(last_file "$1")
	fi
}

dd_job() {
	echo "dd if=/dev/zero of=/dev/null bs=1 count=${1:-$DD_N}"
}

# What else dd reads and writes (its summary) is not of one byte.
dd_events() {
	"$TRACE_CMD" report -i "$1" 2>/dev/null |
		grep -cE " dd-[0-9]+ .* sys_enter_$2: .*count: 0x0*1\$" || true
}

dd_is() {
	assert_eq "${3:-$DD_N} ${3:-$DD_N}" "$(dd_events "$1" read) $(dd_events "$1" write)" \
		"$2: each of dd's ${3:-$DD_N} reads and writes is in the file"
}

check_dat() {
	local text
	check_file "$1" "$2"
	text=$("$STOCK" dump -v -i "$1" 2>&1) || true
	assert_contains "$text" "is a valid trace-cmd file" "$2: stock's dump finds the file valid"
	assert_ok "$2: our checker finds it whole" "$HELPERS/dat_check" "$1"
}
