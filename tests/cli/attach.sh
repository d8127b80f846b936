#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# attach.sh - two files that were recorded one after the other become a host's and its guest's
#
# The "guest" is this machine too, a moment later: with an offset that moves its marks in between the
# host's, the merged report shows them in turn.

# shellcheck source=tests/cli/tracefs.lib
. "$(dirname "$0")/tracefs.lib"
for name in host guest; do
	"$tc" record -C mono -o $name.dat -e sched:sched_process_exec sh -c "echo mark $name >$root/trace_marker" >out 2>err 9>&- ||
		skip "nothing can be recorded: $(head -1 err)"
done
flock -u 9

mark() { # FILE: the time of its mark, in ns
	"$tc" report -t "$1" | sed -n 's/.* \([0-9]*\)\.\([0-9]*\): .*: *mark .*/\1\2/p'
}

marks() { # the marks of a report, in its order
	sed -n 's/.*mark \(host\|guest\)$/\1/p' | tr '\n' ' '
}

offset=$(($(mark host.dat) - $(mark guest.dat)))
for version in 6 7; do
	for n in host guest; do
		"$tc" convert -i $n.dat -o h$version-$n.dat --file-version $version --compression none
	done
	host=h$version-host.dat guest=h$version-host-g.dat
	mv h$version-guest.dat $guest
	"$tc" attach -s $((offset - 1)) $host $guest 0,100 1,101 >out 2>err
	result $? "attach, version $version"
	[ "$("$tc" report $host | marks)" = "guest host " ]
	result $? "the guest's mark is 1 ns earlier"
	"$tc" attach -n g -s 5,$((offset + 1)) -s 10,$((offset + 1)),1,0 $host $guest >out 2>err
	result $? "attach once more"
	[ "$("$tc" report $host | marks)" = "host guest " ]
	result $? "the guest's mark is 1 ns later"
	"$tc" report $host | grep '^ *g: .*mark guest' >/dev/null
	result $? "its machine stands in front of it"
	[ "$("$tc" report --guest g $host | marks)" = "guest " ]
	result $? "--guest shows it alone"
	[ "$("$tc" report --no-guests $host | marks)" = "host " ]
	result $? "--no-guests leaves it out"
	[ -x "$stock" ] || continue
	"$tc" report -i $host -i $guest >out
	"$stock" report -i $host -i $guest 2>err | cmp -s - out
	result $? "stock's report of both is the same"
done

cp h7-host.dat before.dat
head -c 1000 $guest >cut.dat
"$tc" attach -s 0 h7-host.dat cut.dat >out 2>err
[ $? = 1 ] && cmp -s before.dat h7-host.dat && [ "$(stat -c %s cut.dat)" = 1000 ]
result $? "a guest's file that is damaged: both stay as they were"
"$tc" attach -s 0 h7-host.dat $guest 0:100 >out 2>err
[ $? = 2 ] && grep -q CPU,THREAD err
result $? "what is no CPU,THREAD"
"$tc" attach h7-host.dat $guest >out 2>err
[ $? = 2 ] && grep -q -e '-s OFFSET' err
result $? "no offset"
"$tc" attach -p 1 h7-host.dat $guest >out 2>err
[ $? = 1 ] && cmp -s before.dat h7-host.dat
result $? "a process that is no VM: $(head -1 err)"
rm $guest
"$tc" report h7-host.dat >out 2>err
[ "$(marks <out)" = "host " ] && grep -q "$guest is not there" err
result $? "the guest's file is missing: it is said, and the host's is printed"
exit $failed
