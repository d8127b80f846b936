#!/bin/bash
# setup_guest_qemu.sh - a real QEMU takes the options that setup-guest --qemu prints, and the XML of
# --libvirt is well-formed
# shellcheck disable=SC2317  # functions are called through is()
set -u
export LC_ALL=C
unset TRACE_CMD_VIRT_DIR

trace_cmd=$(realpath "${TRACE_CMD:-./trace-cmd}")
qemu=${QEMU:-qemu-system-x86_64}
if ! command -v "$qemu" >/dev/null; then
	echo "skip: $qemu is not installed; tools/deps.sh vm installs it"
	exit 77
fi
top=$(mktemp -d /tmp/setup-guest.XXXXXX)
trap 'rm -rf "$top"' EXIT
chmod 755 "$top"
bad=0

is() {
	local name=$1
	shift
	if "$@"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/#   /' "$top/err"
		bad=1
	fi
}

# The names of the virtio-serial ports that QEMU has made, sorted. Options as the shell reads them
# from standard input, as a user would paste them.
ports() {
	local options
	options=$(cat)
	echo 'info qtree
quit' | eval "timeout 60 $qemu -S -display none -nodefaults -machine ${machine:-pc} -m 64 -accel tcg \
		-monitor stdio $options" 2>"$top/err" |
		sed -n 's/^ *name = "\(.*\)"\r*$/\1/p' | sort
}

# takes NAME DIR CPUS WORDS...: QEMU has all ports of CPUS
takes() {
	local name=$1 dir=$2 cpus=$3 want got
	shift 3
	"$trace_cmd" setup-guest web1 -c "$cpus" --dir "$dir" --qemu "$@" >"$top/options" 2>"$top/err"
	got=$(ports <"$top/options")
	want=$({ echo agent-ctl-path; seq -f 'trace-path-cpu%.0f' 0 $((cpus - 1)); } | sort)
	[ "$got" = "$want" ] || echo "ports: $got" >>"$top/err"
	is "$name" test "$got" = "$want"
}

# starts NAME DIR CPUS: QEMU takes the options. It drops what it prints of so many ports.
starts() {
	"$trace_cmd" setup-guest web1 -c "$3" --dir "$2" --qemu >"$top/options" 2>"$top/err"
	is "$1" eval "echo quit | timeout 60 $qemu -S -display none -nodefaults -machine q35 -m 64 -accel tcg \
		-monitor stdio $(cat "$top/options") >/dev/null 2>>$top/err"
}

takes "1 CPU" "$top/a" 1
takes "2 CPUs" "$top/a" 2
takes "7 CPUs fill one controller" "$top/a" 7
takes "40 CPUs need six" "$top/a" 40
starts "256 CPUs on q35" "$top/a" 256
takes "sockets, nobody listens yet" "$top/b" 2 --sockets
takes "the shared socket" "$top/a" 2 --shared-socket
takes "a directory with comma, blank and quote" "$top/it's a, b" 2
machine=q35 takes "2 CPUs on q35" "$top/a" 2

if command -v xmllint >/dev/null; then
	"$trace_cmd" setup-guest web1 -c 3 --dir "$top/x&y<z" --libvirt >"$top/xml" 2>"$top/err"
	{ echo "<devices>"; cat "$top/xml"; echo "</devices>"; } >"$top/devices.xml"
	is "XML is well-formed" xmllint --noout "$top/devices.xml" 2>"$top/err"
	n=$(xmllint --xpath 'count(/devices/channel/target[@type="virtio"])' "$top/devices.xml")
	is "... with four channels" test "$n" = 4
	path=$(xmllint --xpath 'string(/devices/channel[1]/source/@path)' "$top/devices.xml")
	is "... and the shared control socket" test "$path" = "$top/x&y<z/agent-ctl-path"
else
	echo "# xmllint is not installed: the XML is not read"
fi
exit $bad
