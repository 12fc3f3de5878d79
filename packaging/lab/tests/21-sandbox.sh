#!/bin/bash
# lab: --package dist/pkg/hookaido.deb --timeout 900
# The tests of the built program, with the packaged program, inside the sandbox of
# the packaged unit: what that forbids, nothing needs.
. "$(dirname "$0")/assert.sh"
. "$(dirname "$0")/webhook.sh"

# The same unit, but that it runs the tests, whose daemons are its children and so
# have their user, mounts, system calls and addresses from it. What is left out
# has no part in the sandbox.
unit=hookaido-tests.service
{
	printf '[Service]\nType=exec\n'
	sed -n '/^\[Service\]/,/^\[Install\]/p' /usr/lib/systemd/system/hookaido.service |
		grep -vE '^(\[|#|$|Type=|NotifyAccess=|Exec|Sockets=|EnvironmentFile=|LoadCredential=|SetCredential=|Restart|Watchdog|Timeout|LimitCORE=)' |
		sed 's/^\(State\|Runtime\|Configuration\)Directory=hookaido$/\1Directory=hookaido-tests/'
	cat <<UNIT
ExecStart=/lab/pkg/e2e.test -test.v -test.timeout 800s -test.skip \${SKIP}
WorkingDirectory=/lab/pkg/source/internal/e2e
Environment=HOOKAIDO_TEST_PROGRAM=/usr/bin/hookaido TMPDIR=/var/lib/hookaido-tests HOME=/var/lib/hookaido-tests
EnvironmentFile=/run/tests.env
StandardOutput=file:/tmp/tests
StandardError=inherit
UNIT
} >/run/systemd/system/$unit

# Not these: they watch system calls (ptrace) or the system (/proc/net,
# /proc/uptime), or mount, and just that is forbidden in there; the version is that
# of a build for the tests; and doctor finds the machine's own installation here.
skip='^(TestSyncStandsBeforeTheAnswer|TestFailedSync|TestFullDisk|TestHandshakesWithoutTheQueue|TestNotify)$|^TestScripts$/^(version|doctor)$'
grep -q localhost /etc/hosts 2>/dev/null || echo '127.0.0.1 localhost' >>/etc/hosts
printf 'SKIP=%s\n' "$skip" >/run/tests.env
systemctl daemon-reload
score() { systemd-analyze security --no-pager "$1" | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p'; }
is "the exposure of the unit of the tests is that of the service" "$(score $unit)" "$(score hookaido.service)"
is "it is within the limit" "$(awk -v got="$(score hookaido.service)" 'BEGIN { print (got <= 1.1) }')" 1
systemctl stop hookaido.target

systemctl start --wait $unit
code=$(systemctl show -P ExecMainStatus $unit)
passed=$(grep -cE '^ *--- PASS' /tmp/tests) failed=$(grep -cE '^ *--- FAIL' /tmp/tests) skipped=$(grep -cE '^ *--- SKIP' /tmp/tests)
if [ "$code" != 0 ]; then
	grep -E '^ *--- FAIL' /tmp/tests
	bad "the tests ended with code $code" "$(grep -vE '^ *(=== |--- (PASS|SKIP))|"level":"INFO"' /tmp/tests | tail -n 150)"
fi
grep -E '^ *--- SKIP' /tmp/tests | sed 's/^/  /'
ok "tests in the sandbox: $passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 100 ] || bad "too few tests ran"
done_with
