package tlsconf

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
	"hookaido/internal/config"
)

var epoch = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// identity is a certificate with its key, as files hold them.
type identity struct{ cert, key []byte }

// issue makes a certificate for localhost that lives from and until.
func issue(t testing.TB, name string, from, until time.Time) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return identity{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}
}

// issueNow makes a certificate that is good for a year.
func issueNow(t testing.TB, name string) identity {
	return issue(t, name, epoch.Add(-time.Hour), epoch.Add(365*day))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is a source on a folder of its own.
type site struct {
	t      testing.TB
	dir    string
	clock  *clock.Manual
	logs   *observer.ObservedLogs
	source *Source
	config *tls.Config // for tests that need the same one again
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name string, text []byte) {
	s.t.Helper()
	must(s.t, os.WriteFile(s.path(name), text, 0o600))
}

func (s *site) put(id identity) {
	s.write("cert.pem", id.cert)
	s.write("key.pem", id.key)
}

func (s *site) options() Options {
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs = logs
	return Options{
		Listener: "ingress", Clock: s.clock, Logger: zap.New(core),
		Files: config.TLS{CertFile: s.path("cert.pem"), KeyFile: s.path("key.pem"), ClientAuth: config.ClientNone},
	}
}

func newSite(t testing.TB) *site {
	return &site{t: t, dir: t.TempDir(), clock: clock.NewManual(epoch)}
}

func open(t testing.TB, id identity) *site {
	t.Helper()
	s := newSite(t)
	s.put(id)
	var err error
	s.source, err = Open(s.options())
	must(t, err)
	return s
}

// served returns the name in the certificate that a client is shown.
func (s *site) served() string {
	s.t.Helper()
	here, there := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- tls.Server(here, s.source.Config()).Handshake() }()
	c := tls.Client(there, &tls.Config{InsecureSkipVerify: true})
	must(s.t, c.Handshake())
	must(s.t, <-done)
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// logged counts the lines with a message.
func (s *site) logged(message string) int { return s.logs.FilterMessage(message).Len() }

func TestFilesAreFollowed(t *testing.T) {
	swap := func(t *testing.T, s *site, id identity) {
		// as Kubernetes does: a folder per version, and one link that is replaced
		must(t, os.Mkdir(s.path("v2"), 0o700))
		s.write("v2/cert.pem", id.cert)
		s.write("v2/key.pem", id.key)
		must(t, os.Symlink("v2", s.path("next")))
		must(t, os.Rename(s.path("next"), s.path("live")))
	}
	tests := []struct {
		name   string
		change func(*testing.T, *site, identity)
	}{
		{"written over", func(_ *testing.T, s *site, id identity) { s.put(id) }},
		{"replaced", func(t *testing.T, s *site, id identity) {
			s.write("new", id.cert)
			must(t, os.Rename(s.path("new"), s.path("cert.pem")))
			s.write("new", id.key)
			must(t, os.Rename(s.path("new"), s.path("key.pem")))
		}},
		{"behind a link", swap},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			options := s.options()
			if test.name == "behind a link" {
				must(t, os.Mkdir(s.path("v1"), 0o700))
				must(t, os.Symlink("v1", s.path("live")))
				options.Files.CertFile, options.Files.KeyFile = s.path("live/cert.pem"), s.path("live/key.pem")
				first := issueNow(t, "first")
				s.write("v1/cert.pem", first.cert)
				s.write("v1/key.pem", first.key)
			} else {
				s.put(issueNow(t, "first"))
			}
			var err error
			s.source, err = Open(options)
			must(t, err)
			if got := s.served(); got != "first" {
				t.Fatalf("served %q", got)
			}
			test.change(t, s, issueNow(t, "second"))
			s.source.look()
			if got := s.served(); got != "second" {
				t.Errorf("after the change %q is served", got)
			}
			s.source.look()
			if n := s.logged("tls_certificate_renewed"); n != 1 {
				t.Errorf("the renewal was logged %d times", n)
			}
		})
	}
}

// TestHalfWayRenewal is case C92: the certificate comes before its key.
func TestHalfWayRenewal(t *testing.T) {
	s := open(t, issueNow(t, "first"))
	second := issueNow(t, "second")
	s.write("cert.pem", second.cert)
	s.source.look()
	s.source.look()
	if got := s.served(); got != "first" || s.logged("tls_certificate_kept") != 1 {
		t.Errorf("%q is served, the mismatch was logged %d times", got, s.logged("tls_certificate_kept"))
	}
	if _, err := s.source.Read(); err == nil || !strings.Contains(err.Error(), "does not belong to the certificate") {
		t.Errorf("a reload meanwhile: %v", err)
	}
	s.write("key.pem", second.key)
	s.source.look()
	if got := s.served(); got != "second" {
		t.Errorf("with its key %q is served", got)
	}
	if text := logText(s); strings.Contains(text, "BEGIN PRIVATE") {
		t.Errorf("the log has a key: %s", text)
	}
}

func logText(s *site) string {
	var b strings.Builder
	for _, e := range s.logs.All() {
		b.WriteString(e.Message)
		for _, f := range e.Context {
			b.WriteString(" " + f.Key + "=" + f.String)
			if err, ok := f.Interface.(error); ok {
				b.WriteString(err.Error())
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestWorsePairsAreKeptOut(t *testing.T) {
	tests := []struct {
		name        string
		from, until time.Time
		want        string
	}{
		{"ended", epoch.Add(-2 * day), epoch.Add(-day), "ended at"},
		{"to come", epoch.Add(day), epoch.Add(90 * day), "begins only at"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, issueNow(t, "good"))
			s.put(issue(t, "bad", test.from, test.until))
			s.source.look()
			if got := s.served(); got != "good" || !strings.Contains(logText(s), test.want) {
				t.Errorf("%q is served\n%s", got, logText(s))
			}
		})
	}
	t.Run("to come, until it has come", func(t *testing.T) {
		s := open(t, issueNow(t, "good"))
		s.put(issue(t, "later", epoch.Add(day), epoch.Add(90*day)))
		s.source.look()
		s.clock.Advance(day + time.Second)
		s.source.look()
		if got := s.served(); got != "later" {
			t.Errorf("%q is served a day later", got)
		}
	})
	t.Run("ended at the start", func(t *testing.T) {
		s := open(t, issue(t, "old", epoch.Add(-2*day), epoch.Add(-day)))
		if s.served() != "old" || s.logged("tls_certificate_unusable") != 1 {
			t.Error("a service must start with an old certificate, and say so")
		}
	})
}

func TestOpenSaysWhichFileIsWrong(t *testing.T) {
	good, other := issueNow(t, "a"), issueNow(t, "b")
	tests := []struct {
		name   string
		change func(*site, *Options)
		want   []string
	}{
		{"no certificate file", func(s *site, _ *Options) { must(t, os.Remove(s.path("cert.pem"))) }, []string{"cert_file", "cert.pem", "no such file"}},
		{"no key file", func(s *site, _ *Options) { must(t, os.Remove(s.path("key.pem"))) }, []string{"key_file", "key.pem", "no such file"}},
		{"another key", func(s *site, _ *Options) { s.write("key.pem", other.key) }, []string{"cert.pem", "key.pem", "does not belong"}},
		{"swapped", func(s *site, _ *Options) { s.put(identity{good.key, good.cert}) }, []string{"cert.pem", "switched"}},
		{"half a certificate", func(s *site, _ *Options) { s.write("cert.pem", good.cert[:100]) }, []string{"cert.pem"}},
		{"empty key", func(s *site, _ *Options) { s.write("key.pem", nil) }, []string{"key.pem"}},
		{"encrypted key", func(s *site, _ *Options) {
			s.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
		}, []string{"encrypted", "passphrase"}},
		{"a folder", func(s *site, o *Options) { o.Files.CertFile = s.dir }, []string{"cert_file", "not a regular file"}},
		{"no authorities", func(s *site, o *Options) {
			s.write("ca.pem", []byte("nothing"))
			o.Files.ClientCA = s.path("ca.pem")
		}, []string{"client_ca", "ca.pem", "no certificate"}},
		{"a key among authorities", func(s *site, o *Options) {
			s.write("ca.pem", append(good.cert, good.key...))
			o.Files.ClientCA = s.path("ca.pem")
		}, []string{"client_ca", "only certificates"}},
		{"no credentials", func(_ *site, o *Options) { o.Files.KeyFile = "credential:tls-key" }, []string{"key_file", "LoadCredential=tls-key"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.put(good)
			o := s.options()
			test.change(s, &o)
			_, err := Open(o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(test.want, "ingress") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "BEGIN PRIVATE") {
				t.Errorf("the error has a key: %v", err)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	s := newSite(t)
	id := issueNow(t, "from systemd")
	s.write("tls-cert", id.cert)
	s.write("tls-key", id.key)
	o := s.options()
	o.CredentialsDir = s.dir
	o.Files.CertFile, o.Files.KeyFile = "credential:tls-cert", "credential:tls-key"
	var err error
	s.source, err = Open(o)
	must(t, err)
	if got := s.served(); got != "from systemd" {
		t.Errorf("served %q", got)
	}
}

func TestExposedKeysAreReported(t *testing.T) {
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1, 0o660: 1} {
		s := newSite(t)
		s.put(issueNow(t, "x"))
		must(t, os.Chmod(s.path("key.pem"), mode))
		source, err := Open(s.options())
		must(t, err)
		source.look()
		if got := s.logged("tls_key_exposed"); got != want {
			t.Errorf("mode %o: %d warnings, want %d", mode, got, want)
		}
	}
}

func TestTheEndIsAnnounced(t *testing.T) {
	tests := []struct {
		name string
		life time.Duration
		want map[int]int // days left, warnings by then
	}{
		{"a year", 365 * day, map[int]int{31: 0, 30: 1, 29: 1, 14: 2, 7: 3, 1: 4, 0: 4}},
		{"ninety days, renewed at thirty", 90 * day, map[int]int{31: 0, 29: 0, 14: 1, 7: 2, 1: 3}},
		{"six days", 6 * day, map[int]int{5: 0, 2: 0, 1: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, issue(t, "x", epoch, epoch.Add(test.life)))
			for left := int(test.life / day); left >= 0; left-- {
				if want, checked := test.want[left]; checked {
					s.source.look()
					s.source.look()
					if got := s.logged("tls_certificate_ends_soon"); got != want {
						t.Errorf("%d days before the end: %d warnings, want %d", left, got, want)
					}
				}
				s.clock.Advance(day)
			}
			s.source.look()
			s.source.look()
			if got := s.logged("tls_certificate_ended"); got != 1 {
				t.Errorf("the end was logged %d times", got)
			}
		})
	}
}

func TestGaugeFollows(t *testing.T) {
	s := open(t, issue(t, "x", epoch, epoch.Add(10*day)))
	registry := prometheus.NewRegistry()
	must(t, registry.Register(s.source.Collector()))
	gauge := func() float64 {
		families, err := registry.Gather()
		must(t, err)
		return families[0].GetMetric()[0].GetGauge().GetValue()
	}
	if got := gauge(); got != float64(epoch.Add(10*day).Unix()) {
		t.Errorf("gauge %v", got)
	}
	s.put(issue(t, "y", epoch, epoch.Add(20*day)))
	s.source.look()
	if got := gauge(); got != float64(epoch.Add(20*day).Unix()) {
		t.Errorf("gauge %v after the renewal", got)
	}
}

func TestWatchLooksAndEnds(t *testing.T) {
	s := open(t, issueNow(t, "first"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.source.Watch(ctx); close(done) }()
	s.clock.AwaitTimers(1)
	s.put(issueNow(t, "second"))
	s.clock.Advance(Period)
	for s.source.current.Load().leaf.Subject.CommonName != "second" {
		select {
		case <-done:
			t.Fatal("the watch ended")
		default:
		}
	}
	cancel()
	<-done
}
