#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# The commands for operators as installed: as root, as a member of the group
# hookaido, and as somebody else.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"
route=/webhooks/github

succeeds "root sends a signed webhook" hookaido send $route
has "it is accepted" "$output" '^202 Accepted from http://'
has "and found again" "$output" '^message evt_'
id=$(sed -n 's/^message //p' <<<"$output")
hasnt "no secret is shown" "$output" "$(cat $secrets/github-webhook)"
succeeds "hookaido messages list" hookaido messages list
has "lists it" "$output" "^$id +queued +$route "
succeeds "hookaido status" hookaido status
has "counts it" "$output" "^$route +[0-9.]+ +0.0 +1 "

useradd --no-create-home --groups hookaido olga
succeeds "a member of the group" runuser -u olga -- hookaido dlq list
succeeds "may pause" runuser -u olga -- hookaido pause $route --reason 'moving house'
within 10 "who and why are in the journal" sh -c \
	"journalctl -q -u hookaido HOOKAIDO_OPERATION=pause -o json | grep -q 'moving house'"
succeeds "may resume" runuser -u olga -- hookaido resume $route
runuser -u nobody -- hookaido status >/tmp/denied 2>&1
is "exit code for somebody else" $? 77
has "who is told why" "$(cat /tmp/denied)" 'member of the socket'
hookaido status --socket /run/hookaido/none.sock >/tmp/gone 2>&1
is "exit code without a daemon" $? 69

succeeds "hookaido backup while it runs" hookaido backup /var/tmp/copy.db
has "has the message" "$output" 'copied to /var/tmp/copy.db: 1 message '
is "mode of the copy" "$(stat -c %a /var/tmp/copy.db)" 600
succeeds "hookaido restore --check" hookaido restore --check /var/tmp/copy.db
fails "hookaido restore while it runs" hookaido restore --yes /var/tmp/copy.db
has "names the process" "$output" "process $(main_pid) has it open"

succeeds "a worker of the shell" hookaido pull $route --ack
has "gets the message" "$output" "\"id\":\"$id\""
succeeds "stop" systemctl stop hookaido.service
succeeds "hookaido restore" hookaido restore --yes /var/tmp/copy.db
is "owner of the files" "$(stat -c %U /var/lib/hookaido/hookaido.db /var/lib/hookaido/hookaido.db.state | sort -u)" hookaido
succeeds "start" systemctl start hookaido.service
succeeds "the message is back" hookaido pull $route --ack
has "the same" "$output" "\"id\":\"$id\""
done_with
