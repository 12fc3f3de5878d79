#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# Rows of others' cases that need a real systemd: reloads under load, both address
# families, a certificate that is renewed half-way on port 443, the sandbox's words.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

take_over() { systemctl daemon-reload && systemctl restart hookaido.target; }

# C86: reloads while webhooks come in, good ones and such that can't be had.
cp $config /tmp/good
/lab/pkg/load send -url $ingress -secret-file $secrets/github-webhook -rate 100 -for 12s -out /tmp/accepted >/tmp/load &
load=$!
pid=$(main_pid)
for round in 1 2 3 4; do
	printf '\n/webhooks/more%s {\n  auth hmac { provider github secret credential:github-webhook }\n  pull { path /more%s }\n}\n' $round $round >>$config
	succeeds "reload $round with a new route" systemctl reload hookaido
	is "it is there" "$(call -H "$(sign a)" -d a http://127.0.0.1:8080/webhooks/more$round)" 202
	sed 's|listen 127.0.0.1:9443|listen 127.0.0.1:9444|' /tmp/good >$config
	fails "reload $round that moves the workers' port" hookaido reload
	has "it names the commands" "$output" 'systemctl restart hookaido.target'
	cp /tmp/good $config
	succeeds "reload $round without the route" systemctl reload hookaido
	is "it is gone" "$(call -d a http://127.0.0.1:8080/webhooks/more$round)" 404
done
wait $load
line=$(cat /tmp/load)
sed 's/^/  load: /' /tmp/load
is "refused, reset, failed" "$(value refused "$line") $(value reset "$line") $(value failed "$line")" "0 0 0"
is "answers but 202" "$(($(value unavailable "$line") + $(value other "$line")))" 0
is "the process is the same" "$(main_pid)" "$pid"
succeeds "every 202 is in the queue" /lab/pkg/load drain -url $pull -token-file $secrets/pull-token -want /tmp/accepted

# C82: one socket for both families, then one for IPv6 alone.
body='{"number":1}'
from() { journalctl -q -t hookaido -o json --output-fields=HOOKAIDO_REMOTE_ADDR HOOKAIDO_COMPONENT=ingress HOOKAIDO_STATUS=202 | jq -r .HOOKAIDO_REMOTE_ADDR; }
seen() { [ "$(from | grep -c "$1")" -gt 0 ]; }
is "over IPv4" "$(call -H "$(sign "$body")" -d "$body" http://127.0.0.1:8080/webhooks/github)" 202
is "over IPv6" "$(call -g -H "$(sign "$body")" -d "$body" 'http://[::1]:8080/webhooks/github')" 202
within 10 "the journal has the IPv4 client" seen '^127\.0\.0\.1:'
within 10 "and the IPv6 client" seen '^\[::1\]:'
is "mapped addresses in the journal" "$(journalctl -q -t hookaido -o export | grep -c '::ffff')" 0
mkdir -p /etc/systemd/system/hookaido-ingress.socket.d
printf '[Socket]\nBindIPv6Only=ipv6-only\n' >/etc/systemd/system/hookaido-ingress.socket.d/zz-six.conf
succeeds "IPv6 alone" take_over
within 10 "ready" ready
is "over IPv6" "$(call -g -H "$(sign "$body")" -d "$body" 'http://[::1]:8080/webhooks/github')" 202
fails "IPv4 is refused" curl -sS --max-time 5 -d a http://127.0.0.1:8080/webhooks/github
rm /etc/systemd/system/hookaido-ingress.socket.d/zz-six.conf

# C91 and C92: TLS on port 443 without a capability; the certificate comes before its key.
mkdir /etc/hookaido/tls
pair() { # pair NAME: a certificate and key in /tmp
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 60 -subj "/CN=$1" \
		-addext 'subjectAltName=DNS:localhost' -keyout "/tmp/$1.key" -out "/tmp/$1.crt" 2>/dev/null
}
put() { install -m "$1" -g hookaido "$2" "$3.new" && mv "$3.new" "$3"; }
pair one
pair two
put 644 /tmp/one.crt /etc/hookaido/tls/cert.pem
put 640 /tmp/one.key /etc/hookaido/tls/key.pem
sed -i 's|  listen :8080$|  listen :443\n  tls {\n    cert_file /etc/hookaido/tls/cert.pem\n    key_file /etc/hookaido/tls/key.pem\n  }|' $config
succeeds "HTTPS on port 443" take_over
within 10 "ready" ready
has "no capability" "$(grep -E '^Cap(Prm|Eff|Bnd|Amb)' /proc/"$(main_pid)"/status | awk '{ print $2 }' | sort -u | paste -sd,)" '^0+$'
secure() { call --cacert "/tmp/$1.crt" -H "$(sign "$body")" -d "$body" https://localhost/webhooks/github; }
is "a webhook over TLS" "$(secure one)" 202
put 644 /tmp/two.crt /etc/hookaido/tls/cert.pem
within 60 "a certificate without its key is told" logged 'tls_certificate'
is "the old pair serves" "$(secure one)" 202
fails "a reload refuses the half" systemctl reload hookaido
is "the old pair still serves" "$(secure one)" 202
put 640 /tmp/two.key /etc/hookaido/tls/key.pem
renewed() { [ "$(secure two)" = 202 ]; }
within 60 "the pair is taken when it is whole, by itself" renewed
is "no restart happened" "$(starts)" 0

# C91: what the sandbox refuses is an error with words, not a kill.
errno=$(systemctl show -p SystemCallErrorNumber --value hookaido)
is "the unit's answer to a refused call, which is EPERM" "$errno" 1
systemd-run --quiet --pipe --wait -p SystemCallFilter=@system-service -p SystemCallFilter='~@privileged @resources' \
	-p SystemCallErrorNumber="$errno" chown nobody /tmp/good >/tmp/refused 2>&1
has "a refused call" "$(cat /tmp/refused)" 'Operation not permitted'
done_with
