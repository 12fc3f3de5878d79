package deliver

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// redirector answers with a status and a Location, except at /end.
func redirector(t *testing.T, code int, location string) *sink {
	return newSink(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/end" {
			w.Header().Set("Location", location)
			w.WriteHeader(code)
		}
	})
}

func following(t *testing.T, url string, signed bool) Result {
	t.Helper()
	o := options()
	o.Egress.Redirects = true
	o.Resolver = resolve("*", []string{"127.0.0.1"})
	cfg := config.Target{URL: url, Headers: []config.Header{{Name: "X-Api-Key", Value: secret.New([]byte("k3y"))}}}
	if signed {
		cfg.Sign = &config.Sign{Scheme: config.SignHMAC, SignatureHeader: "X-Hookaido-Signature", TimestampHeader: "X-Hookaido-Timestamp"}
	}
	m := message()
	m.Envelope.Headers = append(m.Envelope.Headers, queue.Pair{Name: "Authorization", Value: "Bearer x"}, queue.Pair{Name: "Cookie", Value: "a=b"}, queue.Pair{Name: "X-Plain", Value: "1"})
	return newTarget(t, newDeliverer(t, o), cfg, secret.Version{Value: secret.New([]byte("key"))}).Attempt(t.Context(), m)
}

// C67: a redirect is no success, and is not followed as a GET.
func TestRedirects(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := redirector(t, code, "/end")
		wantResult(t, deliverTo(t, s.URL), GiveUp, code, ReasonRedirect)
		if s.count() != 1 {
			t.Errorf("%d was followed though redirects are off", code)
		}
		s = redirector(t, code, "/end")
		r := following(t, s.URL, true)
		if code < 307 {
			wantResult(t, r, GiveUp, code, ReasonRedirect)
			continue
		}
		wantResult(t, r, Done, 200, None)
		req, body := s.last(t)
		if req.Method != "POST" || body != `{"a":1}` || req.URL.Path != "/end" || req.Header.Get("X-Api-Key") != "k3y" || req.Header.Get("Authorization") == "" {
			t.Errorf("after %d the target got %s %s %q %v", code, req.Method, req.URL, body, req.Header)
		}
		if got := req.Header.Get("X-Hookaido-Signature"); got != hmacHex("key", "POST\n/end\n1795608000\n"+sha256Hex(`{"a":1}`)) {
			t.Errorf("the second hop has the signature %s, which is not of its path", got)
		}
	}
}

// badinput 103: what a redirect may not do.
func TestRedirectsThatAreRefused(t *testing.T) {
	other := newSink(t, nil)
	for location, want := range map[string]Rule{
		"http://169.254.169.254/latest":          RuleMetadata,
		"http://10.0.0.1/":                       RuleNotPublic,
		"//10.0.0.1/":                            RuleNotPublic,
		"http://[::1]/":                          RuleNotPublic,
		"http://127.1/":                          RuleMalformed,
		"http://user@x.example/":                 RuleMalformed,
		`http://x.example\@y.example/`:           RuleMalformed,
		`\\x.example\y`:                          RuleMalformed,
		"file:///etc/passwd":                     RuleMalformed,
		"gopher://x.example/":                    RuleMalformed,
		"http://x.example:22/":                   RuleRedirect,
		"http://x.example:" + port(t, other.URL): RuleRedirect,
		other.URL:                                RuleRedirect,
		"%zz":                                    RuleMalformed,
	} {
		s := redirector(t, 307, location)
		r := following(t, s.URL, false)
		wantResult(t, r, GiveUp, 307, ReasonEgress)
		var denial *Denial
		if !errors.As(r.Cause, &denial) || denial.Rule != want {
			t.Errorf("%q: %v, want the rule %q", location, r.Cause, want)
		}
	}
	if other.count() != 0 {
		t.Error("a refused redirect was followed")
	}
}

func TestRedirectToHTTPIsRefused(t *testing.T) {
	s := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1:80/", http.StatusPermanentRedirect))
	defer s.Close()
	o := options()
	o.Egress.Redirects, o.RootCAs = true, certPool(s.Certificate())
	r := newTarget(t, newDeliverer(t, o), config.Target{URL: s.URL}).Attempt(t.Context(), message())
	wantResult(t, r, GiveUp, 308, ReasonEgress)
}

func TestRedirectsEnd(t *testing.T) {
	s := redirector(t, 307, "/again")
	wantResult(t, following(t, s.URL, false), GiveUp, 307, ReasonRedirect)
	if s.count() != 1+maxRedirects {
		t.Errorf("%d requests were sent", s.count())
	}
	s = redirector(t, 307, "")
	wantResult(t, following(t, s.URL, false), GiveUp, 307, ReasonRedirect)
}

// Credentials and signatures stay with the host that the target names.
func TestRedirectToAnotherHost(t *testing.T) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "a.example") {
			w.Header().Set("Location", "http://b.example/end")
			w.WriteHeader(307)
		}
	})
	o := options()
	o.Egress.Redirects = true
	target, err := newDeliverer(t, o).Target(&config.Target{
		URL: "http://a.example/", Timeout: time.Minute, Headers: []config.Header{{Name: "X-Api-Key", Value: secret.New([]byte("k3y"))}},
		Sign: &config.Sign{Scheme: config.SignHMAC, SignatureHeader: "X-Sig", TimestampHeader: "X-Time"},
	}, secret.NewPool(secret.Version{Value: secret.New([]byte("key"))}))
	if err != nil {
		t.Fatal(err)
	}
	// both names are served by the sink, whatever their port
	target.deliverer.transport.DialContext = toSink(s)
	m := message()
	m.Envelope.Headers = append(m.Envelope.Headers, queue.Pair{Name: "Authorization", Value: "Bearer x"}, queue.Pair{Name: "Cookie", Value: "a=b"}, queue.Pair{Name: "X-Plain", Value: "1"})
	wantResult(t, target.Attempt(t.Context(), m), Done, 200, None)
	first, second := s.requests[0].Header, s.requests[1].Header
	for _, name := range []string{"X-Api-Key", "X-Sig", "X-Time", "Authorization", "Cookie"} {
		if first.Get(name) == "" || second.Get(name) != "" {
			t.Errorf("%s: %q at home, %q elsewhere", name, first.Get(name), second.Get(name))
		}
	}
	for _, name := range []string{"X-Plain", "X-Hookaido-Event-Id", "Content-Type"} {
		if second.Get(name) == "" {
			t.Errorf("%s is missing elsewhere", name)
		}
	}
}
