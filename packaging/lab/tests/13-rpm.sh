#!/bin/bash
# lab: --package dist/pkg/hookaido.rpm
# The .rpm: presets, units up, upgrade, .rpmnew and .rpmsave, erase (C94, C95, C100).
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

is "what the scripts printed" "$(grep -v 'alien' /run/lab-install.log)" ""
all_active
is "enabled by preset" "$(systemctl is-enabled hookaido.service)" enabled
is "digests of files are SHA-256" "$(rpm -q --qf '%{FILEDIGESTALGO}' hookaido)" 8
has "so is the header's" "$(rpm -q --qf '%{SHA256HEADER}' hookaido)" '^[0-9a-f]{64}$'
is "a webhook" "$(post '{"number":-1}')" 202
take
is "its worker acks it" "$(work ack "{\"lease_id\":\"$lease\"}")" 204
succeeds "rpm -V" rpm -V --nodeps hookaido

printf '\n# an edit of the operator\n' >>$config
large_queue
pid=$(main_pid)
upgrade() { rpm --force-debian --nodeps "$@"; }
load_begin
sleep 2
succeeds "upgrade under load" upgrade -U /lab/pkg/next.rpm
sleep 2
load_end
[ "$(main_pid)" != "$pid" ] || bad "the service was not restarted"
all_active
has "the edit is kept" "$(cat $config)" 'an edit of the operator'
has "the new one lies beside it" "$(cat $config.rpmnew)" 'A later version has another example'
is "rpm -V finds the edit alone" "$(rpm -V --nodeps hookaido | awk '{ print $NF }')" "$config"

# A configuration that the new version refuses, and a queue of a later one.
schema=$(sqlite3 /var/lib/hookaido/hookaido.db 'PRAGMA user_version')
cp $config /tmp/edited
pid=$(main_pid)
printf '\nbroken {\n' >>$config
succeeds "another version with a configuration that is refused" upgrade -U --oldpackage /lab/pkg/hookaido.rpm
has "the script warns with the place" "$output" '^  .*Hookaidofile:[0-9]+:[0-9]+: error'
is "the old version runs on" "$(main_pid)" "$pid"
cp /tmp/edited $config
succeeds "mended, it is started by hand" systemctl restart hookaido
systemctl stop $sockets hookaido
sqlite3 /var/lib/hookaido/hookaido.db "PRAGMA user_version = $((schema + 1)); PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
fails "a version below the queue's schema" upgrade -U /lab/pkg/next.rpm
has "it says why" "$output" "schema $((schema + 1)).*knows $schema"
hasnt "it isn't installed" "$(rpm -q hookaido)" next
sqlite3 /var/lib/hookaido/hookaido.db "PRAGMA user_version = $schema; PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
chown -R hookaido: /var/lib/hookaido
succeeds "the next version again" upgrade -U /lab/pkg/next.rpm

systemctl stop $sockets hookaido
systemctl -q disable $sockets hookaido
succeeds "downgrade while disabled and stopped" upgrade -U --oldpackage /lab/pkg/hookaido.rpm
is "the service" "$(active hookaido.service) $(systemctl is-enabled hookaido.service)" "inactive disabled"
systemctl -q enable --now $sockets hookaido

succeeds "erase" upgrade -e hookaido
is "the service" "$(active hookaido.service)" inactive
is "failed units" "$(systemctl --failed --no-legend)" ""
is "links that are left in /etc/systemd" "$(find /etc/systemd -name '*hookaido*')" ""
succeeds "the queue is kept" test -s /var/lib/hookaido/hookaido.db
has "the edited file is set aside" "$(cat $config.rpmsave)" 'an edit of the operator'
done_with
