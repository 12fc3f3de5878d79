package deliver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hookaido/internal/config"
)

// selfSigned makes a certificate for x.example that is valid from and until.
func selfSigned(t *testing.T, from, until time.Time) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, DNSNames: []string{"x.example"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, parsed
}

func tlsSink(t *testing.T, c *tls.Config, h2 bool) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewUnstartedServer(s.handler(nil))
	s.TLS, s.EnableHTTP2 = c, h2
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// badinput 109 and the TLS row of ssrf.md.
func TestCertificates(t *testing.T) {
	year := 365 * 24 * time.Hour
	valid, root := selfSigned(t, realNow().Add(-year), realNow().Add(year))
	expired, expiredRoot := selfSigned(t, realNow().Add(-2*year), realNow().Add(-year))
	o := options()
	o.Egress.HTTPSOnly = true
	o.Resolver = resolve("*", []string{"127.0.0.1"})
	o.RootCAs = certPool(root, expiredRoot)
	d := newDeliverer(t, o)
	for name, c := range map[string]struct {
		server *sink
		host   string
		text   string
	}{
		"good":         {tlsSink(t, &tls.Config{Certificates: []tls.Certificate{valid}}, false), "x.example", ""},
		"wrong host":   {tlsSink(t, &tls.Config{Certificates: []tls.Certificate{valid}}, false), "y.example", "x.example, not y.example"},
		"expired":      {tlsSink(t, &tls.Config{Certificates: []tls.Certificate{expired}}, false), "x.example", "expired"},
		"self-signed":  {tlsSink(t, nil, false), "example.com", "unknown authority"},
		"old protocol": {tlsSink(t, &tls.Config{Certificates: []tls.Certificate{valid}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false), "x.example", "protocol version"},
		"plain HTTP":   {newSink(t, nil), "x.example", "does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			at := c.server.URL[strings.LastIndex(c.server.URL, ":"):]
			r := newTarget(t, d, config.Target{URL: "https://" + c.host + at}).Attempt(t.Context(), message())
			if c.text == "" {
				wantResult(t, r, Done, 200, None)
				if req, _ := c.server.last(t); req.TLS.ServerName != "x.example" || req.TLS.Version < tls.VersionTLS12 {
					t.Errorf("the server was asked for %q by TLS %x", req.TLS.ServerName, req.TLS.Version)
				}
				return
			}
			wantResult(t, r, Retry, 0, ReasonTLS)
			if !strings.Contains(r.Cause.Error(), c.text) {
				t.Errorf("the cause is %q, want something about %q", r.Cause, c.text)
			}
			if c.server.count() != 0 {
				t.Error("a request was sent")
			}
		})
	}
}

func TestHTTP2(t *testing.T) {
	s := tlsSink(t, nil, true)
	o := options()
	o.RootCAs = certPool(s.Certificate())
	target := newTarget(t, newDeliverer(t, o), config.Target{URL: s.URL})
	m := message()
	m.Envelope.Headers = append(m.Envelope.Headers, hostileHeaders()...)
	wantResult(t, target.Attempt(t.Context(), m), Done, 200, None)
	results := make(chan Result)
	for range 20 {
		go func() { results <- target.Attempt(t.Context(), m) }()
	}
	for range 20 {
		wantResult(t, <-results, Done, 200, None)
	}
	for _, req := range s.requests {
		if req.RemoteAddr != s.requests[0].RemoteAddr {
			t.Error("more than one connection was made")
			break
		}
	}
	if req, _ := s.last(t); req.ProtoMajor != 2 || req.Header.Get("X-Hookaido-Event-Id") != "msg_0001" {
		t.Errorf("the target got %s with %v", req.Proto, req.Header)
	}
}
