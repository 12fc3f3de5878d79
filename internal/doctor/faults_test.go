package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"time"

	"hookaido/internal/admin"
	"hookaido/internal/clock"
)

const day = 24 * time.Hour

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) set(unit string, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		s.units[unit][pairs[i]] = pairs[i+1]
	}
}

func (s *site) remove(name string)                  { s.must(os.RemoveAll(s.path(name))) }
func (s *site) chmod(name string, mode os.FileMode) { s.must(os.Chmod(s.path(name), mode)) }
func (s *site) route(r admin.RouteStatus)           { r.Route = "/r"; s.status.Routes = []admin.RouteStatus{r} }

// eventually waits for what processes do.
func (s *site) eventually(ok func() bool) {
	s.t.Helper()
	c := clock.System{}
	for begin := c.Monotonic(); !ok(); {
		if c.Monotonic()-begin > time.Minute {
			s.t.Fatal("it did not come to that in time")
		}
		pause := c.NewTimer(10 * time.Millisecond)
		<-pause.C()
	}
}

// touch sets the time of a file, from that of the Hookaidofile.
func (s *site) touch(name string, after time.Duration) {
	info, err := os.Stat(s.path("Hookaidofile"))
	s.must(err)
	at := info.ModTime().Add(after + time.Second)
	if after < 0 {
		at = info.ModTime().Add(after)
	}
	s.must(os.Chtimes(s.path(name), at, at))
}

// database writes the first page of a SQLite database.
func (s *site) database(program uint32, schema int) {
	page := make([]byte, 4096)
	copy(page, "SQLite format 3\x00")
	binary.BigEndian.PutUint32(page[60:], uint32(schema))
	binary.BigEndian.PutUint32(page[68:], program)
	s.write("state/hookaido.db", string(page), 0o600)
}

// serveTLS gives the ingress a certificate with a whole life, and what is left
// of it.
func (s *site) serveTLS(life, left time.Duration) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: start.Add(left - life), NotAfter: start.Add(left),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	s.must(err)
	s.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	s.write("key.pem", s.pemKey(key), 0o600)
	s.configure(strings.Replace(testConfig, "listen :8080", "listen :8080 tls { cert_file "+s.path("cert.pem")+" key_file "+s.path("key.pem")+" }", 1))
}

func (s *site) pemKey(key *ecdsa.PrivateKey) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	s.must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (s *site) otherKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	return s.pemKey(key)
}
