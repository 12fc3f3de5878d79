#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# Upgrades: under load, with an edited configuration, and in every state of the units.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

install_deb() { apt-get -qq -o Dpkg::Use-Pty=0 -y --allow-downgrades --no-install-recommends -o Dpkg::Options::=--force-confold install "/lab/pkg/$1"; }
installed() { dpkg-query -W -f '${Version}' hookaido; }

printf '\n# an edit of the operator\n' >>$config
printf 'HOOKAIDO_LOG_LEVEL=warn\n' >>/etc/default/hookaido
secret=$(cat $secrets/github-webhook)
old=$(installed) pid=$(main_pid)

/lab/pkg/load send -url $ingress -secret-file $secrets/github-webhook -rate 200 -for 10s -out /tmp/accepted >/tmp/load &
load=$!
sleep 2
succeeds "apt-get install of the next version under load" install_deb next.deb
hasnt "the scripts print nothing of their own" "$output" 'Warning|Failed|Created symlink|is not active'
wait $load
line=$(cat /tmp/load)
sed "s/^/  load: /" /tmp/load
is "refused, reset, failed" "$(value refused "$line") $(value reset "$line") $(value failed "$line")" "0 0 0"
is "accepted" "$(value accepted "$line")" 2000
[ "$(installed)" != "$old" ] || bad "the version is still $old"
[ "$(main_pid)" != "$pid" ] || bad "the service was not restarted"
is "the running binary is the new one" "$(readlink "/proc/$(main_pid)/exe")" /usr/bin/hookaido
is "the service was restarted once" "$(journalctl -q -u hookaido -o cat | grep -c '^Started ')" 2
is "sockets stopped since the start" "$(journalctl -q -u 'hookaido-*.socket' -o cat | grep -c '^Closed ')" 0
succeeds "every 202 is in the queue" /lab/pkg/load drain -url $pull -token-file $secrets/pull-token -want /tmp/accepted
printf '  queue: %s\n' "$output"
has "the edited Hookaidofile is kept" "$(cat $config)" 'an edit of the operator'
has "the edited environment is kept" "$(cat /etc/default/hookaido)" 'LOG_LEVEL=warn'
succeeds "the secret is the same" test "$(cat $secrets/github-webhook)" = "$secret"

# {enabled, disabled, masked} × {running, stopped}: the state after is the state before.
version=hookaido.deb
state() {
	local unit
	for unit in hookaido.service $sockets; do
		printf '%s:%s ' "$(systemctl is-enabled "$unit" 2>/dev/null)" "$(active "$unit")"
	done
}
check_state() {
	local before
	before=$(state)
	succeeds "install $version: $1" install_deb $version
	is "the state of service and sockets" "$(state)" "$before"
	[ $version = hookaido.deb ] && version=next.deb || version=hookaido.deb
}
check_state "enabled and running"
systemctl stop $sockets hookaido.service
check_state "enabled and stopped"
systemctl -q disable hookaido.service $sockets
check_state "disabled and stopped"
systemctl start $sockets hookaido.service
pid=$(main_pid)
check_state "disabled and running"
[ "$(main_pid)" != "$pid" ] || bad "a running service was not restarted"
systemctl stop $sockets hookaido.service
systemctl -q mask hookaido.service hookaido-ingress.socket
check_state "masked"
systemctl -q unmask hookaido.service hookaido-ingress.socket
systemctl -q enable --now $sockets hookaido.service

# A secret that the operator took away stays away.
rm $secrets/github-webhook
succeeds "upgrade without a secret" install_deb $version
fails "a secret that was removed is made anew" test -e $secrets/github-webhook
is "the exit code of the service" "$(systemctl show -p ExecMainStatus --value hookaido)" 78
within 5 "its words name the credential" logged 'credential:github-webhook'
printf '%s\n' "$secret" >$secrets/github-webhook
chmod 600 $secrets/github-webhook
succeeds "systemctl restart when it is back" systemctl restart hookaido
all_active

export DPKG_MAINTSCRIPT_PACKAGE=hookaido
for argument in "abort-upgrade 0.1.0-1" "abort-remove" "abort-deconfigure" "triggered x"; do
	succeeds "postinst $argument" /var/lib/dpkg/info/hookaido.postinst $argument
	is "what it printed" "$output" ""
done
for argument in "upgrade 9" "failed-upgrade 9" "deconfigure"; do
	succeeds "prerm $argument" /var/lib/dpkg/info/hookaido.prerm $argument
	succeeds "postrm $argument" /var/lib/dpkg/info/hookaido.postrm $argument
done
all_active
done_with
