package tlsconf

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Pair is a certificate with its key and the authorities for clients, read and
// checked together.
type Pair struct {
	config  *tls.Config
	leaf    *x509.Certificate
	stamps  stamps
	exposed bool // others than owner and group can read the key, or the group can change it
}

// read reads and checks the files.
func (s *Source) read() (*Pair, error) {
	p := &Pair{stamps: s.files.stamps()}
	fail := func(err error) (*Pair, error) { return nil, fmt.Errorf("%s: %w", s.listener, err) }
	cert, _, err := s.files.cert.read()
	if err != nil {
		return fail(err)
	}
	key, mode, err := s.files.key.read()
	if err != nil {
		return fail(err)
	}
	defer clear(key)
	certificate, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fail(s.explain(err, key))
	}
	p.leaf = certificate.Leaf
	p.exposed = mode&0o037 != 0
	p.config = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   s.auth,
	}
	if s.files.clientCA.path == "" {
		return p, nil
	}
	bundle, _, err := s.files.clientCA.read()
	if err != nil {
		return fail(err)
	}
	if p.config.ClientCAs, err = authorities(bundle); err != nil {
		return fail(fmt.Errorf("client_ca %s: %w", s.files.clientCA.path, err))
	}
	return p, nil
}

// explain says what is wrong with a pair, without a word of the key.
func (s *Source) explain(err error, key []byte) error {
	reason := err.Error()
	switch block, _ := pem.Decode(key); {
	case block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != ""):
		reason = "the key is encrypted; store it without a passphrase, with systemd-creds encrypt if it must be encrypted on disk"
	case bytes.Contains([]byte(reason), []byte("does not match")):
		reason = "the key does not belong to the certificate; write both anew"
	}
	return fmt.Errorf("cert_file %s with key_file %s: %s", s.files.cert.path, s.files.key.path, reason)
}

// authorities reads certificates in PEM.
func authorities(bundle []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	found := 0
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it has a %s; only certificates may stand there", block.Type)
		}
		found++
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", found, err)
		}
		pool.AddCert(cert)
	}
	if found == 0 {
		return nil, fmt.Errorf("it has no certificate in PEM")
	}
	return pool, nil
}

// usable tells what clients have against the certificate at a time.
func (p *Pair) usable(now time.Time) error {
	switch {
	case now.After(p.leaf.NotAfter):
		return fmt.Errorf("the certificate of %s ended at %s; renew it", p.leaf.Subject, p.leaf.NotAfter.Format(time.RFC3339))
	case now.Before(p.leaf.NotBefore):
		return fmt.Errorf("the certificate of %s begins only at %s; check the clock of this machine", p.leaf.Subject, p.leaf.NotBefore.Format(time.RFC3339))
	}
	return nil
}

// band is how near the end of a certificate is.
type band int

const (
	bandNone band = iota
	band30
	band14
	band7
	band1
	bandOver
)

const day = 24 * time.Hour

// bandOf returns the band of a time. The early warnings are left out for
// certificates that live so briefly that they are renewed later than that.
func bandOf(leaf *x509.Certificate, now time.Time) band {
	left, life := leaf.NotAfter.Sub(now), leaf.NotAfter.Sub(leaf.NotBefore)
	if left < 0 {
		return bandOver
	}
	for _, b := range []struct {
		within time.Duration
		band   band
	}{{day, band1}, {7 * day, band7}, {14 * day, band14}, {30 * day, band30}} {
		if left <= b.within && b.within*3 < life {
			return b.band
		}
	}
	return bandNone
}

// warnOfEnd logs once per band that the certificate will end.
func (s *Source) warnOfEnd(p *Pair) {
	now := s.clock.Now()
	b := bandOf(p.leaf, now)
	if b <= s.warned {
		return
	}
	s.warned = b
	fields := []zap.Field{zap.String("listener", s.listener), zap.String("cert_file", s.files.cert.path), zap.Time("not_after", p.leaf.NotAfter)}
	if b == bandOver {
		s.logger.Error("tls_certificate_ended", append(fields, zap.String("remedy", "renew the certificate; it is taken over by itself"))...)
		return
	}
	s.logger.Warn("tls_certificate_ends_soon", append(fields, zap.Int("days_left", int(p.leaf.NotAfter.Sub(now)/day)))...)
}
