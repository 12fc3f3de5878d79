#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# The Hookaidofile moves the sockets; a broken one leaves them, also at boot.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

generator=/usr/lib/systemd/system-generators/hookaido-generator
said() { journalctl -q -b -t hookaido-generator -o cat | grep -Eq -- "$1"; }
listening() { ss -Hltn "sport = :$1" | awk '{ print $4 }' | sort | paste -sd' '; }
move() { # move FROM TO: changes a listen and runs the two commands
	sed -i "s|listen $1\$|listen $2|" $config
	systemctl daemon-reload && systemctl restart hookaido.target
}

if [ "$BOOT" = 2 ]; then
	is "the machine boots with a broken Hookaidofile" "$(cat /proc/1/comm)" systemd
	is "the packaged socket listens" "$(listening 8080)" '*:8080'
	is "the port of the file doesn't" "$(listening 80)" ''
	within 20 "the journal says why" said "stay as packaged.*Hookaidofile.* is wrong.*pul"
	is "no other unit failed" "$(systemctl --failed --no-legend --plain | awk '{ print $1 }' | grep -v '^hookaido' | paste -sd' ')" ''
	sed -i '/webhooks.third/,$d' $config
	systemctl daemon-reload
	succeeds "mended, the two commands open the port of the file" systemctl restart hookaido.target
	within 10 "it is served" ready
	is "port 80" "$(listening 80)" '*:80'
	within 5 "the report ran once" test ! -e /run/systemd/generator/hookaido-generator-report.service
	done_with
fi

# As installed, the drop-ins say what the units say.
all_active
is "the target is up" "$(active hookaido.target)" active
has "the drop-in is there" "$(systemctl cat hookaido-ingress.socket)" 'SourcePath=/etc/hookaido/Hookaidofile'
is "nothing stays as packaged" "$($generator --report 2>&1)" ''

# Port 80, as the reload says.
sed -i 's|listen :8080|listen :80|' $config
fails "a reload refuses another port" systemctl reload hookaido
fails "and says" hookaido reload
has "one command" "$output" '^hint: +systemctl daemon-reload$'
has "and another" "$output" '^hint: +systemctl restart hookaido.target$'
is "in two lines" "$(grep -c '^hint:   ' <<<"$output")" 2
has "systemd's own hint" "$(systemctl status --no-pager hookaido-ingress.socket 2>&1)" 'changed on disk.*daemon-reload'
pid=$(main_pid)
succeeds "systemctl daemon-reload" systemctl daemon-reload
is "the old port serves meanwhile" "$(post '{"number":1}')" 202
succeeds "systemctl restart hookaido.target" systemctl restart hookaido.target
within 10 "ready" ready
[ "$(main_pid)" != "$pid" ] || bad "the service was not restarted"
body='{"number":2}'
is "port 80 answers" "$(call -H "$(sign "$body")" -d "$body" http://127.0.0.1/webhooks/github)" 202
is "port 8080 is closed" "$(listening 8080)" ''
has "the service has no capability" "$(grep -E '^Cap(Prm|Eff|Bnd|Amb)' /proc/"$(main_pid)"/status | awk '{ print $2 }' | sort -u | paste -sd,)" '^0+$'
is "it has the socket from systemd" "$(hookaido status --json 2>/dev/null | jq -r '[.listeners[]? | select(.name == "ingress") | .source] | unique | join(",")')" inherited

# Several addresses, both families, a Unix socket.
sed -i 's|  listen :80$|  listen 127.0.0.1:81\n  listen [::1]:81\n  listen 192.0.2.7:81\n  listen unix:/run/hookaido/in.sock|' $config
systemctl daemon-reload
succeeds "several addresses" systemctl restart hookaido.target
within 10 "ready" ready
is "they are open" "$(listening 81)" '127.0.0.1:81 192.0.2.7:81 [::1]:81'
is "IPv6" "$(call -g -H "$(sign "$body")" -d "$body" 'http://[::1]:81/webhooks/github')" 202
is "the Unix socket" "$(call --unix-socket /run/hookaido/in.sock -H "$(sign "$body")" -d "$body" http://x/webhooks/github)" 202
is "its mode" "$(stat -c '%a %U:%G' /run/hookaido/in.sock)" '660 root:hookaido'
is "the admin socket is still there" "$(stat -c '%a' /run/hookaido/admin.sock)" 660

# One address for two servers closes the other's socket.
cp $config /tmp/several
sed -i '/listen \(127.0.0.1:81\|192\|unix\)/d; s|listen \[::1\]:81|listen 127.0.0.1:85|; s|listen 127.0.0.1:9443|listen 127.0.0.1:85\n  prefix /pull|' $config
systemctl daemon-reload
succeeds "ingress and pull on one address" systemctl restart hookaido.target
within 10 "ready" ready
is "the pull socket is closed" "$(active hookaido-pull.socket) $(listening 9443)" 'inactive '
pull=http://127.0.0.1:85/pull/github
is "workers are served" "$(work dequeue '{}')" 200
succeeds "enabling still works" systemctl enable hookaido.service hookaido-pull.socket

# A broken file changes nothing that is open.
cp /tmp/several $config
systemctl daemon-reload
systemctl restart hookaido.target
move '127.0.0.1:81' ':80'
sed -i '/listen \(\[::1\]\|192\|unix\)/d' $config
systemctl daemon-reload
succeeds "back on port 80" systemctl restart hookaido.target
within 10 "ready" ready
closed=0
for _ in $(seq 30); do
	systemctl restart hookaido.target
	systemctl -q is-failed 'hookaido-*.socket' && closed=$((closed + 1)) && systemctl reset-failed 'hookaido-*.socket'
done
is "restarts of the target that left a socket closed, of 30" $closed 0
within 10 "ready" ready
printf '\n/webhooks/third {\n  pul { path /third }\n}\n' >>$config
pid=$(main_pid)
succeeds "daemon-reload with a broken file" systemctl daemon-reload
within 5 "the journal says why" said "stay as packaged.*Hookaidofile:[0-9]+:3: error: .*pul"
is "the service runs on" "$(main_pid)" "$pid"
is "port 80 answers" "$(call -H "$(sign "$body")" -d "$body" http://127.0.0.1/webhooks/github)" 202

# How long systemd waits for it: its processor time, whatever else runs here.
TIMEFORMAT='%U %S'
took=$({ time for _ in 1 2 3 4 5 6 7 8 9 10; do $generator /tmp/none /tmp/none /tmp/none 2>/dev/null; done; } 2>&1 |
	awk '{ printf "%d", ($1 + $2) * 100 }')
[ "$took" -lt 50 ] && ok "a run takes $took ms" || bad "a run takes $took ms"
is "it reads nothing but two files" "$(strace -f -e trace=openat,connect -o /tmp/trace $generator /tmp/none 2>/dev/null; grep -oE '"/(etc|run|var)/[^"]*"' /tmp/trace | sort -u | paste -sd' ')" \
	'"/etc/default/hookaido" "/etc/hookaido/Hookaidofile"'
rm -rf /tmp/none
touch /lab-reboot
done_with
