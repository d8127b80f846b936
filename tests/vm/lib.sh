# shellcheck shell=bash
# lib.sh - bash library for tests that boot guests (and for host-only ones).
#
# A test script:
#
#   #!/bin/bash
#   set -euo pipefail
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#   t_begin "the guest runs commands"
#   vm_boot g1 --cpus 2
#   assert_eq 2 "$(vm_run g1 nproc)" "the guest has 2 CPUs"
#
# That is all: guests and host processes are ended, the directory removed, the
# TAP plan printed and the exit status set (0 passed, 1 failed, 77 skipped) when
# the script ends, however it ends.
#
# GUESTS. Each has a name. Call vm_boot, vm_stop, vm_kill and host_* from the
# script itself, never in $( ) or a subshell; the others may be called anywhere.
#
#   vm_boot NAME [--cpus N] [--mem MB] [--append ARGS] [--udev] [--icount]
#           [--net] [--overlay FILE.cpio]... [--port PORT BACKEND]...
#           [--qemu ARG]... [--no-share]
#       Boots a guest (1 CPU, 256 MB) and waits until its shell answers; on
#       failure shows the console's tail and returns 1.
#       --append   words for the kernel command line
#       --udev     make /dev/virtio-ports/PORT links (by default there are none:
#                  ports are found in /sys/class/virtio-ports/*/name)
#       --icount   count instructions: virtual time does not depend on how busy
#                  the host is. 1 CPU only; about twice as slow
#       --net      a network card, eth0 = 10.0.2.15; the host is 10.0.2.2
#       --overlay  more files for the guest, made by guest-image/overlay.sh
#       --port     a virtio-serial port; BACKEND is a QEMU chardev without its
#                  id, e.g. "pipe,path=$(vm_opt "$T_DIR/p0")" (see fifo_pair) or
#                  "socket,path=...". Devices of 30 ports are made as needed
#       --qemu     one argument passed to QEMU as it is
#       --no-share no 9p directory; vm_put and vm_get do not work then
#   vm_run NAME CMD      run shell text CMD in the guest, print its output
#                        (stdout and stderr together, byte by byte as it was),
#                        return its status. 124: it was still running after
#                        VM_TIMEOUT (60) s and has been killed; 125: no answer
#                        from the guest. Processes that CMD leaves in the
#                        background stay; their output is lost
#   job=$(vm_start NAME CMD)    run CMD in the guest's background
#   vm_wait NAME JOB [SECS]     wait for it (VM_TIMEOUT), return its status;
#                               124 if it does not end in time
#   vm_out NAME JOB             print its output (so far)
#   vm_signal NAME JOB SIG      send SIG (INT, TERM, ...) to the job's process
#                               group. After a signal other than KILL the job
#                               ends when its foreground command does, with its
#                               status; so a trace-cmd is stopped as by Ctrl-C
#   vm_put NAME FILE DEST       copy a file or directory into the guest
#   vm_get NAME FILE DEST       copy one out of it
#   vm_share NAME               path of the host directory that is /share in the
#                               guest (9p, not cached: writes are seen at once)
#   vm_pause NAME, vm_cont NAME SIGSTOP/SIGCONT to QEMU
#   vm_stop NAME                power off (sync, no more); kills it if that
#                               takes more than 10 s, and returns 1 then
#   vm_kill NAME                SIGKILL to QEMU, as a power cut
#   vm_pid NAME                 QEMU's process id
#   vm_alive NAME               true while QEMU runs
#   vm_console NAME             path of the kernel's console log
#   vm_opt TEXT                 TEXT for use in a QEMU option (commas doubled)
#   fifo_pair PREFIX            make the FIFOs PREFIX.in and PREFIX.out that a
#                               "pipe" chardev of path PREFIX opens
#
# HOST PROCESSES. CMD is a program, not a shell function.
#
#   host_start NAME CMD...      start it in the background, SIGINT not ignored,
#                               stdin empty, output to the file $(host_log NAME)
#   host_wait NAME [SECS]       wait (VM_TIMEOUT), return its status; 124 if late
#   host_stop NAME [SIG] [SECS] send SIG (TERM), wait (10 s), return its status;
#                               if it does not end it is killed: 124
#   host_pid NAME, host_log NAME, host_alive NAME
#
# TESTS. An assertion that fails is counted and the script goes on.
#
#   t_begin WHAT                a heading
#   t_ok MSG, t_fail MSG [DETAIL]
#   t_skip REASON               ends the script, skipped (77)
#   t_bail REASON               ends the script, failed
#   assert_eq WANT GOT MSG      assert_contains TEXT PART MSG
#   assert_ok MSG CMD...        the command succeeds (its output is shown if not)
#   assert_status N MSG CMD...  the command exits with N
#   wait_for SECS CMD...        run CMD every 50 ms until it succeeds; its output
#                               is dropped; 1 when SECS have passed
#   at_exit CMD                 shell text to run first at the end
#
# Variables: T_DIR is the script's own directory, removed at the end. KEEP=1 in
# the environment keeps it. VM_TIMEOUT, VM_BOOT_TIMEOUT (60): seconds. T_PLAN=no,
# set before lib.sh is read, leaves the plan out: for scripts that are no test.
#
# The emulation runs all vCPUs in one thread. With a thread for each, QEMU 7.2 hangs a guest now and then
# where a tracepoint is switched on or off: a vCPU goes on executing the int3 that stood there while the
# kernel patched (a loop of 'echo "sched:*" >>set_event; : >set_event' beside some load shows it within
# minutes, no trace-cmd involved). With one thread it never did, and on 2 cores it is no slower.
#
# How it works: the guest's ttyS0 is its console, a log file. ttyS1 is a pair of
# FIFOs with the guest's command shell behind it (guest-image/files/agent). It
# does not use virtio, so it answers when the devices under test are stuck. Big
# outputs and files go through the 9p directory. Every process is started with
# PDEATHSIG, so that none stays even when the script is killed with SIGKILL.

[ -n "${BASH_VERSION:-}" ] || { echo "lib.sh: needs bash" >&2; exit 1; }

VM_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VM_IMAGE=${VM_IMAGE:-$VM_TOP/build/guest}
VM_TIMEOUT=${VM_TIMEOUT:-60}
VM_BOOT_TIMEOUT=${VM_BOOT_TIMEOUT:-60}
T_PLAN=${T_PLAN:-yes}

declare -A _VM_PID=() _VM_DIR=() _VM_SHARE=()
declare -A _HOST_PID=() _HOST_LOG=()
_STARTED=()
_VM_COUNT=0
_VM_IMAGE_READY=
_T_COUNT=0
_T_FAILED=0
_T_SKIPPED=
_T_BAILED=
_T_WHERE=
_T_AT_EXIT=()
_T_SHELL=$BASHPID

# ---- small things -----------------------------------------------------------

_now_ms() {
	local t=${EPOCHREALTIME//[!0-9]/}
	echo "${t%???}"
}

# $1 quoted for a POSIX shell.
_quote() {
	printf "'%s'" "${1//\'/\'\\\'\'}"
}

_say() {
	printf '# %s\n' "$@" >&2
}

# $1's text with "# " before each line, the last $2 lines.
_show_tail() {
	_say "the end of $1:"
	tail -n "$2" "$1" 2>/dev/null | tr -d '\r' | sed 's/^/#   | /' >&2
}

# True while process $1, started by this script, has not ended. (A zombie that
# the shell has not collected yet has ended.)
_running() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	stat=${stat##*) }
	[[ $stat != [ZX]* ]] || return 1
	# Its parent is this script: else the id is somebody else's by now.
	stat=${stat#* }
	[ "${stat%% *}" = "$_T_SHELL" ]
}

_signal() {
	! _running "$2" || kill -s "$1" "$2" 2>/dev/null || true
}

# Waits until process $1 has ended, at most $2 seconds.
_wait_end() {
	local end=$(($(_now_ms) + $2 * 1000))
	while _running "$1"; do
		[ "$(_now_ms)" -lt $end ] || return 1
		sleep 0.02
	done
}

_need_main_shell() {
	[ "$BASHPID" = "$_T_SHELL" ] ||
		{ _say "$1 must not be called in a subshell"; return 1; }
}

# exec's "$@" as the leader of its own process group, that dies with this script
# and minds SIGINT. (setsid does not fork here: the id stays the same.)
_exec_child() {
	exec setsid setpriv --pdeathsig KILL -- env --default-signal=INT,QUIT,PIPE -- "$@"
}

vm_opt() {
	printf '%s' "${1//,/,,}"
}

fifo_pair() {
	mkfifo -m 600 "$1.in" "$1.out"
}

wait_for() {
	local end=$(($(_now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(_now_ms)" -lt $end ] || return 1
		sleep 0.05
	done
}

# ---- tests ------------------------------------------------------------------

t_begin() {
	printf '# %s\n' "$1"
}

t_ok() {
	_T_COUNT=$((_T_COUNT + 1))
	printf 'ok %d - %s\n' $_T_COUNT "$1"
}

t_fail() {
	_T_COUNT=$((_T_COUNT + 1))
	_T_FAILED=$((_T_FAILED + 1))
	printf 'not ok %d - %s\n' $_T_COUNT "$1"
	[ -z "${2:-}" ] || printf "#   %s\n" "${2//$'\n'/$'\n#   '}"
}

t_skip() {
	_T_SKIPPED=$1
	exit 77
}

t_bail() {
	_T_BAILED=1
	t_fail "$1" "${2:-}"
	exit 1
}

at_exit() {
	_T_AT_EXIT+=("$1")
}

# What is short stands in the line itself: a summary of failures may show no more.
assert_eq() {
	if [ "$1" = "$2" ]; then
		t_ok "$3"
	elif [ $((${#1} + ${#2})) -lt 60 ] && [[ $1$2 != *$'\n'* ]]; then
		t_fail "$3 (want '$1', got '$2')"
	else
		t_fail "$3" "want: $1"$'\n'"got:  $2"
	fi
}

assert_contains() {
	if [[ $1 == *"$2"* ]]; then
		t_ok "$3"
	else
		t_fail "$3" "want a text with: $2"$'\n'"got: $1"
	fi
}

assert_status() {
	local want=$1 msg=$2 rc=0
	shift 2
	"$@" >"$T_DIR/.assert" 2>&1 || rc=$?
	if [ $rc = "$want" ]; then
		t_ok "$msg"
	else
		t_fail "$msg" "want status $want, got $rc from: $*
$(tail -n 20 "$T_DIR/.assert")"
	fi
}

assert_ok() {
	assert_status 0 "$@"
}

# ---- host processes ---------------------------------------------------------

host_start() {
	local name=$1
	shift
	_need_main_shell host_start || return 1
	if [ -n "${_HOST_PID[$name]:-}" ] && host_alive "$name"; then
		_say "host_start: $name is running already"
		return 1
	fi
	_HOST_LOG[$name]=$T_DIR/host-$name.log
	: >"$T_DIR/host-$name.log" # what was said before is not waited for
	_exec_child "$@" </dev/null >"$T_DIR/host-$name.log" 2>&1 &
	_HOST_PID[$name]=$!
	_STARTED+=($!)
}

host_pid() { echo "${_HOST_PID[$1]}"; }
host_log() { echo "${_HOST_LOG[$1]}"; }
host_alive() { _running "${_HOST_PID[$1]}"; }

host_wait() {
	_need_main_shell host_wait || return 125
	if ! _wait_end "${_HOST_PID[$1]}" "${2:-$VM_TIMEOUT}"; then
		_say "host_wait: $1 is still running after ${2:-$VM_TIMEOUT} s"
		_show_tail "${_HOST_LOG[$1]}" 10
		return 124
	fi
	wait "${_HOST_PID[$1]}"
}

host_stop() {
	_need_main_shell host_stop || return 125
	_signal "${2:-TERM}" "${_HOST_PID[$1]}"
	if ! _wait_end "${_HOST_PID[$1]}" "${3:-10}"; then
		_say "host_stop: $1 did not end within ${3:-10} s of SIG${2:-TERM}; killing it"
		_show_tail "${_HOST_LOG[$1]}" 10
		_signal KILL "${_HOST_PID[$1]}"
		wait "${_HOST_PID[$1]}" 2>/dev/null || true
		return 124
	fi
	wait "${_HOST_PID[$1]}" 2>/dev/null
}

# ---- guests: start and end --------------------------------------------------

vm_pid() { echo "${_VM_PID[$1]}"; }
vm_console() { echo "${_VM_DIR[$1]}/console.log"; }
vm_alive() { [ -n "${_VM_PID[$1]:-}" ] && _running "${_VM_PID[$1]}"; }

vm_share() { echo "${_VM_DIR[$1]}/share"; }

# The QEMU arguments of virtio-serial port number $1, named $2, backend $3.
_port_args() {
	# More on one controller, and QEMU drops messages that open them.
	if [ $(($1 % 8)) = 0 ]; then
		_ARGS+=(-device "virtio-serial-pci,id=ports$(($1 / 8)),max_ports=9")
	fi
	# The id goes behind the backend's name: "null", "pipe,path=..."
	_ARGS+=(-chardev "${3%%,*},id=port$1${3#"${3%%,*}"}")
	_ARGS+=(-device "virtserialport,bus=ports$(($1 / 8)).0,chardev=port$1,name=$2")
}

_prepare_image() {
	[ -z "$_VM_IMAGE_READY" ] || return 0
	if [ "$VM_IMAGE" = "$VM_TOP/build/guest" ]; then
		"$VM_TOP/tests/guest-image/build.sh" >&2 || return 1
	fi
	_VM_IMAGE_READY=1
}

# The guest's memory of files: the base image and the overlays behind it.
_make_initrd() {
	local out=$1 file
	shift
	for file; do
		[ -r "$file" ] || { _say "vm_boot: cannot read $file"; return 1; }
	done
	cat "$@" >"$out"
}

vm_boot() {
	local name=$1 cpus=1 mem=256 append='' icount='' dir kernel share=1 ports=0
	local -a _ARGS=() images=("$VM_IMAGE/base.cpio")
	shift
	_need_main_shell vm_boot || return 1
	while [ $# -gt 0 ]; do
		case $1 in
		--cpus) cpus=$2; shift ;;
		--mem) mem=$2; shift ;;
		--append) append+=" $2"; shift ;;
		--udev) append+=" udevlinks" ;;
		--icount) icount=1; _ARGS+=(-icount shift=1) ;;
		--net) _ARGS+=(-netdev "user,id=net0" -device "virtio-net-pci,netdev=net0,romfile=") ;;
		--overlay) images+=("$2"); shift ;;
		--port) _port_args $ports "$2" "$3"; ports=$((ports + 1)); shift 2 ;;
		--qemu) _ARGS+=("$2"); shift ;;
		--no-share) share= ;;
		*) _say "vm_boot: unknown option $1"; return 1 ;;
		esac
		shift
	done
	if [[ $icount && $cpus != 1 ]]; then
		_say "vm_boot: --icount works with 1 CPU only; more do not get through the boot"
		return 1
	fi
	! vm_alive "$name" || { _say "vm_boot: $name is running already"; return 1; }
	_prepare_image || return 1

	dir=$T_DIR/vm-$name
	[ ! -e "$dir" ] || mv "$dir" "$dir.$((_VM_COUNT += 1))"
	mkdir -p "$dir/share"
	fifo_pair "$dir/shell"
	: >"$dir/lock"
	: >"$dir/console.log"
	_make_initrd "$dir/initrd" "${images[@]}" || return 1
	kernel=$VM_IMAGE/vmlinux
	[ -e "$kernel" ] || kernel=$VM_IMAGE/vmlinuz
	[ -z "$share" ] || _ARGS+=(-virtfs
		"local,path=$(vm_opt "$dir/share"),mount_tag=share,security_model=none,multidevs=remap")

	_exec_child qemu-system-x86_64 -name "guest=$name,debug-threads=on" \
		-machine q35 -accel tcg,thread=single -smp "$cpus" -m "$mem" \
		-nodefaults -no-user-config -display none -monitor none -no-reboot \
		-chardev "file,id=console,path=$(vm_opt "$dir/console.log")" -serial chardev:console \
		-chardev "pipe,id=shell,path=$(vm_opt "$dir/shell")" -serial chardev:shell \
		-kernel "$kernel" -initrd "$dir/initrd" \
		-append "console=ttyS0,115200 loglevel=5 panic=-1 tsc=reliable no_timer_check cryptomgr.notests guestname=$name$append" \
		"${_ARGS[@]}" </dev/null >"$dir/qemu.log" 2>&1 &
	_VM_PID[$name]=$!
	_VM_DIR[$name]=$dir
	_VM_SHARE[$name]=$share
	if ! _vm_answer "$name" VMREADY "$VM_BOOT_TIMEOUT"; then
		vm_alive "$name" &&
			_say "vm_boot: the shell of $name did not answer in $VM_BOOT_TIMEOUT s"
		_vm_logs "$name"
		vm_kill "$name"
		return 1
	fi
	rm -f "$dir/initrd"
}

_vm_logs() {
	if ! vm_alive "$1"; then
		_say "QEMU of $1 does not run"
	fi
	[ ! -s "${_VM_DIR[$1]}/qemu.log" ] || _show_tail "${_VM_DIR[$1]}/qemu.log" 5
	_show_tail "${_VM_DIR[$1]}/console.log" 20
}

vm_pause() { _signal STOP "${_VM_PID[$1]}"; }
vm_cont() { _signal CONT "${_VM_PID[$1]}"; }

vm_kill() {
	_need_main_shell vm_kill || return 1
	_signal KILL "${_VM_PID[$1]}"
	wait "${_VM_PID[$1]}" 2>/dev/null || true
}

vm_stop() {
	local fd
	_need_main_shell vm_stop || return 1
	vm_alive "$1" || return 0
	vm_cont "$1"
	exec {fd}<>"${_VM_DIR[$1]}/shell.in"
	printf '@off 10 %s\n' "$(base64 -w0 <<<'sync; poweroff -f')" >&"$fd"
	exec {fd}>&-
	if ! _wait_end "${_VM_PID[$1]}" 10; then
		_say "vm_stop: $1 did not power off in 10 s; killing it"
		vm_kill "$1"
		return 1
	fi
	wait "${_VM_PID[$1]}" 2>/dev/null || true
}

# ---- guests: the command shell ----------------------------------------------

# Reads lines from the guest's shell until one starts with the word $2; it is
# left in _LINE. Fails after $3 seconds or when the guest has ended.
# The answers of other (earlier, given up) commands are dropped.
_vm_answer() {
	local name=$1 word=$2 end part fd rc=1
	end=$(($(_now_ms) + $3 * 1000))
	exec {fd}<>"${_VM_DIR[$name]}/shell.out"
	_LINE=
	while :; do
		if IFS= read -r -t 0.5 part <&"$fd"; then
			_LINE+=$part
			[ "${_LINE%% *}" != "$word" ] || { rc=0; break; }
			[[ $_LINE != @*\ here ]] || _vm_drop "$fd" "$_LINE"
			_LINE=
		else
			_LINE+=$part
			vm_alive "$name" || break
			[ "$(_now_ms)" -lt "$end" ] || break
		fi
	done
	exec {fd}>&-
	return $rc
}

# Drops the output that follows answer line $2.
_vm_drop() {
	local size=${2% here}
	timeout 10 head -c "${size##* }" <&"$1" >/dev/null || true
}

vm_run() {
	local name=$1 dir=${_VM_DIR[$1]:-} lock rc=0
	if [ -z "$dir" ]; then
		_say "vm_run: there is no guest $name"
		return 125
	fi
	exec {lock}<>"$dir/lock"
	flock "$lock"
	_vm_command "$name" "$2" "$dir" || rc=$?
	exec {lock}>&-
	return $rc
}

# vm_run while it holds the lock; $3: the guest's directory.
_vm_command() {
	local name=$1 dir=$3 id text fd status size how
	text=$(base64 -w0 <<<"$2")
	if [ ${#text} -gt 49152 ]; then
		_say "vm_run: the command is longer than 36 kB; use vm_put and run the file"
		return 125
	fi
	id=@$BASHPID.$RANDOM.$(_now_ms)
	exec {fd}<>"$dir/shell.in"
	printf '%s %d %s\n' "$id" "$VM_TIMEOUT" "$text" >&"$fd"
	exec {fd}>&-
	# The guest itself ends a command that is late; 10 s more for its word.
	if ! _vm_answer "$name" "$id" $((VM_TIMEOUT + 10)); then
		_say "vm_run: no answer from $name to: ${2:0:200}"
		_vm_logs "$name"
		return 125
	fi
	read -r _ status size how <<<"$_LINE"
	_vm_output "$dir" "$id" "$size" "$how" || return 125
	if [ "$status" = late ]; then
		_say "vm_run: $name: killed after $VM_TIMEOUT s: ${2:0:200}"
		return 124
	fi
	return "$status"
}

# Prints the output of command $2, $3 bytes that came as $4 says.
_vm_output() {
	local fd rc=0
	[ "$3" != 0 ] || return 0
	if [ "$4" = share ]; then
		cat "$1/share/out.$2"
		rm -f "$1/share/out.$2"
	else
		exec {fd}<>"$1/shell.out"
		timeout 30 head -c "$3" <&"$fd" || rc=1
		exec {fd}>&-
	fi
	return $rc
}

# ---- guests: jobs and files -------------------------------------------------

vm_start() {
	vm_run "$1" "guest-job start $(base64 -w0 <<<"$2")"
}

vm_wait() {
	local secs=${3:-$VM_TIMEOUT} rc=0 status
	status=$(VM_TIMEOUT=$((secs + 10)) vm_run "$1" "guest-job wait $2 $secs") || rc=$?
	case $rc in
	0) return "$status" ;;
	1) _say "vm_wait: $1: job $2 still runs after $secs s"; return 124 ;;
	*) _say "vm_wait: $1: ${status:-job $2: no answer}"; return 125 ;;
	esac
}

vm_out() {
	vm_run "$1" "guest-job out $2"
}

vm_signal() {
	vm_run "$1" "guest-job signal $2 $3"
}

_need_share() {
	[ -n "${_VM_SHARE[$1]:-}" ] ||
		{ _say "$2: guest $1 has no shared directory (--no-share)"; return 1; }
}

vm_put() {
	local tmp base
	_need_share "$1" vm_put || return 1
	tmp=$(mktemp -d "${_VM_DIR[$1]}/share/put.XXXXXX")
	base=$(basename "$2")
	cp -rL -- "$2" "$tmp/$base" || { rm -rf "$tmp"; return 1; }
	vm_run "$1" "mkdir -p $(_quote "$(dirname "$3")") &&
		cp -r $(_quote "/share/${tmp##*/}/$base") $(_quote "$3")" >&2 || { rm -rf "$tmp"; return 1; }
	rm -rf "$tmp"
}

vm_get() {
	local tmp base
	_need_share "$1" vm_get || return 1
	tmp=$(mktemp -d "${_VM_DIR[$1]}/share/get.XXXXXX")
	base=$(basename "$2")
	if ! vm_run "$1" "cp -r $(_quote "$2") $(_quote "/share/${tmp##*/}/$base")" >&2 ||
	   ! cp -r -- "$tmp/$base" "$3"; then
		rm -rf "$tmp"
		return 1
	fi
	rm -rf "$tmp"
}

# ---- begin and end ----------------------------------------------------------

# Unix socket names are at most 107 bytes long; a long TMPDIR would break tests
# that put sockets into T_DIR, so /tmp is used instead.
_make_dir() {
	local base=${TMPDIR:-/tmp}
	[ ${#base} -le 60 ] || base=/tmp
	mkdir -p "$base"
	base=$(cd "$base" && pwd)
	T_DIR=$(mktemp -d "$base/vmtest.XXXXXX")
}

_end_processes() {
	local pid
	for pid in "${_STARTED[@]}"; do
		_signal TERM "$pid"
		_signal CONT "$pid"
	done
	for pid in "${_VM_PID[@]}"; do
		_signal KILL "$pid"
	done
	for pid in "${_STARTED[@]}"; do
		_wait_end "$pid" 2 || _signal KILL "$pid"
		# What it left behind is still in its process group.
		kill -s KILL -- "-$pid" 2>/dev/null
	done
	for pid in "${_VM_PID[@]}" "${_STARTED[@]}"; do
		wait "$pid" 2>/dev/null
	done
}

_show_logs() {
	local name
	for name in "${!_VM_DIR[@]}"; do
		_show_tail "${_VM_DIR[$name]}/console.log" 10
	done
	for name in "${!_HOST_LOG[@]}"; do
		_show_tail "${_HOST_LOG[$name]}" 20
	done
	if [ "${KEEP:-}" = 1 ]; then
		_say "all logs are in $T_DIR"
	else
		_say "all logs: run again with KEEP=1, or VM_TIMEOUT=... for more time"
	fi
}

_t_err() {
	[ "$BASHPID" != "$_T_SHELL" ] || _T_WHERE="${1##*/}:$2: $(sed -n "$2p" "$1")"
}

_t_exit() {
	local rc=$1 text
	trap '' INT TERM HUP
	set +e
	trap - ERR
	for text in "${_T_AT_EXIT[@]}"; do
		eval "$text"
	done
	if [ -n "$_T_SKIPPED" ]; then
		printf '1..0 # SKIP %s\n' "$_T_SKIPPED"
		rc=77
	else
		if [ "$rc" != 0 ] && [ -z "$_T_BAILED" ]; then
			t_fail "the script ended early, with status $rc" "$_T_WHERE"
		fi
		[ "$T_PLAN" = no ] || printf "1..%d\n" "$_T_COUNT"
		rc=$((_T_FAILED > 0))
	fi
	[ $rc != 1 ] || _show_logs
	_end_processes
	if [ "${KEEP:-}" = 1 ]; then
		_say "kept: $T_DIR"
	else
		rm -rf "$T_DIR"
	fi
	exit $rc
}

_make_dir
set -E
trap '_t_err "${BASH_SOURCE[0]}" "$LINENO"' ERR
trap '_t_exit $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
