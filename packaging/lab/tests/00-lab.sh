#!/bin/bash
# The lab itself: a real manager, a loopback network, rules that the kernel enforces.
. "$(dirname "$0")/assert.sh"

is "PID 1" "$(cat /proc/1/comm)" systemd
is "the manager" "$(systemctl is-system-running)" running
is "network devices" "$(ls /sys/class/net)" lo

# Were this not enforced, the tests of the unit's own rules would prove nothing.
knock() {
	systemd-run --quiet --pipe --wait -p "IPAddressDeny=$1" \
		curl -sS --max-time 2 http://127.0.0.1:1/
}
knock link-local >/tmp/free 2>&1
has "a connection that is not denied reaches the kernel" "$(cat /tmp/free)" 'Failed to connect|refused'
knock any >/tmp/denied 2>&1
has "IPAddressDeny= drops packets" "$(cat /tmp/denied)" 'timed out|timeout'
done_with
