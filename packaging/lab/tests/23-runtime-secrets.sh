#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# Secrets that change while the service runs: their key is a credential, and a
# sender may rotate without a reload.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

take_over() { systemctl daemon-reload && systemctl restart hookaido; }
key=HOOKAIDO_SECRET_ENCRYPTION_KEY
live=http://127.0.0.1:8080/webhooks/live
# signed SECRET: posts what is signed with it, prints the status
signed() { call -H "X-Hub-Signature-256: sha256=$(printf a | openssl dgst -sha256 -hmac "$1" | sed 's/.* //')" -d a $live; }
# local_call CURL-ARGUMENT... PATH: over the Unix socket, as an operator on the host
local_call() { call --unix-socket /run/hookaido/admin.sock -H 'Content-Type: application/json' -H 'X-Hookaido-Audit-Reason: lab' "${@:1:$#-1}" "http://localhost${!#}"; }

cat >>$config <<'FILE'

secrets { secret live { runtime on } }
/webhooks/live {
  auth hmac { provider github
    secret_ref live }
  pull { path /live }
}
FILE
fails "a reload without a key is refused" systemctl reload hookaido
within 10 "the journal says what to do" logged "hookaido secret set $key"
is "the old configuration is in force" "$(post a)" 202

succeeds "keep a key" hookaido secret set $key <<<"$(openssl rand -base64 32)"
is "it is encrypted, and in use" "$(hookaido secret list | awk -v n=$key '$1 == n { print $2, $3 }')" 'encrypted yes'
succeeds "take it over" take_over
within 10 "ready" ready
is "the route refuses everyone yet" "$(signed one)" 401

one=$(openssl rand -hex 24) two=$(openssl rand -hex 24)
is "add a version" "$(local_call -d "{\"value\":\"$one\"}" /secrets/live)" 201
first=$(jq -r .id /tmp/answer)
is "it counts at once" "$(signed "$one")" 202
is "add the next" "$(local_call -d "{\"value\":\"$two\"}" /secrets/live)" 201
is "both count" "$(signed "$one") $(signed "$two")" '202 202'
is "delete the first" "$(local_call -X DELETE "/secrets/live/$first")" 204
is "the second alone counts" "$(signed "$one") $(signed "$two")" '401 202'
succeeds "restart" systemctl restart hookaido
within 10 "ready" ready
is "as before" "$(signed "$one") $(signed "$two")" '401 202'

for secret in "$one" "$two"; do
	is "not on disk" "$(grep -rls --exclude-dir=proc --exclude-dir=sys --exclude-dir=run -e "$secret" /etc /var /tmp | paste -sd' ')" ''
	hasnt "not in the journal" "$(journalctl -q -o verbose)" "$secret"
done
within 10 "the journal has who did it" logged 'admin_secret_mutation'

# Another key opens nothing, and harms nothing.
cp /etc/credstore.encrypted/hookaido.$key /root/key
succeeds "set another key" hookaido secret set $key <<<"$(openssl rand -base64 32)"
fails "the service does not start" take_over
within 10 "it names the secret" logged 'secret "live".*sealed with another key'
is "with the code of a wrong configuration" "$(systemctl show --property ExecMainStatus --value hookaido)" 78
cp /root/key /etc/credstore.encrypted/hookaido.$key
systemctl reset-failed hookaido
succeeds "the old key again" take_over
within 10 "ready" ready
is "nothing was lost" "$(signed "$two")" 202
done_with
