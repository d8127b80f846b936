#!/bin/bash
# overlay.sh - pack files for the guest: a cpio archive that vm_boot puts behind
# the base image (the kernel unpacks concatenated archives one after the other).
#
#   tests/guest-image/overlay.sh [--dynamic] OUT.cpio SRC=DEST...
#
# SRC is a file or a directory of the host, DEST its absolute path in the guest;
# modes are kept, the owner is root, symbolic links are followed.
# --dynamic adds for each packed ELF file the shared libraries that ldd names
# and the loader, at the paths where the loader looks for them.
#
# Debian's own trace-cmd, for comparison:
#   overlay.sh --dynamic OUT.cpio "$(command -v trace-cmd)=/stock/trace-cmd" \
#       /usr/lib/x86_64-linux-gnu/traceevent/plugins=/usr/lib/x86_64-linux-gnu/traceevent/plugins

set -euo pipefail
umask 022
export LC_ALL=C

die() {
	printf 'overlay.sh: %s\n' "$@" >&2
	exit 1
}

is_elf() {
	[ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]
}

# The paths of the libraries and of the loader that ELF file $1 needs.
libraries() {
	local text
	text=$(ldd "$1" 2>/dev/null) || return 0	# static
	if missing=$(grep 'not found' <<<"$text"); then
		die "$1 needs libraries that this machine does not have:" "$missing"
	fi
	sed -n -e 's/.*=> \(\/[^ ]*\) .*/\1/p' -e 's/^[[:space:]]*\(\/[^ ]*\) .*/\1/p' <<<"$text"
}

# Copies $1 to $2 in the tree, with the directories above.
place() {
	[ -e "$1" ] || die "$1: no such file"
	case $2 in
	/*) ;;
	*) die "$2: the path in the guest must be absolute" ;;
	esac
	mkdir -p "$tree${2%/*}"
	if [ -d "$1" ]; then
		mkdir -p "$tree$2"
		cp -rL --preserve=mode "$1/." "$tree$2/"
	else
		cp -L --preserve=mode "$1" "$tree$2"
	fi
}

place_libraries() {
	local file lib
	while IFS= read -r -d '' file; do
		! is_elf "$file" || libraries "$file"
	done < <(find "$tree" -type f -print0) | sort -u | while read -r lib; do
		[ -e "$tree$lib" ] || place "$lib" "$lib"
	done
}

dynamic=
if [ "${1:-}" = --dynamic ]; then
	dynamic=1
	shift
fi
[ $# -ge 2 ] || die "usage: overlay.sh [--dynamic] OUT.cpio SRC=DEST..."
out=$1
shift

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
for pair; do
	[[ $pair == *=/* ]] || die "$pair: want SRC=DEST with an absolute DEST"
	place "${pair%%=/*}" "/${pair#*=/}"
done
[ -z "$dynamic" ] || place_libraries
(cd "$tree" && find . -mindepth 1 -print0 | sort -z |
	cpio -o -0 -H newc -R +0:+0 --reproducible --quiet) >"$out.new.$$"
mv "$out.new.$$" "$out"
