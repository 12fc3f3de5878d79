#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# What an installation leaves: units up, files with the right modes, secrets, pages.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

is "what the scripts printed" "$(grep -vE '^(debconf: |Selecting|\(Reading|Preparing|Unpacking|Setting up|Processing)' /run/lab-install.log)" ""
all_active
for unit in $sockets hookaido.service; do
	is "systemctl is-enabled $unit" "$(systemctl is-enabled "$unit")" enabled
done
is "failed units" "$(systemctl --failed --no-legend)" ""
is "no restart happened" "$(starts)" 0
has "the daemon runs as its own user" "$(ps -o user= -p "$(main_pid)")" '^hookaido$'
is "capabilities" "$(awk '$1 == "CapEff:" || $1 == "CapBnd:" || $1 == "CapAmb:" { print $2 }' "/proc/$(main_pid)/status" | sort -u)" 0000000000000000
has "no listening socket is the daemon's own" "$(systemctl show -p NFileDescriptorStore,StatusText hookaido.service; ss -ltnpH)" '"systemd"'
for port in '\*:8080' 127.0.0.1:9443 127.0.0.1:2019 127.0.0.1:9900; do
	has "systemd holds the listener on $port" "$(ss -ltnpH)" " $port .*\"systemd\""
done

mode() { stat -c '%U:%G %a' "$1"; }
is "secrets folder" "$(mode $secrets)" "root:root 700"
for secret in github-webhook pull-token; do
	is "$secret" "$(mode $secrets/$secret)" "root:root 600"
	has "$secret holds 32 random bytes in hex" "$(cat $secrets/$secret)" '^[0-9a-f]{64}$'
done
[ "$(cat $secrets/github-webhook)" != "$(cat $secrets/pull-token)" ] || bad "the two secrets are the same"
is "state folder" "$(mode /var/lib/hookaido)" "hookaido:hookaido 700"
is "files of the queue that others may read" "$(find /var/lib/hookaido -type f ! -perm 600)" ""
is "runtime folder" "$(mode /run/hookaido)" "hookaido:hookaido 750"
is "admin socket" "$(mode /run/hookaido/admin.sock)" "root:hookaido 660"
is "config folder" "$(mode /etc/hookaido)" "root:root 755"
is "Hookaidofile" "$(mode $config)" "root:root 644"
is "binary" "$(mode /usr/bin/hookaido)" "root:root 755"
succeeds "dpkg --verify" dpkg --verify hookaido
is "what dpkg --verify found" "$output" ""
fails "another user reads the queue" setpriv --reuid nobody --regid nogroup --clear-groups ls /var/lib/hookaido
fails "another user uses the admin socket" setpriv --reuid nobody --regid nogroup --clear-groups curl -sS --unix-socket /run/hookaido/admin.sock http://localhost/healthz

for page in man1/hookaido.1 man5/Hookaidofile.5 man8/hookaido.service.8; do
	succeeds "page $page" gzip -t "/usr/share/man/$page.gz"
done
for file in bash-completion/completions/hookaido zsh/vendor-completions/_hookaido fish/vendor_completions.d/hookaido.fish; do
	succeeds "completion $file" test -s "/usr/share/$file"
done
succeeds "the binary needs no library" sh -c '! ldd /usr/bin/hookaido 2>&1 | grep -q "=>"'
succeeds "hookaido version" hookaido version
is "version of package and binary" "$output-1" "$(dpkg-query -W -f '${Version}' hookaido)"

succeeds "systemd-analyze verify" systemd-analyze verify --man=no /usr/lib/systemd/system/hookaido.service
is "what systemd-analyze verify said" "$output" ""
succeeds "systemd-analyze security" systemd-analyze security --no-pager hookaido.service
score=$(sed -n 's/.*exposure level for hookaido.service: \([0-9.]*\).*/\1/p' <<<"$output")
awk -v s="$score" 'BEGIN { exit !(s != "" && s <= 1.1) }' || bad "the score is $score, 1.1 is the limit"
ok "systemd-analyze security hookaido.service: $score"
done_with
