# What senders, workers and operators do, for the lab's scripts. To be sourced
# after assert.sh.
ingress=http://127.0.0.1:8080/webhooks/github
pull=http://127.0.0.1:9443/github
admin=http://127.0.0.1:2019
secrets=/etc/hookaido/secrets
sockets="hookaido-ingress.socket hookaido-pull.socket hookaido-admin.socket hookaido-metrics.socket"
config=/etc/hookaido/Hookaidofile

# sign BODY: the header that GitHub would send
sign() {
	local secret
	secret=$(cat $secrets/github-webhook)
	printf 'X-Hub-Signature-256: sha256=%s' "$(printf '%s' "$1" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')"
}

# call CURL-ARGUMENT...: prints the status; the body of the answer is in
# /tmp/answer, its head in /tmp/head
call() {
	: >/tmp/answer
	curl -sS --max-time 15 -o /tmp/answer -D /tmp/head -w '%{http_code}' "$@"
}

# post BODY: sends it signed
post() { call -H "$(sign "$1")" -d "$1" "$ingress"; }

# work OPERATION JSON: one call of the pull API
work() { call -H "Authorization: Bearer $(cat $secrets/pull-token)" -d "$2" "$pull/$1"; }

# take: dequeues one message; its lease is in $lease and its payload in $payload
take() {
	is "dequeue" "$(work dequeue "${1:-{\}}")" 200
	lease=$(jq -r '.items[0].lease_id // empty' /tmp/answer)
	payload=$(jq -r '.items[0].payload_b64 // empty' /tmp/answer | base64 -d)
}

main_pid() { systemctl show --property MainPID --value hookaido.service; }
starts() { systemctl show --property NRestarts --value hookaido.service; }
active() { systemctl is-active "$1" 2>/dev/null || true; }
ready() { [ "$(call $admin/readyz)" = 200 ]; }

# all_active: service and sockets
all_active() {
	local unit
	for unit in $sockets hookaido.service; do
		is "systemctl is-active $unit" "$(active "$unit")" active
	done
}

# value NAME LINE: the number after NAME= in a line of the load program
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$2"; }

# large_queue: more room than the load fills, however long an upgrade takes
large_queue() {
	printf '\nqueue_limits { max_depth 1000000 }\n' >>$config
	succeeds "a larger queue" systemctl restart hookaido
}

# load_begin: webhooks at 300 per second, each on a connection of its own, until
# load_end, which holds that none was refused, cut, or answered other than 202,
# and that all are in the queue, once
load_begin() {
	/lab/pkg/load send -url $ingress -secret-file $secrets/github-webhook -rate 300 -for 580s -out /tmp/accepted >/tmp/load &
	load=$!
}
load_end() {
	local line
	kill -TERM $load
	wait $load
	sed "s/^/  load: /" /tmp/load
	line=$(head -n 1 /tmp/load)
	is "refused, reset, failed" "$(value refused "$line") $(value reset "$line") $(value failed "$line")" "0 0 0"
	is "all that were sent were accepted" "$(value accepted "$line")" "$(value sent "$line")"
	[ "$(value sent "$line")" -gt 300 ] || bad "the load was none"
	succeeds "every 202 is in the queue" /lab/pkg/load drain -url $pull -token-file $secrets/pull-token -want /tmp/accepted
	printf '  queue: %s\n' "$output"
	is "messages that came twice" "$(value doubled "$output")" 0
	is "messages that nobody was told of" "$(value unanswered "$output")" 0
}
