#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# restore_head.sh - restore -c makes metadata, with which restore -i makes a file of pages
#
# Pages of each CPU are read from the kernel as a killed recorder would have left them. The heads of
# ours and of stock are each used by ours; stock reads what is made.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"

[ "$(cat $root/tracing_on)" = 1 ] || skip "tracing is off"

ours() { # STATUS WORD...
	local want=$1
	shift
	timeout 60 "$tc" restore "$@" >out 2>err </dev/null 9>&-
	[ $? = "$want" ]
}

: >$root/trace
for ((i = 1; i <= 20; i++)); do
	echo "page $i"
done >$root/trace_marker
for cpu in "$root"/per_cpu/cpu*; do
	timeout 2 dd if="$cpu/trace_pipe_raw" of="k.${cpu##*/}" bs=4096 iflag=nonblock 2>/dev/null
done

# restored HEAD NAME
restored() {
	rm -f made.dat
	ours 0 -i "$1" -o made.dat k.cpu*
	result $? "$2: restore -i"
	"$tc" report made.dat 2>err | sed -n 's/.*: page \([0-9]*\)$/\1/p' >numbers
	seq 20 | cmp -s - numbers
	result $? "$2: every event is there"
	[ -x "$stock" ] || return
	[ "$("$stock" report made.dat 2>/dev/null | grep -c ': page [0-9]*$')" = 20 ]
	result $? "$2: stock reads it"
}

ours 0 -c -o head.dat
result $? "restore -c"
restored head.dat "our head"
ours 0 -c -q && [ -s trace-partial.dat ] && [ ! -s out ]
result $? "the name is trace-partial.dat where none is given"
if [ -x "$stock" ] && timeout 60 "$stock" restore -c -o stock.dat >out 2>&1 9>&-; then
	restored stock.dat "stock's head"
fi

# A copy of another machine's directory; only what a head needs.
mkdir -p copy/events/ftrace copy/events/x/y copy/per_cpu/cpu{0,1,2}
cp $root/events/header_{page,event} copy/events
cp -r $root/events/ftrace/print copy/events/ftrace 2>/dev/null
sed 's/^name: .*/name: y/; s/^ID: .*/ID: 60001/' $root/events/ftrace/print/format >copy/events/x/y/format
touch copy/events/enable copy/events/x/enable copy/events/x/y/{enable,id}
echo '[local] global' >copy/trace_clock
echo '0000000000001000 t of_that_machine' >symbols
ours 0 -c -t copy -k symbols -o other.dat
result $? "-t and -k"
restored other.dat "another machine's head"
"$tc" report -f made.dat 2>err | grep of_that_machine >/dev/null && [ "$("$tc" report -E made.dat | grep -c '^ *x:y\|y')" -ge 1 ]
result $? "its symbols and events are in the file"
"$tc" report made.dat 2>/dev/null | head -1 | grep -x 'cpus=3' >/dev/null
result $? "and its CPUs"

ours 1 -c -k nosuchfile -o no.dat && [ ! -e no.dat ] && grep -q nosuchfile err
result $? "symbols that are not there"
ours 1 -c -t nosuchdir -o no.dat && [ ! -e no.dat ]
result $? "a directory that is not there"
mkfifo pipe
ours 1 -c -t copy -k symbols -o pipe && [ -p pipe ] && grep -q "that is no file" err
result $? "what is no file is not replaced"
for words in "-k symbols k.cpu0" "-t copy k.cpu0" "-c k.cpu0" "-c -i head.dat"; do
	# shellcheck disable=SC2086  # several words
	ours 2 $words
	result $? "restore $words is wrong usage"
done
exit $failed
