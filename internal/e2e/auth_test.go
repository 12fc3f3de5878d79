package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// Hashes of "hash-secret" made by crypt(3), and of "file-secret" by openssl.
const (
	authBcrypt = "$2y$05$abcdefghijklmnopqrstuuBktNZXYFrTkFlWycOeZiVktzke0hGR."
	authAPR1   = "$apr1$abc$7irO/rtGi7Ag3RaZjC0GH/"
	authSHA    = "{SHA}VpyjatNmM2L+AsHulD32T45uOlE="
)

func login(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// TestAuthCredentials is basic, with all forms of passwords, and bearer.
func TestAuthCredentials(t *testing.T) {
	d := newDaemon(t, "")
	users := func(text string) { must(t, os.WriteFile(d.path("users"), []byte(text), 0o600)) }
	users("# senders\napr:" + authAPR1 + "\nsha:" + authSHA + "\n")
	d.env = []string{"SENDER_TOKEN=bearer-secret-one"}
	d.writeConfig(fmt.Sprintf(`
/basic {
  auth basic ops "plain-secret"
  auth basic_hash hashed %q
  auth htpasswd file:%s
  pull { path /basic }
}
/bearer {
  auth bearer env:SENDER_TOKEN
  auth bearer raw:bearer-secret-two
  pull { path /bearer }
}`, authBcrypt, d.path("users")))
	d.start()
	const basic, bearer = `Basic realm="hookaido", charset="UTF-8"`, `Bearer realm="hookaido"`
	tests := []struct {
		row, path, authorization string
		status                   int
	}{
		{"password", "/basic", login("ops", "plain-secret"), 202},
		{"bcrypt", "/basic", login("hashed", "hash-secret"), 202},
		{"bcrypt again", "/basic", login("hashed", "hash-secret"), 202},
		{"apr1", "/basic", login("apr", "file-secret"), 202},
		{"SHA", "/basic", login("sha", "file-secret"), 202},
		{"scheme in any case", "/basic/sub", strings.Replace(login("ops", "plain-secret"), "Basic", "bASIC", 1), 202},
		{"no credential", "/basic", "", 401},
		{"wrong password", "/basic", login("ops", "plain-secrets"), 401},
		{"wrong password of a hash", "/basic", login("hashed", "plain-secret"), 401},
		{"a hash as password", "/basic", login("hashed", authBcrypt), 401},
		{"unknown user", "/basic", login("nobody", "plain-secret"), 401},
		{"no base64", "/basic", "Basic ops:plain-secret", 401},
		{"other scheme", "/basic", "Bearer bearer-secret-one", 401},
		{"first token", "/bearer", "Bearer bearer-secret-one", 202},
		{"second token", "/bearer", "bearer bearer-secret-two", 202},
		{"no token", "/bearer", "", 401},
		{"wrong token", "/bearer", "Bearer bearer-secret-on", 401},
		{"basic for bearer", "/bearer", login("ops", "plain-secret"), 401},
	}
	for _, test := range tests {
		t.Run(test.row, func(t *testing.T) {
			var headers []string
			if test.authorization != "" {
				headers = []string{"Authorization", test.authorization}
			}
			got := post(t, "http://"+d.ingress+test.path, []byte(test.row), headers...)
			challenge := ""
			if test.status == 401 {
				challenge = map[bool]string{true: basic, false: bearer}[strings.HasPrefix(test.path, "/basic")]
				if want := `{"code":"unauthorized","detail":"the request is not authenticated"}`; strings.TrimSpace(string(got.body)) != want {
					t.Errorf("body %s", got.body)
				}
			}
			if got.status != test.status || got.header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%d with challenge %q", got.status, got.header.Get("WWW-Authenticate"))
			}
		})
	}
	d.try(t, []attempt{
		{"badinput 75: two headers", rawPost("/basic", strings.Repeat("Authorization: "+login("ops", "plain-secret")+"\r\n", 2)+closing, "x"), "401 unauthorized"},
		{"badinput 75: two tokens", rawPost("/bearer", strings.Repeat("Authorization: Bearer bearer-secret-one\r\n", 2)+closing, "x"), "401 unauthorized"},
	})
	d.stored(t, "/basic", "password", "bcrypt", "bcrypt again", "apr1", "SHA", "scheme in any case")
	for _, e := range d.envelopes(t, "/bearer") {
		if e.Headers["Authorization"] != "" {
			t.Errorf("a worker sees %q", e.Headers["Authorization"])
		}
	}

	users("apr:{SHA}" + strings.Repeat("A", 27) + "=\n") // of no known password
	d.reload()
	if a := post(t, "http://"+d.ingress+"/basic", nil, "Authorization", login("apr", "file-secret")); a.status != 401 {
		t.Errorf("the old password after a reload: %d", a.status)
	}
	users("apr:in-plain-secret\n")
	if _, errs, code := d.hookaido("reload", "--socket", d.socket); code == 0 || !strings.Contains(errs, "line 1") || strings.Contains(errs, "in-plain") {
		t.Errorf("a reload with a plain password in the file: %d %s", code, errs)
	}
	for _, secret := range []string{"plain-secret", "hash-secret", "file-secret", "bearer-secret", authBcrypt[10:], authAPR1[8:]} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// gate is a stand-in for a service that decides about requests. It does what
// the sender's header X-Say tells it, and keeps what it saw.
type gate struct {
	mu   sync.Mutex
	seen []string // method, path, headers that matter and body
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is missing shows in the test
	h := r.Header
	g.mu.Lock()
	g.seen = append(g.seen, strings.Join([]string{r.Method, r.RequestURI, h.Get("X-Hookaido-Original-Method"), h.Get("X-Hookaido-Original-Path"),
		h.Get("Authorization"), h.Get("Cookie"), h.Get("Keep-Alive"), string(body)}, "|"))
	g.mu.Unlock()
	say := h.Get("X-Say")
	if r.URL.Path == "/second" {
		say = strings.TrimPrefix(say, "redirect ")
	}
	switch say {
	case "tenant":
		w.Header()["X-Tenant"] = []string{"a", "b"}
		w.Header().Set("X-Private", "1")
	case "401", "403", "404", "500":
		code := map[string]int{"401": 401, "403": 403, "404": 404, "500": 500}[say]
		w.Header().Set("X-Tenant", "refused")
		w.WriteHeader(code)
	case "redirect tenant", "redirect 403":
		http.Redirect(w, r, "/second", http.StatusFound)
	case "hang":
		<-r.Context().Done()
	}
}

func (g *gate) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() { g.seen = nil }()
	return g.seen
}

// TestAuthForward asks a real service.
func TestAuthForward(t *testing.T) {
	g := &gate{}
	service := httptest.NewServer(g)
	defer service.Close()
	d := newDaemon(t, fmt.Sprintf(`
/forge {
  auth forward %[1]s/decide?key=url-secret {
    copy_headers X-Tenant X-Role
    body_limit 4
    timeout 1h
  }
  pull { path /forge }
}
/slow {
  auth forward %[1]s/slow { timeout 200ms }
  pull { path /slow }
}
/nobody {
  auth forward http://%[2]s/
  pull { path /nobody }
}`, service.URL, freeAddress(t))).start()
	tests := []struct {
		path, say, want string
		seen            []string
	}{
		{"/slow", "hang", "503 auth_unavailable", []string{"POST|/slow|POST|/slow|Bearer x|c=1||body-of-it"}},
		{"/forge/a/../a", "", "400 bad_request", nil},
		{"/forge//a%20b", "", "202", []string{"POST|/decide?key=url-secret|POST|/forge/a b|Bearer x|c=1||body"}},
		{"/forge", "tenant", "202", []string{"POST|/decide?key=url-secret|POST|/forge|Bearer x|c=1||body"}},
		{"/forge", "401", "401 unauthorized", []string{"POST|/decide?key=url-secret|POST|/forge|Bearer x|c=1||body"}},
		{"/forge", "403", "403 forbidden", []string{"POST|/decide?key=url-secret|POST|/forge|Bearer x|c=1||body"}},
		{"/forge", "404", "503 auth_unavailable", []string{"POST|/decide?key=url-secret|POST|/forge|Bearer x|c=1||body"}},
		{"/forge", "500", "503 auth_unavailable", []string{"POST|/decide?key=url-secret|POST|/forge|Bearer x|c=1||body"}},
		{"/forge", "redirect tenant", "202", []string{"POST|/decide?key=url-secret|POST|/forge|Bearer x|c=1||body", "GET|/second|POST|/forge|Bearer x|c=1||"}},
		{"/forge", "redirect 403", "403 forbidden", []string{"POST|/decide?key=url-secret|POST|/forge|Bearer x|c=1||body", "GET|/second|POST|/forge|Bearer x|c=1||"}},
		{"/nobody", "", "503 auth_unavailable", nil},
	}
	for _, test := range tests {
		t.Run(test.path+" "+test.say, func(t *testing.T) {
			headers := "Authorization: Bearer x\r\nCookie: c=1\r\nKeep-Alive: 5\r\nX-Hookaido-Original-Path: /spoofed\r\n" +
				"X-Tenant: spoofed\r\nx-role: spoofed\r\nX-Mine: kept\r\nX-Say: " + test.say + "\r\n" + closing
			got := d.wire(t, rawPost(test.path, headers, "body-of-it"))
			if summary(got) != test.want {
				t.Errorf("answers %q, want %q", summary(got), test.want)
			}
			if seen := g.take(); !reflect.DeepEqual(seen, test.seen) {
				t.Errorf("the service saw %q, want %q", seen, test.seen)
			}
			if got[0].status == 503 && got[0].header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
			if got[0].header.Get("X-Tenant") != "" {
				t.Error("the sender sees what the service said")
			}
		})
	}
	tenants := []string{"", "a,b", "a,b"}
	for i, e := range d.envelopes(t, "/forge") {
		h := e.Headers
		if i >= len(tenants) || h["X-Tenant"] != tenants[i] || h["X-Role"] != "" || h["X-Private"] != "" || h["X-Mine"] != "kept" || h["Authorization"]+h["Cookie"] != "" {
			t.Errorf("message %d has %v", i, h)
		}
	}
	d.stored(t, "/slow")
	d.stored(t, "/nobody")
	if strings.Contains(d.log.String(), "url-secret") {
		t.Error("the log has the query of the URL")
	}
	// the first of its kind; later ones may wait for their turn
	d.eventually("told of in the log", func() bool { return strings.Contains(d.log.String(), "no answer within 200ms") })
}
