#!/bin/bash
# selftest.sh - checks lib.sh and the guest image themselves: boots guests of 1
# and 4 CPUs and uses each function of the library once.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

boot_guests() {
	local start
	t_begin "guests of 1 and 4 CPUs boot"
	cat >"$T_DIR/hello.sh" <<-'END'
	#!/bin/sh
	echo hello from the overlay
	END
	chmod +x "$T_DIR/hello.sh"
	"$VM_TOP/tests/guest-image/overlay.sh" --dynamic "$T_DIR/over.cpio" \
		"$T_DIR/hello.sh=/bin/hello" "$(command -v cpio)=/dyn/cpio"
	fifo_pair "$T_DIR/p0"
	start=$(_now_ms)
	vm_boot one --overlay "$T_DIR/over.cpio" \
		--port test-port-0 "pipe,path=$(vm_opt "$T_DIR/p0")" --udev
	t_begin "1 CPU: answered after $(($(_now_ms) - start)) ms"
	start=$(_now_ms)
	vm_boot four --cpus 4 --append "some.word=1"
	t_begin "4 CPUs: answered after $(($(_now_ms) - start)) ms"
	assert_eq 1 "$(vm_run one nproc)" "the first guest has 1 CPU"
	assert_eq 4 "$(vm_run four nproc)" "the second guest has 4 CPUs"
	assert_eq one "$(vm_run one hostname)" "the host name is the guest's name"
	assert_contains "$(vm_run four 'cat /proc/cmdline')" some.word=1 "--append reaches the kernel"
	assert_contains "$(tr '\0' ' ' <"/proc/$(vm_pid one)/cmdline")" "-name guest=one," \
		"vm_pid is the QEMU process with the guest's name"
}

commands() {
	local text
	t_begin "commands"
	assert_status 0 "status 0" vm_run one true
	assert_status 7 "status 7" vm_run one 'exit 7'
	assert_status 127 "no such command" vm_run one no-such-command
	text=$(vm_run one 'printf "a\n\n b\tc\n"
		for i in 1 2 3; do
			echo "line $i" "it'\''s"
		done')
	assert_eq $'a\n\n b\tc\nline 1 it\'s\nline 2 it\'s\nline 3 it\'s' "$text" "several lines, quotes"
	vm_run one 'printf "no newline, \0 and \377"' | od -An -c >"$T_DIR/got"
	printf 'no newline, \0 and \377' | od -An -c >"$T_DIR/want"
	assert_ok "output is exact" cmp "$T_DIR/want" "$T_DIR/got"
	assert_eq "$(seq 20000 | cksum)" "$(vm_run four 'seq 20000' | cksum)" "109 kB of output"
	text=$(head -c 20000 /dev/zero | tr '\0' x)
	assert_eq 20000 "$(vm_run one "printf $text | wc -c")" "a command of 20 kB"
	assert_eq "" "$(vm_run one cat)" "stdin is empty"
	assert_eq 5 "$(vm_run one 'sleep 30 & echo 5')" "a process left behind does not hold vm_run"
	VM_TIMEOUT=1 assert_status 124 "a late command is killed" vm_run one 'echo begun; sleep 100'
	assert_contains "$(cat "$T_DIR/.assert")" begun "what it printed before is there"
	assert_status 0 "the shell answers after that" vm_run one true
}

tracing() {
	t_begin "the guest can trace"
	assert_ok "tracefs is mounted" vm_run one 'test -w /sys/kernel/tracing/trace_marker'
	assert_contains "$(vm_run one 'cd /sys/kernel/tracing && echo 1 >events/sched/sched_switch/enable &&
		usleep 50000 && echo 0 >events/sched/sched_switch/enable && head -n 30 trace')" \
		sched_switch "sched_switch is recorded"
}

jobs() {
	local job other start
	t_begin "background jobs"
	job=$(vm_start four 'echo one; sleep 0.3; echo two; exit 3')
	other=$(vm_start four 'sleep 100')
	assert_status 3 "vm_wait gives the status" vm_wait four "$job"
	assert_eq $'one\ntwo' "$(vm_out four "$job")" "and vm_out the output"
	assert_status 124 "vm_wait has a deadline" vm_wait four "$other" 1
	assert_ok "vm_signal INT" vm_signal four "$other" INT
	assert_status 130 "ends the job" vm_wait four "$other" 5
	job=$(vm_start four 'sh -c "trap \"echo caught; sleep 0.2; exit 9\" INT; while :; do sleep 0.05; done"')
	usleep_guest four
	vm_signal four "$job" INT
	assert_status 9 "a command that handles SIGINT keeps its own status" vm_wait four "$job" 5
	assert_eq caught "$(vm_out four "$job")" "and its last words"
	job=$(vm_start four 'while :; do :; done')
	vm_signal four "$job" KILL
	assert_status 137 "SIGKILL ends any job" vm_wait four "$job" 5
	start=$(_now_ms)
	for other in 1 2 3 4 5 6 7 8 9 10; do
		vm_run four true
	done
	t_begin "vm_run takes $((($(_now_ms) - start) / 10)) ms"
}

# Time for a job to install its handler.
usleep_guest() {
	vm_run "$1" 'usleep 200000'
}

files() {
	local start
	t_begin "files"
	head -c 4000000 /dev/urandom >"$T_DIR/blob"
	chmod 750 "$T_DIR/blob"
	start=$(_now_ms)
	assert_ok "vm_put of 4 MB" vm_put one "$T_DIR/blob" "/tmp/new dir/it's blob"
	assert_ok "vm_get of 4 MB" vm_get one "/tmp/new dir/it's blob" "$T_DIR/back"
	t_begin "4 MB there and back: $(($(_now_ms) - start)) ms"
	assert_ok "the same bytes" cmp "$T_DIR/blob" "$T_DIR/back"
	assert_eq 750 "$(vm_run one "stat -c %a '/tmp/new dir/it'\\''s blob'")" "the mode is kept"
	assert_status 1 "a missing file is an error" vm_get one /no/such/file "$T_DIR/x"
	vm_run one 'echo shared >/share/f'
	assert_eq shared "$(cat "$(vm_share one)/f")" "/share is seen by the host"
	assert_eq "hello from the overlay" "$(vm_run one hello)" "a program of the overlay runs"
	assert_contains "$(vm_run one '/dyn/cpio --version')" "GNU cpio" \
		"so does a dynamic one with its libraries"
}

ports() {
	local got
	t_begin "virtio-serial ports"
	assert_eq test-port-0 "$(vm_run one 'cat /sys/class/virtio-ports/*/name')" \
		"the port is in /sys/class/virtio-ports"
	assert_ok "--udev makes the link" vm_run one 'test -c /dev/virtio-ports/test-port-0'
	assert_status 1 "without it there is none" vm_run four 'test -e /dev/virtio-ports'
	exec {got}<>"$T_DIR/p0.out"
	vm_run one 'echo through the port >/dev/virtio-ports/test-port-0'
	assert_ok "the host reads what the guest wrote" \
		timeout 5 grep -m 1 -q 'through the port' <&"$got"
	exec {got}>&-
	got=$(vm_start one 'head -n 1 </dev/virtio-ports/test-port-0')
	echo back >"$T_DIR/p0.in"
	assert_ok "the guest gets what the host writes" vm_wait one "$got" 5
	assert_eq back "$(vm_out one "$got")" "exactly"
}

host_processes() {
	t_begin "host processes"
	host_start quick sh -c 'echo said; exit 4'
	assert_status 4 "host_wait gives the status" host_wait quick
	assert_eq said "$(cat "$(host_log quick)")" "the output is in the log"
	host_start slow sleep 100
	assert_ok "host_alive" host_alive slow
	assert_status 124 "host_wait has a deadline" host_wait slow 1
	assert_status 130 "SIGINT is not ignored" host_stop slow INT
	host_start deaf sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	wait_for 5 grep -q '^SigIgn:.*4...$' "/proc/$(host_pid deaf)/status"
	assert_status 124 "one that does not end is killed" host_stop deaf TERM 1
	assert_status 1 "wait_for has a deadline" wait_for 1 false
}

ends() {
	local start pid
	t_begin "pause and end"
	vm_pause one
	start=$(awk '{ print $3 }' "/proc/$(vm_pid one)/stat")
	assert_eq T "$start" "vm_pause stops QEMU"
	vm_cont one
	assert_ok "vm_cont lets it go on" vm_run one true
	pid=$(vm_pid one)
	assert_ok "vm_stop" vm_stop one
	assert_status 1 "ends QEMU" test -e "/proc/$pid"
	assert_contains "$(cat "$(vm_console one)")" "Power down" "by a power off"
	vm_kill four
	assert_status 1 "vm_kill ends QEMU" vm_alive four
	assert_status 125 "vm_run says that the guest is gone" vm_run four true
	vm_boot one --no-share --net
	assert_contains "$(vm_run one 'ip addr show eth0')" 10.0.2.15 "a guest with --net has an address"
	assert_contains "$(vm_run one 'seq 20000' | tail -n 1)" 20000 "big outputs come without /share too"
}

boot_guests
commands
tracing
jobs
files
ports
host_processes
ends
