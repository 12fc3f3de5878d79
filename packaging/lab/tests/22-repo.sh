#!/bin/bash
# lab: --with dnf --timeout 600
# The signed repositories: apt and dnf install and upgrade from them, under load,
# and take nothing that isn't signed.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

url=http://127.0.0.1:8999
systemd-run --quiet --unit=web python3 -m http.server --bind 127.0.0.1 --directory /lab/pkg/repo 8999
within 30 "the repositories are served" curl -fsS -o /dev/null $url/hookaido.asc

# --- apt ---
list=/etc/apt/sources.list.d/hookaido.list
rm -f /etc/apt/sources.list
echo "deb $url/apt stable main" >$list
apt() { apt-get -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold -o APT::Update::Error-Mode=any "$@"; }
fails "apt without the key" apt update
has "says that it is not signed by a key it knows" "$output" 'NO_PUBKEY|not signed'
install -D -m 644 /lab/pkg/repo/hookaido.asc /etc/apt/keyrings/hookaido.asc
echo "deb [signed-by=/etc/apt/keyrings/hookaido.asc] $url/apt stable main" >$list
succeeds "apt with it" apt update
hasnt "has nothing to warn of" "$output" '^[WE]:'
first=$(dpkg-deb -f /lab/pkg/hookaido.deb Version) next=$(dpkg-deb -f /lab/pkg/next.deb Version)
is "it offers" "$(apt-cache policy hookaido | awk '$1 == "Candidate:" { print $2 }')" "$next"
succeeds "apt-get install of the first version" apt -y --no-install-recommends install "hookaido=$first"
within 30 "ready" ready
large_queue
load_begin
sleep 2
succeeds "apt-get upgrade under load" apt -y upgrade
sleep 2
load_end
is "the version" "$(dpkg-query -W -f '${Version}' hookaido)" "$next"
succeeds "apt-get purge" apt -y purge hookaido

cp -r /lab/pkg/repo /tmp/forged
echo >>/tmp/forged/apt/dists/stable/main/binary-amd64/Packages
rm /tmp/forged/apt/dists/stable/main/binary-amd64/Packages.*
echo "deb [signed-by=/etc/apt/keyrings/hookaido.asc] file:/tmp/forged/apt stable main" >$list
fails "apt with an index that was changed" apt update
has "says so" "$output" 'Hash Sum mismatch|unexpected size'

# --- dnf ---
repo() { printf '%s\n' '[hookaido]' name=Hookaido "baseurl=$1/dnf" "gpgkey=$url/hookaido.asc" gpgcheck=1 repo_gpgcheck=1 >/etc/yum.repos.d/hookaido.repo; }
mkdir -p /etc/yum.repos.d
repo $url
rpm --force-debian --install --nodeps /lab/pkg/lab-base.rpm 2>/dev/null
first=$(rpm -qp --qf '%{VERSION}-%{RELEASE}' /lab/pkg/hookaido.rpm 2>/dev/null) next=$(rpm -qp --qf '%{VERSION}-%{RELEASE}' /lab/pkg/next.rpm 2>/dev/null)
succeeds "dnf install of the first version" dnf -y install "hookaido-$first"
is "its signature is there" "$(rpm -q --qf '%{RSAHEADER:pgpsig}%{SIGPGP:pgpsig}' hookaido | grep -c SHA256)" 1
within 30 "ready" ready
large_queue
load_begin
sleep 2
succeeds "dnf upgrade under load" dnf -y upgrade
sleep 2
load_end
is "the version" "$(rpm -q --qf '%{VERSION}-%{RELEASE}' hookaido)" "$next"
succeeds "dnf remove" dnf -y remove hookaido

echo '<!-- -->' >>/tmp/forged/dnf/repodata/repomd.xml
repo file:///tmp/forged
dnf clean all >/dev/null 2>&1
fails "dnf with an index that was changed" dnf -y install hookaido
has "says so" "$output" 'signature|GPG|gpg'
done_with
