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
large_queue
old=$(installed) pid=$(main_pid)

load_begin
sleep 2
succeeds "apt-get install of the next version under load" install_deb next.deb
hasnt "the scripts print nothing of their own" "$output" 'Warning|Failed|Created symlink|is not active|^hookaido:'
sleep 2
load_end
[ "$(installed)" != "$old" ] || bad "the version is still $old"
[ "$(main_pid)" != "$pid" ] || bad "the service was not restarted"
is "the running binary is the new one" "$(readlink "/proc/$(main_pid)/exe")" /usr/bin/hookaido
is "starts: installed, with a larger queue, upgraded" "$(journalctl -q -u hookaido -o cat | grep -c '^Started ')" 3
is "sockets stopped since the start" "$(journalctl -q -u 'hookaido-*.socket' -o cat | grep -c '^Closed ')" 0
has "the edited Hookaidofile is kept" "$(cat $config)" 'an edit of the operator'
has "the new one lies beside it" "$(cat $config.dpkg-dist)" 'A later version has another example'
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

# An edited conffile stays by itself too, where nobody is there to be asked.
cp $config /tmp/edited
succeeds "apt-get without a word on conffiles" sh -c "apt-get -qq -o Dpkg::Use-Pty=0 -y --allow-downgrades --no-install-recommends \
	-o Dpkg::Options::=--force-confdef install /lab/pkg/$version </dev/null"
succeeds "keeps the edited Hookaidofile" cmp $config /tmp/edited
[ $version = hookaido.deb ] && version=next.deb || version=hookaido.deb

# A configuration that the new version refuses: the old one serves on.
schema() { sqlite3 /var/lib/hookaido/hookaido.db 'PRAGMA user_version'; }
before=$(schema) pid=$(main_pid)
printf '\nbroken {\n' >>$config
succeeds "upgrade with a configuration that is refused" install_deb $version
has "the script warns with the place" "$output" '^  .*Hookaidofile:[0-9]+:[0-9]+: error'
has "and names what to do" "$output" '^hookaido: .*systemctl restart hookaido'
is "the old version runs on" "$(main_pid)" "$pid"
is "the database is as it was" "$(schema)" "$before"
is "a webhook" "$(post '{"number":10}')" 202
cp /tmp/edited $config
succeeds "mended, the new version is started by hand" systemctl restart hookaido
[ "$(main_pid)" != "$pid" ] || bad "the old version still runs"
[ $version = hookaido.deb ] && version=next.deb || version=hookaido.deb

# A queue that a later version migrated: an older one isn't installed over it,
# and doesn't start on it.
old=$(installed)
systemctl stop $sockets hookaido.service
sqlite3 /var/lib/hookaido/hookaido.db "PRAGMA user_version = $((before + 1)); PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
fails "a downgrade below the queue's schema" install_deb $version
has "it says why" "$output" "schema $((before + 1)).*knows $before"
is "the version that is installed" "$(installed)" "$old"
is "dpkg has nothing to mend" "$(dpkg --audit)" ""
fails "an older program on it" systemctl start hookaido.service
within 10 "says why" logged "schema has version $((before + 1)).*knows versions up to $before"
is "its exit code" "$(systemctl show -P ExecMainStatus hookaido)" 74
systemctl stop $sockets hookaido.service
is "the schema is untouched" "$(schema)" $((before + 1))
sqlite3 /var/lib/hookaido/hookaido.db "PRAGMA user_version = $before; PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
chown -R hookaido: /var/lib/hookaido
systemctl reset-failed 'hookaido*'
succeeds "the right schema again" systemctl start $sockets hookaido.service
all_active

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

# What the daemon could write into its environment is no command for root.
cp /usr/share/hookaido/install.sh /tmp/install.sh
sed -i 's#"/proc/$pid/environ"#/tmp/environ#g' /tmp/install.sh
printf '%s\0' /bin/sh -c 'id >/tmp/planted' -S/bin/touch\ /tmp/planted PATH=/usr/bin >/tmp/environ
sh -c '. /tmp/install.sh; hookaido_usable'
fails "a planted command of the environment was run" test -e /tmp/planted

export DPKG_MAINTSCRIPT_PACKAGE=hookaido
pid=$(main_pid)
for argument in "abort-upgrade 0.1.0-1" "abort-remove" "abort-deconfigure" "triggered x"; do
	succeeds "postinst $argument" /var/lib/dpkg/info/hookaido.postinst $argument
	is "what it printed" "$output" ""
done
is "the service was left alone" "$(main_pid)" "$pid"
for argument in "upgrade 9" "failed-upgrade 9" "deconfigure"; do
	succeeds "prerm $argument" /var/lib/dpkg/info/hookaido.prerm $argument
	succeeds "postrm $argument" /var/lib/dpkg/info/hookaido.postrm $argument
done
all_active
done_with
