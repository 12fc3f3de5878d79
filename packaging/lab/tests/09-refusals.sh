#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# What keeps the service from starting is said in one clear line, with an exit code of its own.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

db=/var/lib/hookaido/hookaido.db
said() { journalctl -q -u hookaido -o cat --since "$since"; }
says() { said | grep -Eq "$1"; }
# refused WHAT CODE PATTERN: a start that must fail
refused() {
	since=$(date '+%Y-%m-%d %H:%M:%S.%N')
	systemctl restart --no-block hookaido
	within 15 "$1: exit code $2" sh -c "journalctl -q -u hookaido -o cat --since '$since' | grep -q 'Main process exited, code=exited, status=$2/'"
	# The journal reads the daemon's last words and systemd's in any order.
	within 5 "it says why" says "$3"
	hasnt "without a goroutine's trace" "$(said)" 'goroutine [0-9]+'
	systemctl stop $sockets hookaido 2>/dev/null
	systemctl reset-failed 'hookaido*' 2>/dev/null
}

is "a webhook" "$(post '{"number":1}')" 202
systemctl stop $sockets hookaido

# Without the sockets the daemon binds itself, and the port is taken.
systemctl -q mask $sockets
systemd-run --quiet --unit=holder --service-type=exec /lab/pkg/load hold -listen "[::]:8080"
within 5 "somebody holds port 8080" sh -c 'ss -ltnH | grep -q ":8080 "'
refused "a port in use" 69 '8080'
systemctl stop holder
systemctl -q unmask $sockets

# A socket under a name that nobody knows (badinput 121).
mkdir -p /etc/systemd/system/hookaido-pull.socket.d
printf '[Socket]\nFileDescriptorName=pul\n' >/etc/systemd/system/hookaido-pull.socket.d/name.conf
systemctl daemon-reload
refused "an unknown socket name" 69 'pul.*FileDescriptorName|FileDescriptorName.*pul'
rm -r /etc/systemd/system/hookaido-pull.socket.d
systemctl daemon-reload

# Files that are no queue of ours.
mkdir /tmp/saved
cp -a /var/lib/hookaido/. /tmp/saved/
restore() { rm -rf /var/lib/hookaido/* && cp -a /tmp/saved/. /var/lib/hookaido/; }
printf 'this is a text file, not a database, and it is somewhat longer than a header of SQLite\n%.0s' $(seq 20) >$db
refused "a text file for a database" 74 'hookaido.db'
has "the file is untouched" "$(head -c 19 $db)" 'this is a text file'
restore
rm -f $db*
sqlite3 $db 'CREATE TABLE other (x); INSERT INTO other VALUES (1)'
chown hookaido: $db
refused "the database of another program" 74 'hookaido.db'
is "it is untouched" "$(sqlite3 $db 'SELECT x FROM other')" 1
restore
rm -f $db $db-wal $db-shm
refused "a database that is gone" 74 'hookaido.db'
restore
chmod 000 $secrets/pull-token
systemctl start $sockets hookaido
within 10 "systemd reads a secret whatever its mode" sh -c 'systemctl is-active hookaido'
chmod 600 $secrets/pull-token
systemctl stop $sockets hookaido
: >$secrets/pull-token
refused "an empty secret" 78 'pull-token'
printf '%064d\n' 1 >$secrets/pull-token

succeeds "all is well again" systemctl start $sockets hookaido
all_active
take
is "the message from the beginning" "$payload" '{"number":1}'

# A second instance on the same database (badinput 125).
cat >/tmp/second <<'FILE'
ingress { listen 127.0.0.1:18080 }
pull_api {
  listen 127.0.0.1:19443
  auth token raw:0123456789abcdef0123456789abcdef
}
admin_api { listen 127.0.0.1:12019 }
/second { pull { path /second } }
FILE
second() {
	systemd-run --quiet --pipe --wait --uid=hookaido --gid=hookaido \
		hookaido run --config /tmp/second --db $db --socket /var/lib/hookaido/second.sock
}
fails "a second process on the queue" second
has "it names the first" "$output" "$(main_pid)"
is "the first goes on" "$(post '{"number":2}')" 202
done_with
