package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// secureTarget takes messages over HTTP/2, under a name that a says is its own.
// The first request to each path fails.
type secureTarget struct {
	*httptest.Server
	mu     sync.Mutex
	seen   map[string]int
	got    []*http.Request
	bodies []string
}

func newSecureTarget(t *testing.T, a *authority) *secureTarget {
	t.Helper()
	pair, err := tls.X509KeyPair(a.issue("target"))
	must(t, err)
	s := &secureTarget{seen: map[string]int{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} //nolint:gosec // a test
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *secureTarget) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, r)
	s.bodies = append(s.bodies, string(body))
	if s.seen[r.URL.Path]++; s.seen[r.URL.Path] == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// requests are those to a path, in their order.
func (s *secureTarget) requests(path string) (list []*http.Request, bodies []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.got {
		if r.URL.Path == path {
			list, bodies = append(list, r), append(bodies, s.bodies[i])
		}
	}
	return list, bodies
}

// rotating has three secrets, the times of which are a day apart: one is over,
// one is valid, one is to come.
func rotating() string {
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.RFC3339) }
	return fmt.Sprintf(`secrets {
  secret past { value raw:secret-that-is-over-by-now valid_from %s valid_until %s }
  secret now { value raw:secret-that-is-valid-by-now valid_from %s valid_until %s }
  secret next { value raw:secret-that-is-to-come-soon valid_from %s }
}
`, day(-2), day(-1), day(-1), day(1), day(1))
}

// TestPushRequest looks at what a target gets: by POST over HTTP/2, with the
// headers of the sender but those that are not the target's business (C74,
// badinput 107 and 108), with those of the configuration, signed anew at each
// attempt (C70) by the secret that is valid.
func TestPushRequest(t *testing.T) {
	a := newAuthority(t)
	target := newSecureTarget(t, a)
	d := newDaemon(t, here+rotating()+fmt.Sprintf(`/p {
  deliver %s/in?v=1 {
    retry exponential max 3 base 20ms
    header X-Team "team {$TEAM}"
    sign hmac secret_ref past now next
  }
}
`, target.URL))
	must(t, os.WriteFile(d.path("authority.pem"), a.pem, 0o600))
	d.env = []string{"SSL_CERT_FILE=" + d.path("authority.pem"), "TEAM=platform {$HOME}"}
	d.start()
	sent := rawPost("/p", "Connection: close, X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\nAuthorization: Bearer x\r\nCookie: a=b\r\n"+
		"X-Hookaido-Signature: forged\r\nX-Hookaido-Attempt: 9\r\nX-Event: push\r\nX-Team: forged\r\nContent-Type: text/x\r\n", "the body")
	d.try(t, []attempt{{"C74", sent, "202"}})
	var list []*http.Request
	var bodies []string
	d.eventually("delivered", func() bool { list, bodies = target.requests("/in"); return len(list) == 2 })
	for i, r := range list {
		if r.Method != "POST" || r.ProtoMajor != 2 || r.URL.RawQuery != "v=1" || bodies[i] != "the body" || r.ContentLength != 8 {
			t.Errorf("got %s %s by %s, %d bytes: %q", r.Method, r.URL, r.Proto, r.ContentLength, bodies[i])
		}
		for name, want := range map[string]string{
			"Content-Type": "text/x", "X-Event": "push", "X-Team": "team platform {$HOME}", "X-Hookaido-Attempt": itoa(i + 1), "X-Hookaido-Route": "/p",
			"Authorization": "", "Cookie": "", "X-Secret": "", "Te": "", "Keep-Alive": "", "Connection": "",
			"X-Hookaido-Event-Id": list[0].Header.Get("X-Hookaido-Event-Id"), "X-Hookaido-Received-At": list[0].Header.Get("X-Hookaido-Received-At"),
		} {
			if got := strings.Join(r.Header.Values(name), "|"); got != want {
				t.Errorf("attempt %d: %s is %q, want %q", i+1, name, got, want)
			}
		}
		stamp := r.Header.Get("X-Hookaido-Timestamp")
		want := macHex("secret-that-is-valid-by-now", fmt.Sprintf("POST\n/in\n%s\n%x", stamp, sha256.Sum256([]byte("the body"))))
		if got := r.Header.Get("X-Hookaido-Signature"); got != want {
			t.Errorf("attempt %d: signature %q of the time %q, want %q", i+1, got, stamp, want)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, list[0].Header.Get("X-Hookaido-Received-At")); err != nil || list[0].Header.Get("X-Hookaido-Event-Id") == "" {
		t.Errorf("a receiver can't tell a repeat by %v", list[0].Header)
	}
	d.stop()
}

// TestPushOrder has one permit: a target gets messages as they came in.
func TestPushOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	rec := receive(t, func(_ http.ResponseWriter, _ *http.Request, body string) int {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, body)
		return http.StatusOK
	})
	d := newDaemon(t, here+fmt.Sprintf("/p {\n deliver_concurrency 1\n deliver %s { }\n}\n", rec.url("/")))
	d.start()
	var want []string
	for i := range 200 {
		want = append(want, itoa(i))
		d.accept("/p", itoa(i))
	}
	d.eventually("delivered", func() bool { _, done, _ := rec.counts(); return done == 200 })
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(order, want) {
		t.Errorf("delivered in the order %v", order)
	}
	d.stop()
}

// TestPushRedirects has redirects on: those that keep the request are followed,
// C67, and not to where no delivery may go, badinput 103.
func TestPushRedirects(t *testing.T) {
	var mu sync.Mutex
	var got []string
	other := receive(t, nil)
	rec := receive(t, func(w http.ResponseWriter, r *http.Request, body string) int {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.URL.Path+" "+body)
		switch r.URL.Path {
		case "/keeps":
			w.Header().Set("Location", "/end")
			return http.StatusTemporaryRedirect
		case "/loses":
			w.Header().Set("Location", "/end")
			return http.StatusFound
		case "/leads-away":
			w.Header().Set("Location", other.url("/"))
			return http.StatusPermanentRedirect
		case "/leads-inside":
			w.Header().Set("Location", "http://169.254.169.254/latest")
			return http.StatusPermanentRedirect
		}
		return http.StatusOK
	})
	routes := "defaults { egress { https_only off dns_rebind_protection off redirects on } }\n"
	paths := []string{"/keeps", "/leads-away", "/leads-inside", "/loses"}
	for _, path := range paths {
		routes += fmt.Sprintf("%s { deliver %s { } }\n", path, rec.url(path))
	}
	d := newManaged(t, routes)
	d.startQuietly()
	for _, path := range paths {
		d.accept(path, "x")
	}
	d.eventually("at an end", func() bool { c := d.queueCounts(); return c["queued"]+c["leased"] == 0 })
	for i, want := range []try{{1, 200, "", "acked", ""}, {1, 308, "", "dead", "policy_denied"}, {1, 308, "", "dead", "policy_denied"}, {1, 302, "", "dead", "no_retry"}} {
		one := d.tries(paths[i])[0]
		if one.Error = ""; one != want {
			t.Errorf("%s: %+v, want %+v", paths[i], one, want)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(got)
	if want := []string{"POST /end x", "POST /keeps x", "POST /leads-away x", "POST /leads-inside x", "POST /loses x"}; !slices.Equal(got, want) {
		t.Errorf("the target got %q, want %q", got, want)
	}
	if begun, _, _ := other.counts(); begun > 0 {
		t.Error("a redirect to another port was followed")
	}
	d.stop()
}
