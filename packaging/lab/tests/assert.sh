# Assertions for the lab's scripts, to be sourced. Each prints what it checked;
# the first that fails ends the script, with the service's last words.
set -uo pipefail
checks=0

ok() { checks=$((checks + 1)); printf '  ok    %s\n' "$*"; }

bad() {
	printf '  FAIL  %s\n' "$1"
	shift
	[ $# -eq 0 ] || printf '        %s\n' "$@"
	if [ -d /run/systemd/system ]; then
		systemctl --no-pager --full --lines=0 status 'hookaido*' 2>&1 | sed 's/^/        | /' | head -n 40
		journalctl --no-pager -o short-precise -n 25 -u 'hookaido*' 2>&1 | sed 's/^/        | /'
	fi
	exit 1
}

# is WHAT GOT WANT
is() { if [ "$2" = "$3" ]; then ok "$1: $3"; else bad "$1" "got:  $2" "want: $3"; fi; }

# has WHAT TEXT PATTERN (an extended regular expression)
has() { if grep -Eq -- "$3" <<<"$2"; then ok "$1"; else bad "$1" "no match for: $3" "in: $2"; fi; }

# hasnt WHAT TEXT PATTERN
hasnt() { if grep -Eq -- "$3" <<<"$2"; then bad "$1" "matches: $3" "in: $2"; else ok "$1"; fi; }

# succeeds WHAT COMMAND..., fails WHAT COMMAND...; both leave the output in $output
succeeds() {
	local what=$1
	shift
	if output=$("$@" 2>&1); then ok "$what"; else bad "$what" "exit code $?" "$output"; fi
}
fails() {
	local what=$1
	shift
	if output=$("$@" 2>&1); then bad "$what" "it succeeded" "$output"; else ok "$what"; fi
}

# within SECONDS WHAT COMMAND...: polls until the command succeeds
within() {
	local limit=$1 what=$2 begin=$SECONDS
	shift 2
	until output=$("$@" 2>&1); do
		[ $((SECONDS - begin)) -lt "$limit" ] || bad "$what, within $limit s" "$output"
		sleep 0.1
	done
	ok "$what, within $limit s"
}

# logged PATTERN: whether the service's journal has it; for within, since the
# journal reads a daemon's words and systemd's in any order
logged() { journalctl -q -u hookaido -o cat | grep -Eq -- "$1"; }

done_with() { printf '  %s checks passed\n' "$checks"; exit 0; }
