package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program writes a shell script of a test; $DIR is its folder.
func program(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "handle")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\nDIR="+dir+"\n"+body+"\n"), 0o700))
	return path
}

// left is a file that a program left behind.
func left(t *testing.T, program, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(program), name))
	must(t, err)
	return string(b)
}

// TestPushToPrograms hands messages to programs of every kind at once
// (badinput, section G).
func TestPushToPrograms(t *testing.T) {
	const again = "retry exponential max 1 base 20ms jitter 0"
	sees := program(t, `cat >"$DIR/body"; env >"$DIR/env"; ls /proc/self/fd >"$DIR/fd"`)
	forks := program(t, `sleep 1000 & echo $! >"$DIR/pid"; exit 0`)
	deaf := program(t, `trap '' TERM; echo $$ >"$DIR/pid"; while :; do sleep 0.1; done`)
	loud := program(t, `head -c 50000000 /dev/zero | tr '\0' x >&2; exit 0`)
	unread := program(t, "exit 0")
	type row struct {
		name, path, options, body string
		attempts, status          int
		outcome, dead             string
	}
	rows := []row{
		{"badinput 111, 112", sees, "env SIZE 320", "hello", 1, 200, "acked", ""},
		{"badinput 113 a descendant that stays", forks, again, "x", 1, 200, "acked", ""},
		{"badinput 114 no ear for SIGTERM", deaf, again + " timeout 300ms", "x", 2, 408, "dead", "max_retries"},
		{"badinput 114 50 MB of output", loud, again, "x", 1, 200, "acked", ""},
		{"badinput 114 exit 75", program(t, "exit 75"), again, "x", 2, 503, "dead", "max_retries"},
		{"badinput 114 exit 126", program(t, "exit 126"), again, "x", 2, 500, "dead", "max_retries"},
		{"badinput 114 exit 127", program(t, "exit 127"), again, "x", 2, 500, "dead", "max_retries"},
		{"badinput 114 a signal", program(t, "kill -9 $$"), again, "x", 2, 502, "dead", "max_retries"},
		{"badinput 115 input that is not read", unread, again, strings.Repeat("x", 1900<<10), 1, 200, "acked", ""},
		{"missing", "/nonexistent/program", again, "x", 1, 0, "dead", "policy_denied"},
	}
	routes := here
	for i, r := range rows {
		routes += fmt.Sprintf("/t%d { deliver exec %s { %s } }\n", i, r.path, r.options)
	}
	d := newManaged(t, routes)
	d.env = []string{"SECRET_OF_THE_SERVICE=s3cret", "LD_PRELOAD="}
	d.startQuietly()
	for i, r := range rows {
		a := post(t, fmt.Sprintf("http://%s/t%d", d.ingress, i), []byte(r.body), "X-Fn", "() { :;}; touch "+d.path("pwned"), "X-Ld-Preload", "/evil.so")
		if a.status != 202 {
			t.Fatalf("%s: %d %s", r.name, a.status, a.body)
		}
	}
	d.eventually("at an end", func() bool { c := d.queueCounts(); return c["queued"]+c["leased"] == 0 })
	for i, r := range rows {
		all := d.tries(fmt.Sprintf("/t%d", i))
		if len(all) != r.attempts {
			t.Errorf("%s: %d attempts, want %d: %+v", r.name, len(all), r.attempts, all)
			continue
		}
		if last := all[len(all)-1]; last.Outcome != r.outcome || last.StatusCode != r.status || last.DeadReason != r.dead {
			t.Errorf("%s: %+v", r.name, last)
		}
	}
	checkProgram(t, d, sees)
	for _, path := range []string{forks, deaf} {
		pid := strings.TrimSpace(left(t, path, "pid"))
		d.eventually("ended: process "+pid, func() bool { return !runs(pid) })
	}
	d.stop()
}

// checkProgram looks at what a program saw.
func checkProgram(t *testing.T, d *daemon, path string) {
	t.Helper()
	if body := left(t, path, "body"); body != "hello" {
		t.Errorf("standard input was %q", body)
	}
	var names []string
	env := left(t, path, "env")
	for line := range strings.Lines(env) {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	// the shell adds PWD and _ of its own
	names = slices.DeleteFunc(names, func(name string) bool { return name == "PWD" || name == "_" || name == "SHLVL" || name == "OLDPWD" })
	slices.Sort(names)
	want := []string{
		"HOOKAIDO_ATTEMPT", "HOOKAIDO_EVENT_ID", "HOOKAIDO_HEADER_ACCEPT_ENCODING", "HOOKAIDO_HEADER_USER_AGENT",
		"HOOKAIDO_HEADER_X_FN", "HOOKAIDO_HEADER_X_LD_PRELOAD", "HOOKAIDO_RECEIVED_AT", "HOOKAIDO_ROUTE", "PATH", "SIZE",
	}
	if !slices.Equal(names, want) {
		t.Errorf("the program has %v, want %v", names, want)
	}
	if strings.Contains(env, "s3cret") {
		t.Error("the program has a secret of the service")
	}
	if _, err := os.Stat(d.path("pwned")); err == nil {
		t.Error("a header was run")
	}
	// the fourth is the folder that ls lists
	if fds := strings.Fields(left(t, path, "fd")); len(fds) > 4 {
		t.Errorf("the program has the descriptors %v", fds)
	}
}

// runs reports whether a process runs; one that nobody has reaped doesn't.
func runs(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
