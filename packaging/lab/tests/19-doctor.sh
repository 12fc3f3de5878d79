#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# hookaido doctor finds provoked faults on the real system, one after another,
# and the commands that it names mend each.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

findings() { hookaido doctor --json | jq -r '[.findings[].id] | join(" ")'; }
# clean: nothing is left to find. A fault that made the service fail may leave
# its restarts to be told of, for which doctor names another command.
clean() {
	local left
	left=$(findings)
	echo "left: $left"
	[ "$left" != service-restarts ] || systemctl reset-failed hookaido.service
	[ "$left" = '' ]
}
# fault ID CODE: doctor finds it and exits with CODE; its commands are run, with
# a secret at hand for the one that asks; then nothing is left to find
fault() {
	local id=$1 code=$2 got command
	within 20 "$id: found" sh -c "hookaido doctor --json | grep -q '\"$id\"'"
	hookaido doctor --json >/tmp/report
	got=$?
	is "$id: the exit code" "$got" "$code"
	has "$id: people read it too" "$(hookaido doctor)" "\($id\)"
	jq -r --arg id "$id" '.findings[] | select(.id == $id) | .mend[]' /tmp/report >/tmp/commands
	while read -r -u 7 command; do
		output=$(bash -c "$command" <<<"$(openssl rand -hex 24)" 2>&1) || bad "$id: $command" "$output"
		ok "$id: $command"
	done 7</tmp/commands
	within 20 "$id: mended" clean
	within 20 "$id: it serves" ready
}
drop_in() { install -d /etc/systemd/system/hookaido.service.d && printf '[Service]\n%s\n' "$2" >"/etc/systemd/system/hookaido.service.d/$1.conf"; }
restarted() { [ "$(starts)" = 1 ]; }
take_over() { systemctl daemon-reload && systemctl restart hookaido; }

within 20 "ready" ready
is "as installed nothing is wrong" "$(findings)" ''
succeeds "and the exit code says so" hookaido doctor
begin=$(date +%s%N)
hookaido doctor >/dev/null
took=$((($(date +%s%N) - begin) / 1000000))
printf '        it takes %s ms\n' "$took"

sed -i 's|listen :8080|listen :8085|' $config
fault sockets-differ 1
is "the new port answers" "$(ss -Hltn 'sport = :8085' | wc -l)" 1

ingress=http://127.0.0.1:8085/webhooks/github
is "a webhook" "$(post '{"number":1}')" 202
take
is "its worker gives it up" "$(work nack "{\"lease_id\":\"$lease\",\"dead\":true,\"reason\":\"test\"}")" 204
fault dead-letters 0
take
is "the message is back" "$payload" '{"number":1}'
is "its worker acks it" "$(work ack "{\"lease_id\":\"$lease\"}")" 204

printf '\n/webhooks/second {\n  auth hmac {\n    provider github\n    secret credential:github-webhook\n  }\n  pull { path /second }\n}\n' >>$config
fault config-not-loaded 0
succeeds "the new route is there" grep -q /webhooks/second <<<"$(hookaido status)"

sed -i '/webhooks.second/,$s|credential:github-webhook|credential:second|' $config
fault secret-missing 1

chmod 644 $secrets/pull-token
fault secret-readable 1

sed -i '/webhooks.second/,$d' $config
systemctl reload hookaido
chmod 755 /var/lib/hookaido
fault state-mode 1

systemctl stop hookaido
chown root:root /var/lib/hookaido/hookaido.db
systemctl start hookaido 2>/dev/null
fault state-owner 1

systemctl mask --now hookaido-pull.socket 2>/dev/null
fault unit-masked 1

systemctl disable hookaido.service 2>/dev/null
fault unit-disabled 0

drop_in new 'TimeoutStopSec=50s'
fault unit-changed 0

drop_in loose 'ProtectSystem=no
NoNewPrivileges=no'
take_over
fault exposure 0
is "the drop-in that did no harm is in force, the other kept aside" "$(echo /etc/systemd/system/hookaido.service.d/* | sed 's|/[^ ]*/||g')" 'loose.conf.off new.conf'

drop_in limit 'LogRateLimitIntervalSec=30s
LogRateLimitBurst=10000'
take_over
fault journal-rate-limit 0

drop_in cap 'MemoryMax=512M'
echo GOMEMLIMIT=1GiB >>/etc/default/hookaido
take_over
fault memory-limit 0

kill -9 "$(main_pid)"
within 20 "systemd starts it again" restarted
within 20 "ready" ready
fault service-restarts 0

hookaido pause /webhooks/github >/dev/null
fault route-paused 0

rm /run/hookaido/admin.sock
fault daemon-silent 1

sed -i '/^hookaido:/d' /etc/passwd
fault user-missing 1

cat >/etc/systemd/system/thief.service <<'UNIT'
[Service]
ExecStart=/usr/bin/perl -MIO::Socket::INET -e '$$s = IO::Socket::INET->new(LocalPort => 8085, Listen => 1, ReuseAddr => 1) or die; sleep 1000'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl stop hookaido.target 'hookaido-*.socket' hookaido.service 2>/dev/null
systemctl enable --now thief.service 2>/dev/null
within 20 "another program has the port" sh -c '[ "$(ss -Hltn "sport = :8085" | wc -l)" = 1 ]'
systemctl start hookaido-ingress.socket 2>/dev/null
fault port-taken 1
is "that program is gone" "$(active thief.service)" inactive

# What no command mends is named all the same.
cp $config /tmp/good
printf '\n/x { pul { path /x } }\n' >>$config
fails "a wrong Hookaidofile" hookaido doctor
has "with its line" "$output" "where +$config:[0-9]+:[0-9]+"
cp /tmp/good $config
systemctl daemon-reload
systemctl reload hookaido

# For others than root it says what it can't see.
has "as nobody" "$(setpriv --reuid=65534 --regid=65534 --clear-groups hookaido doctor)" 'not seen.*without root'
hasnt "no secret is shown" "$(hookaido doctor; cat /tmp/report)" "$(cat $secrets/github-webhook)"
done_with
