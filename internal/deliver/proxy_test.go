package deliver

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"hookaido/internal/config"
)

// tunnel is a proxy that answers CONNECT by connecting to addr.
func tunnel(t *testing.T, addr string) *sink {
	return newSink(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			return
		}
		out, err := net.Dial("tcp", addr)
		if err != nil {
			w.WriteHeader(502)
			return
		}
		in, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		_, _ = io.Copy(in, out)
		_ = in.Close()
	})
}

func TestProxy(t *testing.T) {
	s := tlsSink(t, nil, false)
	proxy := tunnel(t, s.Listener.Addr().String())
	o := options()
	o.Egress = asShipped()
	o.Egress.HTTPSOnly = false
	o.Egress.Proxy = proxy.URL
	o.Resolver = &names{} // the proxy looks targets up
	o.RootCAs = certPool(s.Certificate())
	d := newDeliverer(t, o)
	wantResult(t, newTarget(t, d, config.Target{URL: "https://example.com/in"}).Attempt(t.Context(), message()), Done, 200, None)
	if req, _ := proxy.last(t); req.Method != "CONNECT" || req.Host != "example.com:443" {
		t.Errorf("the proxy got %s %s", req.Method, req.Host)
	}
	wantResult(t, newTarget(t, d, config.Target{URL: "http://x.example/in"}).Attempt(t.Context(), message()), Done, 200, None)
	if req, _ := proxy.last(t); req.RequestURI != "http://x.example/in" {
		t.Errorf("the proxy got %s", req.RequestURI)
	}
	before := proxy.count()
	for _, url := range []string{"http://10.0.0.1/", "http://169.254.169.254/", "http://localhost/"} {
		wantResult(t, newTarget(t, d, config.Target{URL: url}).Attempt(t.Context(), message()), GiveUp, 0, ReasonEgress)
	}
	if proxy.count() != before {
		t.Error("a refused target was asked of the proxy")
	}
}

func TestProxyFailures(t *testing.T) {
	gone := raw(t, func(net.Conn) {})
	for name, c := range map[string]struct {
		proxy  string
		class  Class
		reason Reason
	}{
		"refuses":     {newSink(t, status(407)).URL, Retry, ReasonProxy},
		"nobody":      {"http://127.0.0.1:1", Retry, ReasonProxy},
		"breaks":      {gone, Retry, ReasonProxy},
		"is metadata": {"http://169.254.169.254:3128", GiveUp, ReasonEgress},
	} {
		o := options()
		o.Egress.Proxy = c.proxy
		r := newTarget(t, newDeliverer(t, o), config.Target{URL: "https://x.example/"}).Attempt(t.Context(), message())
		if r.Class != c.class || r.Reason != c.reason {
			t.Errorf("%s: %v %q (%v), want %v %q", name, r.Class, r.Reason, r.Cause, c.class, c.reason)
		}
	}
	o := options()
	o.Egress.Proxy = "http://user:s3cret@proxy.example"
	if _, err := New(o); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a proxy with credentials in its URL gave error %v", err)
	}
}

// A name can't be held to prefixes where the proxy looks it up, so a list of
// prefixes alone lets no name through.
func TestProxyWithPrefixes(t *testing.T) {
	e := inside()
	e.Proxy, e.Allow = "http://127.0.0.1:3128", e.Allow[:1]
	p, err := newPolicy(&e, nil)
	if err != nil {
		t.Fatal(err)
	}
	var denial *Denial
	if err := p.checkSite(site{scheme: "https", host: "x.example", port: 443}); !errors.As(err, &denial) || denial.Rule != RuleNotAllowed {
		t.Errorf("got %v", err)
	}
}
