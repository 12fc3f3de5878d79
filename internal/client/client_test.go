package client

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hookaido/internal/admin"
	"hookaido/internal/secret"
)

// daemon answers on a Unix socket as handler does.
func daemon(t *testing.T, handler http.HandlerFunc) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(handler)
	_ = srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return socket
}

func connect(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCallsOverTheSocket(t *testing.T) {
	socket := daemon(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.RequestURI + " " + r.Header.Get("Content-Type") + r.Header.Get("Authorization") {
		case "GET /healthz?details=1 ":
			fmt.Fprintln(w, `{"ok":true,"version":"1.2.3","diagnostics":{"queue":{"ok":true,"total":7,"oldest_queued_age_seconds":5}}}`)
		case "GET /status ":
			fmt.Fprintln(w, `{"pid":42,"phase":"ready","config":{"path":"/p","fingerprint":"f"},"routes":[{"route":"/a","queued":3}],"future":1}`)
		case "POST /reload application/json":
			fmt.Fprintln(w, `{"generation":2,"fingerprint":"f2","changes":["x"]}`)
		default:
			t.Errorf("unexpected: %s %s %v", r.Method, r.RequestURI, r.Header)
		}
	})
	c := connect(t, Options{Socket: socket})
	h, err := c.Health(t.Context())
	if err != nil || !h.OK || h.Diagnostics.Queue.Total != 7 || *h.Diagnostics.Queue.OldestQueuedAgeSeconds != 5 {
		t.Errorf("Health = %+v, %v", h, err)
	}
	s, err := c.Status(t.Context())
	if err != nil || s.PID != 42 || s.Phase != admin.Ready || s.Config.Fingerprint != "f" || s.Routes[0].Queued != 3 {
		t.Errorf("Status = %+v, %v", s, err)
	}
	r, err := c.Reload(t.Context())
	if err != nil || r.Generation != 2 || r.Changes[0] != "x" {
		t.Errorf("Reload = %+v, %v", r, err)
	}
}

func TestCallsOverTCPCarryTheToken(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/adm/status" {
			t.Errorf("path %s", r.URL.Path)
		}
		if r.Header.Get("Authorization") != "Bearer t0ken" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintln(w, `{"code":"unauthorized","detail":"request is not authorized"}`)
			return
		}
		fmt.Fprintln(w, `{"pid":42}`)
	}))
	defer srv.Close()
	c := connect(t, Options{URL: srv.URL + "/adm/", Token: secret.New([]byte("t0ken"))})
	if s, err := c.Status(t.Context()); err != nil || s.PID != 42 {
		t.Errorf("Status = %+v, %v", s, err)
	}
	wrong := connect(t, Options{URL: srv.URL + "/adm", Token: secret.New([]byte("S3CRET"))})
	_, err := wrong.Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "admin_api { auth token … }") || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("with a wrong token: %v", err)
	}
}

func TestRefusedReload(t *testing.T) {
	body, status := "", 0
	socket := daemon(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere") // not to be followed with a token
		w.WriteHeader(status)
		fmt.Fprintln(w, body)
	})
	c := connect(t, Options{Socket: socket})
	status, body = 422, `{"code":"config_invalid","detail":"f:1:2: bad","diagnostics":[{"file":"f","line":1,"column":2,"message":"bad"}]}`
	var refused *admin.ReloadError
	if _, err := c.Reload(t.Context()); !errors.As(err, &refused) || refused.Code != admin.CodeConfigInvalid ||
		len(refused.Diagnostics) != 1 || refused.Diagnostics[0].Line != 1 || err.Error() != "f:1:2: bad" {
		t.Errorf("Reload: %#v", err)
	}
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{403, `{"code":"forbidden","detail":"not you"}`, "refuses: not you (forbidden)"},
		{502, `<html>`, "answers 502 without a reason: is that the admin API of hookaido?"},
		{200, `<html>`, "is that the admin API of hookaido?"},
		{302, ``, "answers 302 without a reason"},
	} {
		status, body = test.status, test.body
		if _, err := c.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d %s: %v, want %q", test.status, test.body, err, test.want)
		}
	}
}

func TestDaemonThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	missing := filepath.Join(dir, "missing.sock")
	tests := []struct {
		name    string
		options Options
		want    string
	}{
		{"no socket", Options{Socket: missing}, "hookaido isn't running: there is no socket at " + missing + "; start it with: systemctl start hookaido"},
		{"stale socket", Options{Socket: stale}, "hookaido isn't running: nobody listens on " + stale + "; start it with: systemctl start hookaido"},
		{"closed port", Options{URL: "http://" + gone.Addr().String()}, "nobody listens at http://" + gone.Addr().String() + ": is hookaido running"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := connect(t, test.options).Status(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestSocketOfSomebodyElse(t *testing.T) {
	c := connect(t, Options{Socket: "/run/x.sock"})
	err := c.explain(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", os.ErrPermission)})
	if !strings.HasPrefix(err.Error(), "you may not use /run/x.sock: run this as root") {
		t.Errorf("got %v", err)
	}
}

func TestSilentDaemon(t *testing.T) {
	release := make(chan struct{})
	socket := daemon(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	_, err := connect(t, Options{Socket: socket, Timeout: 50 * time.Millisecond}).Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "did not answer in time: see journalctl -u hookaido") {
		t.Errorf("got %v", err)
	}
}

func TestBadAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1:2019", "ftp://x", "http://", "http://[::1", "http://u:S3CRET@127.0.0.1:2019"} {
		_, err := New(Options{URL: address})
		if err == nil || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
