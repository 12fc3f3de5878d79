package app

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hookaido/internal/admin"
	"hookaido/internal/client"
	"hookaido/internal/clock"
)

const patience = 20 * time.Second

// running is an app on a scratch folder.
type running struct {
	t      *testing.T
	opts   Options
	client *client.Client
	stop   context.CancelFunc
	done   chan error
}

func prepare(t *testing.T, config string) *running {
	t.Helper()
	dir := t.TempDir()
	r := &running{t: t, done: make(chan error, 1), opts: Options{
		ConfigPath:     filepath.Join(dir, "Hookaidofile"),
		DatabasePath:   filepath.Join(dir, "data", "hookaido.db"),
		SocketPath:     filepath.Join(dir, "s"),
		SocketRequired: true,
		LogLevel:       "error",
		Version:        "test",
		Clock:          clock.System{},
		LookupEnv:      func(string) (string, bool) { return "", false },
	}}
	r.write(config)
	c, err := client.New(client.Options{Socket: r.opts.SocketPath})
	if err != nil {
		t.Fatal(err)
	}
	r.client = c
	return r
}

func (r *running) write(config string) {
	r.t.Helper()
	if err := os.WriteFile(r.opts.ConfigPath, []byte(config), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) start() *running {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.stop = cancel
	go func() { r.done <- Run(ctx, r.opts) }()
	r.t.Cleanup(func() {
		r.stop()
		if err := <-r.done; err != nil {
			r.t.Errorf("the app ended with %v", err)
		}
		close(r.done)
	})
	r.eventually("ready", func() bool {
		s, err := r.client.Status(r.t.Context())
		return err == nil && s.Phase == admin.Ready
	})
	return r
}

func (r *running) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-r.done:
			r.done <- err
			r.t.Fatalf("the app ended before it was %s: %v", what, err)
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not %s after %v", what, patience)
		}
	}
}

// address returns where a listener is served.
func (r *running) address(name string) string {
	r.t.Helper()
	s, err := r.client.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, l := range s.Listeners {
		if l.Name == name {
			return l.Address
		}
	}
	r.t.Fatalf("no listener %s in %v", name, s.Listeners)
	return ""
}

func (r *running) post(path string) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.address("ingress")+path, strings.NewReader("x"))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read
	return res.StatusCode
}

const listeners0 = `ingress { listen 127.0.0.1:0 }
pull_api { listen 127.0.0.1:0 auth token raw:0123456789abcdef01234567 }
admin_api { listen 127.0.0.1:0 }
observability { access_log off }
`

// TestTwoAppsInOneProcess proves that nothing global ties parts together.
func TestTwoAppsInOneProcess(t *testing.T) {
	a := prepare(t, listeners0+"/a { pull { path /a } }\n").start()
	b := prepare(t, listeners0+"/b { queue memory pull { path /b } }\n").start()
	if got := [4]int{a.post("/a"), a.post("/b"), b.post("/a"), b.post("/b")}; got != [4]int{202, 404, 404, 202} {
		t.Errorf("statuses %v", got)
	}
	a.stop()
	if err := <-a.done; err != nil {
		t.Errorf("the first app ended with %v", err)
	}
	a.done <- nil
	if got := b.post("/b"); got != http.StatusAccepted {
		t.Errorf("after the first app ended the second answers %d", got)
	}
}

func TestReloadIsWholeOrNothing(t *testing.T) {
	r := prepare(t, listeners0+"/a { pull { path /a } }\n").start()
	reload := func() (admin.ReloadResult, *admin.ReloadError) {
		result, err := r.client.Reload(t.Context())
		var refused *admin.ReloadError
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		return result, refused
	}

	r.write(listeners0 + "/a { max_body 1kb pull { path /a } }\n/b { pull { path /b } }\n")
	result, refused := reload()
	want := []string{"route /a changed", "route /b added"}
	if refused != nil || result.Generation != 2 || strings.Join(result.Changes, ";") != strings.Join(want, ";") {
		t.Fatalf("reload: %+v, %v; want generation 2 and %q", result, refused, want)
	}

	for name, test := range map[string]struct{ config, code, detail string }{
		"does not compile": {listeners0 + "/c { pul { path /c } }\n", admin.CodeConfigInvalid, "Hookaidofile:5:6: error:"},
		"secret is missing": {listeners0 + "/c {\n auth hmac env:GONE\n pull { path /c }\n}\n", admin.CodeConfigInvalid,
			"Hookaidofile:6:12: route \"/c\""},
		"needs a restart": {strings.Replace(listeners0, "127.0.0.1:0", "127.0.0.1:1", 1) + "/c { pull { path /c } }\n",
			admin.CodeRestartRequired, "Hookaidofile:1:11: error: ingress.listen changes only with a restart"},
	} {
		r.write(test.config)
		_, refused := reload()
		if refused == nil || refused.Code != test.code || !strings.Contains(refused.Detail, test.detail) {
			t.Errorf("%s: %+v, want code %s and %q", name, refused, test.code, test.detail)
		}
		s, err := r.client.Status(t.Context())
		if err != nil || s.Config.Generation != 2 || s.Config.LastReloadError == nil {
			t.Errorf("%s: generation %d, last error %v", name, s.Config.Generation, s.Config.LastReloadError)
		}
		if r.post("/b") != http.StatusAccepted || r.post("/c") != http.StatusNotFound {
			t.Errorf("%s: a refused reload changed the routes", name)
		}
	}

	r.write(listeners0 + "/b { pull { path /b } }\n")
	if result, refused := reload(); refused != nil || result.Generation != 3 || r.post("/a") != http.StatusNotFound {
		t.Errorf("reload after refusals: %+v, %v", result, refused)
	}
}

func TestWatchReloads(t *testing.T) {
	r := prepare(t, listeners0+"/a { pull { path /a } }\n")
	r.opts.Watch = true
	r.start()
	next := r.opts.ConfigPath + ".new"
	if err := os.WriteFile(next, []byte(listeners0+"/b { pull { path /b } }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// as config management does: a new file in place of the old one
	if err := os.Rename(next, r.opts.ConfigPath); err != nil {
		t.Fatal(err)
	}
	r.eventually("reloaded", func() bool { return r.post("/b") == http.StatusAccepted })
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "pid")
	r := prepare(t, listeners0+"/a { pull { path /a } }\n")
	r.opts.PIDFile = path
	r.start()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	r.stop()
	err := <-r.done
	r.done <- err
	if _, statErr := os.Stat(path); err != nil || !errors.Is(statErr, os.ErrNotExist) {
		t.Errorf("after the end: %v, %v; want no pid file", err, statErr)
	}
}

func TestPIDFileOfALivingProcessIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(path, []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := claimPIDFile(path)
	var f *Failure
	if !errors.As(err, &f) || !strings.Contains(err.Error(), "process 1") {
		t.Errorf("claim beside a living process: %v", err)
	}
	for _, stale := range []string{"", "garbage", "999999999\n", "-1\n"} {
		if err := os.WriteFile(path, []byte(stale), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := claimPIDFile(path); err != nil {
			t.Errorf("claim over stale content %q: %v", stale, err)
		}
	}
}

func TestSameTarget(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{":8080", "[::]:8080", true}, {"0.0.0.0:8080", "[::]:8080", true}, {"127.0.0.1:1", "localhost:1", true},
		{"[::1]:1", "[0:0::1]:1", true}, {":8080", ":8081", false}, {"127.0.0.1:1", "127.0.0.2:1", false},
		{":1", "127.0.0.1:1", false}, {"/run/x", ":1", false},
	} {
		if got := sameTarget(test.a, test.b); got != test.want {
			t.Errorf("sameTarget(%q, %q) = %v", test.a, test.b, got)
		}
	}
}
