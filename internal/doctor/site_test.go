package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hookaido/internal/admin"
	"hookaido/internal/clock"
	"hookaido/internal/systemd"
)

// site is an installation below a temporary folder, with systemd and the daemon
// as the test says. As made it has no fault.
type site struct {
	t       *testing.T
	dir     string
	options Options
	// answers has the output of commands by their words, "" for an error.
	answers map[string]string
	units   map[string]map[string]string
	status  admin.Status
	silent  error // of the daemon
	synced  bool
	clockIs error
}

const testConfig = `ingress { listen :8080 }
pull_api { listen 127.0.0.1:9443 auth token credential:pull-token }
/hook {
  auth hmac { provider github secret credential:github }
  pull { path /hook }
}
`

const testUnit = "[Service]\nLoadCredential=github:%[1]s/secrets/github\nLoadCredential=pull-token:%[1]s/secrets/pull-token\n"

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), synced: true, answers: map[string]string{}}
	path := func(name string) string { return filepath.Join(s.dir, name) }
	for _, dir := range []string{"manager", "generated", "journals", "units", "state", "secrets", "given", "encrypted"} {
		if err := os.Mkdir(path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"secrets/github", "secrets/pull-token", "given/github", "given/pull-token", "state/hookaido.db", "state/hookaido.db.ballast"} {
		s.write(name, "", 0o600)
	}
	s.write("Hookaidofile", testConfig, 0o644)
	s.write("default", "# nothing\n", 0o644)
	s.write("passwd", fmt.Sprintf("root:x:0:0::/:/bin/sh\nhookaido:x:%d:%d::/:/bin/false\n", os.Getuid(), os.Getgid()), 0o644)
	s.units = map[string]map[string]string{}
	for _, name := range []string{"hookaido.service", "hookaido-ingress.socket", "hookaido-pull.socket", "hookaido-admin.socket", "hookaido-metrics.socket"} {
		s.units[name] = map[string]string{
			"Id": name, "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled",
			"Result": "success", "NeedDaemonReload": "no", "NRestarts": "0", "MemoryMax": "infinity", "MemoryHigh": "infinity",
			"LogRateLimitIntervalUSec": "1s", "LogRateLimitBurst": "1000000", "Environment": "",
		}
	}
	s.units["hookaido-ingress.socket"]["Listen"] = "[::]:8080 (Stream)"
	s.units["hookaido-pull.socket"]["Listen"] = "127.0.0.1:9443 (Stream)"
	s.units["hookaido-admin.socket"]["Listen"] = "127.0.0.1:2019 (Stream)\nListen=/run/hookaido/admin.sock (Stream)"
	s.units["hookaido-metrics.socket"]["Listen"] = "127.0.0.1:9900 (Stream)"
	s.answers["systemctl cat"] = fmt.Sprintf(testUnit, s.dir)
	s.answers["systemd-analyze security"] = "→ Overall exposure level for hookaido.service: 1.1 OK :-)\n"
	s.answers["journalctl --disk-usage"] = "Archived and active journals take up 24.0M in the file system.\n"
	s.answers["sh -c"] = "\n"
	s.status = admin.Status{Version: "1.0", PID: 4, Store: admin.StoreStatus{OK: true}, Listeners: []admin.Listener{
		{Name: "ingress", Address: "[::]:8080"}, {Name: "pull", Address: "127.0.0.1:9443"},
		{Name: "admin", Address: "127.0.0.1:2019"}, {Name: "admin", Address: "unix:/run/hookaido/admin.sock"},
	}}
	s.status.Config.Fingerprint = fingerprint([]byte(testConfig))
	s.options = Options{
		Commands: s, Daemon: s, Clocks: s, Clock: clock.NewManual(start), Version: "1.0", Root: true,
		LookupEnv: func(string) (string, bool) { return "", false },
		Paths: Paths{
			Config: path("Hookaidofile"), Environment: path("default"), Database: path("state/hookaido.db"), Credentials: path("given"),
			Credstore: systemd.Credstore{Encrypted: path("encrypted"), Plain: path("secrets")}, Users: path("passwd"),
			Manager: path("manager"), Generated: path("generated"), Generator: path("generator"), Journals: path("journals"),
			Units: path("units"), Proc: "/proc",
		},
	}
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	path := s.path(name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), mode)
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// configure writes another Hookaidofile, which the daemon has.
func (s *site) configure(text string) {
	s.write("Hookaidofile", text, 0o644)
	s.status.Config.Fingerprint = fingerprint([]byte(text))
}

// Output implements Commands.
func (s *site) Output(_ context.Context, name string, args ...string) ([]byte, error) {
	if name == "systemctl" && args[0] == "show" {
		var b strings.Builder
		for _, unit := range args[4:] {
			for key, value := range s.units[unit] {
				fmt.Fprintf(&b, "%s=%s\n", key, value)
			}
			b.WriteString("\n")
		}
		return []byte(b.String()), nil
	}
	answer := s.answers[name+" "+args[0]]
	if answer == "" {
		return nil, errors.New(name + ": no such luck")
	}
	return []byte(strings.TrimPrefix(answer, "\n")), nil
}

// Status implements Daemon.
func (s *site) Status(context.Context) (admin.Status, error) { return s.status, s.silent }

// Synchronised implements Clocks.
func (s *site) Synchronised() (bool, error) { return s.synced, s.clockIs }

func (s *site) run() Report {
	s.t.Helper()
	return Run(s.t.Context(), s.options)
}

func ids(r Report) []string {
	out := []string{}
	for _, f := range r.Findings {
		out = append(out, f.ID)
	}
	return out
}

// only runs and holds the findings to be those with the ids, and complete.
func (s *site) only(want ...string) Report {
	s.t.Helper()
	r := s.run()
	if got := ids(r); !slices.Equal(got, want) {
		s.t.Fatalf("findings %v, want %v\n%+v", got, want, r)
	}
	for _, f := range r.Findings {
		if f.What == "" || f.Where == "" || f.Why == "" || len(f.Mend) == 0 {
			s.t.Errorf("something is missing in %+v", f)
		}
	}
	return r
}
