package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// records reads a log of JSON lines; a line that is none fails the test. The last
// one may be on its way.
func records(t testing.TB, path string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // of the test
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v in %q", path, err, line)
		}
		list = append(list, r)
	}
	return list
}

func count(list []map[string]any, field string, value any) int {
	n := 0
	for _, r := range list {
		if r[field] == value {
			n++
		}
	}
	return n
}

// TestLogFilesFollowARotation moves the files away as logrotate does. A SIGHUP, a
// reload over the socket, and one that is refused, all begin new files, and no
// line is lost or lies in both.
func TestLogFilesFollowARotation(t *testing.T) {
	d := newDaemon(t, "")
	access, runtime := d.path("logs/access.jsonl"), d.path("logs/runtime.jsonl")
	if err := os.Mkdir(filepath.Dir(access), 0o700); err != nil {
		t.Fatal(err)
	}
	config := "observability {\n access_log { output file path " + access + " }\n runtime_log { level info output file path " + runtime + " }\n}\n" +
		"/a { pull { path /a } }\n"
	d.writeConfig(config)
	d.start()
	for round, rotate := range []func(){
		func() { d.signal(syscall.SIGHUP) },
		func() {
			if _, stderr, code := d.hookaido("reload", "--socket", d.socket); code != 0 {
				t.Fatalf("reload: %d %s", code, stderr)
			}
		},
		func() { d.writeConfig("nonsense"); d.signal(syscall.SIGHUP) },
	} {
		for _, path := range []string{access, runtime} {
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm()&^0o640 != 0 || info.Mode().Perm()&0o600 != 0o600 {
				t.Fatalf("round %d: %v, %v; want mode 0640 at most", round, info.Mode(), err)
			}
		}
		if a := post(t, "http://"+d.ingress+"/a", []byte("x")); a.status != http.StatusAccepted {
			t.Fatalf("round %d: %d", round, a.status)
		}
		d.eventually("logged", func() bool { return count(records(t, access), "route", "/a") == 1 })
		for _, path := range []string{access, runtime} {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
		}
		rotate()
		d.eventually("in new files", func() bool {
			_, errA := os.Stat(access)
			_, errB := os.Stat(runtime)
			return errA == nil && errB == nil
		})
		if n := count(records(t, access+".1"), "route", "/a"); n != 1 {
			t.Errorf("round %d: the old file has %d of the round's requests, want 1", round, n)
		}
	}
	d.eventually("told of the refusal", func() bool { return count(records(t, runtime), "msg", "config_reload_failed") == 1 })
	d.stop()
	if n := count(records(t, runtime), "msg", "stopped"); n != 1 {
		t.Errorf("the last line is in the new file %d times", n)
	}
	if d.log.String() != "" {
		t.Errorf("something went to stderr: %s", d.log)
	}
}

// TestRuntimeLogLevel holds that the Hookaidofile's level wins over the command
// line's, which counts where it names none.
func TestRuntimeLogLevel(t *testing.T) {
	for _, tc := range []struct {
		name, block, flag string
		hello, refusal    bool // whether info and warn are there
	}{
		{"flag alone", "", "info", true, true},
		{"flag with a block", "runtime_log { output stdout }", "warn", false, true},
		{"file wins", "runtime_log debug", "error", true, true},
		{"file wins downwards", "runtime_log { level error }", "debug", false, false},
		{"off", "runtime_log off", "debug", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDaemon(t, "observability { access_log off "+tc.block+" }\n/a { pull { path /a } }\n")
			d.run(binary, "run", "--config", d.path("Hookaidofile"), "--db", d.path("data/hookaido.db"), "--socket", d.socket, "--log-level", tc.flag)
			d.eventually("ready", func() bool { return d.get("http://"+d.admin+"/readyz") == http.StatusOK })
			post(t, "http://"+d.ingress+"/nowhere", nil)
			d.stop()
			log := d.log.String()
			if got := strings.Contains(log, `"msg":"starting"`); got != tc.hello {
				t.Errorf("info is there: %v, want %v", got, tc.hello)
			}
			if got := strings.Contains(log, `"msg":"request refused"`); got != tc.refusal {
				t.Errorf("warn is there: %v, want %v", got, tc.refusal)
			}
		})
	}
}

// TestOutputsOfLogs sends one log to each stream.
func TestOutputsOfLogs(t *testing.T) {
	d := newDaemon(t, "observability { access_log { output stdout } runtime_log { output stderr } }\n/a { pull { path /a } }\n")
	stdout := d.path("stdout")
	d.run("/bin/sh", "-c", `exec "$0" run --config "$1" --db "$2" --socket "$3" >"$4"`,
		binary, d.path("Hookaidofile"), d.path("data/hookaido.db"), d.socket, stdout)
	d.eventually("ready", func() bool { return d.get("http://"+d.admin+"/readyz") == http.StatusOK })
	post(t, "http://"+d.ingress+"/a", nil)
	d.stop()
	lines := records(t, stdout)
	if count(lines, "msg", "http_request") != len(lines) || count(lines, "route", "/a") != 1 {
		t.Errorf("stdout has %v", lines)
	}
	if log := d.log.String(); strings.Contains(log, "http_request") || !strings.Contains(log, `"msg":"stopped"`) {
		t.Errorf("stderr has %s", log)
	}
}
