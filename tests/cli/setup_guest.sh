#!/bin/bash
# setup_guest.sh - setup-guest makes what it says, and refuses what is not safe
# shellcheck disable=SC2317  # functions are called through is()
set -u
export LC_ALL=C
unset TRACE_CMD_VIRT_DIR

trace_cmd=$(realpath "${TRACE_CMD:-./trace-cmd}")
top=$(mktemp -d /tmp/setup-guest.XXXXXX)
trap 'rm -rf "$top"' EXIT
chmod 755 "$top"
dir=$top/virt
bad=0

# is NAME COMMAND...: one line of the result
is() {
	local name=$1
	shift
	if "$@"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/#   /' "$top/out" "$top/err"
		bad=1
	fi
}

# run STATUS WORDS...: setup-guest with WORDS ends with STATUS
run() {
	local want=$1 got=0
	shift
	"$trace_cmd" setup-guest "$@" >"$top/out" 2>"$top/err" </dev/null || got=$?
	[ "$got" = "$want" ] || echo "setup-guest $*: status $got, not $want" >>"$top/err"
	[ "$got" = "$want" ]
}

says() {
	grep -qF -- "$1" "$top/err"
}

modes_are() {
	[ "$(stat -c %a "$1")" = "$2" ]
}

run 0 web1 -c 2 --dir "$dir"
is "makes a domain with two CPUs" test -p "$dir/web1/trace-path-cpu1.out"
is "both ends of each pair" test -p "$dir/web1/trace-path-cpu0.in"
is "no more than asked for" test ! -e "$dir/web1/trace-path-cpu2.out"
is "directory 0755" modes_are "$dir" 755
is "domain's directory 0710" modes_are "$dir/web1" 710
is "FIFOs 0660" modes_are "$dir/web1/trace-path-cpu0.out" 660
is "three lines say what to do next" test "$(wc -l <"$top/out")" = 3
is "they name the server" grep -q "trace-cmd virt-server --dir $dir" "$top/out"
is "they name record --virt" grep -q "trace-cmd record --virt" "$top/out"

with_umask() (
	umask "$1"
	shift
	run "$@"
)

is "the umask has no say" with_umask 077 0 web2 -c 1 --dir "$top/other"
is "... directory" modes_are "$top/other" 755
is "... FIFO" modes_are "$top/other/web2/trace-path-cpu0.in" 660

before=$(stat -c %i "$dir/web1/trace-path-cpu0.out")
run 0 web1 -c 4 --dir "$dir"
is "again with more CPUs: adds" test -p "$dir/web1/trace-path-cpu3.in"
is "... and keeps" test "$before" = "$(stat -c %i "$dir/web1/trace-path-cpu0.out")"
is "... and says so" says "2 made, 2 were there"
is "-p sets the mode" run 0 -p 0620 -c 1 web3 --dir "$dir"
is "... of the FIFO" modes_are "$dir/web3/trace-path-cpu0.out" 620
is "the directory from the environment" env TRACE_CMD_VIRT_DIR="$top/env" \
	"$trace_cmd" setup-guest web1 -c 1 >"$top/out" 2>"$top/err"
is "... is used" test -p "$top/env/web1/trace-path-cpu0.out"

run 0 web1 -c 2 --sockets --dir "$dir"
is "--sockets removes the FIFOs" test ! -e "$dir/web1/trace-path-cpu0.out"
is "... and leaves word for the server" grep -qx "kind socket" "$dir/web1/channels"
is "... for two CPUs" grep -qx "cpus 2" "$dir/web1/channels"

is "a name that goes up is refused" run 2 ../x -c 1 --dir "$dir"
is "... with the reason" says "must not begin with a dot"
is "... and nothing is made" test ! -e "$top/x"
is "a name with a slash is refused" run 2 a/b -c 1 --dir "$dir"
is "no domain" run 2 -c 1 --dir "$dir"
is "no CPUs" run 2 web1 --dir "$dir"
is "... says how" says "-c CPUS is missing"
is "0 CPUs" run 2 web1 -c 0
is "257 CPUs" run 2 web1 -c 257
is "4 billion CPUs" run 2 web1 -c 4294967297
is "a mode that is none" run 2 web1 -c 1 -p 0999
is "two domains" run 2 web1 web2 -c 1
is "two outputs" run 2 web1 -c 1 --qemu --libvirt
is "an unknown option has its neighbour" run 2 web1 --libvrt
is "... named" says "--libvirt"
is "an unknown group" run 1 web1 -c 1 -g no-such-group-here --dir "$dir"
is "... is named" says "no group 'no-such-group-here'"

mkdir "$top/open" && chmod 777 "$top/open"
is "a directory open to all is refused" run 1 web1 -c 1 --dir "$top/open"
is "... with the reason" says "everybody may write to it (mode 0777)"
is "... and the command" says "try: chmod o-w $top/open"
is "... and nothing is made in it" test ! -e "$top/open/web1"
ln -s virt "$top/link"
is "a link is refused" run 1 web1 -c 1 --dir "$top/link"
is "... with the reason" says "it is a symbolic link"
echo precious >"$dir/web3/trace-path-cpu1.in"
is "a file in the way is refused" run 1 web3 -c 2 --dir "$dir"
is "... and kept" grep -q precious "$dir/web3/trace-path-cpu1.in"

if [ "$(id -u)" = 0 ]; then
	mkdir "$top/theirs" && chown 12345 "$top/theirs"
	is "another user's directory is refused" run 1 web1 -c 1 --dir "$top/theirs"
	is "... with the owner" says "belongs to user 12345"
	is "-g gives the files to the group" run 0 web5 -c 1 -g 4321 --dir "$top/grouped"
	is "... directory" test "$(stat -c %g "$top/grouped/web5")" = 4321
	is "... FIFO" test "$(stat -c %g "$top/grouped/web5/trace-path-cpu0.out")" = 4321
else
	echo "# not root: groups and other owners are not tried"
fi
exit $bad
