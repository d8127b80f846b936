#!/bin/bash
# inits.sh - overlays with other inits for the test guest, of Debian's packages. Needs no root, and
# takes nothing from this machine's own systemd.
#
#   tests/guest-image/inits.sh
#
# It writes into build/guest at the top of the tree:
#   systemd.cpio   systemd with journald and udevd, and the units between them and multi-user.target;
#                  boot it with guestinit=/lib/systemd/systemd
#   openrc.cpio    OpenRC, which busybox's init is to run
# In both the guest's command shell runs, as one of the services (systemd), or not yet (OpenRC: a line
# of the inittab that the test brings). Behind them, more overlays bring what is to be tested.
#
# The packages and the libraries that they depend on are downloaded once, with apt-get download, into
# .cache/inits; delete it to get newer ones. Where that cannot be done the reason is printed, and the
# exit status is 77. Libraries are found by the loader of the packages, so that they fit together.

set -euo pipefail
umask 022
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=$top/.cache/inits
out=${GUEST_OUT:-$top/build/guest}
packages="systemd udev openrc"
loader=lib64/ld-linux-x86-64.so.2

# What the guest gets, below the root of the packages. Units: what a small system has between boot and
# a login, without file systems, getty and network.
systemd_files="lib/systemd/systemd lib/systemd/systemd-executor lib/systemd/systemd-journald
lib/systemd/systemd-udevd lib/systemd/systemd-shutdown bin/systemctl bin/journalctl bin/udevadm
lib/udev/rules.d/50-udev-default.rules lib/udev/rules.d/99-systemd.rules"
systemd_units="basic.target local-fs-pre.target local-fs.target multi-user.target paths.target
shutdown.target slices.target sockets.target swap.target sysinit.target timers.target umount.target
emergency.target rescue.target
sys-kernel-debug.mount sys-kernel-tracing.mount systemd-journald.service systemd-journald.socket
systemd-journald-dev-log.socket systemd-udevd.service systemd-udevd-control.socket
systemd-udevd-kernel.socket systemd-udev-trigger.service"
openrc_files="bin/rc-status etc/rc.conf etc/runlevels lib/rc sbin/openrc sbin/openrc-run sbin/rc-service
sbin/rc-update sbin/supervise-daemon"

die() {
	printf 'inits.sh: %s\n' "$@" >&2
	exit 1
}

skip() {
	echo "$1"
	exit 77
}

# The packages, and the libraries that they and those depend on.
package_list() {
	local have='' want=$packages
	while [ -n "$want" ]; do
		have=$(printf '%s\n' $have $want | sort -u)
		# shellcheck disable=SC2086  # several names
		want=$(apt-cache depends $want 2>/dev/null |
			sed -n 's/^ *|*\(Pre\)\?Depends: \(lib[^ ]*\)$/\2/p' | sort -u | grep -vxF "$have") || true
	done
	echo "$have"
}

download() {
	local list opts=()
	list=$(package_list)
	[ "$(wc -w <<<"$list")" -gt "$(wc -w <<<"$packages")" ] ||
		skip "apt does not know the packages $packages; as root, run: apt-get update"
	echo "inits.sh: downloading $(wc -w <<<"$list") packages for $packages" >&2
	rm -rf "$cache.partial"
	mkdir -p "$cache.partial"
	[ "$(id -u)" != 0 ] || opts=(-o APT::Sandbox::User=root)
	# shellcheck disable=SC2086  # several names
	if ! (cd "$cache.partial" && apt-get -q "${opts[@]}" download $list) >"$work/download" 2>&1; then
		rm -rf "$cache.partial"
		tail -n 5 "$work/download" >&2
		skip "apt-get could not download $packages and their libraries"
	fi
	rm -rf "$cache"
	mv "$cache.partial" "$cache"
}

# All packages in one tree; the directories that one release has as links to the others are links.
unpack() {
	local deb dir
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
	for dir in bin sbin lib lib64; do
		ln -s usr/$dir "$root/$dir"
	done
	for deb in "$cache"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -f - -C "$root"
	done
}

# Files $2... of the packages into the tree $1. What a release does not have is left out.
copy() {
	local tree=$1 path
	shift
	for path; do
		[ -e "$root/$path" ] || [ -L "$root/$path" ] || continue
		mkdir -p "$tree/${path%/*}"
		cp -a "$root/$path" "$tree/$path"
	done
}

# Adds to tree $1 the libraries of its programs, at the places where these look for them.
libraries() {
	local tree=$1 lib path=$root/usr/lib/x86_64-linux-gnu
	find "$tree" -type f -print0 | while IFS= read -r -d '' file; do
		[ "$(head -c 4 "$file" | tr -d '\0')" = $'\x7fELF' ] || continue
		"$root/$loader" --inhibit-cache --library-path "$path:$path/systemd" --list "$file"
	done >"$work/libraries"
	sed -n 's/.* => \(\/[^ ]*\) (.*/\1/p' "$work/libraries" | sort -u >"$work/paths"
	! grep -q 'not found' "$work/libraries" || die "no package has these:" "$(grep 'not found' "$work/libraries")"
	while read -r lib; do
		case $lib in
		"$root/$loader") ;;
		"$root"/*) mkdir -p "$tree/$(dirname "${lib#"$root"}")" && cp -L "$lib" "$tree${lib#"$root"}" ;;
		*) die "$lib is not of the packages" ;;
		esac
	done <"$work/paths"
	mkdir -p "$tree/lib64"
	cp -L "$root/$loader" "$tree/$loader"
}

# An empty tree $1. Paths below /usr/lib and /lib are the same in the guest.
new_tree() {
	mkdir -p "$1"/{lib,usr,etc,var/log}
	mkdir -m 1777 "$1/var/tmp"
	ln -s ../lib "$1/usr/lib"
	ln -s /run "$1/var/run"
}

pack() {
	(cd "$1" && find . -mindepth 1 -print0 | sort -z |
		cpio -o -0 -H newc -R +0:+0 --reproducible --quiet) >"$2.new"
	mv "$2.new" "$2"
}

# Without a machine-id it were a first boot, which enables every unit that there is.
make_systemd() {
	local tree=$work/systemd units=lib/systemd/system unit
	new_tree "$tree"
	# shellcheck disable=SC2086  # several names
	copy "$tree" $systemd_files
	for unit in $systemd_units; do
		copy "$tree" "$units/$unit" "$units/sysinit.target.wants/$unit" "$units/sockets.target.wants/$unit"
	done
	mkdir -p "$tree"/etc/{systemd/system/multi-user.target.wants,udev/rules.d}
	ln -s multi-user.target "$tree/$units/default.target"
	echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
	cp "$here/files/guest-shell.service" "$tree/etc/systemd/system/"
	ln -s ../guest-shell.service "$tree/etc/systemd/system/multi-user.target.wants/"
	for unit in tty dialout kmem input video audio render sgx kvm lp disk cdrom tape floppy; do
		echo "$unit:x:$((++gid)):"
	done >"$tree/etc/group"
	echo "root:x:0:" >>"$tree/etc/group"
	libraries "$tree"
	pack "$tree" "$out/systemd.cpio"
}

make_openrc() {
	local tree=$work/openrc
	new_tree "$tree"
	# shellcheck disable=SC2086  # several names
	copy "$tree" $openrc_files
	mkdir -p "$tree/etc/init.d"
	rm -f "$tree"/etc/runlevels/*/*
	touch "$tree"/etc/{fstab,insserv.conf}
	printf "%s\n" root:x:0: uucp:x:10: >"$tree/etc/group"
	libraries "$tree"
	pack "$tree" "$out/openrc.cpio"
}

fingerprint() {
	cat "$here/inits.sh" "$here/files/guest-shell.service" | cksum
	(cd "$cache" && ls)
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
	skip "apt-get and dpkg-deb are needed to get systemd and OpenRC"
mkdir -p "$out" "${cache%/*}"
exec 9>"$out/inits.lock"
flock 9
work=$(mktemp -d "$out/inits.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
gid=4
[ -d "$cache" ] || download
now=$(fingerprint)
if [ "$(cat "$out/inits.stamp" 2>/dev/null)" != "$now" ] || [ ! -e "$out/systemd.cpio" ] ||
   [ ! -e "$out/openrc.cpio" ]; then
	echo "inits.sh: building guests with systemd and OpenRC" >&2
	unpack
	make_systemd
	make_openrc
	printf '%s\n' "$now" >"$out/inits.stamp"
fi
