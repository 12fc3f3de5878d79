#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# The main job: a GitHub webhook in, a worker takes it out; every file as installed.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

body='{"zen":"Practicality beats purity.","text":"Ünïcödé"}'
is "a signed webhook" "$(post "$body")" 202
has "its answer" "$(cat /tmp/answer)" '"status":"queued"'
is "a wrong signature" "$(call -H "$(sign "$body")" -d "$body " $ingress)" 401
hasnt "the refusal tells nothing of the right one" "$(cat /tmp/answer)" '[0-9a-f]{32}'
is "no signature" "$(call -d "$body" $ingress)" 401
is "an unknown path" "$(call -d "$body" http://127.0.0.1:8080/nowhere)" 404
is "over IPv6" "$(call -H "$(sign "$body")" -d "$body" "http://[::1]:8080/webhooks/github")" 202

is "a worker without a token" "$(call -d '{}' $pull/dequeue)" 401
take
is "the payload" "$payload" "$body"
is "ack" "$(work ack "{\"lease_id\":\"$lease\"}")" 204
is "ack of nothing" "$(work ack '{"lease_id":"lease_0000000000000000"}')" 409
take
is "ack of the second" "$(work ack "{\"lease_id\":\"$lease\"}")" 204
take
is "nothing is left" "$payload" ""

is "health" "$(call $admin/healthz)" 200
is "liveness" "$(call $admin/livez)" 200
is "readiness" "$(call $admin/readyz)" 200
is "metrics" "$(call http://127.0.0.1:9900/metrics)" 200
has "a metric" "$(cat /tmp/answer)" '^hookaido_up 1'
succeeds "hookaido status" hookaido status
has "status names the route" "$output" '/webhooks/github'

within 5 "journalctl finds accepted webhooks by route" sh -c \
	'journalctl -q -u hookaido HOOKAIDO_ROUTE=/webhooks/github HOOKAIDO_STATUS=202 -o cat | grep -q POST'
within 5 "and refused ones by status" sh -c 'journalctl -q -u hookaido HOOKAIDO_ROUTE=/webhooks/github HOOKAIDO_STATUS=401 -o cat | grep -q .'
for secret in github-webhook pull-token; do
	is "lines of the journal with the secret $secret" "$(journalctl -q -o export | grep -c "$(cat $secrets/$secret)")" 0
done
done_with
