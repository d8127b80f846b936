#!/bin/bash
# build.sh - build the guest that the VM tests boot: a Debian kernel and an
# initramfs of busybox with the scripts of files/. Needs no root.
#
#   tests/guest-image/build.sh [--force]
#
# It writes into build/guest at the top of the tree:
#   vmlinux    the kernel as ELF: QEMU enters it by PVH, so that nothing need be
#              decompressed by the emulated CPU (saves 3 to 5 s of each boot)
#   vmlinuz    the kernel as the package has it
#   base.cpio  the initramfs, not compressed (it is small)
#   release    the kernel's release
#
# The kernel package is downloaded once, with apt-get download, into .cache;
# delete it there to get a newer one. GUEST_KERNEL_PACKAGE names another package
# than the one that linux-image-amd64 depends on, GUEST_OUT another directory.
# A run with nothing to do reads some small files, and downloads nothing.

set -euo pipefail
umask 022
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=$top/.cache
out=${GUEST_OUT:-$top/build/guest}

# Loaded at boot, in this order (dependencies are added): "module [device id]";
# with a virtio device id only where the guest has such a device.
boot_modules="virtio_ring
virtio
virtio_pci_modern_dev
virtio_pci_legacy_dev
virtio_pci
virtio_console 0x0003
virtio_net 0x0001
9pnet_virtio 0x0009
9p 0x0009"

# Packed for modprobe, not loaded.
more_modules="vsock vsock_loopback vmw_vsock_virtio_transport virtio_blk"

die() {
	printf 'build.sh: %s\n' "$@" >&2
	exit 1
}

need_tools() {
	local tool
	for tool in dpkg-deb apt-get cpio depmod modprobe xz flock; do
		command -v $tool >/dev/null || [ -x /sbin/$tool ] || die \
			"$tool is not installed; the guest image needs it" \
			"run: make deps   (or tools/deps.sh vm)"
	done
	[ -n "$(static_busybox)" ] || die \
		"there is no static busybox; the guest's programs are one" \
		"run: make deps   (or tools/deps.sh vm)"
}

static_busybox() {
	local path
	for path in /bin/busybox /usr/bin/busybox /bin/busybox-static; do
		# A dynamic one names its loader near the start of the file.
		if [ -x $path ] && ! head -c 4096 $path | grep -a 'ld-linux' >/dev/null; then
			echo $path
			return
		fi
	done
}

# The .deb of the kernel in the cache, the newest when there are several.
cached_deb() {
	local pattern=${GUEST_KERNEL_PACKAGE:-linux-image-[0-9]*}
	find "$cache" -maxdepth 1 -name "${pattern}_*.deb" -printf '%f\n' 2>/dev/null |
		sort -V | tail -n 1
}

kernel_package() {
	if [ -n "${GUEST_KERNEL_PACKAGE:-}" ]; then
		echo "$GUEST_KERNEL_PACKAGE"
	else
		apt-cache depends linux-image-amd64 2>/dev/null |
			sed -n 's/^ *Depends: \(linux-image-.*\)$/\1/p' | head -n 1
	fi
}

download() {
	local package opts=()
	package=$(kernel_package)
	[ -n "$package" ] || die \
		"apt does not know which kernel linux-image-amd64 depends on; its package lists are empty, or this is not amd64" \
		"run: make deps   (it refreshes the lists), or as root: apt-get update"
	echo "build.sh: downloading $package"
	mkdir -p "$cache/partial.$$"
	[ "$(id -u)" != 0 ] || opts=(-o APT::Sandbox::User=root)
	if ! (cd "$cache/partial.$$" && apt-get -q "${opts[@]}" download "$package"); then
		rm -rf "$cache/partial.$$"
		die "apt-get could not download $package; its message is above" \
			"if it says 404, the package lists are old: as root, run apt-get update"
	fi
	mv "$cache/partial.$$"/*.deb "$cache/"
	rmdir "$cache/partial.$$"
}

# What the result depends on, in a few lines; equal lines, equal result.
fingerprint() {
	(cd "$here" && cat build.sh files/* | cksum)
	stat -Lc '%n %s %Y' "$(static_busybox)"
	cached_deb
}

# $1: the ELF kernel inside the bzImage $2. Fails when there is none.
extract_elf() {
	local start
	start=$(grep -abo -m 1 -P '\xfd7zXZ\x00' "$2" | head -n 1 | cut -d: -f1) || true
	[ -n "$start" ] || return 1
	# What follows the kernel in the file makes xz complain at the end.
	tail -c "+$((start + 1))" "$2" | xz -dc >"$1" 2>/dev/null || true
	[ "$(head -c 4 "$1" | tail -c 3)" = ELF ]
}

# Copies module $1 with what it depends on, and prints the paths in load order.
copy_module() {
	/sbin/modprobe -d "$work/kernel" -S "$release" --ignore-install --show-depends "$1" |
	while read -r verb path _; do
		[ "$verb" = insmod ] || continue
		local file=/lib/modules/$release/${path#*/lib/modules/"$release"/}
		mkdir -p "$root${file%/*}"
		case $file in
		*.xz) xz -dc "$path" >"$root${file%.xz}" ;;
		*.zst) zstd -qdc "$path" >"$root${file%.zst}" ;;
		*.gz) gzip -dc "$path" >"$root${file%.gz}" ;;
		*) cp "$path" "$root$file" ;;
		esac
		file=${file%.xz} file=${file%.zst}
		echo "${file%.gz}"
	done
}

pack_modules() {
	local name device file tree=$root/lib/modules/$release
	mkdir -p "$tree" "$root/lib/guest"
	while read -r name device; do
		copy_module "$name" | sed "s|\$|${device:+ $device}|"
	done <<<"$boot_modules" | awk '!seen[$1]++' >"$root/lib/guest/modules"
	for name in $more_modules; do
		copy_module "$name" >/dev/null || echo "build.sh: no module $name in $release"
	done
	for file in modules.order modules.builtin modules.builtin.modinfo; do
		cp "$work/kernel/lib/modules/$release/$file" "$tree/"
	done
	/sbin/depmod -b "$root" "$release"
	rm -f "$tree"/modules.*.bin "$tree"/modules.order "$tree"/modules.builtin*
}

pack_root() {
	local busybox applet
	busybox=$(static_busybox)
	mkdir -p "$root"/{bin,dev,etc,proc,root,run,sbin,share,sys,tmp,usr/bin,usr/sbin,var,mnt}
	cp "$busybox" "$root/bin/busybox"
	for applet in $("$busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	ln -s /bin/busybox "$root/sbin/init"
	cp "$here/files/init" "$root/init"
	cp "$here"/files/{agent,guest-job,port-links} "$root/lib/guest/"
	chmod 755 "$root/init" "$root"/lib/guest/{agent,guest-job,port-links}
	echo "::respawn:/lib/guest/agent" >"$root/etc/inittab"
	echo "root:x:0:0:root:/root:/bin/sh" >"$root/etc/passwd"
	echo "root:x:0:" >"$root/etc/group"
	(cd "$root" && find . -mindepth 1 -print0 | sort -z |
		cpio -o -0 -H newc -R +0:+0 --reproducible --quiet) >"$work/base.cpio"
}

build() {
	local deb
	work=$(mktemp -d "$out/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	root=$work/root
	deb=$(cached_deb)
	echo "build.sh: building the guest from $deb"
	dpkg-deb -x "$cache/$deb" "$work/kernel"
	release=$(basename "$work"/kernel/boot/vmlinuz-*)
	release=${release#vmlinuz-}
	/sbin/depmod -b "$work/kernel" "$release"
	pack_modules
	pack_root
	if ! extract_elf "$work/vmlinux" "$work/kernel/boot/vmlinuz-$release"; then
		echo "build.sh: no xz kernel in vmlinuz; guests will boot it as it is, which is slower"
		rm -f "$work/vmlinux" "$out/vmlinux"
	else
		mv "$work/vmlinux" "$out/vmlinux"
	fi
	mv "$work/kernel/boot/vmlinuz-$release" "$out/vmlinuz"
	mv "$work/base.cpio" "$out/base.cpio"
	echo "$release" >"$out/release"
}

[ "${1:-}" != --force ] || rm -f "$out/stamp"
need_tools
mkdir -p "$out" "$cache"
exec 9>"$out/lock"
flock 9
[ -n "$(cached_deb)" ] || download
now=$(fingerprint)
if [ "$(cat "$out/stamp" 2>/dev/null)" != "$now" ] || [ ! -e "$out/base.cpio" ] ||
   [ ! -e "$out/vmlinuz" ]; then
	build
	printf '%s\n' "$now" >"$out/stamp"
	echo "build.sh: $out is ready"
fi
