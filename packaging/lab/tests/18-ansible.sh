#!/bin/bash
# lab: --with ansible-core,python3-apt
# The Ansible role: installs, changes nothing the second time, and brings a
# changed configuration in by the mildest means.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

mkdir -p /tmp/play/roles
cat >/tmp/play/site.yml <<'FILE'
- hosts: localhost
  connection: local
  gather_facts: true
  roles:
    - hookaido
FILE
variables() { # variables INGRESS ROUTE DROPINS: writes the play's variables
	cat >/tmp/play/vars.yml <<FILE
hookaido_package: /lab/pkg/hookaido.deb
hookaido_dropins: $3
hookaido_secrets:
  github-webhook: 0123456789abcdef0123456789abcdef
  pull-token: fedcba9876543210fedcba9876543210
hookaido_config: |
  ingress {
    listen $1
  }
  pull_api {
    listen 127.0.0.1:9443
    auth token credential:pull-token
  }
  $2 {
    auth hmac {
      provider github
      secret credential:github-webhook
    }
    pull { path /github }
  }
FILE
}
play() { ANSIBLE_ROLES_PATH=/tmp/play/roles ANSIBLE_NOCOLOR=1 ansible-playbook -i localhost, -e @/tmp/play/vars.yml /tmp/play/site.yml "$@"; }
sum() { sed -n 's/.*ok=[0-9]* *changed=\([0-9]*\) .*failed=\([0-9]*\).*/\1 \2/p' <<<"$output"; }

dpkg-deb --fsys-tarfile /lab/pkg/hookaido.deb | tar -x -C /tmp ./usr/share/hookaido/ansible
mv /tmp/usr/share/hookaido/ansible/hookaido /tmp/play/roles/

variables :8080 /webhooks/github '[]'
succeeds "the first run installs" play
hasnt "no secret is shown" "$output" '0123456789abcdef|fedcba98'
within 10 "ready" ready
body='{"number":1}'
mac=$(printf '%s' "$body" | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef | sed 's/.* //')
is "a webhook signed with the play's secret" "$(call -H "X-Hub-Signature-256: sha256=$mac" -d "$body" $ingress)" 202
is "the secret is encrypted" "$(hookaido secret list | awk '$1 == "pull-token" { print $2 }')" encrypted
pid=$(main_pid)
succeeds "the second run" play
is "it changes nothing" "$(sum)" '0 0'
is "and restarts nothing" "$(main_pid)" "$pid"

variables :8080 /webhooks/other '[]'
succeeds "check mode" play --check
has "tells of the change" "$(sum)" '^[1-9][0-9]* 0$'
is "and makes none" "$(grep -c other $config)" 0
succeeds "a changed route" play
is "is taken over by a reload" "$(main_pid)" "$pid"
is "the new route serves" "$(call -H "X-Hub-Signature-256: sha256=$mac" -d "$body" http://127.0.0.1:8080/webhooks/other)" 202

variables :80 /webhooks/other '[pull-only]'
succeeds "another port and a drop-in" play
within 10 "ready" ready
is "port 80 serves" "$(call -H "X-Hub-Signature-256: sha256=$mac" -d "$body" http://127.0.0.1/webhooks/other)" 202
is "the drop-in holds" "$(systemctl show -P PrivateNetwork hookaido)" yes
succeeds "once more" play
is "nothing" "$(sum)" '0 0'

variables ':80 oops' /webhooks/other '[pull-only]'
cp $config /tmp/before
fails "a wrong Hookaidofile fails the play" play
has "with its place" "$output" 'Hookaidofile|:[0-9]+:[0-9]+: error'
succeeds "and is not put in place" cmp $config /tmp/before
done_with
