#!/bin/bash
# lab: --no-systemd
# Installation in a container or image build, where systemd doesn't run (C97).
. "$(dirname "$0")/assert.sh"

is "no manager" "$([ -d /run/systemd/system ] && echo there || echo absent)" absent
mode() { stat -c '%U:%G %a' "$1"; }
installed() {
	is "what dpkg printed" "$(grep -vE '^(Selecting|Preparing|Unpacking|Setting up|\(Reading|Processing)' <<<"$output")" ""
	succeeds "the user is there" getent passwd hookaido
	has "and can't log in" "$output" 'nologin$'
	is "state folder" "$(mode /var/lib/hookaido)" "hookaido:hookaido 700"
	is "secrets folder" "$(mode /etc/hookaido/secrets)" "root:root 700"
	is "a secret" "$(mode /etc/hookaido/secrets/pull-token)" "root:root 600"
	is "processes of ours" "$(pgrep -x hookaido)" ""
}

succeeds "install" dpkg -i /lab/pkg/hookaido.deb
installed
succeeds "the units are enabled for the first boot" test -L /etc/systemd/system/multi-user.target.wants/hookaido.service
succeeds "upgrade" dpkg -i /lab/pkg/next.deb
succeeds "remove" dpkg -r hookaido
succeeds "purge" dpkg --purge hookaido

# And without any of systemd's tools, and with a umask that opens or closes all.
userdel hookaido
mkdir /tmp/away
for tool in systemctl systemd-sysusers systemd-tmpfiles deb-systemd-helper deb-systemd-invoke; do
	mv "$(command -v $tool)" /tmp/away/
done
umask 000
succeeds "install without systemd's tools, umask 000" dpkg -i /lab/pkg/hookaido.deb
installed
succeeds "upgrade" dpkg -i /lab/pkg/next.deb
succeeds "purge" dpkg --purge hookaido
fails "the state is deleted" test -e /var/lib/hookaido
umask 077
succeeds "install, umask 077" dpkg -i /lab/pkg/hookaido.deb
installed
is "configuration folder" "$(mode /etc/hookaido)" "root:root 755"
done_with
