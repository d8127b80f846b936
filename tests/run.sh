#!/bin/bash
# run.sh - run tests, a few at a time, and say what became of each.
#
#   tests/run.sh [-j N] LOGDIR TEST... [--alone TEST...]
#
# Those behind --alone run at the end, one after the other: what they measure needs a quiet machine.
# A TEST is a program that exits 0 (passed), 77 (skipped; its output says why) or else (failed); words
# behind a comma are its arguments: "prog,arg". Output goes to LOGDIR/<name>.log and is shown for what
# failed, the checks that failed once more at the end, where a log that was cut off still has them.
# TEST_TIMEOUT (600) seconds end a test that hangs. The last line is
# "tests: N passed, N failed, N skipped"; the exit status is 0 when nothing failed.

set -u
jobs=2
if [ "${1:-}" = -j ]; then
	jobs=$2
	shift 2
fi
logs=$1
shift
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.status

# One test, in the background: $1 its words. Leaves NAME.log and NAME.status.
run_one() {
	local name started=$SECONDS rc=0
	local -a words
	IFS=, read -r -a words <<<"$1"
	name=$(tr / - <<<"${words[*]#tests/}" | tr ' ' _)
	name=${name#build-}
	timeout --kill-after=10 "${TEST_TIMEOUT:-600}" "${words[@]}" >"$logs/$name.log" 2>&1 </dev/null || rc=$?
	case $rc in
	0) word=ok ;;
	77) word=skip ;;
	124) word='FAILED (too long)' ;;
	*) word='FAILED' ;;
	esac
	echo "$rc" >"$logs/$name.status"
	if [ $rc = 77 ]; then
		printf '%-40s skip  %s\n' "$name" "$(grep -oiE 'skip.*' "$logs/$name.log" | tail -n 1)"
	else
		printf '%-40s %s  %d checks, %d s\n' "$name" "$word" \
			"$(grep -cE '^(\[ +OK|ok)' "$logs/$name.log")" $((SECONDS - started))
	fi
	if [ $rc != 0 ] && [ $rc != 77 ]; then
		grep -E '^not ok|FAILED' -A 6 "$logs/$name.log" | head -n 40 | sed 's/^/    /'
		tail -n 15 "$logs/$name.log" | sed 's/^/    | /'
	fi
}

tests=0
for t; do
	if [ "$t" = --alone ]; then
		wait
		jobs=1
		continue
	fi
	tests=$((tests + 1))
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	run_one "$t" &
done
wait

count() {
	cat "$logs"/*.status 2>/dev/null | grep -cE "$1"
}
passed=$(count '^0$' || true)
skipped=$(count '^77$' || true)
failed=$((tests - passed - skipped))

# What failed, in a few lines a test: its failed checks and what they said.
for status in "$logs"/*.status; do
	grep -qxE '0|77' "$status" && continue
	name=$(basename "$status" .status)
	echo "$name, status $(cat "$status"):"
	{ grep -aE '^not ok|FAILED' -A 2 "$logs/$name.log" || tail -n 5 "$logs/$name.log"; } |
		head -n 7 | cut -c 1-300 | sed 's/^/    /'
done
echo "tests: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
