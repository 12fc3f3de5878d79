#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# A broken Hookaidofile at a start (C83): one clear end, no loop, one command to come back.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

cp $config /tmp/good
printf '\nbroken {\n' >>$config
fails "systemctl restart" systemctl restart hookaido
is "the exit code" "$(systemctl show -p ExecMainStatus --value hookaido)" 78
has "systemctl status shows the place" "$(systemctl status --no-pager --full --lines=20 hookaido)" 'Hookaidofile:[0-9]+:[0-9]+'
sleep 5
is "it was not started again" "$(starts)" 0
is "the service" "$(active hookaido.service)" failed

for n in $(seq 50); do
	curl -sS --max-time 2 -d "$n" $ingress >/dev/null 2>&1 &
done
wait
sleep 3
tries=$(journalctl -q -u hookaido -o cat | grep -c 'Main process exited')
[ "$tries" -le 70 ] || bad "the service was tried $tries times for 50 connections"
ok "50 connections made $tries tries"
sleep 3
is "tries after that" "$(journalctl -q -u hookaido -o cat | grep -c 'Main process exited')" "$tries"

cp /tmp/good $config
succeeds "systemctl restart hookaido, when it is mended" systemctl restart hookaido
all_active
is "a webhook" "$(post '{"number":1}')" 202
done_with
