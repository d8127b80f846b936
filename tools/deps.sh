#!/bin/bash
# deps.sh - install the Debian packages that building and testing need.
#
#   tools/deps.sh [-n] [GROUP...]     groups: build test vm lint libvirt all
#                                     no group means: build test vm
#   -n   say what is missing and exit 1 if anything is; install nothing
#
# How it works: dpkg's own database is asked which packages of the groups are
# missing. When none is, nothing is downloaded and neither root nor network is
# needed. Otherwise the list is printed, and apt-get update and apt-get install
# run once each, by sudo unless root already.
# On another system it names what is wanted by role and exits 1.

# shellcheck disable=SC2034  # the groups are used by their names: ${!group}
set -euo pipefail

build="gcc make pkg-config libc6-dev libtraceevent-dev libtracefs-dev
       libtraceevent1-plugin zlib1g-dev libzstd-dev"
test="libcmocka-dev trace-cmd clang libclang-rt-14-dev socat"
vm="qemu-system-x86 busybox-static cpio kmod xz-utils zstd socat
    ca-certificates"
lint="clang-format clang-tidy cppcheck asciidoctor shellcheck"
libvirt="libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients"

usage() {
	sed -n '4,6s/^# \{0,3\}//p' "$0" >&2
	exit 2
}

die() {
	printf 'deps.sh: %s\n' "$@" >&2
	exit 1
}

# The packages among "$@" that dpkg does not have installed, one a line.
missing() {
	local have
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p') || true
	printf '%s\n' "$@" | grep -vxF -e "$have" || true
}

other_system() {
	cat >&2 <<-'END'
	deps.sh: this is not a Debian system (no dpkg-query or no apt-get), so nothing was installed.
	Install these by the means of your system, then run make again:
	  build    C compiler, GNU make, pkg-config, libtraceevent and libtracefs with headers,
	           traceevent plugins, zlib and libzstd with headers
	  test     cmocka with headers, trace-cmd (the stock one, to compare with), clang with
	           its sanitizer and fuzzer runtime, socat
	  vm       QEMU for x86_64, a static busybox, cpio, kmod, xz, zstd, socat; the guest's
	           kernel comes from a Debian package, so it needs apt-get and dpkg-deb too
	  lint     clang-format, clang-tidy, cppcheck, asciidoctor, shellcheck
	  libvirt  libvirt daemon with its QEMU driver, virsh
	END
	exit 1
}

dry=
groups=()
for arg; do
	case $arg in
	-n) dry=1 ;;
	build|test|vm|lint|libvirt) groups+=("$arg") ;;
	all) groups+=(build test vm lint libvirt) ;;
	*) usage ;;
	esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build test vm)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	other_system
fi

wanted=()
for group in "${groups[@]}"; do
	read -r -d '' -a list <<<"${!group}" || true
	wanted+=("${list[@]}")
done
mapfile -t need < <(missing "${wanted[@]}" | sort -u)
[ ${#need[@]} -gt 0 ] || exit 0

if [ -n "$dry" ]; then
	printf 'deps.sh: missing: %s\n' "${need[*]}" >&2
	exit 1
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || die \
		"these packages are missing: ${need[*]}" \
		"installing them needs root, and you are not root and there is no sudo" \
		"as root, run: apt-get update && apt-get install -y --no-install-recommends ${need[*]}"
	as_root=(sudo)
fi

printf 'deps.sh: installing for %s: %s\n' "${groups[*]}" "${need[*]}"
# One sh for both steps, so that sudo asks once.
# shellcheck disable=SC2016  # expanded by that sh
"${as_root[@]}" sh -c '
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q || echo "deps.sh: apt-get update failed; trying with the lists there are" >&2
	exec apt-get install -q -y --no-install-recommends "$@"
' sh "${need[@]}" || die \
	"apt-get could not install: ${need[*]}" \
	"its own message above says why (no network, no such package in this release, a lock held?)" \
	"when that is put right, run again: tools/deps.sh ${groups[*]}"
mapfile -t need < <(missing "${wanted[@]}" | sort -u)
[ ${#need[@]} -eq 0 ] || die "still missing after apt-get install: ${need[*]}"
