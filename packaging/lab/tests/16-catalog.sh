#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# What operators meet has a text in the journal's catalog, with cause and remedy.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

# explained SUBJECT TEXT: journalctl -x tells both
explained() {
	local all
	all=$(journalctl -q -x --no-pager -t hookaido -t hookaido-generator)
	grep -Eq -- "░░ Subject: $1" <<<"$all" && grep -Eq -- "░░ .*$2" <<<"$all"
}
cp $config /tmp/good

has "the catalog has the entries" "$(journalctl --list-catalog | grep -c Hookaido)" '^1[0-9]$'
within 10 "a start" explained "Hookaido serves" "What it serves on: .*ingress"

printf '\n/webhooks/third {\n  pul { path /third }\n}\n' >>$config
systemctl kill -s HUP hookaido
within 10 "a refused reload" explained "A changed Hookaidofile was refused" "config validate"
has "has the reason in its text" "$(journalctl -q -x -t hookaido)" '░░ .*Hookaidofile:[0-9]+:3'

systemctl daemon-reload
within 10 "sockets left as packaged" explained "Sockets stay as packaged" "hookaido-generator --report"

fails "a start with a wrong file" systemctl restart hookaido
within 10 "a refused start" explained "The configuration was refused and the service isn't running" "secret list"
is "it isn't tried again" "$(systemctl show -P Result hookaido)" exit-code

# The queue is full.
cp /tmp/good $config
printf '\nqueue_limits { max_depth 1 }\n' >>$config
systemctl daemon-reload
succeeds "a start with a small queue" systemctl restart hookaido.target
within 10 "ready" ready
post '{"number":1}' >/dev/null
is "the second webhook is too many" "$(post '{"number":2}')" 503
within 10 "a full queue" explained "The queue is full and a webhook was refused" "queue_limits"

# A certificate ends soon.
mkdir -p /etc/hookaido/tls
# A young certificate of a few days is no reason to warn, so this one is old.
openssl req -newkey rsa:2048 -nodes -subj /CN=lab -keyout /etc/hookaido/tls/key.pem -out /tmp/request.pem 2>/dev/null
: >/tmp/ca.index
printf '[ca]\ndefault_ca=a\n[a]\ndatabase=/tmp/ca.index\nnew_certs_dir=/tmp\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' >/tmp/ca.conf
succeeds "an old certificate with five days left" openssl ca -batch -selfsign -config /tmp/ca.conf -keyfile /etc/hookaido/tls/key.pem \
	-startdate "$(date -u -d '-60 days' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d '+5 days' +%Y%m%d%H%M%SZ)" \
	-in /tmp/request.pem -out /etc/hookaido/tls/cert.pem -notext
chgrp hookaido /etc/hookaido/tls/key.pem && chmod 640 /etc/hookaido/tls/key.pem
sed 's|  listen :8080|  listen :8080\n  tls { cert_file /etc/hookaido/tls/cert.pem\n key_file /etc/hookaido/tls/key.pem }|' /tmp/good >$config
succeeds "a start with TLS" systemctl restart hookaido
within 10 "a certificate near its end" explained "A certificate is near its end" "of ingress ends in 4 days"

# A message is given up.
cat >$config <<'FILE'
defaults { egress { https_only off allow 127.0.0.0/8 } }
/dead { deliver http://127.0.0.1:9/ { timeout 1s retry exponential max 1 base 1s } }
FILE
succeeds "the file with a target that is down" hookaido config validate
systemctl daemon-reload
succeeds "a start with it" systemctl restart hookaido.target
within 10 "ready" ready
is "the pull socket is closed" "$(active hookaido-pull.socket)" inactive
is "a webhook" "$(call -d x http://127.0.0.1:8080/dead)" 202
within 20 "a dead letter" explained "A message was given up" "of the route /dead"
has "is searched by its id" "$(journalctl -q -t hookaido "MESSAGE_ID=$(grep -A1 '^# delivery_dead' /usr/lib/systemd/catalog/hookaido.catalog | sed -n 's/^-- //p')" -o cat)" delivery_dead
done_with
