#!/bin/bash
# libvirt.sh - a real libvirt runs the guest with the XML that setup-guest prints, and records from it.
#
# A session daemon of an ordinary user, with a home and a run directory of its own, so that no other
# libvirt of the machine is touched; as root, all is done as the user nobody. Never a system daemon:
# at its start it would look after firewalls, networks and guests that are not ours.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TRACE_CMD=${TRACE_CMD:-$VM_TOP/trace-cmd}
STATIC=${STATIC:-$VM_TOP/build/static/trace-cmd}
URI=qemu:///session
N=1000

for tool in virsh libvirtd qemu-system-x86_64; do
	command -v $tool >/dev/null || t_skip "$tool is not installed; tools/deps.sh libvirt vm installs it"
done
[ -x "$TRACE_CMD" ] || t_bail "no $TRACE_CMD: make it first"
[ -x "$STATIC" ] || t_bail "no $STATIC: make static makes it"
if ! ls /usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so >/dev/null 2>&1; then
	t_skip "libvirt's QEMU driver is not installed; tools/deps.sh libvirt installs it"
fi

# Not below T_DIR, which is closed to other users. Short: it holds unix sockets.
BASE=$(mktemp -d /tmp/lv.XXXXXX)
finish() {
	local name
	for name in $(virsh_ list --name 2>/dev/null); do
		virsh_ destroy "$name" || true
	done
	[ -z "$(host_pid libvirtd 2>/dev/null)" ] || host_stop libvirtd || true
	rm -rf "$BASE"
}
at_exit finish
VIRT=$BASE/virt
USER_IS=()
# setpriv and not runuser: it becomes the program, which then gets the signals meant for it.
[ "$(id -u)" != 0 ] || USER_IS=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups)
mkdir -p "$BASE"/{run,home,out,config/libvirt}
chmod 755 "$BASE"
chmod 700 "$BASE/run"
echo 'stdio_handler = "file"' >"$BASE/config/libvirt/qemu.conf" # no virtlogd
cp "$TRACE_CMD" "$BASE/trace-cmd"

AS=("${USER_IS[@]}" env -i PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C HOME="$BASE/home"
	XDG_RUNTIME_DIR="$BASE/run" XDG_CONFIG_HOME="$BASE/config" XDG_CACHE_HOME="$BASE/home/cache"
	${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"})
as() {
	(cd "$BASE" && "${AS[@]}" "$@")
}
virsh_() {
	as virsh -q -c $URI "$@"
}

[ ${#USER_IS[@]} = 0 ] || chown -R nobody "$BASE"
[ "$(as id -u)" != 0 ] || t_bail "this would start a system daemon"

# The guest: its kernel, its initramfs with our binary, and its command shell on the second serial port.
make_guest() {
	"$VM_TOP/tests/guest-image/build.sh" >&2 || t_bail "the guest image could not be built"
	"$VM_TOP/tests/guest-image/overlay.sh" "$T_DIR/trace-cmd.cpio" "$STATIC=/bin/trace-cmd" >&2
	cat "$VM_IMAGE/base.cpio" "$T_DIR/trace-cmd.cpio" >"$BASE/initrd"
	cp "$VM_IMAGE/vmlinuz" "$BASE/vmlinuz"
	chmod 644 "$BASE/initrd" "$BASE/vmlinuz"
}

# domain NAME CPUS: the XML of a domain; its channels from standard input.
domain() {
	as mkfifo "$BASE/out/$1.shell.in" "$BASE/out/$1.shell.out"
	cat <<-END
	<domain type='qemu'>
	  <name>$1</name>
	  <memory unit='MiB'>256</memory>
	  <vcpu>$2</vcpu>
	  <os>
	    <type arch='x86_64' machine='pc'>hvm</type>
	    <kernel>$BASE/vmlinuz</kernel>
	    <initrd>$BASE/initrd</initrd>
	    <cmdline>console=ttyS0 guestname=$1</cmdline>
	  </os>
	  <features><acpi/></features>
	  <devices>
	    <emulator>$(command -v qemu-system-x86_64)</emulator>
	    <serial type='file'><source path='$BASE/out/$1.console'/><target port='0'/></serial>
	    <serial type='pipe'><source path='$BASE/out/$1.shell'/><target port='1'/></serial>
	END
	cat
	echo "  </devices></domain>"
}

# start NAME: boot, and wait for its shell, which is on descriptors 7 and 8 from then on.
start() {
	local line
	exec 7<>"$BASE/out/$1.shell.in" 8<>"$BASE/out/$1.shell.out"
	virsh_ start "$1" || return 1
	while IFS= read -r -t "$VM_BOOT_TIMEOUT" -u 8 line; do
		[ "${line%$'\r'}" != VMREADY ] || return 0
	done
	tail -n 20 "$BASE/out/$1.console" >&2
	return 1
}

# ask COMMAND: run it in the guest; its output, its status. See guest-image/files/agent.
ask() {
	local id status size how
	printf '@1 %s %s\n' "$VM_TIMEOUT" "$(printf %s "$1" | base64 -w 0)" >&7
	IFS=' ' read -r -t $((VM_TIMEOUT + 5)) -u 8 id status size how || return 125
	[ "$id" = @1 ] && [ "${how%$'\r'}" = here ] || return 125
	[ "$size" = 0 ] || head -c "$size" <&8
	[ "$status" != late ] || return 124
	return "$status"
}

count_ports() {
	grep -cE "name='(agent-ctl-path|trace-path-cpu[0-9]+)'" || true
}

# record_from NAME: a recording with a known number of writes, all of them in the host's file.
record_from() {
	local file got rc=0
	ask "trace-cmd record --virt -e syscalls:sys_enter_write -F dd if=/dev/zero of=/dev/null bs=1 count=$N" \
		>"$T_DIR/record.txt" || rc=$?
	assert_eq 0 $rc "$1: the guest's recording is whole"
	[ $rc = 0 ] || _show_tail "$T_DIR/record.txt" 20
	wait_for 20 ls_file "$1" || { t_fail "$1: no file appeared"; return; }
	file=$(ls_file "$1")
	got=$("$TRACE_CMD" report -i "$file" 2>/dev/null | grep -c " sys_enter_write:") || true
	if [ "$got" -ge $N ] && [ "$got" -le $((N + 20)) ]; then
		t_ok "$1: $got events for $N writes"
	else
		t_fail "$1: events" "want $N (and at most 20 more), got $got"
	fi
}

ls_file() {
	ls "$BASE"/out/trace."$1".*.dat 2>/dev/null
}

t_begin "a session daemon of our own"
make_guest
host_start libvirtd "${AS[@]}" libvirtd
if ! wait_for 20 virsh_ version; then
	_show_tail "$(host_log libvirtd)" 20
	t_bail "libvirtd does not answer"
fi
assert_eq "$URI" "$(virsh_ uri)" "it is a session daemon"

t_begin "XML from setup-guest --libvirt: FIFOs, the shared socket"
as ./trace-cmd setup-guest lv1 -c 2 --dir "$VIRT" --libvirt >"$T_DIR/lv1.xml"
domain lv1 2 <"$T_DIR/lv1.xml" >"$BASE/lv1.xml"
assert_ok "libvirt defines the domain" virsh_ define "$BASE/lv1.xml"
argv=$(virsh_ domxml-to-native qemu-argv --domain lv1)
assert_contains "$argv" "socket,id=charchannel0,path=$VIRT/agent-ctl-path,reconnect" "control socket, with reconnect"
assert_contains "$argv" "pipe,id=charchannel2,path=$VIRT/lv1/trace-path-cpu1" "FIFO of CPU 1"
assert_contains "$argv" '"name":"trace-path-cpu1"' "port of CPU 1"
assert_contains "$argv" "-name guest=lv1" "QEMU is told the domain's name"
assert_ok "the guest boots before there is a server" start lv1
assert_eq "agent-ctl-path trace-path-cpu0 trace-path-cpu1" \
	"$(ask 'cat /sys/class/virtio-ports/*/name' | sort | tr '\n' ' ' | sed 's/ $//')" "it has the ports"
host_start server "${AS[@]}" "$BASE/trace-cmd" virt-server --dir "$VIRT" -o "$BASE/out"
wait_for 10 test -S "$VIRT/agent-ctl-path" || t_bail "virt-server does not listen" "$(cat "$(host_log server)")"
connected() {
	[ "$(ask 'trace-cmd setup-guest --check --guest' | grep -c 'is connected')" = 1 ]
}
assert_ok "it connects once there is one" wait_for 20 connected
record_from lv1
as ./trace-cmd setup-guest --check lv1 --dir "$VIRT" -o "$BASE/out" >"$T_DIR/check.txt" || true
assert_contains "$(cat "$T_DIR/check.txt")" "ok   lv1: FIFOs for 2 CPUs; its QEMU has 2 vCPUs" \
	"the doctor sees the guest"
virsh_ destroy lv1

t_begin "many CPUs: libvirt adds controllers"
as ./trace-cmd setup-guest lv40 -c 40 --dir "$VIRT" --libvirt >"$T_DIR/lv40.xml"
domain lv40 40 <"$T_DIR/lv40.xml" >"$BASE/lv40.xml"
assert_ok "libvirt defines the domain" virsh_ define "$BASE/lv40.xml"
assert_eq 41 "$(virsh_ domxml-to-native qemu-argv --domain lv40 | grep -o '"name":"[at][a-z0-9-]*-[a-z0-9]*"' |
	sort -u | wc -l)" "QEMU gets 41 ports"

t_begin "attached through virsh: sockets, the domain's own socket"
domain lv2 1 </dev/null >"$BASE/lv2.xml"
virsh_ define "$BASE/lv2.xml"
attach=(as ./trace-cmd setup-guest lv2 -c 1 --dir "$VIRT" --sockets --own-socket -a -C "$URI")
assert_contains "$("${attach[@]}" 2>&1)" "2 channels attached, 0 were there" "-a attaches"
assert_contains "$("${attach[@]}" 2>&1)" "0 channels attached, 2 were there" "again: nothing is doubled"
assert_eq 2 "$(virsh_ dumpxml lv2 | count_ports)" "libvirt has them"
assert_status 1 "no such domain: 1" as ./trace-cmd setup-guest nobodys -c 1 --dir "$VIRT" -a -C $URI
out=$(as ./trace-cmd setup-guest nobodys -c 1 --dir "$VIRT" -a -C $URI 2>&1) || true
assert_contains "$out" "libvirt knows no such domain" "... with the reason"
wait_for 10 test -S "$VIRT/lv2/trace-path-cpu0" || t_fail "virt-server makes no socket for lv2"
assert_ok "the guest boots" start lv2
assert_ok "it connects" wait_for 20 connected
record_from lv2

t_begin "attached while the guest runs"
virsh_ destroy lv2
domain lv4 1 </dev/null >"$BASE/lv4.xml"
virsh_ define "$BASE/lv4.xml"
assert_ok "a guest without a controller starts" virsh_ start lv4 --paused
out=$(as ./trace-cmd setup-guest lv4 -c 1 --dir "$VIRT" --sockets -a -C $URI 2>&1) || true
assert_contains "$out" "try: stop and start the guest: libvirt gives it the controller" "it must be restarted"
virsh_ destroy lv4
domain lv3 1 <<<"<controller type='virtio-serial' index='0'/>" >"$BASE/lv3.xml"
virsh_ define "$BASE/lv3.xml"
assert_ok "the guest boots without channels" start lv3
as ./trace-cmd setup-guest lv3 -c 1 --dir "$VIRT" --sockets 2>/dev/null >&2
wait_for 10 test -S "$VIRT/lv3/trace-path-cpu0" || t_fail "virt-server makes no socket for lv3"
out=$(as ./trace-cmd setup-guest lv3 -c 1 --dir "$VIRT" --sockets --own-socket -a -C $URI 2>&1) || true
assert_contains "$out" "the running guest has 2 of them now" "sockets: at once"
wait_for 20 connected || t_fail "the new control port is not connected"
record_from lv3
virsh_ destroy lv3
as ./trace-cmd setup-guest lv4 -c 1 --dir "$VIRT" >"$T_DIR/lv4.txt" 2>&1
virsh_ start lv4 --paused
out=$(as ./trace-cmd setup-guest lv4 -c 3 --dir "$VIRT" -a -C $URI 2>&1) || true
assert_contains "$out" "a reboot from inside is not enough" "FIFOs: with the next start"
virsh_ destroy lv4
rc=0
host_stop server TERM 30 || rc=$?
assert_eq 0 $rc "the server ends well"
