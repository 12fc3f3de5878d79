#!/bin/bash
# lab: --package dist/pkg/hookaido.deb
# The drop-ins in /usr/share/doc/hookaido/examples: each starts, scores as it
# should, and refuses what it says.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

score() { systemd-analyze security --no-pager hookaido.service | sed -n 's/.*Overall exposure level for hookaido.service: \([0-9.]*\) .*/\1/p'; }
number=100
use() { # use NAME MOST: the drop-in NAME alone, with an exposure of at most MOST
	rm -f /etc/systemd/system/hookaido.service.d/*.conf
	[ "$1" = none ] || install -D -m 644 "/usr/share/doc/hookaido/examples/$1.conf" "/etc/systemd/system/hookaido.service.d/$1.conf" ||
		bad "no drop-in $1"
	systemctl daemon-reload
	succeeds "$1: the service starts" systemctl restart hookaido.service
	within 10 "$1: ready" ready
	number=$((number + 1))
	is "$1: a webhook" "$(post "{\"number\":$number}")" 202
	take
	is "$1: its worker acks it" "$(work ack "{\"lease_id\":\"$lease\"}")" 204
	succeeds "$1: a reload" systemctl reload hookaido
	got=$(score)
	awk -v got="$got" -v most="$2" 'BEGIN { exit !(got != "" && got <= most) }' && ok "$1: exposure $got, at most $2" || bad "$1: exposure $got, at most $2"
}
# inside COMMAND...: in the service's control group, whose packets the kernel filters
inside() { sh -c 'echo $$ >/sys/fs/cgroup/system.slice/hookaido.service/cgroup.procs && exec "$@"' sh "$@"; }
reach() { inside curl -sS -o /dev/null --max-time 2 "http://$1/" 2>&1; }
ip address add 192.0.2.1/24 dev lo
ip address add 198.51.100.1/24 dev lo

use none 1.1
has "as shipped: an address is reached" "$(reach 198.51.100.1:1)" 'refused|Failed to connect'

use pull-only 0.4
is "pull-only: it has no network device but its own loopback" "$(tail -n +3 /proc/"$(main_pid)"/net/dev | cut -d: -f1 | tr -d ' ')" lo
has "pull-only: no packet passes" "$(reach 198.51.100.1:1)" 'timed out|timeout'
has "pull-only: not even to this machine" "$(reach 127.0.0.1:1)" 'timed out|timeout'

use listed-outbound 0.9
has "listed-outbound: a listed address is reached" "$(reach 192.0.2.1:1)" 'refused|Failed to connect'
has "listed-outbound: another isn't" "$(reach 198.51.100.1:1)" 'timed out|timeout'
is "listed-outbound: it sees a root of its own" "$(ls /proc/"$(main_pid)"/root/usr | paste -sd' ')" 'bin share'
is "listed-outbound: without programs" "$(ls /proc/"$(main_pid)"/root/usr/bin)" hookaido

use unprivileged-port 1.1
bind() { inside perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1:$ARGV[0]", Listen => 1) ? "open" : $!' "$1" 2>&1; }
if systemctl --version | grep -q '+BPF_FRAMEWORK'; then
	is "unprivileged-port: the kernel refuses port 81, even to root" "$(bind 81)" 'Operation not permitted'
else
	ok "unprivileged-port: this systemd is built without what it needs"
fi
is "unprivileged-port: a higher port is free" "$(bind 8181)" open

use memory-cap 1.1
is "memory-cap: systemd has the bound" "$(systemctl show -P MemoryMax hookaido)" 536870912
if [ -e /sys/fs/cgroup/system.slice/hookaido.service/memory.max ]; then
	within 5 "memory-cap: the program keeps below it" logged "memory_bounded bound_bytes=469762048 go_limit_bytes=375809600"
fi

# Programs that are handed messages: one that needs nothing more, and one that
# makes executable memory, as a compiler at run time does.
mkdir -p /opt/hooks
printf '#!/bin/sh\ncat >"/var/lib/hookaido/plain.out"\n' >/opt/hooks/plain
cat >/opt/hooks/jit <<'PROGRAM'
#!/usr/bin/perl
# mmap of a page that can be read, written and executed
my $page = syscall(9, 0, 4096, 7, 0x22, -1, 0);
my $why = "$!";
open(my $out, '>', '/var/lib/hookaido/jit.out');
print $out $page == -1 ? "refused: $why" : 'executable';
PROGRAM
chmod 755 /opt/hooks /opt/hooks/*
cp $config /tmp/without
printf '\n/run/plain { deliver exec /opt/hooks/plain { } }\n/run/jit { deliver exec /opt/hooks/jit { } }\n' >>$config
run() { # run NAME: hands a message to the program and waits for what it wrote
	rm -f "/var/lib/hookaido/$1.out"
	is "a message for $1" "$(call -d 'from outside' "http://127.0.0.1:8080/run/$1")" 202
	within 20 "$1 ran" test -s "/var/lib/hookaido/$1.out"
}
use none 1.1
run plain
is "as shipped: a program gets the message" "$(cat /var/lib/hookaido/plain.out)" 'from outside'
is "as shipped: it runs as the service" "$(stat -c %U /var/lib/hookaido/plain.out)" hookaido
run jit
has "as shipped: memory may not be executable" "$(cat /var/lib/hookaido/jit.out)" 'refused: (Operation not permitted|Permission denied)'
use exec-delivery 1.2
run plain
run jit
is "exec-delivery: memory may be executable" "$(cat /var/lib/hookaido/jit.out)" executable
is "exec-delivery: the service still gets no privilege" "$(systemctl show -P NoNewPrivileges hookaido)" yes
is "exec-delivery: and no capability" "$(systemctl show -P CapabilityBoundingSet hookaido)" ''
cp /tmp/without $config

use log-namespace 1.1
within 10 "log-namespace: its journal has the entries" sh -c 'journalctl -q --namespace=hookaido -o cat | grep -q ready'
is "log-namespace: the machine's has none of them" "$(journalctl -q "_PID=$(main_pid)" _COMM=hookaido | wc -l)" 0

use none 1.1
succeeds "removal" apt-get -qq -y remove hookaido
is "it takes the mount points along" "$(ls -d /usr/lib/hookaido 2>&1 | grep -c 'No such')" 1
done_with
