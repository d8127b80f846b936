#!/bin/bash
# setup_guest_check.sh - the doctor finds what is wrong and says what to type
# shellcheck disable=SC2317  # functions are called through is()
set -u
export LC_ALL=C
unset TRACE_CMD_VIRT_DIR

trace_cmd=$(realpath "${TRACE_CMD:-./trace-cmd}")
top=$(mktemp -d /tmp/setup-guest.XXXXXX)
pids=()
clean_up() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
	rm -rf "$top"
}
trap clean_up EXIT
chmod 755 "$top"
dir=$top/virt
domain=check-$$ # no other QEMU of this machine has this name
bad=0

is() {
	local name=$1
	shift
	if "$@"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/#   /' "$top/out"
		bad=1
	fi
}

# check STATUS WORDS...
check() {
	local want=$1 got=0
	shift
	"$trace_cmd" setup-guest --check --host --dir "$dir" -o "$top" "$@" >"$top/out" 2>&1 || got=$?
	[ "$got" = "$want" ]
}

says() {
	grep -qF -- "$1" "$top/out"
}

is "nothing is there: 1" check 1
is "... says what makes it" says "setup-guest DOMAIN -c CPUS"
"$trace_cmd" setup-guest "$domain" -c 2 --dir "$dir" >/dev/null 2>&1
is "no server: 1" check 1 "$domain"
is "... the command" says "type: trace-cmd virt-server --dir $dir"
is "... the domain's directory is fine" says "ok   $domain: directory"
is "... unsure about a guest that is off" says "?    $domain: FIFOs for 2 CPUs"

chmod 777 "$dir/$domain"
check 1 "$domain"
is "a directory open to all" says "everybody may write to it (mode 0777)"
chmod 710 "$dir/$domain"
rm "$dir/$domain/trace-path-cpu1.out"
check 1 "$domain"
is "a FIFO is missing" says "that of CPU 1 is missing"
is "... the command" says "type: trace-cmd setup-guest $domain -c 2"
"$trace_cmd" setup-guest "$domain" -c 2 --dir "$dir" >/dev/null 2>&1
touch "$top/trace.web1.dat.meta"
check 1 "$domain"
is "left-over parts" says "type: trace-cmd restore $top"
rm "$top/trace.web1.dat.meta"
check 1 ../x
is "a hostile name" says "must not begin with a dot"

# What virt-server does, as far as can be seen from outside: a lock, and a socket.
if command -v socat >/dev/null; then
	flock "$dir/.virt-server.lock" \
		socat UNIX-LISTEN:"$dir/agent-ctl-path",fork,max-children=9 /dev/null &
	pids+=($!)
	for _ in {1..100}; do
		[ -S "$dir/agent-ctl-path" ] && break
		sleep 0.05
	done
	is "the server runs, the guest is off: 0" check 0 "$domain"
	is "... says so" says "virt-server runs and listens"
	pkill -P "${pids[0]}"
	wait "${pids[0]}" 2>/dev/null
	rm -f "$dir/agent-ctl-path"
else
	echo "# socat is not installed: no server is played"
fi

qemu=${QEMU:-qemu-system-x86_64}
if ! command -v "$qemu" >/dev/null; then
	echo "# $qemu is not installed: no guest is started"
	exit $bad
fi
options=$("$trace_cmd" setup-guest "$domain" -c 2 --dir "$dir" --qemu 2>/dev/null)
eval "exec $qemu -S -display none -nodefaults -m 64 -accel tcg -smp 4 -name guest=$domain \
	$options" >"$top/qemu.log" 2>&1 &
pids+=($!)
for _ in {1..100}; do
	check 1 "$domain"
	says "has 4 vCPUs" && break
	sleep 0.1
done
is "fewer FIFOs than vCPUs" says "BAD  $domain: data channels for 2 CPUs, but its QEMU"
is "... the command" says "type: trace-cmd setup-guest $domain -c 4 --dir $dir"
is "QEMU gets at the FIFOs" says "gets at its channels"
exit $bad
