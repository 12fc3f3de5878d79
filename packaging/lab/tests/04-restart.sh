#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# Restarts under load: nobody is refused, nothing is lost, leases go on.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

is "a webhook to hold over the restart" "$(post '{"number":-1}')" 202
take '{"lease_ttl":"5m"}'
inode=$(stat -c %i /run/hookaido/admin.sock)

/lab/pkg/load send -url $ingress -secret-file $secrets/github-webhook -rate 200 -for 12s -out /tmp/accepted >/tmp/load &
load=$!
for round in 1 2 3 4; do
	sleep 2
	before=$(main_pid)
	succeeds "systemctl restart, round $round" systemctl restart hookaido
	[ "$(main_pid)" != "$before" ] || bad "the process is the same"
	is "the admin socket's file survives round $round" "$(stat -c %i /run/hookaido/admin.sock)" "$inode"
done
wait $load
line=$(cat /tmp/load)
sed "s/^/  load: /" /tmp/load
is "refused connections" "$(value refused "$line")" 0
is "reset connections" "$(value reset "$line")" 0
is "other failures" "$(value failed "$line")" 0
is "answers but 202" "$(($(value unavailable "$line") + $(value other "$line")))" 0
is "accepted" "$(value accepted "$line")" 2400

is "a lease from before the restarts is acknowledged" "$(work ack "{\"lease_id\":\"$lease\"}")" 204
succeeds "every 202 is in the queue" /lab/pkg/load drain -url $pull -token-file $secrets/pull-token -want /tmp/accepted
printf '  queue: %s\n' "$output"
is "messages that came twice" "$(value doubled "$output")" 0
is "messages that nobody was told of" "$(value unanswered "$output")" 0
all_active

# A stopped service with open sockets starts at the first connection.
systemctl stop hookaido.service 2>/dev/null
is "the admin socket's file survives a stop" "$(stat -c %i /run/hookaido/admin.sock)" "$inode"
is "a webhook starts the service" "$(post '{"number":-2}')" 202
is "the service" "$(active hookaido.service)" active

# Another port, as the page says.
mkdir -p /etc/systemd/system/hookaido-ingress.socket.d
printf '[Socket]\nListenStream=\nListenStream=80\n' >/etc/systemd/system/hookaido-ingress.socket.d/port.conf
systemctl daemon-reload
succeeds "move the ingress to port 80: close the socket" systemctl stop hookaido-ingress.socket
is "the service goes on" "$(post '{"number":-4}')" 202
succeeds "and restart the service" systemctl restart hookaido.service
all_active
body='{"number":-3}'
is "port 80 answers" "$(call -H "$(sign "$body")" -d "$body" http://127.0.0.1/webhooks/github)" 202
within 5 "the difference to the Hookaidofile is logged" logged listen_differs
done_with
