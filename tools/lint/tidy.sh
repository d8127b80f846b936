#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# tidy.sh FILE FLAGS... - clang-tidy over one file: its findings, a line each
#
#   V=1   the whole text of clang-tidy, with the path that led there
#
# Tests may run commands (cert-env33-c), and are not given to clang's analyzer: it does not know that
# cmocka's assertions do not return.
# What had no findings is remembered in build/lint by a hash of the preprocessed file, of the flags
# and of the checks, so that a second run looks only at what has changed.

file=$1
shift
case $file in
tests/*) set -- "--checks=-clang-analyzer-*,-cert-env33-c" "$file" -- "$@" ;;
*) set -- "$file" -- "$@" ;;
esac

seen=build/lint/$(
	{
		cat .clang-tidy "$file"
		echo "$@"
		(
			while [ "$1" != -- ]; do shift; done
			shift
			${CC:-cc} -E "$@" "$file" 2>&1
		)
	} | sha256sum | cut -c1-32
)
[ -e "$seen" ] && exit 0

text=$(clang-tidy --quiet "$@" 2>/dev/null)
status=$?
if [ -n "$text" ]; then
	printf '%s\n' "$text" | sed "s|$PWD/||" | { [ -n "$V" ] && cat || grep -E '^[^ ]+: (warning|error):'; }
elif [ $status != 0 ]; then
	echo "$file: clang-tidy failed; it needs the packages of 'tools/deps.sh build test'"
else
	mkdir -p build/lint && : >"$seen"
fi
exit 0
