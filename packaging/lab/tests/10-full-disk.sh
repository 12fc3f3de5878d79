#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# A full disk of 6 MiB: senders get 503, workers go on, and the ingress comes back by itself.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

systemctl stop $sockets hookaido
mount -t tmpfs -o size=6m,mode=0700,uid="$(id -u hookaido)",gid="$(id -g hookaido)" small /var/lib/hookaido
systemctl start $sockets hookaido
all_active
pid=$(main_pid)

filler=$(head -c 20000 /dev/zero | tr '\0' x)
accepted=0 status=202
: >/tmp/accepted
while [ "$status" = 202 ] && [ $accepted -lt 1000 ]; do
	status=$(post "{\"number\":$accepted,\"filler\":\"$filler\"}")
	if [ "$status" = 202 ]; then
		echo $accepted >>/tmp/accepted
		accepted=$((accepted + 1))
	fi
done
is "the answer on a full disk, after $accepted messages" "$status" 503
has "it is a code" "$(cat /tmp/answer)" '"code"'
has "with Retry-After" "$(cat /tmp/head)" '[Rr]etry-[Aa]fter: [0-9]+'
[ $accepted -gt 20 ] || bad "only $accepted messages of 20 kB went into 6 MiB"

# And to the last byte, by somebody else.
dd if=/dev/zero of=/var/lib/hookaido/other bs=64k 2>/dev/null
is "still 503" "$(post '{"number":9998}')" 503
is "the same process" "$(main_pid)" "$pid"
take
is "a worker gets the first" "$(jq .number <<<"$payload")" 0
is "and may acknowledge it" "$(work ack "{\"lease_id\":\"$lease\"}")" 204
sed -i 1d /tmp/accepted
succeeds "workers drain the rest, all of it" /lab/pkg/load drain -url $pull -token-file $secrets/pull-token -want /tmp/accepted
printf '  queue: %s\n' "$output"
is "messages that came twice" "$(value doubled "$output")" 0

rm /var/lib/hookaido/other
accepts() { [ "$(post '{"number":5000}')" = 202 ]; }
within 10 "the ingress comes back by itself" accepts
is "no restart happened" "$(main_pid)" "$pid"
done_with
