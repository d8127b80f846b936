#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# contrib/ starts the agent when a guest boots: with busybox's init, with OpenRC and with systemd, all of
# them real. Each file is installed as its head says. Nothing is typed in the guest before the host sees
# its agent; an agent that is killed comes back; a port that is plugged in starts it. Words are the parts
# to run: busybox openrc systemd
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/comego.bash"

C=$VM_TOP/contrib
N=1000
NO_INITS=

# install_files NAME SRC=DEST...: what the guest's administrator installs, as an overlay.
install_files() {
	local name=$1
	shift
	"$VM_TOP/tests/guest-image/overlay.sh" "$T_DIR/$name.cpio" "$STATIC=/usr/local/bin/trace-cmd" "$@"
}

# boot NAME [vm_boot OPTION...]: one CPU, what was installed, and the ports. The control port is one that
# QEMU's monitor can take away and bring back.
boot() {
	local name=$1
	shift
	"$TRACE_CMD" setup-guest "$name" -c 1 --dir "$VIRT" >"$T_DIR/setup-$name" 2>&1 ||
		t_bail "setup-guest $name failed" "$(cat "$T_DIR/setup-$name")"
	trace_ports "$name" 1
	monitor_pair "$name"
	# The first three words are the control port, its name and its backend.
	vm_boot "$name" "$@" --overlay "$T_DIR/$name.cpio" "${PORTS[@]:3}" "${MONITOR[@]}" \
		--qemu -chardev --qemu "socket,id=ctl,${PORTS[2]#socket,}" --qemu -device \
		--qemu "virtserialport,id=ctlport,bus=ports0.0,chardev=ctl,name=agent-ctl-path"
	monitor "$name" qmp_capabilities
}

deleted() {
	[ "$(grep -c DEVICE_DELETED "$(host_log "qmp-$1")")" = "$2" ]
}

# QEMU says when the id is free again, some time after it is gone for the guest.
unplug() {
	local n
	n=$(grep -c DEVICE_DELETED "$(host_log "qmp-$1")" || true)
	monitor "$1" device_del '"id": "ctlport"'
	if ! wait_for 10 deleted "$1" $((n + 1)) ||
	   ! wait_for 10 vm_run "$1" '! grep -qx agent-ctl-path /sys/class/virtio-ports/*/name'; then
		t_fail "$1: the port is not unplugged" "$(cat "$(host_log "qmp-$1")")"
	fi
}

plug_in() {
	monitor "$1" device_add \
		'"driver": "virtserialport", "id": "ctlport", "bus": "ports0.0", "chardev": "ctl", "name": "agent-ctl-path"'
}

agent_idle() {
	"$TRACE_CMD" list --guests | grep -E "^$1 .* idle [0-9]" >/dev/null
}

# The host's view, before anything was typed.
is_there() {
	if wait_for 20 agent_idle "$1"; then
		t_ok "$2: the host sees the agent"
	else
		t_bail "$2: the host sees no agent" "$("$TRACE_CMD" list --guests)
$(tail -n 20 "$(vm_console "$1")")"
	fi
}

agent_pid() {
	vm_run "$1" 'pidof trace-cmd'
}

parent_of() {
	vm_run "$1" "sed -n 's/^PPid:[[:space:]]*//p' /proc/\$(pidof trace-cmd)/status"
}

# $2: the process that was there before.
other_agent() {
	local pid
	pid=$(agent_pid "$1") && [ "$pid" != "$2" ]
}

comes_back() {
	local had
	had=$(agent_pid "$1")
	vm_run "$1" "kill -KILL $had"
	if wait_for 20 other_agent "$1" "$had"; then
		t_ok "$2: an agent that was killed comes back"
	else
		t_bail "$2: an agent that was killed does not come back"
	fi
}

# Boot, a recording, a death, and another recording.
serves() {
	is_there "$1" "$2"
	guest_settings "$1" >"$T_DIR/settings-$1"
	whole_of "$1" $N "$2"
	comes_back "$1" "$2"
	whole_of "$1" $N "$2, again"
}

# False: the part $1 is left out, as there are no guests with other inits.
have_inits() {
	local rc=0
	if [ -z "$NO_INITS" ]; then
		NO_INITS=$("$VM_TOP/tests/guest-image/inits.sh") || rc=$?
		[ $rc = 0 ] || [ $rc = 77 ] || t_bail "the guests with systemd and OpenRC cannot be built"
		NO_INITS=${NO_INITS:-none}
	fi
	[ "$NO_INITS" != none ] || return 0
	t_ok "$1 # SKIP $NO_INITS"
	return 1
}

# ---- busybox's init, alone and with OpenRC -----------------------------------

part_busybox() {
	t_begin "busybox's init"
	{
		echo "::respawn:/lib/guest/agent"
		cat "$C/trace-cmd-agent.inittab"
	} >"$T_DIR/inittab"
	install_files bb "$T_DIR/inittab=/etc/inittab"
	boot bb
	serves bb "busybox's init"
	assert_contains "$(vm_run bb 'cat /var/log/trace-cmd-agent.log')" "serves on virtio port" "the log is in /var/log"
	unplug bb
	assert_ok "without its port it ends" wait_for 10 vm_run bb '! pidof trace-cmd'
	assert_contains "$(vm_run bb 'cat /var/log/trace-cmd-agent.log')" "the virtio port was unplugged" "the log says why"
	ends_unplugged bb "/usr/local/bin/trace-cmd agent --virtio-trace"
	vm_stop bb
}

# $2: an agent started by hand, in the minute in which init waits.
ends_unplugged() {
	local job
	plug_in "$1"
	wait_for 10 vm_run "$1" 'grep -qx agent-ctl-path /sys/class/virtio-ports/*/name' || t_fail "the port is not there"
	job=$(vm_start "$1" "$2")
	wait_for 10 vm_run "$1" 'pidof trace-cmd' || t_fail "$2 does not run" "$(vm_out "$1" "$job")"
	unplug "$1"
	assert_status 1 "$2: without its port it ends" vm_wait "$1" "$job" 10
	assert_contains "$(vm_out "$1" "$job")" "the virtio port was unplugged" "$2: it says why"
}

# An administrator's --allow-events 'syscalls:*' is in force.
refuses_others() {
	local rc=0
	"$TRACE_CMD" record -o "$OUT/refused.dat" -A "$1" -e sched:sched_switch sleep 1 >"$T_DIR/refused" 2>&1 || rc=$?
	assert_eq 1 $rc "$2: another event is refused"
	assert_contains "$(cat "$T_DIR/refused")" "sched:sched_switch" "$2: ... which is named"
}

# As on Alpine: busybox's init runs OpenRC. rc-update makes the link that it would make once.
part_openrc() {
	have_inits "OpenRC" || return 0
	t_begin "OpenRC"
	cat >"$T_DIR/inittab" <<-'END'
	::sysinit:/sbin/rc-update add trace-cmd-agent default
	::sysinit:/sbin/openrc sysinit
	::sysinit:/sbin/openrc boot
	::wait:/sbin/openrc default
	::respawn:/lib/guest/agent
	END
	install -m 755 "$C/trace-cmd-agent.openrc" "$T_DIR/openrc"
	echo "agent_args=\"--allow-events 'syscalls:*'\"" >"$T_DIR/conf"
	install_files orc "$T_DIR/inittab=/etc/inittab" "$T_DIR/openrc=/etc/init.d/trace-cmd-agent" \
		"$T_DIR/conf=/etc/conf.d/trace-cmd-agent"
	boot orc --overlay "$VM_IMAGE/openrc.cpio"
	serves orc "OpenRC"
	assert_contains "$(vm_run orc "tr '\\0' ' ' </proc/$(parent_of orc)/cmdline")" \
		"supervise-daemon trace-cmd-agent " "supervise-daemon looks after it"
	assert_contains "$(vm_run orc 'rc-status default')" "started" "it is in the default runlevel, started"
	assert_contains "$(vm_run orc 'cat /var/log/trace-cmd-agent.log')" "serves on virtio port" "the log is in /var/log"
	refuses_others orc "the options of /etc/conf.d"
	assert_ok "rc-service stops it" vm_run orc 'rc-service trace-cmd-agent stop'
	assert_eq "" "$(agent_pid orc || true)" "rc-service stop ends it, for good"
	vm_stop orc
}

# ---- systemd -----------------------------------------------------------------

systemd_boot() {
	boot "$1" --append guestinit=/lib/systemd/systemd --overlay "$VM_IMAGE/systemd.cpio" "${@:2}"
}

unit() {
	[ "$(vm_run "$1" 'systemctl is-active trace-cmd-agent')" = "$2" ]
}

# What the unit says of the agent's process, as the kernel shows it.
has_sandbox() {
	local caps=0 cap
	for cap in 1 21 23 24 34; do # DAC_OVERRIDE SYS_ADMIN SYS_NICE SYS_RESOURCE SYSLOG
		caps=$((caps | 1 << cap))
	done
	assert_eq "CapBnd:$(printf %016x $caps) NoNewPrivs:1 Seccomp:2" \
		"$(vm_run "$1" "sed -n '/^CapBnd\|^NoNewPrivs\|^Seccomp:/p' /proc/\$(pidof trace-cmd)/status" |
			tr -d '\t' | paste -sd ' ')" "the sandbox: capabilities, and filters of system calls"
	cat >"$(vm_share "$1")/inside" <<-'END'
	for dir in /etc /usr /var /sys/fs/cgroup /share; do
		mkdir $dir/new 2>/dev/null && echo "it may write to $dir"
	done
	ls /root/secret /tmp/secret 2>/dev/null
	[ $(readlink /proc/self/ns/net) != $(readlink /proc/1/ns/net) ] || echo "it has the network"
	echo 1 >/sys/kernel/tracing/tracing_on || echo "tracefs is read-only"
	echo "tracefs may be written"
	END
	vm_run "$1" 'touch /root/secret /tmp/secret'
	assert_eq "tracefs may be written" \
		"$(vm_run "$1" 'nsenter -m -n -t $(pidof trace-cmd) sh /share/inside' | paste -sd ' ')" \
		"the sandbox: no files of others, no network, no place to write but tracefs"
}

part_systemd() {
	have_inits "systemd" || return 0
	t_begin "systemd, with the udev rule"
	install_files rule "$C/trace-cmd-agent.service=/etc/systemd/system/trace-cmd-agent.service" \
		"$C/trace-cmd-agent.rules=/etc/udev/rules.d/90-trace-cmd-agent.rules"
	systemd_boot rule
	serves rule "systemd"
	assert_eq 1 "$(parent_of rule)" "systemd looks after it"
	assert_ok "the kernel's functions have addresses in the file" sh -c \
		'"$1" dump --kallsyms "$2" | grep -q "^ffffffff[0-9a-f]* T schedule$"' sh "$TRACE_CMD" "$OUT/w-rule.dat"
	has_sandbox rule
	unplug rule
	assert_ok "without its port it ends, and is not tried again" wait_for 20 unit rule inactive
	plug_in rule
	assert_ok "a port that is plugged in starts it" wait_for 20 unit rule active
	whole_of rule $N "systemd, plugged in"
	assert_contains "$(vm_run rule 'journalctl -u trace-cmd-agent')" "serves on virtio port" "the log is in the journal"
	vm_run rule 'cd / && systemctl enable trace-cmd-agent && find etc/systemd/system -type d -o -type l |
		cpio -o -H newc 2>/dev/null >/tmp/links.cpio' >"$T_DIR/enable" 2>&1 ||
		t_fail "it cannot be enabled" "$(cat "$T_DIR/enable")"
	vm_get rule /tmp/links.cpio "$T_DIR/links.cpio"
	vm_stop rule

	t_begin "systemd, enabled and without the rule"
	install_files unit "$C/trace-cmd-agent.service=/etc/systemd/system/trace-cmd-agent.service"
	systemd_boot unit --overlay "$T_DIR/links.cpio"
	is_there unit "systemd, enabled"
	vm_run unit 'systemctl stop trace-cmd-agent'
	assert_ok "systemctl stop ends it, for good" unit unit inactive
	unplug unit
	plug_in unit
	assert_ok "enabled: a port that is plugged in starts it" wait_for 20 unit unit active
	serves_vsock unit
	vm_stop unit
}

# The change for vsock, word for word as the unit's head has it.
serves_vsock() {
	sed -n 's/^#\t//p' "$C/trace-cmd-agent.service" >"$T_DIR/override.conf"
	vm_put "$1" "$T_DIR/override.conf" /etc/systemd/system/trace-cmd-agent.service.d/override.conf
	vm_run "$1" 'modprobe vsock_loopback; systemctl daemon-reload; systemctl restart trace-cmd-agent'
	assert_ok "changed for vsock: it serves there" wait_for 10 vm_run "$1" \
		'journalctl -u trace-cmd-agent | grep "serves on vsock port 823"'
	assert_ok "changed for vsock: it runs" unit "$1" active
}

server_start --verbose
[ $# -gt 0 ] || set -- busybox openrc systemd
for part; do
	"part_$part"
done
