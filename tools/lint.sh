#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lint.sh - what 'make lint' runs: one line a check, and what it found below it
#
#   tools/lint.sh [CHECK...]     without CHECK: all of them, in the order of "checks"
#
# A check is a function check_NAME that prints findings and returns non-zero when
# there are any. Files are those that git knows or would add. The checks of man
# pages and of the completion ask ./trace-cmd --tables; TRACE_CMD= names another.
# Exit status: 0 nothing found, 1 findings, 2 usage.

set -u # no pipefail: a check is what it prints
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C
trace_cmd=${TRACE_CMD:-./trace-cmd}
checks=(format tidy cppcheck shell arrows style words tables man manbuild completion)
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

declare -A about=(
	[format]="clang-format changes nothing"
	[tidy]="clang-tidy"
	[cppcheck]="cppcheck"
	[shell]="shellcheck"
	[arrows]="includes point one way (LAYERS in the Makefile)"
	[style]="SPDX, head comments, lengths of functions and files"
	[words]="no leftover marks, paths of one machine, hosts"
	[tables]="option tables can be printed"
	[man]="man pages and option tables agree"
	[manbuild]="asciidoctor builds the man pages without a warning"
	[completion]="contrib/completion is up to date"
)

# All files of the tree that match one of the patterns, one a line.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
		while read -r f; do [ -f "$f" ] && echo "$f"; done
}

need() {
	command -v "$1" >/dev/null && return
	echo "$1 is not installed: run tools/deps.sh lint"
	return 1
}

# True when stdin is empty; else prints it.
nothing() {
	! grep .
}

check_format() {
	need clang-format || return
	files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror 2>&1 |
		sed -n 's/^\([^ :]*:[0-9]*\):[0-9]*: error: code should be clang-formatted.*/\1/p' |
		awk -F: '!n[$1]++ { print $1 ": line " $2 " and maybe more: run clang-format -i " $1 }' | nothing
}

# What the Makefile gives to the compiler; enough for a tool that only reads.
flags() {
	echo "-std=gnu11 -I. -D_GNU_SOURCE -DVERSION=\"0\" -Wno-unknown-warning-option"
	pkg-config --cflags libtraceevent libtracefs libzstd zlib 2>/dev/null
}

check_tidy() {
	local all
	need clang-tidy || return
	all=$(flags | tr '\n' ' ')
	# shellcheck disable=SC2086  # several words
	files '*.c' | xargs -r -P2 -I{} tools/lint/tidy.sh {} $all 2>&1 | nothing
}

check_cppcheck() {
	need cppcheck || return
	files '*.c' | cppcheck -q -j2 --std=c11 --language=c -I. -D_GNU_SOURCE -D__clang_analyzer__ '-DVERSION="0"' \
		--enable=warning,performance,portability --inline-suppr \
		--suppressions-list=tools/lint/cppcheck.txt --file-list=- \
		--template='{file}:{line}: {id}: {message}' 2>&1 | nothing
}

check_shell() {
	need shellcheck || return
	{
		files '*.sh' .ci/run | xargs -r shellcheck -x -S warning -f gcc 2>&1
		# grep -q ends at the first match, and with pipefail who still writes to it fails the pipe.
		# What 'sh -c' and a guest run has no pipefail.
		files '*.sh' '*.lib' '*.bash' | xargs -r grep -nE '\| *grep -[a-zA-Z]*q' |
			grep -vE 'sh -c|vm_run|sh "\$' | sed 's/$/ : grep ... >\/dev\/null reads to the end/'
	} | nothing
}

check_arrows() {
	files '*.c' '*.h' | xargs -r awk -f tools/lint/arrows.awk Makefile 2>&1 | nothing
}

check_style() {
	files '*.c' '*.h' | xargs -r awk -f tools/lint/style.awk 2>&1 | nothing
}

# Hosts in the package manager's settings, as fixed words.
apt_hosts() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf /etc/apt/apt.conf.d/* \
		2>/dev/null | grep -oE '[a-z]+://[^/" ;]+' | sed 's|.*://||; s|.*@||; s|:[0-9]*$||' | sort -u
}

# Patterns: where this copy of the tree lies, and the home directory, unless anybody's could be there.
own_paths() {
	local dir
	for dir in "$PWD" "$(dirname "$PWD")" "${HOME:-/}"; do
		case $dir in
		/ | /tmp | /home | /root | /var/tmp | /usr/src) ;;
		*) printf '(^|[^A-Za-z0-9_.$}-])%s/\n' "${dir//./[.]}" ;;
		esac
	done
}

check_words() {
	local all
	mapfile -t all < <(files | grep -vE '\.(png|dat|gz|zst|xz|cpio)$')
	{
		grep -InwE 'TO[D]O|FIX[M]E|XX[X]' "${all[@]}"
		own_paths >"$tmp/words"
		[ -s "$tmp/words" ] && grep -InE -f "$tmp/words" "${all[@]}"
		apt_hosts >"$tmp/words"
		[ -s "$tmp/words" ] && grep -InFw -f "$tmp/words" "${all[@]}"
	} | nothing
}

check_tables() {
	"$trace_cmd" --tables >"$tmp/tables" 2>/dev/null || {
		echo "$trace_cmd --tables failed: run make first"
		return 1
	}
	awk -F'\t' '
		$1 == "command" && NF == 3 { next }
		$1 != "option" || NF != 6 { print "no line of a table: " $0 }
		$3 != "-" && s[$2, $3]++ { print $2 ": -" $3 " is there twice" }
		$4 != "-" && l[$2, $4]++ { print $2 ": --" $4 " is there twice" }
		$3 == "-" && $4 == "-" { print $2 ": an option without a name" }' "$tmp/tables" | nothing
}

check_man() {
	local pages
	"$trace_cmd" --tables >"$tmp/tables" 2>/dev/null || {
		echo "no tables to compare with"
		return 1
	}
	mapfile -t pages < <(files 'Documentation/trace-cmd*.1.txt')
	awk -f tools/lint/man.awk "$tmp/tables" "${pages[@]}" 2>&1 | sort | nothing
}

check_manbuild() {
	command -v asciidoctor >/dev/null || {
		echo "skipped: asciidoctor is not installed"
		return 77
	}
	files 'Documentation/trace-cmd*.[1-9].txt' |
		xargs -r asciidoctor -b manpage -D "$tmp/man" --failure-level=WARN 2>&1 | nothing
}

check_completion() {
	tools/completion.sh -n "$trace_cmd" >"$tmp/completion" 2>&1 || {
		cat "$tmp/completion"
		return 1
	}
	diff -u contrib/completion/trace-cmd.bash "$tmp/completion" >"$tmp/diff" && return
	echo "run tools/completion.sh; what would change:"
	head -40 "$tmp/diff"
	return 1
}

for name; do
	[ -n "${about[$name]-}" ] || {
		echo "lint.sh: no check '$name'; there are: ${checks[*]}" >&2
		exit 2
	}
done
[ $# = 0 ] || checks=("$@")

failed=0
for name in "${checks[@]}"; do
	text=$("check_$name" 2>&1)
	case $? in
	0) echo "ok     $name: ${about[$name]}" ;;
	77) echo "ok     $name: $text" ;;
	*)
		echo "not ok $name: ${about[$name]}"
		while IFS= read -r line; do printf '    %s\n' "$line"; done <<<"$text"
		failed=1
		;;
	esac
done
exit $failed
