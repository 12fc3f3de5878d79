#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# A good file takes effect; a bad one is refused with its place, and changes nothing.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

pid=$(main_pid)
cat >>$config <<'FILE'

/webhooks/second {
  auth hmac {
    provider github
    secret credential:github-webhook
  }
  pull { path /second }
}
FILE
second=http://127.0.0.1:8080/webhooks/second
is "the new route before" "$(call -H "$(sign a)" -d a $second)" 404
succeeds "systemctl reload with a good file" systemctl reload hookaido
is "the new route after" "$(call -H "$(sign a)" -d a $second)" 202

cp $config /tmp/good
lines=$(wc -l <$config)
printf '\n/webhooks/third {\n  pul { path /third }\n}\n' >>$config
fails "systemctl reload with a bad file" systemctl reload hookaido
within 5 "the journal tells line and column" logged "Hookaidofile:$((lines + 3)):3"
fails "hookaido reload" hookaido reload
has "it prints line and column" "$output" "Hookaidofile:$((lines + 3)):3"
has "and a hint" "$output" 'pull'
fails "hookaido config validate" hookaido config validate
has "it prints the same" "$output" "Hookaidofile:$((lines + 3)):3"
is "the service is up" "$(active hookaido.service)" active
is "the old configuration serves" "$(call -H "$(sign a)" -d a $second)" 202
is "nothing of the new one does" "$(call -d a http://127.0.0.1:8080/webhooks/third)" 404
has "systemctl status tells of it" "$(systemctl status --no-pager --lines=0 hookaido)" 'Status: .*(reload|refused|failed)'

cp /tmp/good $config
succeeds "systemctl reload when it is mended" systemctl reload hookaido
is "the process is the same" "$(main_pid)" "$pid"
is "no restart happened" "$(starts)" 0
done_with
