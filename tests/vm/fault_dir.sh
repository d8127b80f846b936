#!/bin/bash
# Directories that somebody else could have laid: virt-server refuses each with the reason and what
# to do, listens on nothing, and leaves them as they are. No guest is needed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/trace.sh"

# virt-server on directory $1 is refused with the message $2; $3: what it is.
is_refused() {
	local rc=0 text before
	before=$(ls -ldR "$1"/ 2>&1) || true
	text=$(timeout 10 "$TRACE_CMD" virt-server --dir "$1" -o "$OUT" 2>&1) || rc=$?
	assert_eq 1 $rc "$3: status 1"
	assert_eq "$2" "$text" "$3: the message"
	assert_eq "$before" "$(ls -ldR "$1"/ 2>&1 || true)" "$3: it is left as it is"
}

ME=$(id -u)
mkdir -m 755 "$T_DIR/top"
DIR=$T_DIR/top/virt

t_begin "the directory of all guests"
mkdir "$DIR"
chmod 0777 "$DIR"
is_refused "$DIR" "trace-cmd: directory $DIR is not safe: everybody may write to it (mode 0777)
  try: chmod o-w $DIR, after a look at who made what in it" "all may write"
chmod 1777 "$DIR"
is_refused "$DIR" "trace-cmd: directory $DIR is not safe: everybody may write to it (mode 1777)
  try: chmod o-w $DIR, after a look at who made what in it" "all may write, sticky"
chmod 0775 "$DIR"
is_refused "$DIR" "trace-cmd: directory $DIR is not safe: group $(stat -c %g "$DIR") may write to it (mode 0775)
  try: chmod g-w $DIR" "the group may write"
chmod 0755 "$DIR"

mv "$DIR" "$DIR.real"
ln -s "$DIR.real" "$DIR"
is_refused "$DIR" "trace-cmd: directory $DIR is not safe: it is a symbolic link
  try: rm $DIR, or name the directory it leads to with --dir" "a symlink"
rm "$DIR"
mv "$DIR.real" "$DIR"

chmod 0777 "$T_DIR/top"
is_refused "$DIR" "trace-cmd: directory $DIR is not safe: everybody may write to its parent $T_DIR/top (mode 0777), which is not sticky
  try: chmod o-w $T_DIR/top" "all may write to the parent"
chmod 0755 "$T_DIR/top"

: >"$T_DIR/file"
is_refused "$T_DIR/file" "trace-cmd: $T_DIR/file is not a directory" "a file"

if [ "$ME" = 0 ]; then
	chown 12345 "$DIR"
	is_refused "$DIR" "trace-cmd: directory $DIR is not safe: it belongs to user 12345, not to you (0) or root
  try: choose another one with --dir DIR or TRACE_CMD_VIRT_DIR, or as root: chown 0 $DIR" "another's directory"
	chown 0 "$DIR"
	chown 12345 "$T_DIR/top"
	is_refused "$DIR" "trace-cmd: directory $DIR is not safe: its parent $T_DIR/top belongs to user 12345, who could put another directory in its place
  try: choose another directory with --dir DIR or TRACE_CMD_VIRT_DIR" "another's parent"
	chown 0 "$T_DIR/top"
fi

t_begin "the directory of one guest"
# shellcheck disable=SC2034 # for server_start
VIRT=$DIR
mkdir -m 777 "$DIR/bad"
chmod 0777 "$DIR/bad"
"$TRACE_CMD" setup-guest good -c 1 --dir "$DIR" >/dev/null
server_start
has_refused() { grep -qF "directory $DIR/bad is not safe: everybody may write to it (mode 0777)" "$(host_log server)"; }
wait_for 10 has_refused && t_ok "an unsafe guest's directory: the log says why" ||
	t_fail "an unsafe guest's directory: the log says nothing" "$(cat "$(host_log server)")"
assert_contains "$(cat "$(host_log server)")" "try: chmod o-w $DIR/bad, after a look at who made what in it" \
	"an unsafe guest's directory: the hint"
wait_for 10 test -S "$DIR/good/agent-ctl-path" && t_ok "the other guest is served" ||
	t_fail "the other guest is not served"
[ ! -e "$DIR/bad/agent-ctl-path" ] && t_ok "the unsafe one is not" || t_fail "the unsafe one is served too"
chmod 0755 "$DIR/bad"
wait_for 10 test -S "$DIR/bad/agent-ctl-path" && t_ok "it is when it was made safe" ||
	t_fail "it is not served when it was made safe"
server_stop || t_fail "virt-server's status is $?"
