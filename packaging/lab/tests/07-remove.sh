#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# Removal keeps what is the operator's; a new installation goes on with it; purge deletes it.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

is "a webhook" "$(post '{"number":7}')" 202
secret=$(cat $secrets/github-webhook)
succeeds "apt-get remove" apt-get -qq -o Dpkg::Use-Pty=0 -y remove hookaido
hasnt "the scripts print nothing of their own" "$output" 'Warning|Failed|Removed "|Removed /'
for unit in $sockets hookaido.service; do
	is "$unit" "$(active "$unit")" inactive
done
is "failed units" "$(systemctl --failed --no-legend)" ""
is "listeners that are left" "$(ss -ltnH)" ""
succeeds "the queue is kept" test -s /var/lib/hookaido/hookaido.db
succeeds "the configuration is kept" test -s $config
is "the secret is kept" "$(cat $secrets/github-webhook)" "$secret"
fails "the binary is gone" test -e /usr/bin/hookaido

succeeds "installed again" apt-get -qq -o Dpkg::Use-Pty=0 -y --no-install-recommends install /lab/pkg/hookaido.deb
all_active
is "the secret is still the same" "$(cat $secrets/github-webhook)" "$secret"
take
is "the message from before" "$payload" '{"number":7}'

install -d -m 700 /etc/credstore /etc/credstore.encrypted
touch /etc/credstore/hookaido.a /etc/credstore.encrypted/hookaido.b /etc/credstore/other
succeeds "apt-get purge" apt-get -qq -o Dpkg::Use-Pty=0 -y purge hookaido
for path in /var/lib/hookaido /etc/hookaido /etc/default/hookaido /run/hookaido; do
	fails "$path is deleted" test -e $path
done
is "secrets that are left" "$(cd /etc && echo credstore*/*)" credstore/other
is "links that are left in /etc/systemd" "$(find /etc/systemd /var/lib/systemd/deb-systemd-helper* -name '*hookaido*' 2>/dev/null)" ""
is "files of the package that are left" "$(find /usr /lib -name '*hookaido*' 2>/dev/null | grep -v /share/doc/)" ""
succeeds "the user stays, so that its number is not given to another" getent passwd hookaido
succeeds "purge of what is purged" dpkg --purge hookaido

succeeds "installed after a purge" apt-get -qq -o Dpkg::Use-Pty=0 -y --no-install-recommends install /lab/pkg/hookaido.deb
all_active
[ "$(cat $secrets/github-webhook)" != "$secret" ] || bad "the secret of before the purge is back"
is "a webhook" "$(post '{"number":8}')" 202
done_with
