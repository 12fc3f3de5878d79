#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# Secrets by name: encrypted on disk, handed over by systemd, used by a route.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

take_over() { systemctl daemon-reload && systemctl restart hookaido; }
listed() { hookaido secret list | awk -v n="$1" '$1 == n { print $2, $3 }'; }

is "the package's secret" "$(listed github-webhook)" 'plain yes'
is "nothing is missing" "$(hookaido secret list >/dev/null; echo $?)" 0

# A new route with a secret that isn't there yet.
second=http://127.0.0.1:8080/webhooks/second
cat >>$config <<'FILE'

/webhooks/second {
  auth hmac {
    provider github
    secret credential:second
  }
  pull { path /second }
}
FILE
fails "the list says with its exit code" hookaido secret list
has "and in words that one is missing" "$output" 'second +missing +yes'

secret=$(openssl rand -hex 24)
succeeds "hookaido secret set" hookaido secret set second <<<"$secret"
has "it says where" "$output" '/etc/credstore.encrypted/hookaido.second, encrypted'
is "the file is for root" "$(stat -c '%a %U' /etc/credstore.encrypted/hookaido.second)" '600 root'
is "it is listed" "$(listed second)" 'encrypted yes'
succeeds "the two commands that it names" take_over
within 10 "ready" ready
mac=$(printf 'a' | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')
is "the route takes what is signed with it" "$(call -H "X-Hub-Signature-256: sha256=$mac" -d a $second)" 202
is "and nothing else" "$(call -H "X-Hub-Signature-256: sha256=${mac/[0-9a-f]/x}" -d a $second)" 401

# In plain text it is nowhere that outlives the service or is shown.
is "not on disk" "$(grep -rls --exclude-dir=proc --exclude-dir=sys --exclude-dir=run -e "$secret" /etc /var /usr/lib/systemd /tmp | paste -sd' ')" ''
is "not in the units" "$(grep -rls -e "$secret" /run/systemd/generator | paste -sd' ')" ''
hasnt "not in systemctl show" "$(systemctl show hookaido)" "$secret"
hasnt "not in the environment" "$(tr '\0' '\n' </proc/"$(main_pid)"/environ)" "$secret"
hasnt "not in the journal" "$(journalctl -q -o verbose)" "$secret"

# The package's plain secret, made encrypted.
github=$(cat $secrets/github-webhook)
succeeds "encrypt the package's secret" hookaido secret set github-webhook <$secrets/github-webhook
is "the plain file is gone" "$(ls $secrets/github-webhook 2>&1 | grep -c 'No such')" 1
is "it is encrypted" "$(listed github-webhook)" 'encrypted yes'
succeeds "take it over" take_over
within 10 "ready" ready
mac=$(printf 'b' | openssl dgst -sha256 -hmac "$github" | sed 's/.* //')
is "senders notice nothing" "$(call -H "X-Hub-Signature-256: sha256=$mac" -d b $ingress)" 202

# A copy for another name is worth nothing: the name is part of what is sealed.
cp /etc/credstore.encrypted/hookaido.second /etc/credstore.encrypted/hookaido.github-webhook
systemctl daemon-reload
fails "a secret under another's name doesn't start the service" systemctl restart hookaido
succeeds "set anew" hookaido secret set github-webhook <<<"$github"
succeeds "it starts again" take_over

# Back to plain, and refusals.
succeeds "keep it plain" hookaido secret set --plain second <<<"$secret"
is "it is" "$(listed second)" 'plain yes'
is "the encrypted one is gone" "$(ls /etc/credstore.encrypted)" hookaido.github-webhook
succeeds "take it over" take_over
within 10 "ready" ready
mac=$(printf 'a' | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')
is "the route goes on" "$(call -H "X-Hub-Signature-256: sha256=$mac" -d a $second)" 202
fails "an empty secret is refused" hookaido secret set second </dev/null
has "in words" "$output" 'empty; nothing was changed'
is "nothing was changed" "$(cat $secrets/second)" "$secret"
fails "a name with a slash is refused" hookaido secret set ../second <<<x
is "systemd still boots as it should" "$(systemctl --failed --no-legend | wc -l)" 0
done_with
