#!/bin/bash
# lab: --package dist/pkg/hookaido.deb --timeout 120
# A daemon that hangs is replaced; so is one that is killed.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

# The packaged 30 s, shortened for the test.
is "the packaged watchdog" "$(systemctl show -p WatchdogUSec --value hookaido)" 30s
mkdir -p /etc/systemd/system/hookaido.service.d
printf '[Service]\nWatchdogSec=3s\n' >/etc/systemd/system/hookaido.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart hookaido

pid=$(main_pid)
sleep 7
is "a healthy daemon is left alone for two periods" "$(main_pid)" "$pid"
is "a webhook before" "$(post '{"number":1}')" 202
kill -STOP "$pid"
hung() { [ "$(main_pid)" != "$pid" ] && [ "$(main_pid)" != 0 ] && [ "$(active hookaido.service)" = active ]; }
within 30 "the watchdog replaces a daemon that is stopped" hung
within 5 "the journal says why" logged '[Ww]atchdog timeout'
is "a webhook after" "$(post '{"number":2}')" 202

pid=$(main_pid)
kill -KILL "$pid"
within 20 "a killed daemon is replaced" hung
is "a webhook after that" "$(post '{"number":3}')" 202
cat >/tmp/accepted <<<$'1\n2\n3'
succeeds "all three are in the queue" /lab/pkg/load drain -url $pull -token-file $secrets/pull-token -want /tmp/accepted
is "messages that came twice" "$(value doubled "$output")" 0
done_with
