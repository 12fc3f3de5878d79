package app

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"hookaido/internal/admin"
)

func request(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read to the end
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestMetricsListener(t *testing.T) {
	const route = "/a { pull { path /a } }\n"
	metrics := func(text string) string {
		return strings.Replace(listeners0, "access_log off", "access_log off "+text, 1) + route
	}
	for name, tc := range map[string]struct {
		config string
		path   string // that has the page; empty if there is no listener
	}{
		"without the directive": {listeners0 + route, ""},
		"switched off":          {metrics("metrics { enabled off listen 127.0.0.1:0 }"), ""},
		"switched on":           {metrics("metrics { listen 127.0.0.1:0 prefix /metrics }"), "/metrics"},
		"with a prefix":         {metrics("metrics { listen 127.0.0.1:0 prefix /ops/numbers }"), "/ops/numbers"},
		"at the top":            {metrics("metrics { listen 127.0.0.1:0 prefix / }"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := prepare(t, tc.config).start()
			if !strings.Contains(tc.config, "prefix") {
				s, err := r.client.Status(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range s.Listeners {
					if l.Name == "metrics" {
						t.Errorf("there is a listener: %v", l)
					}
				}
				return
			}
			r.checkPage("http://"+r.address("metrics"), tc.path)
		})
	}
}

// checkPage looks for the metrics at path, below it and nowhere else.
func (r *running) checkPage(base, path string) {
	r.t.Helper()
	for _, at := range []string{path, path + "/", path + "/below"} {
		if status, body := request(r.t, http.MethodGet, base+at); status != http.StatusOK || !strings.Contains(body, "\nhookaido_up 1\n") {
			r.t.Errorf("GET %s: %d %.80s", at, status, body)
		}
	}
	if status, _ := request(r.t, http.MethodHead, base+path); status != http.StatusOK {
		r.t.Errorf("HEAD: %d", status)
	}
	if status, _ := request(r.t, http.MethodPost, base+path); status != http.StatusMethodNotAllowed {
		r.t.Errorf("POST: %d", status)
	}
	if path == "" {
		return
	}
	for _, at := range []string{"/", path + "x", "/healthz"} {
		if status, body := request(r.t, http.MethodGet, base+at); status != http.StatusNotFound || body != "" {
			r.t.Errorf("GET %s: %d %q", at, status, body)
		}
	}
}

// TestMetricsNeedARestart holds that no change of the block is taken over by a
// reload.
func TestMetricsNeedARestart(t *testing.T) {
	with := func(text string) string {
		return strings.Replace(listeners0, "access_log off", "access_log off "+text, 1) + "/a { pull { path /a } }\n"
	}
	r := prepare(t, with("metrics { listen 127.0.0.1:0 prefix /m }")).start()
	for _, text := range []string{
		"", "metrics off", "metrics { listen 127.0.0.1:0 prefix /n }", "metrics { listen 127.0.0.1:1 prefix /m }",
	} {
		r.write(with(text))
		_, err := r.client.Reload(t.Context())
		var refused *admin.ReloadError
		if !errors.As(err, &refused) || refused.Code != admin.CodeRestartRequired || !strings.Contains(refused.Detail, "observability.metrics") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if status, _ := request(t, http.MethodGet, "http://"+r.address("metrics")+"/m"); status != http.StatusOK {
		t.Errorf("after the refusals: %d", status)
	}
}

// TestMetricsOfTheQueueAndTheConfig looks at what the app itself shows, on the
// admin API too.
func TestMetricsOfTheQueueAndTheConfig(t *testing.T) {
	const config = listeners0 + `secrets { secret old { value raw:0123456789abcdef valid_from 2020-01-01T00:00:00Z valid_until 2100-01-01T00:00:00Z } }
/a { pull { path /a } }
/gone { pull { path /gone } }
`
	r := prepare(t, config).start()
	page := func() string {
		_, body := request(t, http.MethodGet, "http://"+r.address("admin")+"/metrics")
		return body
	}
	want := func(lines ...string) {
		t.Helper()
		body := page()
		for _, line := range lines {
			if !strings.Contains(body, "\n"+line+"\n") {
				t.Errorf("no line %q", line)
			}
		}
	}
	r.post("/a")
	r.post("/a")
	r.post("/gone")
	want(`hookaido_queue_messages{route="/a",state="queued",target="pull"} 2`,
		`hookaido_queue_messages{route="/a",state="dead",target="pull"} 0`,
		`hookaido_queue_lane_paused{route="/a",target="pull"} 0`,
		`hookaido_queue_orphaned_messages 0`, `hookaido_config_generation 1`, `hookaido_config_last_reload_successful 1`,
		`hookaido_secret_not_after_seconds{secret="old"} 4.1024448e+09`)

	r.write(strings.Replace(config, "/gone { pull { path /gone } }\n", "", 1))
	if _, err := r.client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.write("nonsense")
	if _, err := r.client.Reload(t.Context()); err == nil {
		t.Fatal("nonsense was taken")
	}
	want(`hookaido_queue_orphaned_messages 1`, `hookaido_config_generation 2`, `hookaido_config_last_reload_successful 0`)
	if body := page(); strings.Contains(body, `"/gone"`) {
		t.Error("a route that is gone has series")
	}
}
