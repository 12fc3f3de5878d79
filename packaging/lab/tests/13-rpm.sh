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
is "a webhook" "$(post '{"number":1}')" 202
succeeds "rpm -V" rpm -V --nodeps hookaido

printf '\n# an edit of the operator\n' >>$config
pid=$(main_pid)
upgrade() { rpm --force-debian --nodeps "$@"; }
succeeds "upgrade" upgrade -U /lab/pkg/next.rpm
[ "$(main_pid)" != "$pid" ] || bad "the service was not restarted"
all_active
has "the edit is kept" "$(cat $config)" 'an edit of the operator'
is "rpm -V finds the edit alone" "$(rpm -V --nodeps hookaido | awk '{ print $NF }')" "$config"
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
