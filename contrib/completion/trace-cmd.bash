# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# trace-cmd.bash - completion of trace-cmd for bash; source it, or install it as
# <prefix>/share/bash-completion/completions/trace-cmd
# Made by tools/completion.sh: do not edit.

_trace_cmd_commands() {
	echo "record report virt-server listen setup-guest list start set stop restart reset clear show stat stream extract snapshot convert attach split dump restore check-events agent help"
}

# The options of subcommand $1.
_trace_cmd_options() {
	case $1 in
	record) printf %s "-A --name --virtio-trace --metadata --tsync-interval --virt -t -N -V --protocol -o --temp --file-version --compression -e -f -R -v -p -l -n -g --module --max-graph-depth -T --func-stack -O -C -b -B -M -P -F -c -i -d -D --cmdlines-size -a --tsc2nsec --no-filter -s --poll -r -m --date --ts-offset --proc-map -k -q --quiet --user --stderr --verbose --help" ;;
	report) printf %s "-i --guest --names --no-guests -t -l -R -r -n -F -v -T -I -S --cpu -w --stat --uname --version -e -f -P -E --events --event --check-events --cpus --first-event --last-event --ts-offset --ts2secs --ts-diff --ts-check --nodate --raw-ts --align-ts -O -L -N -q -V --verbose --help" ;;
	virt-server) printf %s "--dir -o --output --file-version --compression -D --daemon -l --log --once --max-cpus --max-size --max-rate --max-meta --max-sessions --timeout --no-restore -q --quiet --verbose --help" ;;
	listen) printf %s "-p --port -V --vsock -d --directory -o --output --bind --allow --protocol --file-version --notimeout --compression -D --daemon -l --log --once --max-cpus --max-size --max-rate --max-meta --max-sessions --timeout --no-restore -q --quiet --verbose --help" ;;
	setup-guest) printf %s "-c --cpus -p --mode -g --group -a --attach -C --connect --dir --sockets --own-socket --shared-socket --qemu --libvirt --check --host --guest -o --output-dir --help" ;;
	list) printf %s "-e -F --full -R -l -s -t -p -o -f -P -O -B -C -c --guests --dir --help" ;;
	start) printf %s "-e -f -R -v -p -l -n -g --module --max-graph-depth -T --func-stack -O -C -b -B -M -P -F -c -i -d -D --cmdlines-size --user --fork -q --quiet --stderr --verbose --help" ;;
	set) printf %s "-e -f -R -v -p -l -n -g --module --max-graph-depth -T --func-stack -O -C -b -B -M -P -F -c -i -d -D --cmdlines-size --user --fork -q --quiet --stderr --verbose --help" ;;
	stop) printf %s "-B -a -t --help" ;;
	restart) printf %s "-B -a -t --help" ;;
	reset) printf %s "-B -a -t -b -d --help" ;;
	clear) printf %s "-B -a --help" ;;
	show) printf %s "-p -s -c -f -B --tracing_on --current_tracer --buffer_size --buffer_total_size --ftrace_filter --ftrace_notrace --ftrace_pid --graph_function --graph_notrace --cpumask --help" ;;
	stat) printf %s "-B -t -o --help" ;;
	stream) printf %s "-e -f -R -v -p -l -n -g --module --max-graph-depth -T --func-stack -O -C -b -B -M -P -F -c -i -d -D --cmdlines-size -a --no-filter -s -k -q --quiet --user --stderr --ts-offset --poll --verbose --help" ;;
	extract) printf %s "-p -O -N -V --protocol -o --temp --file-version --compression -s -B -a -t --date --ts-offset -q --quiet --verbose --help" ;;
	snapshot) printf %s "-s -r -f -B -c --help" ;;
	convert) printf %s "-i --input -o --output --file-version --compression --metadata --force --help" ;;
	attach) printf %s "-n --name -s -p --pid --help" ;;
	split) printf %s "-i --input -o --output -s -m -u -e -p -r -c -C --top -B -b -t --file-version --compression --help" ;;
	dump) printf %s "-i --input -v --validate --all --summary --head-page --head-event --ftrace-events --systems --events --kallsyms --printk --cmd-lines --options --flyrecord --clock --strings --sections --verbose --help" ;;
	restore) printf %s "-o --output -i --input -c -t -k --file-version -q --quiet --help" ;;
	check-events) printf %s "-N -v --verbose --help" ;;
	agent) printf %s "-p --port -N -D --daemon -l --log --allow-events --max-rate --virtio-trace -o --verbose --help" ;;
	esac
}

# What the argument of option "$1 = SUBCOMMAND OPTION" is; nothing: it takes none.
_trace_cmd_kind() {
	case $1 in
	"record -A") echo none ;;
	"record --name") echo none ;;
	"record --metadata") echo file ;;
	"record --tsync-interval") echo none ;;
	"record -N") echo none ;;
	"record -V") echo none ;;
	"record --protocol") echo none ;;
	"record -o") echo file ;;
	"record --temp") echo dir ;;
	"record --file-version") echo none ;;
	"record --compression") echo none ;;
	"record -e") echo event ;;
	"record -f") echo none ;;
	"record -R") echo none ;;
	"record -p") echo tracer ;;
	"record -l") echo none ;;
	"record -n") echo none ;;
	"record -g") echo none ;;
	"record --module") echo none ;;
	"record --max-graph-depth") echo none ;;
	"record -O") echo traceoption ;;
	"record -C") echo clock ;;
	"record -b") echo none ;;
	"record -B") echo buffer ;;
	"record -M") echo none ;;
	"record -P") echo none ;;
	"record --cmdlines-size") echo none ;;
	"record -s") echo none ;;
	"record -r") echo none ;;
	"record -m") echo none ;;
	"record --ts-offset") echo none ;;
	"record --user") echo user ;;
	"report -i") echo file ;;
	"report --guest") echo none ;;
	"report -r") echo event ;;
	"report -n") echo event ;;
	"report -F") echo event ;;
	"report --cpu") echo cpu ;;
	"report --event") echo event ;;
	"report --ts-offset") echo none ;;
	"report --ts2secs") echo none ;;
	"report -O") echo none ;;
	"virt-server --dir") echo dir ;;
	"virt-server -o" | "virt-server --output") echo dir ;;
	"virt-server --file-version") echo none ;;
	"virt-server --compression") echo none ;;
	"virt-server -l" | "virt-server --log") echo file ;;
	"virt-server --max-cpus") echo none ;;
	"virt-server --max-size") echo none ;;
	"virt-server --max-rate") echo none ;;
	"virt-server --max-meta") echo none ;;
	"virt-server --max-sessions") echo none ;;
	"virt-server --timeout") echo none ;;
	"listen -p" | "listen --port") echo none ;;
	"listen -d" | "listen --directory") echo dir ;;
	"listen -o" | "listen --output") echo none ;;
	"listen --bind") echo none ;;
	"listen --allow") echo none ;;
	"listen --protocol") echo none ;;
	"listen --file-version") echo none ;;
	"listen --compression") echo none ;;
	"listen -l" | "listen --log") echo file ;;
	"listen --max-cpus") echo none ;;
	"listen --max-size") echo none ;;
	"listen --max-rate") echo none ;;
	"listen --max-meta") echo none ;;
	"listen --max-sessions") echo none ;;
	"listen --timeout") echo none ;;
	"setup-guest -c" | "setup-guest --cpus") echo none ;;
	"setup-guest -p" | "setup-guest --mode") echo none ;;
	"setup-guest -g" | "setup-guest --group") echo group ;;
	"setup-guest -C" | "setup-guest --connect") echo none ;;
	"setup-guest --dir") echo dir ;;
	"setup-guest -o" | "setup-guest --output-dir") echo dir ;;
	"list -e") echo event ;;
	"list -f") echo none ;;
	"list --dir") echo dir ;;
	"start -e") echo event ;;
	"start -f") echo none ;;
	"start -R") echo none ;;
	"start -p") echo tracer ;;
	"start -l") echo none ;;
	"start -n") echo none ;;
	"start -g") echo none ;;
	"start --module") echo none ;;
	"start --max-graph-depth") echo none ;;
	"start -O") echo traceoption ;;
	"start -C") echo clock ;;
	"start -b") echo none ;;
	"start -B") echo buffer ;;
	"start -M") echo none ;;
	"start -P") echo none ;;
	"start --cmdlines-size") echo none ;;
	"start --user") echo user ;;
	"set -e") echo event ;;
	"set -f") echo none ;;
	"set -R") echo none ;;
	"set -p") echo tracer ;;
	"set -l") echo none ;;
	"set -n") echo none ;;
	"set -g") echo none ;;
	"set --module") echo none ;;
	"set --max-graph-depth") echo none ;;
	"set -O") echo traceoption ;;
	"set -C") echo clock ;;
	"set -b") echo none ;;
	"set -B") echo buffer ;;
	"set -M") echo none ;;
	"set -P") echo none ;;
	"set --cmdlines-size") echo none ;;
	"set --user") echo user ;;
	"stop -B") echo buffer ;;
	"restart -B") echo buffer ;;
	"reset -B") echo buffer ;;
	"reset -b") echo none ;;
	"clear -B") echo buffer ;;
	"show -c") echo none ;;
	"show -B") echo buffer ;;
	"stat -B") echo buffer ;;
	"stream -e") echo event ;;
	"stream -f") echo none ;;
	"stream -R") echo none ;;
	"stream -p") echo tracer ;;
	"stream -l") echo none ;;
	"stream -n") echo none ;;
	"stream -g") echo none ;;
	"stream --module") echo none ;;
	"stream --max-graph-depth") echo none ;;
	"stream -O") echo traceoption ;;
	"stream -C") echo clock ;;
	"stream -b") echo none ;;
	"stream -B") echo buffer ;;
	"stream -M") echo none ;;
	"stream -P") echo none ;;
	"stream --cmdlines-size") echo none ;;
	"stream -s") echo none ;;
	"stream --user") echo user ;;
	"stream --ts-offset") echo none ;;
	"extract -p") echo tracer ;;
	"extract -O") echo traceoption ;;
	"extract -N") echo none ;;
	"extract -V") echo none ;;
	"extract --protocol") echo none ;;
	"extract -o") echo file ;;
	"extract --temp") echo dir ;;
	"extract --file-version") echo none ;;
	"extract --compression") echo none ;;
	"extract -B") echo buffer ;;
	"extract --ts-offset") echo none ;;
	"snapshot -B") echo buffer ;;
	"snapshot -c") echo none ;;
	"convert -i" | "convert --input") echo file ;;
	"convert -o" | "convert --output") echo file ;;
	"convert --file-version") echo none ;;
	"convert --compression") echo none ;;
	"convert --metadata") echo file ;;
	"attach -n" | "attach --name") echo none ;;
	"attach -s") echo none ;;
	"attach -p" | "attach --pid") echo none ;;
	"split -i" | "split --input") echo file ;;
	"split -o" | "split --output") echo file ;;
	"split -s") echo none ;;
	"split -m") echo none ;;
	"split -u") echo none ;;
	"split -e") echo none ;;
	"split -p") echo none ;;
	"split -C") echo cpu ;;
	"split -B") echo none ;;
	"split -b") echo none ;;
	"split --file-version") echo none ;;
	"split --compression") echo none ;;
	"dump -i" | "dump --input") echo file ;;
	"restore -o" | "restore --output") echo file ;;
	"restore -i" | "restore --input") echo file ;;
	"restore -t") echo dir ;;
	"restore -k") echo file ;;
	"restore --file-version") echo none ;;
	"agent -p" | "agent --port") echo none ;;
	"agent -N") echo none ;;
	"agent -l" | "agent --log") echo file ;;
	"agent --allow-events") echo event ;;
	"agent --max-rate") echo none ;;
	esac
}

# ---- From here on: contrib/completion/trace-cmd.bash.in, the same for all tables. ----

_trace_cmd_tracefs=(/sys/kernel/tracing /sys/kernel/debug/tracing)

# The file $1 of the first tracefs that lets us read it.
_trace_cmd_read() {
	local dir
	for dir in "${_trace_cmd_tracefs[@]}"; do
		[ -r "$dir/$1" ] && cat "$dir/$1" 2>/dev/null && return
	done
	return 1
}

# system:event and system of every event there is.
_trace_cmd_events() {
	{ _trace_cmd_read available_events || trace-cmd list -e 2>/dev/null; } |
		awk -F: 'NF == 2 && !seen[$1]++ { print $1 } NF == 2'
	echo all
}

# trace_options shows "nofoo" for one that is off: offer both words.
_trace_cmd_traceoptions() {
	_trace_cmd_read trace_options | sed 's/^no//; p; s/^/no/'
}

# The names of the directories in the directories "$@".
_trace_cmd_dirs_in() {
	local dir path
	local -
	set +f
	for dir; do
		for path in "$dir"/*/; do
			path=${path%/}
			path=${path##*/}
			# Others' names do not get onto the command line with quotes and the like in them.
			[[ $path == *[!A-Za-z0-9._+@-]* ]] || echo "$path"
		done
	done
}

_trace_cmd_cpus() {
	local n
	n=$(getconf _NPROCESSORS_CONF 2>/dev/null) || n=1
	seq 0 $((n - 1))
}

# The words of kind $1 that begin with $2, into COMPREPLY.
_trace_cmd_fill() {
	local IFS=$'\n' words= word
	local -
	set -f
	case $1 in
	file | command)
		compopt -o filenames 2>/dev/null
		[ "$1" = command ] && mapfile -t COMPREPLY < <(compgen -c -- "$2")
		mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$2")
		return ;;
	dir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$2")
		return ;;
	user)
		mapfile -t COMPREPLY < <(compgen -u -- "$2")
		return ;;
	group)
		mapfile -t COMPREPLY < <(compgen -g -- "$2")
		return ;;
	event) words=$(_trace_cmd_events) ;;
	tracer) words=$(_trace_cmd_read available_tracers | tr ' ' '\n') ;;
	clock) words=$(_trace_cmd_read trace_clock | tr -d '[]' | tr ' ' '\n') ;;
	buffer) words=$(_trace_cmd_dirs_in "${_trace_cmd_tracefs[@]/%//instances}") ;;
	traceoption) words=$(_trace_cmd_traceoptions) ;;
	domain) words=$(_trace_cmd_dirs_in "${TRACE_CMD_VIRT_DIR:-/tmp/trace-cmd/virt}") ;;
	cpu) words=$(_trace_cmd_cpus) ;;
	list:*) words=${1#list:} && words=${words// /$'\n'} ;;
	esac
	# Not by compgen -W: it would expand the words, and anybody can make a directory in /tmp.
	for word in $words; do
		[[ $word == "$2"* ]] && COMPREPLY+=("$word")
	done
	return 0
}

# What a word that is no option is, for subcommand $1, after $2 such words.
_trace_cmd_word_kind() {
	case $1 in
	record) if [ "$2" = 0 ]; then echo command; else echo file; fi ;;
	setup-guest) echo domain ;;
	restore) echo dir ;;
	help) echo "list:$(_trace_cmd_commands)" ;;
	virt-server | list) echo none ;; # they take none
	*) echo file ;;
	esac
}

# Does the word $2 of subcommand $1 take the next word as its argument? "-qo FILE" does.
_trace_cmd_takes_next() {
	local i
	case $2 in
	--*=*) return 1 ;;
	--*) [ -n "$(_trace_cmd_kind "$1 $2")" ] && return ;;
	-?*)
		for ((i = 1; i < ${#2}; i++)); do
			[ -n "$(_trace_cmd_kind "$1 -${2:i:1}")" ] && {
				[ $((i + 1)) = ${#2} ]
				return
			}
		done ;;
	esac
	return 1
}

# bash breaks words at "=" and ":". Put them together again in words[], up to the cursor.
_trace_cmd_join() {
	local i w glue=
	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		w=${COMP_WORDS[i]-}
		if [ ${#words[@]} -gt 1 ] && { [ -n "$glue" ] || [[ $w == [:=] ]]; }; then
			words[-1]+=$w
		else
			words+=("$w")
		fi
		glue=
		[[ $w == [:=] ]] && glue=1
	done
	return 0
}

# Kind of the last of words[] for a subcommand, into "kind"; its text, into "cur".
_trace_cmd_where() {
	local sub=${words[1]} last=$((${#words[@]} - 1)) plain=0 ended= i
	for ((i = 2; i < last; i++)); do
		if [ -z "$ended" ] && [[ ${words[i]} == -?* ]]; then
			[ "${words[i]}" = -- ] && ended=1 && continue
			if _trace_cmd_takes_next "$sub" "${words[i]}"; then
				i=$((i + 1))
				if [ $i = $last ]; then
					kind=$(_trace_cmd_kind "$sub $(_trace_cmd_last_opt "${words[i - 1]}")")
					return
				fi
			fi
		else
			plain=$((plain + 1))
			[ "$sub" = record ] && ended=1
		fi
	done
	if [ -z "$ended" ] && [[ $cur == --*=* ]]; then
		kind=$(_trace_cmd_kind "$sub ${cur%%=*}")
		cur=${cur#*=}
	elif [ -z "$ended" ] && [[ $cur == -* ]]; then
		kind="list:$(_trace_cmd_options "$sub")"
	else
		kind=$(_trace_cmd_word_kind "$sub" "$plain")
	fi
}

# "-qo" -> "-o", "--output" -> "--output"
_trace_cmd_last_opt() {
	case $1 in
	--*) printf '%s\n' "$1" ;;
	*) printf '%s\n' "-${1: -1}" ;;
	esac
}

_trace_cmd() {
	local words=() cur kind=none i
	COMPREPLY=()
	_trace_cmd_join
	cur=${words[-1]}
	if [ ${#words[@]} -le 2 ]; then
		kind="list:$(_trace_cmd_commands) --help --version"
	else
		_trace_cmd_where
	fi
	_trace_cmd_fill "$kind" "$cur"
	# What stands before the last ":" is not part of the word that readline replaces.
	if [[ $cur == *:* && ${COMP_WORDBREAKS-:} == *:* ]]; then
		for i in "${!COMPREPLY[@]}"; do
			COMPREPLY[i]=${COMPREPLY[i]#"${cur%:*}:"}
		done
	fi
	return 0
}

complete -F _trace_cmd trace-cmd
