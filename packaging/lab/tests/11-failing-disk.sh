#!/bin/bash
# lab: --package dist/pkg/hookaido.deb --timeout 120
# The disk refuses to sync for 3 s: no false 202, red readiness, a clean new start.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

pid=$(main_pid)
# First the other half: each 202 has a sync of its own behind its message.
timeout 4 strace -f -qq -y -e trace=fdatasync,fsync,pwrite64,write,sendto,writev -s 40 -o /tmp/trace -p "$pid" &
tracer=$!
sleep 1.5
is "a webhook under strace" "$(post '{"number":-1}')" 202
wait $tracer
synced() {
	awk '
	/pwrite64\(.*hookaido.db-wal/ { written = NR; synced = 0 }
	/(fdatasync|fsync)\(.*hookaido.db-wal.*= 0/ || /(fdatasync|fsync) resumed.*= 0/ { if (written) synced = NR }
	/202 Accepted/ { found = 1; exit !(written && synced > written) }
	END { if (!found) exit 1 }' /tmp/trace
}
succeeds "the WAL is written, then synced, then 202 is sent" synced

/lab/pkg/load send -url $ingress -secret-file $secrets/github-webhook -rate 100 -for 10s -out /tmp/accepted >/tmp/load &
load=$!
sleep 2
begin=$(date +%s.%N)
timeout 3 strace -f -qq -o /dev/null -e trace=fdatasync,fsync -e inject=fdatasync,fsync:error=EIO -p "$pid" &
tracer=$!
red() { [ "$(call --max-time 2 $admin/readyz)" != 200 ]; }
within 3 "readiness turns red" red
printf '  readiness: %s, %s s after the start of the fault\n' "$(call --max-time 1 $admin/readyz)" \
	"$(awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')"
wait $tracer
gone() { ! kill -0 "$pid" 2>/dev/null; }
within 15 "the process leaves" gone
within 15 "the service is ready again" ready
within 5 "its exit code was 74" logged 'code=exited, status=74'
wait $load
line=$(cat /tmp/load)
sed "s/^/  load: /" /tmp/load
is "refused connections" "$(value refused "$line")" 0
is "answers but 202 and 503" "$(value other "$line")" 0
succeeds "every 202 is in the queue" /lab/pkg/load drain -url $pull -token-file $secrets/pull-token -want <(cat /tmp/accepted; echo -1)
printf '  queue: %s\n' "$output"
is "messages that came twice" "$(value doubled "$output")" 0
all_active
done_with
