#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# contrib/ starts the agent when a guest boots: with busybox's init, with OpenRC and with systemd, all of
# them real. Each file is installed as its head says. Nothing is typed in the guest before the host sees
# its agent and records it; an agent that is killed comes back; a port that is plugged in starts it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/comego.bash"

C=$VM_TOP/contrib
INITS=
N=1000

# install_files NAME SRC=DEST...: what the guest's administrator installs, as an overlay.
install_files() {
	local name=$1
	shift
	"$VM_TOP/tests/guest-image/overlay.sh" "$T_DIR/$name.cpio" "$STATIC=/usr/local/bin/trace-cmd" "$@"
}

# boot NAME [vm_boot OPTION...]: one CPU, its ports, what was installed.
boot() {
	local name=$1
	shift
	"$TRACE_CMD" setup-guest "$name" -c 1 --dir "$VIRT" >"$T_DIR/setup" 2>&1 || t_bail "setup-guest" "$(cat "$T_DIR/setup")"
	trace_ports "$name" 1
	vm_boot "$name" "${PORTS[@]}" "$@" --overlay "$T_DIR/$name.cpio"
}

agent_idle() {
	"$TRACE_CMD" list --guests | grep -qE "^$1 .* idle [0-9]"
}

# The host's view, before anything was typed.
is_there() {
	if wait_for 20 agent_idle "$1"; then
		t_ok "$2: the host sees the agent"
	else
		t_fail "$2: the host sees no agent" "$("$TRACE_CMD" list --guests)
$(tail -n 20 "$(vm_console "$1")")"
	fi
}

agent_pid() {
	vm_run "$1" 'pidof trace-cmd'
}

# $2: the process that was there before.
other_agent() {
	local pid
	pid=$(agent_pid "$1") && [ "$pid" != "$2" ]
}

comes_back() {
	local had
	had=$(agent_pid "$1")
	vm_run "$1" "kill -KILL $had" || true
	if wait_for 20 other_agent "$1" "$had"; then
		t_ok "$2: an agent that was killed comes back"
	else
		t_fail "$2: an agent that was killed does not come back"
	fi
	whole_of "$1" $N "$2, again"
}

# Boot, a recording, a death, and another recording.
serves() {
	is_there "$1" "$2"
	guest_settings "$1" >"$T_DIR/settings-$1"
	whole_of "$1" $N "$2"
	comes_back "$1" "$2"
}

# True when there are guests with other inits; else the part $1 is left out.
have_inits() {
	local rc=0
	[ -n "$INITS" ] || INITS=$("$VM_TOP/tests/guest-image/inits.sh") || rc=$?
	[ $rc = 0 ] || [ $rc = 77 ] || t_bail "the guests with systemd and OpenRC cannot be built"
	INITS=${INITS:-yes}
	[ "$INITS" != yes ] || return 0
	t_ok "$1 # SKIP $INITS"
	return 1
}

busybox() {
	t_begin "busybox's init"
	{
		echo "::respawn:/lib/guest/agent"
		cat "$C/trace-cmd-agent.inittab"
	} >"$T_DIR/inittab"
	install_files bbinit "$T_DIR/inittab=/etc/inittab"
	boot bbinit
	serves bbinit "busybox's init"
	assert_contains "$(vm_run bbinit 'cat /var/log/trace-cmd-agent.log')" "serves on virtio port" "the log is in /var/log"
	vm_stop bbinit
}

# As on Alpine: busybox's init runs OpenRC. rc-update makes the link that it would make once.
openrc() {
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
	install_files openrc "$T_DIR/conf=/etc/conf.d/trace-cmd-agent" "$T_DIR/inittab=/etc/inittab" "$T_DIR/openrc=/etc/init.d/trace-cmd-agent"
	boot openrc --overlay "$VM_IMAGE/openrc.cpio"
	serves openrc "OpenRC"
	assert_contains "$(vm_run openrc "tr '\\0' ' ' </proc/$(parent_of openrc)/cmdline")" \
		"supervise-daemon trace-cmd-agent " "supervise-daemon looks after it"
	assert_contains "$(vm_run openrc 'rc-status default')" "started" "it is in the default runlevel, started"
	refused openrc "the options of /etc/conf.d"
	vm_run openrc 'rc-service trace-cmd-agent stop' >"$T_DIR/stop" 2>&1 || t_fail "it cannot be stopped" "$(cat "$T_DIR/stop")"
	assert_eq "" "$(agent_pid openrc || true)" "rc-service stop ends it, for good"
	vm_stop openrc
}

# An administrator's --allow-events 'syscalls:*' is in force.
refused() {
	local rc=0
	"$TRACE_CMD" record -o "$OUT/refused.dat" -A "$1" -e sched:sched_switch sleep 1 >"$T_DIR/refused" 2>&1 || rc=$?
	assert_eq 1 $rc "$2: another event is refused"
	assert_contains "$(cat "$T_DIR/refused")" "sched:sched_switch" "$2: ... which is named"
}

parent_of() {
	vm_run "$1" "sed -n 's/^PPid:[[:space:]]*//p' /proc/\$(pidof trace-cmd)/status"
}

# What the unit says of the agent's process, as the kernel shows it.
sandbox() {
	local caps=0 cap
	for cap in 1 21 23 24 34; do # DAC_OVERRIDE SYS_ADMIN SYS_NICE SYS_RESOURCE SYSLOG
		caps=$((caps | 1 << cap))
	done
	assert_eq "CapBnd:$(printf %016x $caps) NoNewPrivs:1 Seccomp:2" \
		"$(vm_run "$1" "sed -n '/^CapBnd\|^NoNewPrivs\|^Seccomp:/p' /proc/\$(pidof trace-cmd)/status" |
			tr -d '\t' | paste -sd ' ')" "the sandbox: capabilities, and filters of system calls"
	assert_eq "other other" "$(vm_run "$1" 'for ns in mnt net; do
		[ $(readlink /proc/1/ns/$ns) = $(readlink /proc/$(pidof trace-cmd)/ns/$ns) ] && echo same || echo other
		done' | paste -sd ' ')" "the sandbox: mounts and network of its own"
	vm_run "$1" 'echo >/root/secret; cat >/tmp/in.sh <<"END"
for d in /etc /usr /var /sys/fs/cgroup; do mkdir $d/new 2>/dev/null && echo "writes to $d"; done
ls /root/secret 2>/dev/null
[ "$(cat /proc/net/dev | wc -l)" = 3 ] || echo "it sees network cards"
echo 1 >/sys/kernel/tracing/tracing_on || echo "tracefs is read-only"
echo done
END
' >/dev/null
	assert_eq "done" "$(vm_run "$1" 'nsenter -m -n -t $(pidof trace-cmd) sh -c "$(cat /tmp/in.sh)"' | paste -sd ' ')" \
		"the sandbox: it may write to tracefs and nowhere else"
}

unit() { # NAME STATE
	[ "$(vm_run "$1" 'systemctl is-active trace-cmd-agent')" = "$2" ]
}

# The control port is a device that QEMU's monitor can take away and bring back.
systemd_boot() {
	local name=$1
	shift
	"$TRACE_CMD" setup-guest "$name" -c 1 --dir "$VIRT" >"$T_DIR/setup" 2>&1 || t_bail "setup-guest" "$(cat "$T_DIR/setup")"
	trace_ports "$name" 1
	monitor_pair "$name"
	vm_boot "$name" "${PORTS[@]:3}" "${MONITOR[@]}" \
		--qemu -chardev --qemu "${PORTS[2]%%,*},id=ctl,${PORTS[2]#*,}" \
		--qemu -device --qemu "virtserialport,id=ctlport,bus=ports0.0,chardev=ctl,name=agent-ctl-path" \
		--append guestinit=/lib/systemd/systemd --overlay "$VM_IMAGE/systemd.cpio" --overlay "$T_DIR/$name.cpio" "$@"
	monitor "$name" qmp_capabilities
}

hotplug() {
	monitor "$1" device_del '"id": "ctlport"'
	wait_for 20 unit "$1" inactive || t_fail "$2: without its port the unit is $(vm_run "$1" 'systemctl is-active trace-cmd-agent')"
	assert_eq "" "$(agent_pid "$1" || true)" "$2: without its port there is no agent"
	monitor "$1" device_add '"driver": "virtserialport", "id": "ctlport", "bus": "ports0.0", "chardev": "ctl", "name": "agent-ctl-path"'
	assert_ok "$2: a port that is plugged in starts it" wait_for 20 unit "$1" active
	whole_of "$1" $N "$2, plugged in"
}

systemd() {
	have_inits "systemd" || return 0
	t_begin "systemd, with the udev rule"
	install_files rule "$C/trace-cmd-agent.service=/etc/systemd/system/trace-cmd-agent.service" \
		"$C/trace-cmd-agent.rules=/etc/udev/rules.d/90-trace-cmd-agent.rules"
	systemd_boot rule
	serves rule "systemd"
	assert_eq 1 "$(parent_of rule)" "systemd looks after it"
	sandbox rule
	hotplug rule "systemd"
	assert_contains "$(vm_run rule 'journalctl -u trace-cmd-agent')" "serves on virtio port" "the log is in the journal"

	t_begin "systemd, enabled, without the rule"
	vm_run rule 'systemctl enable trace-cmd-agent 2>/dev/null; cd / && find etc/systemd/system -type d -o -type l | cpio -o -H newc 2>/dev/null' >"$T_DIR/links.cpio"
	vm_stop rule
	install_files enabled "$C/trace-cmd-agent.service=/etc/systemd/system/trace-cmd-agent.service"
	systemd_boot enabled --overlay "$T_DIR/links.cpio"
	is_there enabled "systemd, enabled"
	guest_settings enabled >"$T_DIR/settings-enabled"
	hotplug enabled "systemd, enabled"
	vm_run enabled 'systemctl stop trace-cmd-agent'
	assert_eq inactive "$(vm_run enabled 'systemctl is-active trace-cmd-agent')" "systemctl stop ends it, for good"
	vm_stop enabled
}

server_start --verbose
[ $# -gt 0 ] || set -- busybox openrc systemd
for part; do
	"$part"
done
