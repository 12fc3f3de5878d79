#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# Logs in files, with the drop-in for them, turned over as logrotate does; and the
# metrics where the Hookaidofile puts them.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"
examples=/usr/share/doc/hookaido/examples
logs=/var/log/hookaido

# The program that the example of logrotate runs after it has moved the files.
postrotate() { sed -n '/postrotate/,/endscript/{/postrotate\|endscript/d;p}' $examples/logrotate | bash; }
lines() { grep -c "$1" "$2" 2>/dev/null; }

cat >>$config <<FILE
observability {
  access_log { output file path $logs/access.jsonl }
  runtime_log { level info output file path $logs/runtime.jsonl }
  metrics { listen 127.0.0.1:9911 prefix /numbers }
}
FILE
succeeds "the file" hookaido config validate
systemctl daemon-reload
fails "the unit as packaged may not write there" systemctl restart hookaido.target hookaido.service
has "the refusal names the file" "$(journalctl -q -u hookaido -o cat)" "open the (runtime|access) log: .*$logs/"

install -D -m 644 $examples/log-files.conf /etc/systemd/system/hookaido.service.d/log-files.conf
systemctl daemon-reload
systemctl reset-failed 'hookaido*'
succeeds "a start with the drop-in" systemctl restart hookaido.target hookaido.service
within 20 "ready" ready
is "the folder" "$(stat -c '%U:%G %a' $logs)" "hookaido:hookaido 750"
is "the queue is for nobody else" "$(stat -c '%U %a' /var/lib/hookaido/hookaido.db /var/lib/hookaido/hookaido.db-wal | sort -u)" "hookaido 600"
is "the access log" "$(stat -c '%U %a' $logs/access.jsonl)" "hookaido 640"
is "the runtime log" "$(stat -c '%U %a' $logs/runtime.jsonl)" "hookaido 640"

is "the metrics moved with their socket" "$(call http://127.0.0.1:9911/numbers)" 200
has "a metric" "$(cat /tmp/answer)" '^hookaido_up 1'
is "nothing else is there" "$(call http://127.0.0.1:9911/metrics)" 404
is "and on the admin socket" "$(call --unix-socket /run/hookaido/admin.sock http://localhost/metrics)" 200

for round in 1 2; do
	is "a webhook" "$(post "{\"number\":$round}")" 202
	within 5 "its line" grep -q '"component":"ingress"' $logs/access.jsonl
	mv $logs/access.jsonl $logs/access.jsonl.1
	mv $logs/runtime.jsonl $logs/runtime.jsonl.1
	succeeds "turned over" postrotate
	within 5 "a new access log" test -e $logs/access.jsonl
	is "the old one has the line" "$(lines '"component":"ingress"' $logs/access.jsonl.1)" 1
done
has "the runtime log goes on" "$(cat $logs/runtime.jsonl)" '"operation":"reload"'
hasnt "and none of it is in the journal" "$(journalctl -q -u hookaido -o cat)" http_request
if command -v logrotate >/dev/null; then
	succeeds "logrotate reads the example" logrotate -d $examples/logrotate
fi

sed -i 's/metrics { listen.*/metrics off/' $config
systemctl daemon-reload
succeeds "metrics off" systemctl restart hookaido.target
within 20 "ready" ready
is "their socket is closed" "$(active hookaido-metrics.socket)" inactive
is "the admin socket has them still" "$(call --unix-socket /run/hookaido/admin.sock http://localhost/metrics)" 200
done_with
