#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# net_matrix.sh - who can record to whom: {ours, stock} x {client, server} x {UDP, TCP}, ours with
# ours in each generation of the protocol, and random sets of options between ours and stock
#
# Each cell records a workload that is counted: $marks numbered lines through trace_marker on each CPU.
# All of them must be in the file, as both reports read it, and both must read as many events; over UDP
# to our listener, what is missing must show as dropped events where it is missing, and in the table
# (the stock listener cannot know). In some cells losses are forced. Cells with the stock trace-cmd
# are left out where it is not installed. SEED=N repeats a random choice, ROUNDS=N makes more of them.
# shellcheck disable=SC2317  # at_exit and until_true call them

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

marks=2000
host=127.0.0.1
server=
server_args=()
RANDOM=${SEED:=$$}

stop_server() { # [SIGNAL]: its status in $status
	[ -n "$server" ] || return 0
	kill -CONT "$server" 2>/dev/null
	kill "-${1:-INT}" "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	status=$?
	server=
}
at_exit 'stop_server KILL'
unshare -m true 2>/dev/null || stock=
[ -x "$stock" ] || stock=
mapfile -t cpus < <(sed 's/,/\n/g' /sys/devices/system/cpu/online |
	awk -F- '{ for (i = $1; i <= ($2 == "" ? $1 : $2); i++) print i }')

cat >work.sh <<'WORK'
#!/bin/bash
# MARKS CPU...: so many marks on each of the CPUs, $PAD bytes longer; the process $PAUSE is stopped
# during all but the last few
marks=$1 few=$(($1 / 10))
shift
numbers() { # FROM TO CPU...
	local cpu
	for cpu in "${@:3}"; do
		taskset -c "$cpu" bash -c 'printf -v p "%*s" "$PAD" ""
			for ((i = $1; i <= $2; i++)); do echo "$p mark $3 $i"; done >/sys/kernel/tracing/trace_marker' \
			- "$1" "$2" "$cpu" &
	done
	wait
}
[ -z "${PAUSE:-}" ] || kill -STOP "$PAUSE"
numbers 1 $((marks - few)) "$@"
[ -z "${PAUSE:-}" ] || { sleep 0.3 && kill -CONT "$PAUSE" && sleep 0.3; }
numbers $((marks - few + 1)) "$marks" "$@"
WORK
chmod +x work.sh
export PAD=0

is_listening() { # PORT, on TCP of either family
	awk -v p="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == p { f = 1 } END { exit !f }' \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null
}

listens_or_ends() {
	is_listening $port || ! kill -0 "$server"
}

port=$((20000 + $$ % 10000))
# COMMAND...: at a port that is free, which is $port then
start_server() {
	until port=$((port + 1)) && ! is_listening $port; do :; done
	"$@" -p $port >table 2>log 9>&- &
	server=$!
	until_true listens_or_ends
	is_listening $port && return
	echo "nobody listens on port $port" >said
	return 1
}

start_listener() { # BINARY, with what stands in front of it
	rm -rf files
	mkdir files
	start_server "$@" listen -d files "${server_args[@]}"
}

# The one file, once it is alone: stock finishes seconds after the connection's end.
is_whole() {
	file=$(find files -type f)
	[ -f "$file" ] && [[ $file = *.dat ]]
}

find_file() {
	until_true is_whole && return
	echo "no file was made: $(ls files)" >said
	return 1
}

# count_marks BINARY: how many marks it reports of $file, and how many events. A third word, 1, when
# there are others, or one is missing where the report does not say that events were dropped. The last ones may
# be missing on those CPUs for which the listener's table counts pages lost on the way.
count_marks() {
	LC_ALL=C "$1" report -i "$file" 2>/dev/null | awk -v marks="$marks" -v cpus="${cpus[*]}" '
		FILENAME == "table" && $1 ~ /^[0-9]+$/ && $6 > 0 { tail[$1] = 1 }
		FILENAME == "table" { next }
		/^CPU:[0-9]+ .*EVENTS DROPPED/ { split($1, at, ":"); hole[at[2]] = 1 }
		/ \[[0-9]+\]/ { all++ }
		/ mark [0-9]+ [0-9]+$/ {
			c = $(NF - 1)
			if (($NF != last[c] + 1 && !hole[c]) || $NF <= last[c])
				bad = 1
			last[c] = $NF
			hole[c] = 0
			n++
		}
		END {
			k = split(cpus, want, " ")
			for (i = 1; i <= k; i++)
				if (last[want[i]] != marks && !tail[want[i]])
					bad = 1
			print n + 0, all + 0, bad + 0
		}' table -
}

# SERVER udp|tcp: all marks are there, or over UDP to ours it shows which are not; both reports agree.
check_file() {
	local want=$((marks * ${#cpus[@]})) binary got all bad first=
	find_file || return 1
	stop_server
	for binary in "$tc" $stock; do
		read -r got all bad < <(count_marks "$binary")
		echo "$binary report: $got marks of $want, $all events, bad: $bad" >>said
		[ "$2$1" = udpours ] && [ "$got" -gt 0 ] || [ "$got" = $want ] || return 1
		[ "$bad" = 0 ] && [ "$all" = "${first:=$all}" ] || return 1
	done
	"$tc" dump --validate "$file" >>said 2>&1
}

record_to() { # as cell
	local client=("$tc") listener=$tc args=("${@:4}") rc
	[ "$1" = stock ] && client=(unshare -m "$lib/report_stock.sh" --inside -- "$stock")
	[ "$2" = stock ] && listener=$stock
	[ "$3" = tcp ] && args+=(-t)
	: >said
	start_listener "$listener" &&
		timeout -k 5 60 "${client[@]}" record -N "$host:$port" "${args[@]}" -e sched:sched_process_exec \
			./work.sh "$marks" "${cpus[@]}" >err 2>&1 </dev/null 9>&- &&
		check_file "$2" "$3"
	rc=$?
	stop_server
	return $rc
}

# CLIENT SERVER udp|tcp [ARGS...]
cell() {
	local name="$1 -> $2, $3${4:+, ${*:4}}" again=()
	name+="${server_args[*]:+; listen ${server_args[*]}}"
	[ "$2$3" != stockudp ] || again=(unless_dropped)
	"${again[@]}" record_to "$@"
	result $? "$name"
}

for mode in udp tcp; do
	cell ours ours $mode
	for protocol in 1 2 3; do
		cell ours ours $mode --protocol "$protocol"
		server_args=(--protocol "$protocol")
		cell ours ours $mode
		server_args=()
	done
	cell ours ours $mode --file-version 6
done
host='[::1]'
cell ours ours udp
cell ours ours tcp
host=127.0.0.1

one_of() {
	shift $((RANDOM % $#))
	echo "$1"
}

# Options that must not cost an event; over UDP few events, as the stock listener may lose some unseen.
random_args() { # udp|tcp: in args
	args=()
	((RANDOM % 2)) && args+=(--file-version "$(one_of 6 7)")
	((RANDOM % 2)) && args+=(-C "$(one_of local global mono boot mono_raw tai)")
	((RANDOM % 2)) && args+=(-b "$(one_of 2048 3000 4096)")
	((RANDOM % 3)) || args+=(-s "$(one_of 500 1000 20000)")
	((RANDOM % 3)) || args+=(-O "$(one_of nooverwrite sym-addr noprint-parent)")
	((RANDOM % 3)) || args+=(-r "$(one_of 1 5)")
	((RANDOM % 3)) || args+=(-e "$(one_of sched:sched_process_fork sched:sched_process_exit signal)")
	[ "$1" = udp ] || ((RANDOM % 2)) || args+=(-e "$(one_of sched irq timer)")
	((RANDOM % 4)) || args+=(-T)
}

if [ -n "$stock" ]; then
	for mode in udp tcp; do
		cell ours stock $mode
		cell ours stock $mode --protocol 1
		cell stock ours $mode
		server_args=(--protocol 1) # the stock client falls back, and leaves the command lines out
		cell stock ours $mode
		server_args=()
	done
	echo "# SEED=$SEED"
	for ((i = 0; i < ${ROUNDS:-2}; i++)); do
		for mode in udp tcp; do
			random_args $mode
			cell ours stock $mode "${args[@]}"
			random_args $mode
			cell stock ours $mode "${args[@]}"
		done
	done
else
	echo "# the stock trace-cmd is not installed, or cannot record: its cells are left out"
fi

# Losses by force: a listener with a small buffer that is stopped while more than that is sent.
# The stock report does not say that events were dropped where the first one behind them comes 134 ms or
# more later, and so begins its page with a time extend: but for these lines it must be as ours.
same_but_drops() {
	"$stock" report -i "$file" 2>/dev/null | grep -v 'EVENTS DROPPED' >theirs.txt
	grep -v 'EVENTS DROPPED' ours.txt | diff theirs.txt - >>said
}

lossy() { # STATUS ARGS...: the client's
	local rc got all bad want=$((marks * ${#cpus[@]}))
	: >said
	start_listener setpriv --bounding-set -net_admin "$tc" || return 1
	PAUSE=$server timeout -k 5 60 "$tc" record -N "$host:$port" -b 24576 -s 10000 "${@:2}" \
		-e sched:sched_process_exec ./work.sh "$marks" "${cpus[@]}" >err 2>&1 </dev/null 9>&-
	rc=$?
	find_file || return 1
	stop_server
	read -r got all bad < <(count_marks "$tc")
	echo "report: $got marks of $want, $all events, bad: $bad" >>said
	[ "$bad" = 0 ] && [ "$got" -gt 0 ] && [ "$got" -lt "$want" ] || return 1
	"$tc" report -i "$file" >ours.txt 2>/dev/null
	grep -q 'EVENTS DROPPED' ours.txt || return 1
	[ -z "$stock" ] || same_but_drops || return 1
	awk '$1 ~ /^[0-9]+$/ && $6 > 0' table >lines
	echo "status of the client: $rc, of the listener: $status; CPUs with losses: $(wc -l <lines)" >>said
	[ "$status" = 3 ] && [ -s lines ] && [ $rc = "$1" ]
}
if command -v setpriv >/dev/null; then
	many=$marks
	marks=10000 PAD=1000 # more than any buffer holds that may be had without a privilege
	lossy 3
	result $? "losses by force: counted, shown, status 3"
	lossy 0 --protocol 1 # without totals nobody tells the client
	result $? "losses by force, protocol 1: counted and shown by the listener"
	marks=$many PAD=0
else
	echo "# no setpriv: no losses by force"
fi

# Peers that are none: an error, and no file anywhere.
nothing() { # NAME HOST:PORT
	local rc
	rm -rf here
	mkdir here
	(cd here && exec timeout -k 5 60 "$tc" record -e sched:sched_process_exec -N "$2" true) >err 2>&1 </dev/null 9>&-
	rc=$?
	find here files -type f >said
	[ $rc = 1 ] && [ -s err ] && [ ! -s said ]
	result $? "$1"
}
start_listener "$tc"
nothing "a host without a name" "nosuchhost.invalid:$port"
kill -STOP $server
nothing "a peer that is silent" "$host:$port"
stop_server
if [ -n "$stock" ]; then
	start_server "$stock" agent -N $host
	nothing "an agent instead of a listener" "$host:$port"
	stop_server KILL # it ignores the other
fi
exit $failed
