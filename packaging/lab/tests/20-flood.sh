#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# A flood of access lines loses no error line and holds no request up (C103).
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

seconds=10 rate=10000
# counted MATCH...: how many entries of the journal match
counted() { journalctl -q -o cat "$@" | wc -l; }
# summed MATCH...: their HOOKAIDO_COUNT, added up
summed() { journalctl -q -o json --output-fields=HOOKAIDO_COUNT "$@" | jq -s 'map(.HOOKAIDO_COUNT // "0" | tonumber) | add // 0'; }

# journald reads the limits of a unit there; an interval of 0 never gets there.
is "the journal's rate limit for this unit, out of reach" \
	"$(readlink /run/systemd/units/log-rate-limit-interval:hookaido.service) $(readlink /run/systemd/units/log-rate-limit-burst:hookaido.service)" "1000000 1000000"
printf '\n/webhooks/third {\n  pul { path /third }\n}\n' >/tmp/wrong
cat $config /tmp/wrong >/tmp/broken
cp $config /tmp/good

# The daemon itself, at the rate that this machine gives.
since=$(date '+%Y-%m-%d %H:%M:%S.%N')
/lab/pkg/load flood -url $admin/livez -rate $rate -for ${seconds}s >/tmp/flood &
flood=$!
/lab/pkg/load send -url $ingress -secret-file $secrets/github-webhook -rate 20 -for ${seconds}s -out /tmp/accepted >/tmp/load &
load=$!
cp /tmp/broken $config
reloads=0
while kill -0 $flood 2>/dev/null; do
	hookaido reload >/dev/null 2>&1 && bad "a reload took a wrong file"
	reloads=$((reloads + 1))
	sleep 0.2
done
wait $flood $load
cp /tmp/good $config
sed 's/^/  flood: /' /tmp/flood
sed 's/^/  load: /' /tmp/load
answered=$(value answered "$(cat /tmp/flood)")
is "requests of the flood without a good answer" "$(value other "$(cat /tmp/flood)") $(value failed "$(cat /tmp/flood)")" "0 0"
line=$(cat /tmp/load)
is "webhooks in it that were refused, cut or unanswered" "$(value refused "$line") $(value reset "$line") $(value failed "$line")" "0 0 0"
is "webhooks in it that were accepted" "$(value accepted "$line")" $((20 * seconds))
told() { [ "$(counted --since "$since" -t hookaido HOOKAIDO_EVENT=admin_request_refused -p warning)" = "$reloads" ]; }
within 60 "all $reloads warnings of refused reloads are in the journal" told

# Every request is a line, or counted among those that were lost.
accounted() {
	local found lost
	found=$(counted --since "$since" -t hookaido HOOKAIDO_COMPONENT=admin_api HOOKAIDO_PATH=/livez)
	lost=$(summed --since "$since" -t hookaido HOOKAIDO_EVENT=access_log_lines_lost)
	echo "$found lines and $lost told as lost, of $answered"
	[ $((found + lost)) -ge "$answered" ]
}
within 60 "each request is a line or is counted" accounted
printf '  journal: %s\n' "$output"

# The same logs, driven at the full rate by a program: with an error line among
# each hundred.
since=$(date '+%Y-%m-%d %H:%M:%S.%N')
succeeds "$rate access lines per second for $seconds s" systemd-run --quiet --wait --unit=lines \
	-p LogRateLimitIntervalSec=1s -p LogRateLimitBurst=1000000 -p StandardOutput=file:/tmp/lines -p StandardError=journal \
	/lab/pkg/load lines -rate $rate -for ${seconds}s
sed 's/^/  lines: /' /tmp/lines
line=$(cat /tmp/lines)
is "lines written" "$(value lines "$line")" $((rate * seconds))
errors=$(value errors "$line")
is "error lines among them" "$errors" $((rate * seconds / 100))
told() { [ "$(counted --since "$since" -u lines HOOKAIDO_EVENT=flood_error -p err)" = "$errors" ]; }
within 60 "all $errors are in the journal" told
accounted() {
	local found
	found=$(counted --since "$since" -u lines HOOKAIDO_EVENT=http_request)
	echo "$found access lines and $(value dropped "$line") counted as dropped"
	[ $((found + $(value dropped "$line"))) -eq $((rate * seconds)) ]
}
within 60 "each access line is there or counted" accounted
printf '  journal: %s\n' "$output"
done_with
