#!/bin/bash
# lab: --package dist/pkg/hookaido.deb --timeout 600
# Restarts under load: nobody is refused, nothing is lost, leases go on.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

is "a webhook to hold over the restart" "$(post '{"number":-1}')" 202
take '{"lease_ttl":"5m"}'
inode=$(stat -c %i /run/hookaido/admin.sock)

large_queue
rounds=50
load_begin
sleep 1
for round in $(seq $rounds); do
	before=$(main_pid)
	systemctl restart hookaido || bad "restart $round failed"
	[ "$(main_pid)" != "$before" ] || bad "the process is the same after restart $round"
	[ "$(stat -c %i /run/hookaido/admin.sock)" = "$inode" ] || bad "the admin socket's file did not survive restart $round"
	sleep 0.2
done
ok "$rounds restarts, each a new process, the admin socket's file untouched"
load_end
is "a lease from before the restarts is acknowledged" "$(work ack "{\"lease_id\":\"$lease\"}")" 204
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
