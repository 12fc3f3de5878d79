package adminapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/admin"
	"hookaido/internal/auth"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/httpx"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
	"hookaido/internal/secret"
)

// store is a queue that can be broken.
type store struct {
	*memory.Store
	broken error
}

func (s *store) Ping(ctx context.Context) error {
	if s.broken != nil {
		return &queue.UnavailableError{Cause: s.broken}
	}
	return s.Store.Ping(ctx)
}

type reloader struct {
	result admin.ReloadResult
	err    error
}

func (r *reloader) Reload(context.Context) (admin.ReloadResult, error) { return r.result, r.err }

// api is the admin API on a loopback port, under /adm, and on a Unix socket.
type api struct {
	t       *testing.T
	store   *store
	reload  *reloader
	service *admin.Service
	handler *Handler
	logs    *observer.ObservedLogs
	tcp     string
	unix    string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	a := &api{t: t, logs: logs, reload: &reloader{}, unix: filepath.Join(t.TempDir(), "admin.sock")}
	a.store = &store{Store: memory.Open(memory.Options{Clock: clock.System{}})}
	t.Cleanup(func() { _ = a.store.Close() })
	a.service = admin.New(admin.Options{Store: a.store, Reloader: a.reload, Clock: clock.System{}, Version: "1.2.3", PID: os.Getpid()})
	a.service.SetConfig(&config.Config{Fingerprint: "f1"}, 1)
	a.service.SetPhase(admin.Ready)
	a.handler = New(Options{Service: a.service, Prefix: "/adm", Hosts: []string{"ops.internal"}, Logger: zap.New(core)})
	srv := httpx.NewServer(httpx.ServerOptions{Handler: a.handler, Logger: zap.NewNop(), ConnContext: ConnContext})
	t.Cleanup(func() { _ = srv.Close() })
	for _, place := range []struct{ network, address string }{{"tcp", "127.0.0.1:0"}, {"unix", a.unix}} {
		l, err := net.Listen(place.network, place.address)
		if err != nil {
			t.Fatal(err)
		}
		if place.network == "tcp" {
			a.tcp = l.Addr().String()
		}
		go srv.Serve(httpx.LimitListener(l, 10)) //nolint:errcheck // ends with Close
	}
	return a
}

type reply struct {
	status int
	body   string
	header http.Header
}

// ask sends a request head over the network and returns the answer.
func (a *api) ask(network, head string) reply {
	a.t.Helper()
	address := a.tcp
	if network == "unix" {
		address = a.unix
	}
	c, err := net.Dial(network, address)
	if err != nil {
		a.t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test
	line, fields, _ := strings.Cut(head, "\n")
	text := line + " HTTP/1.1\r\n" + strings.ReplaceAll(fields, "\n", "\r\n") + "\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(c, text); err != nil {
		a.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return reply{resp.StatusCode, string(b), resp.Header}
}

// outcome is the status with the code, or with the plain body.
func (a *api) outcome(r reply) string {
	a.t.Helper()
	var e struct{ Code string }
	if r.header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal([]byte(r.body), &e); err != nil || !strings.HasSuffix(r.body, "}\n") {
			a.t.Errorf("%q is not one line of JSON: %v", r.body, err)
		}
		return strings.TrimSpace(fmt.Sprint(r.status, " ", e.Code))
	}
	return strings.TrimSpace(fmt.Sprint(r.status, " ", r.body))
}

const local = "Host: 127.0.0.1:2019"

func TestWithoutTokens(t *testing.T) {
	a := newAPI(t)
	tests := []struct{ name, network, head, want string }{
		{"health", "tcp", "GET /adm/healthz\n" + local, "200 ok"},
		{"health, untidy path", "tcp", "GET /adm//x/../healthz/\n" + local, "200 ok"},
		{"health over the socket, without prefix", "unix", "GET /healthz\nHost: x", "200 ok"},
		{"live", "tcp", "GET /adm/livez\n" + local, "200 ok"},
		{"ready", "tcp", "GET /adm/readyz\n" + local, "200 ok"},
		{"details", "tcp", "GET /adm/healthz?details=Yes\n" + local, "200"},
		{"no details", "tcp", "GET /adm/healthz?details=off&x=1\n" + local, "200 ok"},
		{"bad boolean", "tcp", "GET /adm/healthz?details=maybe\n" + local, "400 invalid_query"},
		{"status", "tcp", "GET /adm/status\n" + local, "200"},
		{"outside the prefix", "tcp", "GET /healthz\n" + local, "404"},
		{"beside the prefix", "tcp", "GET /admx/healthz\n" + local, "404"},
		{"bare prefix", "tcp", "GET /adm\n" + local, "404 not_found"},
		{"unknown path", "tcp", "GET /adm/nothing\n" + local, "404 not_found"},
		{"DELETE", "unix", "DELETE /healthz\nHost: x", "405 method_not_allowed"},
		{"wrong method", "tcp", "POST /adm/status\n" + local, "405 method_not_allowed"},
		{"reload is not for TCP", "tcp", "POST /adm/reload\nContent-Type: application/json\n" + local, "404 not_found"},
		{"reload by GET", "unix", "GET /reload\nHost: x", "405 method_not_allowed"},
		{"badinput 96: reload without a type", "unix", "POST /reload\nHost: x\nContent-Length: 0", "415 unsupported_media_type"},
		{"badinput 96: reload by a form", "unix", "POST /reload\nHost: x\nContent-Type: text/plain\nContent-Length: 0", "415 unsupported_media_type"},
		{"reload", "unix", "POST /reload\nHost: x\nContent-Type: application/json; charset=utf-8\nContent-Length: 0", "200"},

		{"badinput 95: rebinding", "tcp", "GET /adm/status\nHost: evil.example", "403 forbidden"},
		{"badinput 95: rebinding with a port", "tcp", "GET /adm/healthz?details=1\nHost: evil.example:2019", "403 forbidden"},
		{"badinput 95: look-alike", "tcp", "GET /adm/status\nHost: localhost.evil.example", "403 forbidden"},
		{"badinput 95: another address", "tcp", "GET /adm/status\nHost: 192.0.2.1", "403 forbidden"},
		{"badinput 95: other site", "tcp", "GET /adm/status\nSec-Fetch-Site: cross-site\n" + local, "403 forbidden"},
		{"badinput 95: other site, probe", "tcp", "GET /adm/healthz\nSec-Fetch-Site: cross-site\n" + local, "403 forbidden"},
		{"badinput 95: other origin", "tcp", "GET /adm/status\nOrigin: http://evil.example\n" + local, "403 forbidden"},
		{"badinput 95: no origin to tell", "tcp", "GET /adm/status\nOrigin: null\n" + local, "403 forbidden"},
		{"same origin", "tcp", "GET /adm/status\nOrigin: http://127.0.0.1:2019\nSec-Fetch-Site: same-origin\n" + local, "200"},
		{"typed into a browser", "tcp", "GET /adm/status\nSec-Fetch-Site: none\n" + local, "200"},
		{"localhost", "tcp", "GET /adm/status\nHost: LocalHost:1", "200"},
		{"IPv6", "tcp", "GET /adm/status\nHost: [::1]:2019", "200"},
		{"IPv6 without port", "tcp", "GET /adm/status\nHost: [::1]", "200"},
		{"mapped", "tcp", "GET /adm/status\nHost: [::ffff:127.0.0.1]:1", "200"},
		{"a name from the configuration", "tcp", "GET /adm/status\nHost: OPS.internal:2019", "200"},
		{"a probe may use any name", "tcp", "GET /adm/healthz\nHost: hookaido.example", "200 ok"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a.t = t
			if got := a.outcome(a.ask(test.network, test.head)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWithTokens(t *testing.T) {
	a := newAPI(t)
	a.handler.SetTokens(auth.NewTokens([]secret.Value{secret.New([]byte("t0ken"))}))
	a.handler.SetHosts(nil)
	const token = "\nAuthorization: Bearer t0ken"
	tests := []struct{ name, network, head, want string }{
		{"bare health", "tcp", "GET /adm/healthz\n" + local, "200 ok"},
		{"live", "tcp", "GET /adm/livez\n" + local, "200 ok"},
		{"ready", "tcp", "GET /adm/readyz\n" + local, "200 ok"},
		{"health with any query", "tcp", "GET /adm/healthz?details=0\n" + local, "401 unauthorized"},
		{"health with another method", "tcp", "PUT /adm/healthz\n" + local, "401 unauthorized"},
		{"details", "tcp", "GET /adm/healthz?details=1\n" + local + token, "200"},
		{"status", "tcp", "GET /adm/status\n" + local, "401 unauthorized"},
		{"status with a wrong token", "tcp", "GET /adm/status\n" + local + "\nAuthorization: Bearer x", "401 unauthorized"},
		{"status with the token, behind a proxy's name", "tcp", "GET /adm/status\nHost: hookaido.example" + token, "200"},
		{"unknown path", "tcp", "GET /adm/nothing\n" + local, "401 unauthorized"},
		{"unknown path with the token", "tcp", "GET /adm/nothing\n" + local + token, "404 not_found"},
		{"other site with the token", "tcp", "GET /adm/status\nSec-Fetch-Site: cross-site\n" + local + token, "403 forbidden"},
		{"reload with the token is not for TCP either", "tcp", "POST /adm/reload\nContent-Type: application/json\n" + local + token, "404 not_found"},
		{"the socket needs none", "unix", "GET /status\nHost: x", "200"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a.t = t
			r := a.ask(test.network, test.head)
			if got := a.outcome(r); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if r.header.Get("WWW-Authenticate") != "" {
				t.Error("WWW-Authenticate is not part of this API")
			}
		})
	}
}

func TestWithoutTokensOnlyTheLoopbackIsServed(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		ip   string
		want int
	}{{"127.0.0.2", 200}, {"::1", 200}, {"192.0.2.1", 403}} {
		w := &memoryWriter{header: http.Header{}}
		ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP(test.ip), Port: 2019}))
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/adm/status", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		a.handler.ServeHTTP(w, r)
		if w.status != test.want {
			t.Errorf("to %s: %d, want %d", test.ip, w.status, test.want)
		}
	}
}

type memoryWriter struct {
	header http.Header
	status int
}

func (m *memoryWriter) Header() http.Header         { return m.header }
func (m *memoryWriter) WriteHeader(status int)      { m.status = status }
func (m *memoryWriter) Write(b []byte) (int, error) { return len(b), nil }

func TestBrokenStore(t *testing.T) { // badinput 101
	a := newAPI(t)
	a.store.broken = errors.New("disk I/O error in /secret/place")
	for path, want := range map[string]string{
		"/healthz": "503 store_unavailable", "/readyz": "503 store_unavailable", "/livez": "200 ok",
		"/healthz?details=1": "503", "/status": "200",
	} {
		r := a.ask("tcp", "GET /adm"+path+"\n"+local)
		if got := a.outcome(r); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		if r.status == 503 && !strings.Contains(path, "details") && (r.header.Get("Retry-After") == "" || strings.Contains(r.body, "secret")) {
			t.Errorf("%s: %v %s", path, r.header, r.body)
		}
	}
	var h admin.Health
	if err := json.Unmarshal([]byte(a.ask("tcp", "GET /adm/healthz?details=1\n"+local).body), &h); err != nil || h.OK {
		t.Errorf("details say %+v, %v", h, err)
	}
	a.store.broken = nil
	for phase, want := range map[admin.Phase]string{admin.Starting: "503 starting", admin.Draining: "503 draining"} {
		a.service.SetPhase(phase)
		if got := a.outcome(a.ask("tcp", "GET /adm/readyz\n"+local)); got != want {
			t.Errorf("%s: %q, want %q", phase, got, want)
		}
	}
}

func TestReloadAnswers(t *testing.T) {
	a := newAPI(t)
	const head = "POST /reload\nHost: x\nContent-Type: application/json\nContent-Length: 0"
	a.reload.result = admin.ReloadResult{Generation: 2, Fingerprint: "f2", Changes: []string{"route /x is new"}}
	r := a.ask("unix", head)
	if want := `{"generation":2,"fingerprint":"f2","changes":["route /x is new"]}` + "\n"; r.status != 200 || r.body != want {
		t.Errorf("got %d %s", r.status, r.body)
	}
	lines := a.logs.TakeAll()
	if len(lines) != 1 || lines[0].ContextMap()["uid"] != uint32(os.Getuid()) || lines[0].ContextMap()["pid"] != int32(os.Getpid()) { //nolint:gosec // ids fit
		t.Errorf("the log does not tell who did it: %+v", lines)
	}
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{&admin.ReloadError{Code: admin.CodeConfigInvalid, Detail: "f:1:2: bad", Diagnostics: []admin.Diagnostic{
			{File: "f", Line: 1, Column: 2, Severity: "error", Message: "bad", Hint: "good"}}}, 422,
			`{"code":"config_invalid","detail":"f:1:2: bad","diagnostics":[{"file":"f","line":1,"column":2,"severity":"error","message":"bad","hint":"good"}]}`},
		{&admin.ReloadError{Code: admin.CodeRestartRequired, Detail: "listen"}, 409, `{"code":"restart_required","detail":"listen","diagnostics":[]}`},
		{errors.New("no file"), 500, `{"code":"reload_failed","detail":"no file","diagnostics":[]}`},
	} {
		a.reload.result, a.reload.err = admin.ReloadResult{}, test.err
		if r := a.ask("unix", head); r.status != test.status || r.body != test.body+"\n" {
			t.Errorf("%v: got %d %s", test.err, r.status, r.body)
		}
	}
	a.service.SetPhase(admin.Draining)
	if got := a.outcome(a.ask("unix", head)); got != "409 not_ready" {
		t.Errorf("while draining: %s", got)
	}
}

func TestReloadNeedsThePeer(t *testing.T) {
	a := newAPI(t)
	w := &memoryWriter{header: http.Header{}}
	ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Net: "unix"}))
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://x/reload", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	a.handler.ServeHTTP(w, r)
	if w.status != http.StatusForbidden {
		t.Errorf("without peer credentials: %d, want 403", w.status)
	}
}
