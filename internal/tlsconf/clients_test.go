package tlsconf

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"hookaido/internal/config"
)

func certificate(t testing.TB, id identity) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(id.cert, id.key)
	must(t, err)
	return c
}

// connect does a handshake over loopback and returns the server's result, and
// whether the client went on with an earlier session.
func (s *site) connect(client *tls.Config) (resumed bool, err error) {
	s.t.Helper()
	if s.config == nil {
		s.config = s.source.Config()
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", s.config)
	must(s.t, err)
	defer l.Close() //nolint:errcheck // a test
	result := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = c.(*tls.Conn).Handshake()
			if err == nil {
				_, err = io.WriteString(c, "x")
			}
			_ = c.Close()
		}
		result <- err
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	must(s.t, err)
	defer raw.Close() //nolint:errcheck // a test
	client.InsecureSkipVerify, client.ServerName = true, "localhost"
	c := tls.Client(raw, client)
	_ = c.Handshake()    // the server's view counts
	_, _ = io.ReadAll(c) // takes the ticket too
	return c.ConnectionState().DidResume, <-result
}

func TestClientAuth(t *testing.T) {
	known, unknown := issueNow(t, "known"), issueNow(t, "unknown")
	tests := []struct {
		auth                       config.ClientAuth
		ca                         bool
		nothing, stranger, partner bool // who gets in
	}{
		{config.ClientNone, false, true, true, true},
		{config.ClientRequest, false, true, true, true},
		{config.ClientRequireAny, false, false, true, true},
		{config.ClientVerifyIfGiven, true, true, false, true},
		{config.ClientRequireAndVerify, true, false, false, true},
	}
	for _, test := range tests {
		t.Run(string(test.auth), func(t *testing.T) {
			s := newSite(t)
			s.put(issueNow(t, "server"))
			o := s.options()
			o.Files.ClientAuth = test.auth
			if test.ca {
				s.write("ca.pem", known.cert)
				o.Files.ClientCA = s.path("ca.pem")
			}
			var err error
			s.source, err = Open(o)
			must(t, err)
			for _, client := range []struct {
				name  string
				certs []tls.Certificate
				want  bool
			}{
				{"nothing", nil, test.nothing},
				{"stranger", []tls.Certificate{certificate(t, unknown)}, test.stranger},
				{"partner", []tls.Certificate{certificate(t, known)}, test.partner},
			} {
				// in whatever way the server asks, the client shows what it has
				show := &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(client.certs) == 0 {
						return &tls.Certificate{}, nil
					}
					return &client.certs[0], nil
				}}
				if _, err := s.connect(show); (err == nil) != client.want {
					t.Errorf("%s: %v", client.name, err)
				}
			}
		})
	}
}

// A client whose authority was removed stays out, also if it was in before.
func TestRemovedAuthorityEndsSessions(t *testing.T) {
	client := issueNow(t, "client")
	s := newSite(t)
	s.put(issueNow(t, "server"))
	s.write("ca.pem", client.cert)
	o := s.options()
	o.Files.ClientCA, o.Files.ClientAuth = s.path("ca.pem"), config.ClientRequireAndVerify
	var err error
	s.source, err = Open(o)
	must(t, err)
	show := &tls.Config{
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		Certificates:       []tls.Certificate{certificate(t, client)},
	}
	if _, err := s.connect(show); err != nil {
		t.Fatalf("before: %v", err)
	}
	s.write("ca.pem", issueNow(t, "another").cert)
	s.source.look()
	if _, err := s.connect(show); err == nil {
		t.Error("the client is still let in")
	}
}

func TestSessionsOutliveARenewal(t *testing.T) {
	s := open(t, issueNow(t, "first"))
	client := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	_, err := s.connect(client)
	must(t, err)
	s.put(issueNow(t, "second"))
	s.source.look()
	resumed, err := s.connect(client)
	must(t, err)
	if !resumed {
		t.Error("the session was not resumed: tickets depend on the certificate")
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	s := open(t, issueNow(t, "server"))
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		_, err := s.connect(&tls.Config{MinVersion: version, MaxVersion: version}) //nolint:gosec // to be refused
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// FuzzAuthorities holds that a bundle either has certificates only, or is
// refused.
func FuzzAuthorities(f *testing.F) {
	id := issueNow(f, "authority")
	for _, seed := range [][]byte{nil, id.cert, append(id.cert, id.cert...), id.key, id.cert[:80], []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, bundle []byte) {
		pool, err := authorities(bundle)
		if (pool == nil) != (err != nil) {
			t.Fatalf("pool %v, error %v", pool, err)
		}
		if err == nil && !bytes.Contains(bundle, []byte("-----BEGIN CERTIFICATE-----")) {
			t.Error("authorities from nowhere")
		}
	})
}
