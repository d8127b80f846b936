#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# virtio-trace, the kernel tree's way to get a guest's pages: 'agent --virtio-trace' and an agent that
# knows nothing of trace-cmd (vtrace_agent.c), each with both hosts: record -A --virtio-trace, and echo
# and cat as the kernel tree's README has it. Metadata of an earlier recording, of a copied directory,
# and none.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/remote.bash"

G=vtrace
DIR=$VIRT/$G # as /tmp/virtio-trace in the README
CC=${CC:-cc}

"$CC" -static -O1 -D_GNU_SOURCE -o "$T_DIR/vtrace-agent" "$VM_TOP/tests/vm/vtrace_agent.c" -lpthread ||
	t_bail "vtrace_agent.c cannot be built"

# Guest G with FIFOs for all channels.
boot() {
	local port
	local -a ports=()
	mkdir -m 755 "$DIR"
	for port in agent-ctl-path trace-path-cpu0 trace-path-cpu1; do
		fifo_pair "$DIR/$port"
		ports+=(--port "$port" "pipe,path=$(vm_opt "$DIR/$port")")
	done
	"$VM_TOP/tests/guest-image/overlay.sh" "$T_DIR/vtrace.cpio" "$STATIC=/bin/trace-cmd" \
		"$T_DIR/vtrace-agent=/bin/vtrace-agent"
	vm_boot $G --cpus 2 --udev --overlay "$T_DIR/vtrace.cpio" "${ports[@]}"
}

# run NAME OPTION...: record -A in the background, the file is $OUT/NAME-$G.dat
run() {
	local name=$1
	shift
	rm -f "$OUT/$name".dat "$OUT/$name"-*.dat
	host_start "$name" "$TRACE_CMD" record -C mono -o "$OUT/$name.dat" -A $G --virtio-trace "$@"
}

agent_says() {
	vm_run $G 'tail -n 1 /tmp/agent.log' | grep "the host: $1\$" >/dev/null
}

# An order is out: QEMU has taken it, and the other agent has no log.
settle() {
	sleep 1.5
}

# What pushes out the page that the last events of 7 bytes are in: the other agent sends whole pages.
fill() {
	# shellcheck disable=SC2016  # for the guest
	vm_run $G 'for cpu in 1 2; do taskset $cpu dd if=/dev/zero of=/dev/null bs=2 count=600; done' >/dev/null 2>&1
}

# The workload: $1 reads and writes of 7 bytes, as nobody else makes here. (Whose they are is not always
# known: metadata that are older than dd do not have its name.)
work() {
	vm_run $G "dd if=/dev/zero of=/dev/null bs=7 count=$1" >/dev/null 2>&1
}

sevens() {
	"$TRACE_CMD" report -i "$1" 2>/dev/null | grep -cE " sys_enter_$2: .*count: 0x0*7\$" || true
}

# sevens_are FILE N WHAT: no more, no less
sevens_are() {
	assert_eq "$2 $2" "$(sevens "$1" read) $(sevens "$1" write)" "$3: each of $2 reads and writes is there"
}

# Ours and stock's report say the same of the events, and both checkers find the file whole.
whole() {
	local text
	"$TRACE_CMD" report -i "$1" 2>&1 | grep -v ': clock: ' >"$T_DIR/ours.txt"
	"$STOCK" report -i "$1" >"$T_DIR/stock.txt" 2>/dev/null || true
	assert_ok "$2: stock's report is the same" cmp "$T_DIR/ours.txt" "$T_DIR/stock.txt"
	text=$("$STOCK" dump -v -i "$1" 2>&1) || true
	assert_contains "$text" "is a valid trace-cmd file" "$2: stock's dump finds the file valid"
	assert_ok "$2: our checker finds it whole" "$HELPERS/dat_check" "$1"
}

boot

t_begin "metadata of an earlier recording, and of a copied directory"
vm_run $G "mount -t tracefs nodev $T 2>/dev/null; echo mono >$T/trace_clock
	trace-cmd record -q -o /tmp/meta.dat $READS sleep 0; mkdir /tmp/copy
	cp -r $T/events /tmp/copy/events 2>/dev/null; cp $T/printk_formats $T/saved_cmdlines $T/trace_clock /tmp/copy
	cat /proc/kallsyms >/tmp/copy/kallsyms" >/dev/null || true
vm_get $G /tmp/meta.dat "$T_DIR/meta.dat"
vm_run $G 'cd /tmp && tar cf /share/copy.tar copy'
tar xf "$(vm_share $G)/copy.tar" -C "$T_DIR"
assert_ok "the copy has the page header" test -s "$T_DIR/copy/events/header_page"

t_begin "the agent of trace-cmd"
vm_run $G "trace-cmd agent --virtio-trace -D -l /tmp/agent.log && trace-cmd start -C mono $READS" >/dev/null
settings() {
	vm_run $G "cd $T && cat tracing_on set_event current_tracer trace_clock buffer_percent"
}
BEFORE=$(settings)
# shellcheck disable=SC2016  # for the guest
assert_eq "0 1" "$(vm_run $G 'cd /proc/$(pidof trace-cmd)/task && cat */status | sed -n "s/^Cpus_allowed_list:[^0-9]*\([01]\)$/\1/p" |
	sort | tr "\n" " "' | sed 's/ $//')" "a thread on each CPU"
run own --metadata "$T_DIR/meta.dat"
wait_for 20 agent_says start || t_fail "no order came" "$(cat "$(host_log own)")"
work 700
ends own 0 "trace-cmd's agent: exit status 0"
assert_ok "it was told to stop" agent_says stop
sevens_are "$OUT/own-$G.dat" 700 "metadata of a file"
whole "$OUT/own-$G.dat" "metadata of a file"
assert_eq "$BEFORE" "$(settings)" "the guest's settings are as they were set"

t_begin "a second run, and a page of a killed run in the channel"
head -c 3000 /dev/zero >"$DIR/trace-path-cpu0.out"
run again --metadata "$T_DIR/copy" --name web1
wait_for 20 agent_says start || t_fail "no order came" "$(cat "$(host_log again)")"
work 300
ends again 0 "metadata of a directory: exit status 0"
sevens_are "$OUT/again-web1.dat" 300 "metadata of a directory"
whole "$OUT/again-web1.dat" "metadata of a directory"

t_begin "no metadata: the pages are kept, and get theirs later"
run bare
wait_for 20 agent_says start || t_fail "no order came"
work 200
ends bare 0 "no metadata: exit status 0"
assert_contains "$(cat "$(host_log bare)")" "--metadata" "record says what is missing"
assert_eq 0 "$(sevens "$OUT/bare-$G.dat" read)" "no event can be read"
assert_contains "$("$TRACE_CMD" report -i "$OUT/bare-$G.dat" 2>&1)" "no event formats" "report says what is missing"
assert_ok "convert --metadata" "$TRACE_CMD" convert --metadata "$T_DIR/copy/events" -i "$OUT/bare-$G.dat" \
	-o "$OUT/later.dat"
sevens_are "$OUT/later.dat" 200 "metadata that came later"
whole "$OUT/later.dat" "metadata that came later"

t_begin "virt-server has the channels, and lends them"
assert_status 1 "no channels" "$TRACE_CMD" record -o "$T_DIR/x.dat" -A "$T_DIR" --virtio-trace sleep 0
server_start
run lent --metadata "$T_DIR/copy"
wait_for 20 agent_says start || t_fail "no order came" "$(cat "$(host_log lent)")"
assert_status 1 "not to two" "$TRACE_CMD" record -o "$T_DIR/x.dat" -A $G --virtio-trace sleep 0
assert_contains "$(cat "$T_DIR/.assert")" "is being recorded for process $(host_pid lent)" "and who has them is said"
work 250
ends lent 0 "lent channels: exit status 0"
sevens_are "$OUT/lent-$G.dat" 250 "lent channels"

t_begin "all channels are sockets of virt-server; the host is killed"
CTL=$VIRT/sock/agent-ctl-path guest_boot sock 1 sockets
vm_run sock "mount -t tracefs nodev $T 2>/dev/null; trace-cmd start -C mono $READS
	trace-cmd agent --virtio-trace -D -l /tmp/agent.log" >/dev/null
sock_says() {
	vm_run sock 'tail -n 1 /tmp/agent.log' | grep ": $1\$" >/dev/null
}
host_start killed "$TRACE_CMD" record -C mono -o "$OUT/killed.dat" -A sock --virtio-trace
wait_for 20 sock_says start || t_fail "no order came" "$(cat "$(host_log killed)")"
host_stop killed KILL || true
assert_ok "the server stops the agent" wait_for 20 sock_says stop
host_start socks "$TRACE_CMD" record -C mono -o "$OUT/socks.dat" -A sock --virtio-trace --metadata "$T_DIR/copy"
wait_for 20 sock_says start || t_fail "no order came" "$(cat "$(host_log socks)")"
vm_run sock 'dd if=/dev/zero of=/dev/null bs=7 count=150' >/dev/null 2>&1
ends socks 0 "sockets: exit status 0"
sevens_are "$OUT/socks-sock.dat" 150 "sockets"
vm_stop sock
server_stop || true

t_begin "the README's way: echo and cat"
cat "$DIR/trace-path-cpu0.out" >"$T_DIR/raw0" 9>&- &
cats=$!
cat "$DIR/trace-path-cpu1.out" >"$T_DIR/raw1" 9>&- &
cats+=" $!"
echo 1 >"$DIR/agent-ctl-path.in"
wait_for 20 agent_says start || t_fail "no start"
work 100
echo 0 >"$DIR/agent-ctl-path.in"
wait_for 20 agent_says stop || t_fail "no stop"
settle
# shellcheck disable=SC2086
kill $cats
size=$(($(stat -c %s "$T_DIR/raw0") + $(stat -c %s "$T_DIR/raw1")))
assert_eq 0 $((size % 4096)) "whole pages came, $((size / 4096))"
assert_ok "some did" test $size -ge 8192

t_begin "pages to stdout"
# shellcheck disable=SC2016  # for the guest
vm_run $G 'kill $(pidof trace-cmd); sleep 0.5; : >/tmp/agent.log; trace-cmd agent --virtio-trace -o >/tmp/raw \
	2>/tmp/agent.log </dev/null & sleep 1' >/dev/null
echo 1 >"$DIR/agent-ctl-path.in"
wait_for 20 agent_says start || t_fail "no start" "$(vm_run $G 'cat /tmp/agent.log')"
work 100
echo 0 >"$DIR/agent-ctl-path.in"
wait_for 20 agent_says stop || t_fail "no stop"
settle
# shellcheck disable=SC2016  # for the guest
assert_eq "0" "$(vm_run $G 'kill $(pidof trace-cmd); echo $(($(stat -c %s /tmp/raw) % 4096))')" "whole pages"
# shellcheck disable=SC2016  # for the guest
assert_ok "some" vm_run $G '[ $(stat -c %s /tmp/raw) -ge 8192 ]'

t_begin "nobody is there"
rc=0
"$TRACE_CMD" record -o "$T_DIR/x.dat" -A $G --virtio-trace sleep 0 >"$T_DIR/said" 2>&1 || rc=$?
assert_eq 1 $rc "no agent: the recording fails"
assert_contains "$(cat "$T_DIR/said")" "nobody there reads its port" "and says why"

t_begin "an agent that knows nothing of trace-cmd"
vm_run $G 'vtrace-agent >/tmp/other.log 2>&1 </dev/null & echo 1 >/sys/kernel/tracing/buffer_percent' >/dev/null
run other --metadata "$T_DIR/meta.dat" -C mono
settle
settle
work 500
fill
settle
ends other 0 "another's agent: exit status 0"
sevens_are "$OUT/other-$G.dat" 500 "another's agent"
whole "$OUT/other-$G.dat" "another's agent"
run other2 --metadata "$T_DIR/meta.dat" -C mono
settle
settle
work 400
fill
settle
ends other2 0 "another's agent, again: exit status 0"
sevens_are "$OUT/other2-$G.dat" 400 "another's agent, again"
assert_eq "" "$(vm_run $G 'cat /tmp/other.log')" "it has no complaint"
